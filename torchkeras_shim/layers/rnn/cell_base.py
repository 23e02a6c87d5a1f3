"""What the cells of `SimpleRNN`, `LSTM` and `GRU` share: weights and config."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim import activations, constraints, initializers, regularizers
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.initializers import GlorotUniform
from torchkeras_shim.layers import arguments, calling
from torchkeras_shim.layers.rnn.dropout_cell import DropoutCell


class RecurrentCell(DropoutCell):
    """The base of the cells: `kernel`, `recurrent_kernel`, `bias`, and masks that are drawn once per sequence.

    The kernels have Keras's shapes (inputs, gates * units) and lie in memory as torch's kernels want them,
    (gates * units, inputs): `kernel.t()` is contiguous, and no call copies them.
    """

    _training_default = False

    #: How many gates lie side by side in the kernels.
    gates = 1
    kernel: Variable
    recurrent_kernel: Variable
    bias: Variable | None
    state_size: Any
    kernel_initializer: Any
    recurrent_initializer: Any
    bias_initializer: Any
    _zero_bias: torch.Tensor

    def __init__(
        self,
        units: int,
        activation: Any,
        use_bias: bool,
        kernel_initializer: Any,
        recurrent_initializer: Any,
        bias_initializer: Any,
        kernel_regularizer: Any,
        recurrent_regularizer: Any,
        bias_regularizer: Any,
        kernel_constraint: Any,
        recurrent_constraint: Any,
        bias_constraint: Any,
        dropout: float,
        recurrent_dropout: float,
        seed: int | None,
        **kwargs: Any,
    ) -> None:
        sentence = "Received an invalid value for argument `units`, expected a positive integer, got {value}."
        units = arguments.positive_integer(self, "units", units, sentence)
        super().__init__(**kwargs)
        self.units = units
        self.activation = arguments.known(self, "activation", activations, activation)
        self.use_bias = use_bias
        self.kernel_initializer = arguments.known(self, "kernel_initializer", initializers, kernel_initializer)
        self.recurrent_initializer = arguments.known(self, "recurrent_initializer", initializers, recurrent_initializer)
        self.bias_initializer = arguments.known(self, "bias_initializer", initializers, bias_initializer)
        self.kernel_regularizer = arguments.known(self, "kernel_regularizer", regularizers, kernel_regularizer)
        self.recurrent_regularizer = arguments.known(self, "recurrent_regularizer", regularizers, recurrent_regularizer)
        self.bias_regularizer = arguments.known(self, "bias_regularizer", regularizers, bias_regularizer)
        self.kernel_constraint = arguments.known(self, "kernel_constraint", constraints, kernel_constraint)
        self.recurrent_constraint = arguments.known(self, "recurrent_constraint", constraints, recurrent_constraint)
        self.bias_constraint = arguments.known(self, "bias_constraint", constraints, bias_constraint)
        self._set_dropout(dropout, recurrent_dropout, seed, masks=None)
        self.state_size = units
        self.output_size = units

    def build(self, input_shape: Any) -> None:
        """Creates the kernels and the bias."""
        width = self.gates * self.units
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], width),
            initializer=_transposed(self.kernel_initializer),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel",
            shape=(self.units, width),
            initializer=_transposed(self.recurrent_initializer),
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=self._bias_shape(),
                initializer=self._start_bias,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
            if len(self._bias_shape()) == 1:  # torch's kernels add two biases; this is the second one
                self.register_buffer("_zero_bias", torch.zeros_like(self.bias, requires_grad=False), persistent=False)

    def _bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    def _start_bias(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        start: torch.Tensor = self.bias_initializer(shape, dtype=dtype)
        return start

    def get_initial_state(self, batch_size: Any = None) -> list[torch.Tensor]:
        """Returns states of zeros.

        Args:
            batch_size: How many sequences there are.
        """
        sizes = self.state_size if isinstance(self.state_size, (list, tuple)) else [self.state_size]
        device = calling.device_of(self)
        return [torch.zeros(batch_size, size, dtype=self._compute_dtype, device=device) for size in sizes]

    def _project(self, inputs: Any, kernel: torch.Tensor) -> torch.Tensor:
        """`inputs @ kernel`; if there is one input per gate, each meets its own columns."""
        if isinstance(inputs, list):
            columns = torch.split(kernel, self.units, dim=1)
            return torch.cat([one.mm(part) for one, part in zip(inputs, columns, strict=False)], dim=1)
        product: torch.Tensor = inputs.mm(kernel)
        return product

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), **cell_config(self), "seed": self.seed}


def cell_config(cell: Any) -> dict[str, Any]:
    """Returns the arguments that a cell and the layer around it have in common, as plain values."""
    return {"units": cell.units, **shared_config(cell)}


def shared_config(cell: Any) -> dict[str, Any]:
    """Returns the arguments that all kinds of cells have in common, as plain values."""
    config = {
        "activation": activations.serialize(cell.activation),
        "use_bias": cell.use_bias,
        "dropout": cell.dropout,
        "recurrent_dropout": cell.recurrent_dropout,
    }
    for part in ("kernel", "recurrent", "bias"):
        config[f"{part}_initializer"] = initializers.serialize(getattr(cell, f"{part}_initializer"))
        config[f"{part}_regularizer"] = regularizers.serialize(getattr(cell, f"{part}_regularizer"))
        config[f"{part}_constraint"] = constraints.serialize(getattr(cell, f"{part}_constraint"))
    return config


def _transposed(initializer: Callable[..., Any] | None) -> Callable[..., torch.Tensor]:
    """Makes an initializer, by default that of `add_weight`, put its values where `weight.t()` is contiguous."""
    start = initializer or GlorotUniform()

    def create(shape: Any, dtype: Any = None) -> torch.Tensor:
        return torch.as_tensor(start(shape, dtype=dtype)).t().contiguous().t()

    return create
