"""`Bidirectional`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core import serialization, tree
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.layers import calling
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.rnn.native import fit_together, run_both_ways

_MODES = ("sum", "mul", "ave", "concat", None)


@LAYERS.register()
class Bidirectional(Layer):
    """Runs a recurrent layer forwards and a second one backwards, and combines their outputs.

    The layer that is given is a pattern: two fresh layers are made from its config.

    Args:
        layer: A recurrent layer, or one with its attributes `go_backwards`, `return_sequences`, `return_state` and
            `stateful`.
        merge_mode: How outputs are combined: `"concat"`, `"sum"`, `"mul"`, `"ave"`, or `None` for a tuple of both.
        weights: Arrays to start with, those of the forward layer first.
        backward_layer: The layer that runs backwards, where it is not the same kind.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If the layers do not fit each other, or the merge mode is another one.

    Example:
        >>> from torchkeras_shim.layers.rnn.lstm import LSTM
        >>> Bidirectional(LSTM(3))(torch.ones(2, 5, 4)).shape
        torch.Size([2, 6])
    """

    _mask_is_of_first = True
    forward_layer: Any
    backward_layer: Any

    def __init__(
        self,
        layer: Layer,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Layer | None = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Please initialize `Bidirectional` layer with a `keras.layers.Layer` instance. Received: {layer}"
            )
        if backward_layer is not None and not isinstance(backward_layer, Layer):
            raise ValueError(f"`backward_layer` need to be a `keras.layers.Layer` instance. Received: {backward_layer}")
        if merge_mode not in _MODES:
            raise ValueError(
                f'Invalid merge mode. Received: {merge_mode}. Merge mode should be one of {{"sum", "mul", "ave", '
                '"concat", None}'
            )
        super().__init__(**kwargs)
        name = layer.name
        self.forward_layer = _remade(layer, name=f"forward_{name.removeprefix('forward_')}")
        self.backward_layer = backward_layer or _remade(
            layer, name=f"backward_{name.removeprefix('backward_')}", go_backwards=True
        )
        if hasattr(layer, "use_cudnn"):  # not in the config
            for remade in (self.forward_layer, *(() if backward_layer else (self.backward_layer,))):
                remade.use_cudnn = layer.use_cudnn
        self._check_layers()
        for one in (self.forward_layer, self.backward_layer):
            if getattr(one, "zero_output_for_mask", None) is not None:
                one.zero_output_for_mask = one.return_sequences
        self.merge_mode = merge_mode
        self._start_weights = None if weights is None else tuple(weights)
        self.stateful = layer.stateful
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self.supports_masking = True
        self.input_spec = layer.input_spec

    def _check_layers(self) -> None:
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ValueError(
                "Forward layer and backward layer should have different `go_backwards` value. Received: "
                f"forward_layer.go_backwards={forward.go_backwards}, "
                f"backward_layer.go_backwards={backward.go_backwards}"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            mine, other = getattr(forward, name), getattr(backward, name)
            if mine != other:
                raise ValueError(
                    f'Forward layer and backward layer are expected to have the same value for attribute "{name}", '
                    f'got "{mine}" for forward layer and "{other}" for backward layer'
                )

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Builds both layers."""
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
        if self._start_weights is not None:
            self.set_weights(self._start_weights)
            self._start_weights = None

    def call(
        self,
        sequences: torch.Tensor,
        initial_state: Any = None,
        mask: Any = None,
        training: bool | None = None,
    ) -> Any:
        """Runs both layers.

        Args:
            sequences: A tensor of shape (batch, time, ...).
            initial_state: The states to start with, those of the forward layer first.
            mask: Booleans of shape (batch, time): which steps count.
            training: Whether dropout is active.
        """
        mode = self.training if training is None else training
        plain = initial_state is None and mask is None
        if plain and fit_together(self.forward_layer, self.backward_layer, sequences, mode):
            return self._at_once(sequences)
        arguments: dict[str, Any] = {}
        if mask is not None and self.forward_layer._call_spec.has_mask:
            arguments["mask"] = mask
        if training is not None and training != self.training and self.forward_layer._call_spec.has_training:
            arguments["training"] = training
        if initial_state is None:
            forward = self.forward_layer(sequences, **arguments)
            backward = self.backward_layer(sequences, **arguments)
        else:
            half = len(initial_state) // 2
            forward = self.forward_layer(sequences, initial_state=list(initial_state[:half]), **arguments)
            backward = self.backward_layer(sequences, initial_state=list(initial_state[half:]), **arguments)
        states: tuple[Any, ...] = ()
        if self.return_state:
            states = (*forward[1:], *backward[1:])
            forward, backward = forward[0], backward[0]
        if self.return_sequences:
            backward = backward.flip(1)
        output = self._merge(forward, backward)
        if not self.return_state:
            return output
        return (*output, *states) if self.merge_mode is None else (output, *states)

    forward = call

    def _at_once(self, sequences: torch.Tensor) -> Any:
        """Runs both layers in one run of torch's kernel."""
        outputs, finals = run_both_ways(self.forward_layer, self.backward_layer, sequences)
        if not self.return_sequences:
            output = self._merge(*finals[0])
        elif self.merge_mode == "concat":
            output = outputs
        else:
            output = self._merge(*outputs.chunk(2, dim=-1))
        if not self.return_state:
            return output
        states = (final[way] for way in (0, 1) for final in finals)
        return (*output, *states) if self.merge_mode is None else (output, *states)

    def _merge(self, forward: torch.Tensor, backward: torch.Tensor) -> Any:
        mode = self.merge_mode
        if mode == "concat":
            return torch.cat([forward, backward], dim=-1)
        if mode == "sum":
            return forward + backward
        if mode == "ave":
            return (forward + backward) / 2
        if mode == "mul":
            return forward * backward
        return forward, backward

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        """Returns the output shape for the shape of sequences."""
        forward, backward = (
            layer.compute_output_shape(sequences_shape) for layer in (self.forward_layer, self.backward_layer)
        )
        states: tuple[Any, ...] = ()
        if self.return_state:
            states = (*forward[1:], *backward[1:])
            forward, backward = forward[0], backward[0]
        output = tuple(forward)
        if self.merge_mode == "concat":
            output = (*output[:-1], output[-1] + backward[-1])
        if self.merge_mode is None:
            return (output, tuple(backward), *states)
        return (output, *states) if self.return_state else output

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Returns the outputs as `KerasTensor`s; takes no step."""
        calling.build_for(self, args, kwargs)
        sequences = args[0] if args else kwargs["sequences"]

        def visit(item: Any) -> Any:
            if all(size is None or isinstance(size, int) for size in item):
                return KerasTensor(item, self.compute_dtype)
            return type(item)(visit(one) for one in item)

        return visit(self.compute_output_shape(tuple(sequences.shape)))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Returns the mask of the outputs: that of the sequences, if sequences are returned."""
        output = tree.flatten(mask)[0] if self.return_sequences else None
        masks: tuple[Any, ...] = (output, output) if self.merge_mode is None else (output,)
        if self.return_state:
            for layer in (self.forward_layer, self.backward_layer):
                masks = (*masks, *layer.compute_mask(inputs, mask)[1:])
        return masks if len(masks) > 1 else output

    @property
    def states(self) -> Any:
        """The states of both layers that the last batch ended with, `None` unless the layer is stateful and built."""
        forward, backward = self.forward_layer.states, self.backward_layer.states
        return (*forward, *backward) if forward and backward else None

    def reset_state(self) -> None:
        """Sets the states that stay between batches to zero.

        Raises:
            AttributeError: If the layer is not stateful.
        """
        if not self.stateful:
            raise AttributeError("Layer must be stateful.")
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    def reset_states(self) -> None:
        """Sets the states that stay between batches to zero; the older name."""
        self.reset_state()

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "merge_mode": self.merge_mode,
            "layer": serialization.serialize_keras_object(self.forward_layer),
            "backward_layer": serialization.serialize_keras_object(self.backward_layer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Rebuilds a layer from `get_config()`."""
        config = dict(config)
        for key in ("layer", "backward_layer"):
            if isinstance(config.get(key), dict):
                config[key] = serialization.deserialize_keras_object(config[key], custom_objects=custom_objects)
        return super().from_config(config)


def _remade(layer: Layer, **changes: Any) -> Any:
    """A fresh layer of the same config, but for some entries."""
    config = serialization.serialize_keras_object(layer)
    config["config"] = {**config["config"], **changes}
    objects = {type(layer).__name__: type(layer)}  # a class of the user's need not be registered for this
    return serialization.deserialize_keras_object(config, custom_objects=objects)
