"""`Discretization`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import config, dtypes
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing import adapting, encoding, quantiles
from torchkeras_shim.layers.preprocessing.data_layer import DataLayer

_MODES = ("int", "one_hot", "multi_hot", "count")


@LAYERS.register()
class Discretization(DataLayer):
    """Puts numbers into bins, whose boundaries are given or learned by `adapt`.

    Args:
        bin_boundaries: The boundaries in rising order; a number on one belongs to the bin above it.
        num_bins: How many bins of equally many values `adapt` makes, in place of `bin_boundaries`.
        epsilon: How far off the quantiles of `adapt` may be. A larger one is faster and takes less memory.
        output_mode: `"int"` for the number of the bin, `"one_hot"`, `"multi_hot"` or `"count"`.
        sparse: Whether the result is a sparse tensor, in the modes other than `"int"`.
        dtype: The type of the result in the modes other than `"int"`.
        name: The name.

    Raises:
        ValueError: If not exactly one of `bin_boundaries` and `num_bins` is given.

    Example:
        >>> Discretization(bin_boundaries=[0.0, 1.0])([[-0.5, 0.0, 3.0]])
        tensor([[0, 1, 2]], dtype=torch.int32)
        >>> layer = Discretization(num_bins=2, output_mode="one_hot")
        >>> layer.adapt(np.arange(100.0))
        >>> layer([[10.0], [90.0]])
        tensor([[1., 0.],
                [0., 1.]])
    """

    bin_boundaries: Any
    summary: quantiles.Summary
    _constants: dict[Any, tuple[Any, torch.Tensor]]
    _grows_by = ("num_bins",)

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if sparse and output_mode == "int":
            raise ValueError(
                "`sparse=True` may only be used if `output_mode` is `'one_hot'`, `'multi_hot'`, or `'count'`. "
                f"Received: sparse={sparse} and output_mode={output_mode}"
            )
        arguments.one_of(self, "output_mode", output_mode, _MODES)
        if num_bins is not None:
            sentence = "`num_bins` must be greater than or equal to 0. Received: `num_bins={value}`."
            arguments.positive_integer(self, "num_bins", num_bins, sentence)  # no bins are not bins
        if num_bins is not None and bin_boundaries is not None:
            raise ValueError(
                "Both `num_bins` and `bin_boundaries` should not be set. "
                f"Received: `num_bins={num_bins}` and `bin_boundaries={bin_boundaries}`"
            )
        if num_bins is None and bin_boundaries is None:
            raise ValueError("You need to set either `num_bins` or `bin_boundaries`. Received: None for both.")
        self.__dict__["bin_boundaries"] = bin_boundaries
        self.num_bins = num_bins
        self.epsilon = arguments.number(self, "epsilon", epsilon)
        self.output_mode = output_mode
        self.sparse = sparse
        self.__dict__["summary"] = None if bin_boundaries else quantiles.empty()
        self.__dict__["_constants"] = {}  # the boundaries as tensors, by what they were when, and the device

    @property
    def input_dtype(self) -> str:
        """The type that inputs are compared in."""
        return config.floatx()

    @property
    def output_dtype(self) -> str:
        """The type of the result."""
        return "int32" if self.output_mode == "int" else self.compute_dtype

    # Learning -------------------------------------------------------------------------------------------------------

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learns the boundaries from data, in place of what was learned before.

        Args:
            data: An array or a tensor, or what yields batches of them: a list, a data set, a torch `DataLoader`, ...
            steps: How many batches to take, all by default.

        Raises:
            ValueError: If the layer was created with `bin_boundaries`.
        """
        if self.num_bins is None:
            raise ValueError(
                "Cannot adapt a Discretization layer that has been initialized with `bin_boundaries`, use `num_bins` "
                "instead."
            )
        self.reset_state()
        for batch in [data] if adapting.is_one_array(data) else adapting.batches(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Takes another batch into account; `finalize_state` makes boundaries of all of them."""
        data = data.numpy(force=True) if isinstance(data, torch.Tensor) else np.asarray(data)
        batch = quantiles.summarize(data, self.epsilon)
        self.__dict__["summary"] = quantiles.merged(batch, self.summary, self.epsilon)

    def finalize_state(self) -> None:
        """Makes the boundaries of what `update_state` has seen."""
        if self.num_bins is not None:
            self.__dict__["bin_boundaries"] = quantiles.boundaries(self.summary, self.num_bins)

    def reset_state(self) -> None:
        """Forgets what `update_state` has seen."""
        if self.num_bins is not None:
            self.__dict__["summary"] = quantiles.empty()

    # Calling --------------------------------------------------------------------------------------------------------

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns the bins."""
        boundaries = self.bin_boundaries
        if boundaries is None:
            raise ValueError(
                "You need to either pass the `bin_boundaries` argument at construction time or call `adapt(dataset)` "
                "before you can start using the `Discretization` layer."
            )
        edges = self._edges(boundaries, inputs.device)
        bins = torch.bucketize(inputs.to(edges.dtype), edges, out_int32=True, right=True)
        dtype = dtypes.to_torch_dtype(self.output_dtype)
        return encoding.encode(bins, self.output_mode, len(boundaries) + 1, dtype, self.sparse)

    def _edges(self, boundaries: Any, device: torch.device) -> torch.Tensor:
        key = (id(boundaries), device)
        kept = self._constants.get(key)
        if kept is None or kept[0] is not boundaries:
            edges = torch.as_tensor(np.asarray(boundaries), dtype=dtypes.to_torch_dtype(config.floatx())).to(device)
            self._constants.clear()
            kept = self._constants[key] = (boundaries, edges)  # with the list, so that no other one gets its `id`
        return kept[1]

    def compute_output_spec(self, inputs: KerasTensor) -> Any:
        """Returns the symbolic result; before `adapt`, with as many bins as it will make at most."""
        encoding.check_symbolic(self, self.sparse)
        shape = inputs.shape
        if self.output_mode == "int":
            return KerasTensor(shape, self.output_dtype)
        depth = self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1
        return KerasTensor(encoding.encoded_shape(shape, self.output_mode, depth), self.output_dtype)

    # State ----------------------------------------------------------------------------------------------------------

    def get_extra_state(self) -> torch.Tensor:
        """Returns the boundaries, for `state_dict()`."""
        return torch.as_tensor(np.asarray(self.bin_boundaries or [], dtype="float64"))

    def set_extra_state(self, state: torch.Tensor) -> None:
        """Takes the boundaries out of a `state_dict`."""
        self.__dict__["bin_boundaries"] = state.tolist() or None

    def load_own_variables(self, store: Any) -> None:
        """Reads what older versions of Keras saved; today the boundaries are in the config."""
        if len(store) == 1:
            self.__dict__["summary"] = np.asarray(store["0"])

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, and the boundaries that `adapt` has learned."""
        return {
            "bin_boundaries": self.bin_boundaries,
            "num_bins": self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "name": self.name,
            "dtype": self.dtype,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Rebuilds a layer from `get_config()`."""
        config = dict(config)
        learned = config.pop("bin_boundaries", None) if config.get("num_bins") is not None else None
        layer = super().from_config(config)
        if learned is not None:
            layer.__dict__["bin_boundaries"] = learned
        return layer
