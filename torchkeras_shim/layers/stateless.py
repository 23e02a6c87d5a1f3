"""`stateless_call`: a layer as a function of its weights, on torch's `functional_call`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from torchkeras_shim.core.stateless import checked
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.layers import calling
from torchkeras_shim.layers.seeding import LayerSeedGenerator, generators
from torchkeras_shim.layers.tracking import Container


def stateless_call(
    layer: Any,
    trainable_variables: Sequence[Any],
    non_trainable_variables: Sequence[Any],
    *args: Any,
    return_losses: bool = False,
    **kwargs: Any,
) -> Any:
    """Calls the layer with weights that are given, and leaves its own as they are.

    Gradients flow to what is given, so that `torch.func.grad` and the like can be taken of it.

    Args:
        trainable_variables: Values in the order of `layer.trainable_variables`.
        non_trainable_variables: Values in the order of `layer.non_trainable_variables`.
        *args: The inputs.
        return_losses: Whether to return the losses of layers and regularizers, too.
        **kwargs: Further arguments of `call`.

    Returns:
        The outputs and the non-trainable values after the call, and the losses if they are asked for.

    Raises:
        ValueError: If the layer is not built, or number or shapes of the values differ.
        NotImplementedError: If the layer holds weights of its own in a list or dict.

    Example:
        >>> from torchkeras_shim import layers
        >>> layer = layers.Dense(2)
        >>> layer.build((None, 3))
        >>> weights = [torch.ones(3, 2), torch.zeros(2)]
        >>> layer.stateless_call(weights, [], torch.ones(1, 3))
        (tensor([[3., 3.]]), [])
    """
    _check(layer)
    own, others = layer.trainable_variables, layer.non_trainable_variables
    name = type(layer).__name__
    trained = checked("trainable_variables", trainable_variables, own, f"{name}().trainable_variables")
    fixed = checked("non_trainable_variables", non_trainable_variables, others, f"{name}().non_trainable_variables")
    values = dict(zip(map(id, own), trained, strict=True))
    for variable, value in zip(others, fixed, strict=True):
        copy = value.clone()
        values[id(variable)] = Variable.wrap(copy, like=variable) if isinstance(variable, Variable) else copy
    named = [*layer.named_parameters(remove_duplicate=False), *layer.named_buffers(remove_duplicate=False)]
    tables = {key: values.get(id(tensor), tensor.detach().clone()) for key, tensor in named}
    adders = [module for module in layer.modules() if "_added_losses" in module.__dict__]
    held = [list(module._added_losses) for module in adders]
    try:
        with _sources(layer, values) as states:
            outputs = torch.func.functional_call(layer, tables, args, kwargs, tie_weights=False)
        added = [loss for module in adders for loss in module._added_losses]
    finally:
        for module, losses in zip(adders, held, strict=True):
            module._added_losses[:] = losses
    after = [states[id(variable)] if id(variable) in states else _plain(values[id(variable)]) for variable in others]
    if not return_losses:
        return outputs, after
    penalties = [
        weight._regularizer(value)
        for weight, value in zip(own, trained, strict=True)
        if getattr(weight, "_regularizer", None) is not None
    ]
    return outputs, after, [*added, *penalties]


def _check(layer: Any) -> None:
    if not calling.is_built(layer):
        raise ValueError(
            f"To call stateless_call, {type(layer).__name__} must be built (i.e. its variables must have been already "
            "created). You can build it by calling it on some data."
        )
    for module in layer.modules():
        if isinstance(module, Container) and (module._parameters or module._buffers):
            raise NotImplementedError(
                f"`stateless_call` cannot put values in the place of weights that a layer of '{layer.name}' holds in a "
                "list or dict. Make them attributes, `self.w0 = self.add_weight(...)`."
            )


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().as_subclass(torch.Tensor) if isinstance(tensor, Variable) else tensor


@contextmanager
def _sources(layer: Any, values: dict[int, torch.Tensor]) -> Iterator[dict[int, torch.Tensor]]:
    """Lets sources of random numbers stand where they are said to, and notes where they stand after the block."""
    sources = generators(layer)
    stands: list[Any] = [one.stand() if isinstance(one, LayerSeedGenerator) else one.position() for one in sources]
    device = calling.device_of(layer)
    begun = {}
    states: dict[int, torch.Tensor] = {}
    try:
        for source in sources:
            source.state = values[id(source.state)]
            if isinstance(source, LayerSeedGenerator):
                generator = source.on(device)
                assert generator is not None
                begun[id(source)] = generator, generator.get_state()
        yield states
        for source in sources:
            if id(source) in begun:
                generator, start = begun[id(source)]
                if not torch.equal(generator.get_state(), start):  # it was drawn from: the next call has another stream
                    seed, count = source.position()
                    source.set_position(seed, count + 1)
            states[id(source.state)] = source.state.detach().as_subclass(torch.Tensor).clone()
    finally:
        for source, stand in zip(sources, stands, strict=True):
            if isinstance(source, LayerSeedGenerator):
                source.go_on(stand)
            else:
                source.set_position(*stand)
