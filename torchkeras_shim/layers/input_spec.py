"""What a layer accepts: rank, sizes of axes, type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torchkeras_shim.core import dtypes, tree
from torchkeras_shim.core.errors import did_you_mean
from torchkeras_shim.core.text import StringTensor


class InputSpec:
    """Describes the inputs that a layer accepts. Assign it (or a list, one per input) to `layer.input_spec`.

    Args:
        dtype: The type.
        shape: The whole shape, `None` for any size.
        ndim: The rank.
        max_ndim: The largest rank.
        min_ndim: The smallest rank.
        axes: Sizes by axis, such as `{-1: 4}`.
        allow_last_axis_squeeze: Whether a missing or surplus last axis of size 1 is fine.
        name: The key of the input where inputs are a dict.
        optional: Whether the input may be `None`.

    Raises:
        ValueError: If `axes` names an axis that the rank does not have.

    Example:
        >>> InputSpec(min_ndim=2, axes={-1: 4})
        InputSpec(min_ndim=2, axes={-1: 4})
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = dtypes.standardize_dtype(dtype) if dtype is not None else None
        self.shape = tuple(shape) if shape is not None else None
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.name = name
        self.optional = optional
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        rank = self.ndim if self.ndim is not None else self.max_ndim
        if self.axes and rank is not None and max(self.axes) >= rank:
            raise ValueError(f"Axis {max(self.axes)} is greater than the maximum allowed value: {rank - 1}")

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "dtype": self.dtype,
            "shape": self.shape,
            "ndim": self.ndim,
            "max_ndim": self.max_ndim,
            "min_ndim": self.min_ndim,
            "axes": self.axes,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        """Rebuilds a spec from `get_config()`."""
        return cls(**config)

    def __repr__(self) -> str:
        parts = {
            "dtype": self.dtype,
            "shape": self.shape,
            "ndim": self.ndim if self.shape is None else None,
            "max_ndim": self.max_ndim,
            "min_ndim": self.min_ndim,
            "axes": self.axes or None,
        }
        return f"InputSpec({', '.join(f'{key}={value}' for key, value in parts.items() if value is not None)})"


@dataclass(frozen=True)
class DeclaredInput:
    """An input as a model declares it.

    Attributes:
        name: Its name.
        shape: Its shape, the batch included.
        path: Where it is in the structure of the inputs.
    """

    name: str
    shape: tuple[int | None, ...]
    path: str = ""

    @property
    def ndim(self) -> int:
        """The rank."""
        return len(self.shape)

    def aligned(self, value: Any) -> Any:
        """Adds or takes away a last axis of size 1 where the rank of data is off by it, as Keras does.

        Raises:
            ValueError: If the rank is another one then, too.
        """
        text = isinstance(value, StringTensor)
        if value.ndim == self.ndim:
            return value
        if value.ndim == self.ndim - 1 and self.shape[-1] == 1:
            return value.reshape(*value.shape, 1) if text else value.unsqueeze(-1)
        if value.ndim == self.ndim + 1 and value.shape[-1] == 1:
            return value[..., 0] if text else value.squeeze(-1)
        raise ValueError(
            f"Invalid input shape for input Tensor(shape={tuple(value.shape)}) with name '{self.name}' and path "
            f"'{self.path}'. Expected shape {self.shape}, but input has incompatible shape {tuple(value.shape)}"
        )


def _described(value: Any) -> Any:
    shape = getattr(value, "shape", None)
    return value if shape is None else f"{type(value).__name__} of shape {tuple(shape)}"


