"""Tensors without values: shapes flow through layers and torch functions, and every call is recorded as a graph node.

Shapes are never computed by a second hand-written rule: a call is run. Unknown dimensions (`None`) get a stand-in size;
if there are any, the call runs with two different sizes, and the dimensions that move with them are the unknown ones
of the result. Large tensors run on torch's meta device, which knows shapes and types and holds no data; small ones, of
which only the batch is unknown, are zeros, because the first use of the meta device costs about a second of imports.
"""

from __future__ import annotations

import contextlib
import functools
import operator
import sys
from collections import namedtuple
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import torch

from torchkeras_shim.core import dtypes, naming, stand_ins, tree
from torchkeras_shim.core.errors import AxisError
from torchkeras_shim.core.failures import of_arguments, recover
from torchkeras_shim.core.text import STRING, StringTensor
from torchkeras_shim.core.torch_private import call_impl

Function = TypeVar("Function", bound=Callable[..., Any])

_NO_VALUE = (
    "A KerasTensor is symbolic: it's a placeholder for a shape and a dtype. It doesn't have any actual numerical value."
)
#: The methods of torch's tensors that return values, counts or memory, which a symbolic tensor has not.
_OF_VALUES = frozenset(
    [
        "numpy",
        "item",
        "tolist",
        "numel",
        "nelement",
        "stride",
        "storage_offset",
        "storage",
        "untyped_storage",
        "data_ptr",
        "backward",
        "equal",
        "allclose",
    ]
)

#: Which operation made a tensor, in which of its calls, as which output.
KerasHistory = namedtuple("KerasHistory", ["operation", "node_index", "tensor_index"])


class KerasTensor:
    """A tensor that has a shape and a type but no value.

    Any `torch` function, `keras.ops` function, layer and operator works on it and returns another one.

    Args:
        shape: The shape; `None` stands for a dimension that is not known yet.
        dtype: The type, `"float32"` by default.
        sparse: Must be `False` or `None`.
        ragged: Must be `False` or `None`.
        record_history: Must be `True`.
        name: The name, `"keras_tensor"`, `"keras_tensor_1"`, ... by default.

    Raises:
        ValueError: If the shape is not one of sizes from 0 and `None`s.

    Example:
        >>> x = KerasTensor((None, 4))
        >>> torch.relu(x + 1.0).sum(dim=1).shape
        (None,)
    """

    def __init__(
        self,
        shape: Sequence[int | None],
        dtype: Any = "float32",
        sparse: bool | None = False,
        ragged: bool | None = False,
        record_history: bool = True,
        name: str | None = None,
    ) -> None:
        if sparse:
            raise ValueError("Sparse tensors are not supported. Received: sparse=True")
        if ragged:
            raise ValueError("Ragged tensors are not supported. Received: ragged=True")
        if not record_history:
            raise ValueError("A KerasTensor always records what is computed from it. Received: record_history=False")
        self._shape = _checked_shape(shape)
        self._dtype = dtypes.standardize_dtype(dtype)
        self.name = name if name is not None else naming.auto_name("KerasTensor")
        self._keras_history: KerasHistory | None = None
        self._mask_spec: KerasTensor | None = None  # of the mask that rides on what this stands for

    @property
    def _keras_mask(self) -> KerasTensor | None:
        """The mask that rides on the tensor, symbolic as well; `None` if no layer has made one."""
        return None if self._mask_spec is None else record(_riding_mask, (self,), {})

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape, with `None` for unknown dimensions."""
        return self._shape

    def become(self, dtype: str) -> None:
        """Stands for a tensor of another type from now on, if it stands for floats."""
        if self._dtype != STRING and dtypes.is_float(self._dtype):
            self._dtype = dtype

    @property
    def dtype(self) -> str:
        """Keras's name of the type."""
        return self._dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self._shape)

    @property
    def sparse(self) -> bool:
        """Always `False`."""
        return False

    @property
    def ragged(self) -> bool:
        """Always `False`."""
        return False

    def dim(self) -> int:
        """The number of dimensions, in torch's words."""
        return len(self._shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or one size of it, in torch's words."""
        return self._shape if dim is None else self._shape[dim]

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return record(func, args, kwargs or {})

    def __getattr__(self, name: str) -> Any:
        method = None if name.startswith("_") or name in _OF_VALUES else getattr(torch.Tensor, name, None)
        if method is None or not callable(method):
            raise AttributeError(f"'KerasTensor' object has no attribute '{name}'")
        return lambda *args, **kwargs: record(method, (self, *args), kwargs)

    def __getitem__(self, index: Any) -> Any:
        keys = index if isinstance(index, tuple) else (index,)
        if any(isinstance(one, slice) and isinstance(one.step, int) and one.step < 0 for one in keys):
            return FUNCTIONS["get_item"](self, index)  # torch's own indexing goes forwards only
        return record(operator.getitem, (self, index), {})

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise ValueError(f"{_NO_VALUE} You cannot convert it to a NumPy array.")

    def __float__(self) -> float:
        raise ValueError(f"{_NO_VALUE} You cannot convert it to a float.")

    def __int__(self) -> int:
        raise ValueError(f"{_NO_VALUE} You cannot convert it to an int.")

    def __round__(self, ndigits: int | None = None) -> Any:
        return FUNCTIONS["round"](self, decimals=ndigits or 0)

    def __bool__(self) -> bool:
        raise TypeError(
            "A symbolic KerasTensor cannot be used as a boolean: it has no value yet. "
            "Use `torch.where` or `keras.ops.where` instead of `if`."
        )

    def __iter__(self) -> Any:
        raise NotImplementedError(
            "Iterating over a symbolic KerasTensor is not supported: its values are not known yet. "
            "Index it, `x[:, 0]`, or take it apart by `keras.ops.unstack(x, axis=1)`."
        )

    def __len__(self) -> int:
        raise TypeError("len() of a symbolic KerasTensor is not supported. Use `x.shape[0]`.")

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self._shape}, dtype={self._dtype}, sparse=False, ragged=False, name={self.name}>"


