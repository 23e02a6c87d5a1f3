"""`HashedCrossing`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core import dtypes
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.core.text import StringTensor
from torchkeras_shim.layers import arguments, calling
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing import encoding
from torchkeras_shim.layers.preprocessing.data_layer import DataLayer, to_data
from torchkeras_shim.ops import hashing

#: The hash that crossing starts from.
_START = 0xDECAFCAFFE


@LAYERS.register()
class HashedCrossing(DataLayer):
    """Makes one category of several, such as of a city and a profession, in a fixed number of bins.

    Args:
        num_bins: How many bins there are.
        output_mode: `"int"` for the number of the bin, `"one_hot"` for a vector.
        sparse: Whether the result is a sparse tensor, in the mode `"one_hot"`.
        name: The name.
        dtype: The type of the result: int64 by default in the mode `"int"`.
        **kwargs: `trainable`.

    Call arguments:
        inputs: Two tensors or more of texts or integers, each of shape `(samples,)` or `(samples, 1)`.

    Raises:
        ValueError: If the mode is not known.

    Example:
        >>> layer = HashedCrossing(num_bins=5)
        >>> layer([["A", "B", "A", "B", "A"], [101, 101, 101, 102, 102]])
        tensor([1, 4, 1, 1, 3])
    """

    _grows_by = ("num_bins",)
    _takes_text = True

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        dtype = "int64" if output_mode == "int" and dtype is None else dtype
        super().__init__(name=name, dtype=dtype, autocast=False, **kwargs)
        arguments.one_of(self, "output_mode", output_mode, ("int", "one_hot"))
        self.num_bins = arguments.positive_integer(self, "num_bins", num_bins)
        self.output_mode = output_mode
        self.sparse = sparse

    def _given(self, inputs: Any) -> Any:
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(
                f"`HashedCrossing` should be called on a list or tuple of inputs. Received: inputs={inputs}"
            )
        if len(inputs) < 2:
            raise ValueError(f"`HashedCrossing` should be called on at least two inputs. Received: inputs={inputs}")
        return [to_data(one) for one in inputs]

    def call(self, inputs: Any) -> torch.Tensor:
        """Returns the bins of the combinations."""
        self._check(inputs)
        texts = all(isinstance(one, StringTensor) for one in inputs)
        device = calling.device_of(self) if texts else next(i.device for i in inputs if isinstance(i, torch.Tensor))
        hashes: Any = torch.full((), _START, dtype=torch.int64, device=device)
        for one in inputs:
            own = hashing.fingerprint(one) if isinstance(one, StringTensor) else one
            hashes = hashing.combined(hashes, own.to(device, torch.int64))
        bins = hashing.buckets(hashes, self.num_bins)
        dtype = dtypes.to_torch_dtype(self.dtype)
        return encoding.encode(bins, self.output_mode, self.num_bins, dtype, self.sparse)

    def _check(self, inputs: Any) -> None:
        shape = tuple(inputs[0].shape)
        received = [f"{one.dtype} of shape {tuple(one.shape)}" for one in inputs]
        if len(shape) > 2 or (len(shape) == 2 and shape[-1] != 1):
            raise ValueError(
                "All `HashedCrossing` inputs should have shape `()`, `(batch_size)` or `(batch_size, 1)`. "
                f"Received: inputs={received}"
            )
        if any(tuple(one.shape) != shape for one in inputs):
            raise ValueError(f"All `HashedCrossing` inputs should have equal shape. Received: inputs={received}")
        if any(isinstance(one, RaggedTensor) or getattr(one, "is_sparse", False) for one in inputs):
            raise ValueError(f"All `HashedCrossing` inputs should be dense tensors. Received: inputs={received}")
        for one in inputs:
            name = dtypes.standardize_dtype(one.dtype)
            if name != "string" and not name.startswith(("int", "uint")):
                raise ValueError(
                    f"All `HashedCrossing` inputs should have an integer or string dtype. Received: inputs={received}"
                )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns the output shape."""
        return encoding.encoded_shape(tuple(input_shape[0]), self.output_mode, self.num_bins)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Returns the symbolic result."""
        encoding.check_symbolic(self, self.sparse)
        self._check(inputs)
        return KerasTensor(encoding.encoded_shape(inputs[0].shape, self.output_mode, self.num_bins), self.dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "num_bins": self.num_bins,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "name": self.name,
            "dtype": self.dtype,
        }