def assert_input_compatibility(input_spec: Any, inputs: Any, layer: Any) -> None:
    """Raises if inputs do not fit the spec of a layer.

    Args:
        input_spec: An `InputSpec`, a list or dict of them, or `None`.
        inputs: A tensor, symbolic tensor, or a structure of them.
        layer: The layer, for its name in the message and its `data_format` in the hint.

    Raises:
        ValueError: naming the layer, what was expected and what came.
    """
    if input_spec is None:
        return
    specs = tree.flatten(input_spec)
    if isinstance(inputs, dict) and isinstance(input_spec, InputSpec) and input_spec.name is None:
        raise ValueError(
            f"Layer '{layer.name}' takes one tensor. Received a dict with the keys {list(inputs)}. Pass one of its "
            f"values, such as `x[{next(iter(inputs), None)!r}]`."
        )
    if isinstance(inputs, dict) and all(spec.name is not None for spec in specs):
        names = [spec.name for spec in specs]
        for spec in specs:
            if spec.name not in inputs and not spec.optional:
                raise ValueError(
                    f"Missing data for input \"{spec.name}\" of layer '{layer.name}'."
                    f"{did_you_mean(spec.name, [str(key) for key in inputs if key not in names])} "
                    f"You passed a data dictionary with keys {list(inputs)}. Expected the following keys: {names}"
                )
        values: list[Any] = [inputs.get(spec.name) for spec in specs]
    else:
        values = tree.flatten(inputs)
    if len(values) != len(specs):
        raise ValueError(
            f'Layer "{layer.name}" expects {len(specs)} input(s), but it received {len(values)} input tensors. '
            f"Inputs received: {[_described(value) for value in values]}"
        )
    for index, (spec, value) in enumerate(zip(specs, values, strict=True)):
        if value is None and spec.optional:
            continue
        if not hasattr(value, "shape"):
            raise ValueError(
                f"Inputs to layer '{layer.name}' should be tensors. Got '{value}' (of type {type(value)})."
            )
        problem = _problem(spec, tuple(value.shape), getattr(value, "dtype", None))
        if problem:
            named = f" with name '{spec.name}'" if spec.name else ""
            raise ValueError(
                f"Input {index}{named} of layer '{layer.name}' is incompatible with the layer: {problem}"
                f"{_layout_hint(spec, tuple(value.shape), layer)}"
            )


def _problem(spec: InputSpec, shape: tuple[int | None, ...], dtype: Any) -> str | None:
    """Says how a shape and type miss a spec, in Keras's words, or returns `None`."""
    if spec.allow_last_axis_squeeze and spec.shape is not None:
        if len(shape) == len(spec.shape) + 1 and shape[-1] == 1:
            shape = shape[:-1]
        elif len(shape) == len(spec.shape) - 1 and spec.shape[-1] == 1:
            shape = (*shape, 1)
    rank = len(shape)
    if spec.ndim is not None and rank != spec.ndim and not spec.allow_last_axis_squeeze:
        return f"expected ndim={spec.ndim}, found ndim={rank}. Full shape received: {shape}"
    if spec.max_ndim is not None and rank > spec.max_ndim:
        return f"expected max_ndim={spec.max_ndim}, found ndim={rank}"
    if spec.min_ndim is not None and rank < spec.min_ndim:
        return f"expected min_ndim={spec.min_ndim}, found ndim={rank}. Full shape received: {shape}"
    if spec.dtype is not None and dtype is not None and dtypes.standardize_dtype(dtype) != spec.dtype:
        return f"expected dtype={spec.dtype}, found dtype={dtypes.standardize_dtype(dtype)}"
    for axis, size in spec.axes.items():
        if size is not None and shape[axis] not in (size, None):
            return f"expected axis {axis} of input shape to have value {size}, but received input with shape {shape}"
    for expected, found in zip(spec.shape or (), shape, strict=False):
        if expected is not None and found is not None and expected != found:
            return f"expected shape={spec.shape}, found shape={shape}"
    return None


def _layout_hint(spec: InputSpec, shape: tuple[int | None, ...], layer: Any) -> str:
    """Recognises images whose channels stand on the other side than the layer reads them from."""
    wanted = spec.shape
    if wanted is not None and len(shape) == len(wanted) > 3 and (*shape[2:], shape[1]) == wanted[1:]:
        order = (0, *range(2, len(shape)), 1)
        return (
            f". The data looks channels-first (as torch keeps images), but the model has channels-last inputs: pass "
            f"`x.permute{order}` (numpy: `x.transpose{order}`)."
        )
    data_format = getattr(layer, "data_format", None)
    channels = spec.axes.get(-1 if data_format == "channels_last" else 1)
    if data_format is None or channels is None or len(shape) < 3:
        return ""
    if data_format == "channels_last" and shape[1] == channels:
        order = (0, *range(2, len(shape)), 1)
        return (
            f". The data looks channels-first (as torch keeps images), but the layer is channels_last: pass "
            f"`x.permute{order}` (numpy: `x.transpose{order}`), or create the layer with data_format='channels_first'."
        )
    if data_format == "channels_first" and shape[-1] == channels:
        order = (0, len(shape) - 1, *range(1, len(shape) - 1))
        return (
            f". The data looks channels-last, but the layer is channels_first: pass `x.permute{order}` "
            f"(numpy: `x.transpose{order}`), or create the layer with data_format='channels_last'."
        )
    return ""