def _checked_shape(shape: Any) -> tuple[int | None, ...]:
    try:
        sizes = tuple(None if size is None else operator.index(size) for size in shape)
    except TypeError:
        sizes = (-1,)
    if any(size is not None and size < 0 for size in sizes):
        raise ValueError(
            f"Cannot convert {shape!r} to a shape. Expected a tuple of integers from 0, and `None` where the size is "
            "not known, such as (None, 4)."
        )
    return sizes


def _unary(func: Callable[..., Any]) -> Callable[[Any], Any]:
    def method(self: Any) -> Any:
        return record(func, (self,), {})

    return method


def _binary(func: Callable[..., Any], reflected: bool = False) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        operands = (other, self) if reflected else (self, other)
        function = _taking_arrays(func) if isinstance(other, np.ndarray) else func
        return record(func, operands, {}) if function is func else function(*operands)

    return method


def _taking_arrays(func: Callable[..., Any]) -> Callable[..., Any]:
    """Returns Keras's function for an operator: torch's operators leave arrays to numpy, on the CPU."""
    name = _OPERATORS[func]
    return FUNCTIONS.get("divide" if name == "true_divide" else name, func)


def _logical(name: str, reflected: bool = False) -> Callable[..., Any]:
    """Returns an operator that is a logical one for numbers, too, as in Keras; torch's are bitwise."""

    def method(self: Any, *others: Any) -> Any:
        return FUNCTIONS[name](*others, self) if reflected else FUNCTIONS[name](self, *others)

    return method


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
    setattr(KerasTensor, f"__{_name}__", _binary(getattr(operator, _name)))
    setattr(KerasTensor, f"__r{_name}__", _binary(getattr(operator, _name), reflected=True))
for _name in ("and", "or", "xor"):
    setattr(KerasTensor, f"__{_name}__", _logical(f"logical_{_name}"))
    setattr(KerasTensor, f"__r{_name}__", _logical(f"logical_{_name}", reflected=True))
setattr(KerasTensor, "__invert__", _logical("logical_not"))  # noqa: B010 - as the ones above
for _name in ("lt", "le", "gt", "ge", "ne"):
    setattr(KerasTensor, f"__{_name}__", _binary(getattr(operator, _name)))
for _name in ("neg", "abs"):
    setattr(KerasTensor, f"__{_name}__", _unary(getattr(operator, _name)))


#: Keras's names of Python's operators.
_OPERATORS: dict[Any, str] = {
    operator.add: "add",
    operator.sub: "subtract",
    operator.mul: "multiply",
    operator.truediv: "true_divide",
    operator.floordiv: "floor_divide",
    operator.mod: "mod",
    operator.pow: "power",
    operator.matmul: "matmul",
    operator.and_: "logical_and",
    operator.or_: "logical_or",
    operator.xor: "logical_xor",
    operator.lt: "less",
    operator.le: "less_equal",
    operator.gt: "greater",
    operator.ge: "greater_equal",
    operator.ne: "not_equal",
    operator.neg: "negative",
    operator.abs: "absolute",
    operator.invert: "logical_not",
    operator.getitem: "get_item",
}
#: Functions that Keras records under the name that they are an alias of.
_ALIASES = {"abs": "absolute", "conj": "conjugate"}
#: Every function that a saved graph may name, by Keras's name: the operators, then whatever `op` decorates.
FUNCTIONS: dict[str, Callable[..., Any]] = {name: function for function, name in _OPERATORS.items()}


