"""`Hashing`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core import config, dtypes
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.core.text import StringTensor
from torchkeras_shim.layers import arguments, calling
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing import encoding
from torchkeras_shim.layers.preprocessing.data_layer import DataLayer
from torchkeras_shim.ops import hashing

_MODES = ("int", "one_hot", "multi_hot", "count")
_NOT_POSITIVE = "The `num_bins` for `Hashing` cannot be `None` or non-positive values. Received: num_bins={value}."


@LAYERS.register()
class Hashing(DataLayer):
    """Puts categories, texts or integers, into a fixed number of bins by their hash: TensorFlow's bins.

    Args:
        num_bins: How many bins there are.
        mask_value: A value that has bin 0 for itself.
        salt: Two integers, or one for both, under which the hash is another one (SipHash in place of FarmHash).
        output_mode: `"int"` for the number of the bin, `"one_hot"`, `"multi_hot"` or `"count"`.
        sparse: Whether the result is a sparse tensor, in the modes other than `"int"`.
        **kwargs: Arguments of every layer: `name`, `dtype` (int64 by default in the mode `"int"`), `trainable`, ...

    Raises:
        ValueError: If `num_bins` is not positive, or another argument cannot be.

    Example:
        >>> Hashing(num_bins=3)([["A"], ["B"], ["C"], ["D"], ["E"]]).flatten()
        tensor([1, 0, 1, 1, 2])
    """

    _grows_by = ("num_bins",)
    _takes_text = True

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: Any = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "int64" if output_mode == "int" else config.floatx()
        super().__init__(autocast=False, **kwargs)
        if output_mode == "int" and self.dtype_policy.name not in ("int32", "int64"):
            raise ValueError(
                "When `output_mode=\"int\"`, `dtype` should be an integer type, 'int32' or 'int64'. "
                f"Received: dtype={kwargs['dtype']}"
            )
        if output_mode not in _MODES:
            raise ValueError(
                f"Invalid value for argument `output_mode`. Expected one of {_MODES}. "
                f"Received: output_mode={output_mode}"
            )
        if sparse and output_mode == "int":
            raise ValueError(
                '`sparse` may only be true if `output_mode` is `"one_hot"`, `"multi_hot"`, or `"count"`. '
                f"Received: sparse={sparse} and output_mode={output_mode}"
            )
        self.num_bins = arguments.positive_integer(self, "num_bins", num_bins, _NOT_POSITIVE)
        self.mask_value = arguments.of(self, "mask_value", lambda: _checked_mask(mask_value))
        self.output_mode = output_mode
        self.sparse = sparse
        self.salt = salt_of(salt, type(self).__name__)

    def call(self, inputs: Any) -> Any:
        """Returns the bins."""
        if isinstance(inputs, RaggedTensor):
            if self.output_mode != "int":
                raise ValueError(
                    f"Layer '{self.name}': output_mode='{self.output_mode}' takes dense tensors. Received a "
                    "RaggedTensor. Convert it by `x.to_tensor()`."
                )
            return inputs.with_values(self._bins(inputs.values).to(dtypes.to_torch_dtype(self.dtype)))
        if self.output_mode == "one_hot" and inputs.ndim and inputs.shape[-1] == 1:
            inputs = inputs[..., 0]
        dtype = dtypes.to_torch_dtype(self.dtype)
        return encoding.encode(self._bins(inputs), self.output_mode, self.num_bins, dtype, self.sparse)

    def _bins(self, values: Any) -> torch.Tensor:
        masks = self.mask_value is not None and self.num_bins > 1
        count = self.num_bins - 1 if masks else self.num_bins
        hashes = hashing.fingerprint(values) if self.salt is None else hashing.keyed_hash(values, self.salt)
        bins = hashing.buckets(hashes, count)
        if masks:
            bins = torch.where(values == self.mask_value, 0, bins + 1)
        return bins.to(calling.device_of(self)) if isinstance(values, StringTensor) else bins

    def compute_output_spec(self, inputs: KerasTensor) -> Any:
        """Returns the symbolic result."""
        encoding.check_symbolic(self, self.sparse)
        return KerasTensor(encoding.encoded_shape(inputs.shape, self.output_mode, self.num_bins), self.dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "num_bins": self.num_bins,
            "salt": self.salt,
            "mask_value": self.mask_value,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
        }


def _checked_mask(value: Any) -> Any:
    value = arguments.plain(value)
    if not (value is None or isinstance(value, (str, bytes)) or arguments.is_number(value)):
        raise ValueError(f"`mask_value` must be a text, a number or None. Received: mask_value={value!r}")
    return value


def salt_of(salt: Any, layer: str) -> list[int] | None:
    """Returns the two numbers that a salt stands for.

    Raises:
        ValueError: If it is neither `None`, an integer, nor two of them.
    """
    if salt is None:
        return None
    if isinstance(salt, int):
        return [salt, salt]
    if isinstance(salt, (tuple, list)) and len(salt) == 2:
        return list(salt)
    raise ValueError(
        f"The `salt` argument for `{layer}` can only be a tuple of size 2 integers, or a single integer. "
        f"Received: salt={salt}."
    )