class RecordedFunction:
    """A recorded function: what a graph node calls when the graph runs.

    Attributes:
        function: The function.
        public_name: Keras's name of it, or `None` for a function that Keras does not know.
        is_operator: Whether it is one of Python's operators, whose arguments are all operands.
        name: The name of this use of it, unique.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        own_name = getattr(function, "__name__", type(function).__name__)
        known = getattr(FUNCTIONS.get(own_name), "__wrapped__", None) is function
        self.public_name = _OPERATORS.get(function, _ALIASES.get(own_name, own_name) if known else None)
        self.is_operator = function in _OPERATORS
        self.name = naming.uniquify(self.public_name or own_name.strip("_"))
        self._inbound_nodes: list[Node] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def record(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Calls the function on other symbolic arguments, as a use of its own."""
        return record(self.function, tuple(args), kwargs)

    def __repr__(self) -> str:
        return f"<RecordedFunction name={self.name}>"


class Node:
    """One call of a layer or function in a symbolic graph.

    Attributes:
        operation: The layer, or the `RecordedFunction`.
        args: Its positional arguments, with `KerasTensor`s in them.
        kwargs: Its keyword arguments, with `KerasTensor`s in them.
        output_structure: What it returned.
        outputs: The flat list of the `KerasTensor`s in it.
    """

    def __init__(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> None:
        self.operation = operation
        self.args = args
        self.kwargs = kwargs
        self.output_structure = outputs
        self.outputs = [leaf for leaf in tree.flatten(outputs) if isinstance(leaf, KerasTensor)]
        nodes = operation.__dict__.setdefault("_inbound_nodes", [])
        for index, tensor in enumerate(self.outputs):
            tensor._keras_history = KerasHistory(operation, len(nodes), index)
        nodes.append(self)

    @property
    def input_tensors(self) -> list[KerasTensor]:
        """The symbolic tensors among the arguments."""
        return [leaf for leaf in tree.flatten([list(self.args), self.kwargs]) if isinstance(leaf, KerasTensor)]

    @property
    def parent_nodes(self) -> list[Node]:
        """The nodes that made the arguments."""
        histories = [tensor._keras_history for tensor in self.input_tensors]
        return [history.operation._inbound_nodes[history.node_index] for history in histories if history]


def is_symbolic(structure: Any) -> bool:
    """Returns whether a nested structure holds any `KerasTensor`."""
    if isinstance(structure, KerasTensor):
        return True
    if isinstance(structure, (list, tuple)):
        return any(is_symbolic(item) for item in structure)
    if isinstance(structure, dict):
        return any(is_symbolic(item) for item in structure.values())
    return False


def op(function: Function) -> Function:
    """Makes a plain tensor function work on symbolic tensors too: such a call becomes one node of the graph."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if is_symbolic(args) or (kwargs and is_symbolic(kwargs)):
            return record(function, args, kwargs)
        try:
            return function(*args, **kwargs)
        except (IndexError, RuntimeError) as error:
            return recover(function, args, kwargs, error)

    if not function.__name__.startswith("_"):
        FUNCTIONS[function.__name__] = call
    return call  # type: ignore[return-value]


def record(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Calls a function symbolically: infers its outputs and records the node."""
    _refuse_raw_modules()
    operation = RecordedFunction(function)
    outputs = _outputs(function, operation.name, args, kwargs)
    Node(operation, args, kwargs, outputs)
    return outputs


def _outputs(function: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Returns what a function would return; a failure of torch's is a ValueError that names function and shapes."""
    try:
        return infer(function, args, kwargs)
    except (IndexError, RuntimeError, ValueError) as error:
        for way in _other_ways(args, kwargs):
            with contextlib.suppress(IndexError, RuntimeError, ValueError):
                return infer(function, *way)
        if type(error) not in (IndexError, RuntimeError):
            raise
        explained = of_arguments(error)
        if isinstance(explained, AxisError):
            raise explained from None
        specs = [leaf for leaf in tree.flatten([list(args), kwargs]) if isinstance(leaf, KerasTensor)]
        shapes = ", ".join(str(one.shape) for one in specs)
        raise ValueError(f"`{name}` cannot be computed of symbolic tensors of the shapes {shapes}. {error}") from error


def _other_ways(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Yields other arguments for `infer`, for a call that failed with the usual stand-ins.

    Zeros cannot be divided by, two or three rows may be too few, and a prime number of them cannot be cut into equal
    parts. And what is not known may have to be a size that another tensor or argument has.
    """
    yield args, kwargs, "meta"
    leaves = tree.flatten([list(args), kwargs])
    shapes = [leaf.shape for leaf in leaves if isinstance(leaf, KerasTensor)]
    if not any(None in shape for shape in shapes):
        return
    yield args, kwargs, "meta", stand_ins.DIVISIBLE_SIZES
    if stand_ins.are_few(shapes):
        yield args, kwargs, "cpu", stand_ins.SMALL_DIVISIBLE_SIZES
    for fitting in stand_ins.fitting(shapes, [leaf for leaf in leaves if type(leaf) is int]):
        rest = iter(fitting)

        def known(leaf: Any, rest: Iterator[stand_ins.Shape] = rest) -> Any:
            return KerasTensor(next(rest), leaf.dtype, name=leaf.name) if isinstance(leaf, KerasTensor) else leaf

        yield tuple(tree.map_structure(known, [args, kwargs]))


def _refuse_raw_modules() -> None:
    """Raises if a torch module was called on a symbolic tensor: its weights and mode would be lost on the way."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_code is not call_impl:
        frame = frame.f_back  # type: ignore[assignment]
    if frame is not None:
        module = frame.f_locals["self"]
        raise TypeError(
            f"The torch module {type(module).__name__} was called on a symbolic tensor. Wrap it, so that the model "
            "knows its weights and its mode:\n    x = keras.layers.TorchModuleWrapper(module)(x)"
        )


def is_small(args: tuple[Any, ...], kwargs: dict[str, Any], sizes: Any = ()) -> bool:
    """Returns whether symbolic arguments are cheap to replace by zeros: few elements, only the batch unknown.

    Args:
        args: The arguments.
        kwargs: The keyword arguments.
        sizes: Further numbers that say how large the result is to be.
    """
    leaves = tree.flatten([list(args), kwargs])
    specs = [leaf for leaf in leaves if isinstance(leaf, KerasTensor)]
    return stand_ins.are_cheap([spec.shape for spec in specs], [*leaves, *tree.flatten(sizes)])


def infer(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    device: torch.device | str | None = None,
    sizes: tuple[int, ...] | None = None,
) -> Any:
    """Returns what a function would return, as `KerasTensor`s.

    Args:
        function: A function of tensors.
        args: Its arguments, with `KerasTensor`s in the places of tensors.
        kwargs: Its keyword arguments, with `KerasTensor`s in them.
        device: Where it runs: `"meta"`, or a real device, on which it gets zeros. By default zeros where that is cheap.
        sizes: What stands for unknown dimensions, in a run each; by default numbers that no other dimension has.
    """
    tensors = [leaf for leaf in tree.flatten([list(args), kwargs]) if isinstance(leaf, (KerasTensor, torch.Tensor))]
    if device is None:
        real = next((leaf.device for leaf in tensors if isinstance(leaf, torch.Tensor)), torch.device("cpu"))
        device = real if is_small(args, kwargs) else "meta"
    on_meta = str(device) == "meta"
    if sizes is None:
        sizes = stand_ins.SIZES if on_meta else stand_ins.SMALL_SIZES
    dynamic = any(None in leaf.shape for leaf in tensors if isinstance(leaf, KerasTensor))
    runs = []
    for size in sizes if dynamic else sizes[:1]:

        def stand_in(leaf: Any, size: int = size) -> Any:
            if isinstance(leaf, KerasTensor):
                value = stand_ins.tensor(leaf.shape, leaf.dtype, device, size)
                if leaf._mask_spec is not None:
                    value._keras_mask = ~stand_ins.tensor(leaf._mask_spec.shape, "bool", device, size)
                return value
            return leaf.to("meta") if on_meta and isinstance(leaf, torch.Tensor) else leaf

        real_args = [tree.map_structure(stand_in, argument) for argument in args]
        real_kwargs = {key: tree.map_structure(stand_in, value) for key, value in kwargs.items()}
        with torch.no_grad():
            runs.append(function(*real_args, **real_kwargs))

    def spec(first: Any, *others: Any) -> Any:
        if not isinstance(first, (torch.Tensor, StringTensor)):
            return first
        shape = [
            size if all(size == other.shape[axis] for other in others) else None
            for axis, size in enumerate(first.shape)
        ]
        found = KerasTensor(shape, first.dtype)
        mask = getattr(first, "_keras_mask", None)
        if mask is not None:
            found._mask_spec = spec(mask, *(other._keras_mask for other in others))
        return found

    return tree.map_structure(spec, *runs)


def _riding_mask(x: Any) -> Any:
    """The mask that a layer has put on a tensor."""
    return x._keras_mask
