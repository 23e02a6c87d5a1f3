"""`K.gradients` of symbolic tensors: a layer that computes the way from the inputs to the loss, and goes it back."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim import layers, models, ops
from torchkeras_shim.core import dtypes
from torchkeras_shim.core.symbolic import KerasTensor, Node
from torchkeras_shim.core.tree import flatten


def gradients(loss: Any, variables: Any) -> list[Any]:
    """The gradients of a loss with respect to tensors that it was computed from, or to variables; `None` for others.

    Of symbolic tensors they are symbolic. What lies between the inputs of a model and the loss is computed once more
    with them: layers that draw random numbers draw others then.

    Args:
        loss: A tensor; the gradients are those of the sum of its values. Of several in a list, those of the sum of all.
        variables: A tensor or a variable, or a list of them.
    """
    wanted = list(variables) if isinstance(variables, (list, tuple)) else [variables]
    losses = list(loss) if isinstance(loss, (list, tuple)) else [loss]
    if not any(isinstance(one, KerasTensor) for one in losses):
        return _of_values(losses, wanted)
    way = _Way(losses)
    reached = [one for one in wanted if id(one) in way.passed and dtypes.is_float(ops.dtype(one))]
    if not reached:
        return [None] * len(wanted)
    found = iter(flatten(Gradients(way.leaves, losses, reached)(way.leaves)))
    return [next(found) if any(one is other for other in reached) else None for one in wanted]


def _of_values(losses: list[Any], wanted: list[Any]) -> list[Any]:
    if any(isinstance(one, KerasTensor) for one in wanted):
        raise TypeError(
            "K.gradients(loss, tensors) was given a loss that has a value, and symbolic tensors: a loss function and a "
            "`call` get values in training. Compute what the loss is made of from these (or from the outputs of a "
            "model) inside the function, in a `with tf.GradientTape() as tape:` block, and call "
            "`tape.gradient(loss, tensors)`."
        )
    total = torch.stack([one.sum() for one in losses]).sum()
    if not total.requires_grad:
        raise ValueError(
            "K.gradients(loss, variables) of a loss that does not come from variables, or was computed where no "
            "gradients are recorded. Use a `tf.GradientTape`."
        )
    return list(torch.autograd.grad(total, wanted, allow_unused=True, retain_graph=True, create_graph=True))


class _Way:
    """What symbolic tensors were computed from.

    Attributes:
        leaves: The symbolic tensors at the beginning.
        passed: The ids of the symbolic tensors, variables and weights on the way.
    """

    def __init__(self, tensors: list[Any]) -> None:
        self.leaves: list[KerasTensor] = []
        self.passed: set[int] = set()
        waiting = [one for one in tensors if isinstance(one, KerasTensor)]
        nodes: set[int] = set()
        while waiting:
            tensor = waiting.pop()
            if id(tensor) in self.passed:
                continue
            self.passed.add(id(tensor))
            history = tensor._keras_history
            if history is None or isinstance(history.operation, layers.InputLayer):
                self.leaves.append(tensor)
                continue
            node: Node = history.operation._inbound_nodes[history.node_index]
            if id(node) not in nodes:
                nodes.add(id(node))
                given = flatten([list(node.args), node.kwargs])
                self.passed |= {id(leaf) for leaf in given if isinstance(leaf, torch.Tensor)}
                self.passed |= {id(weight) for weight in getattr(node.operation, "weights", ())}
                waiting.extend(node.input_tensors)


class Gradients(layers.Layer):
    """The gradients of losses with respect to tensors on the way to them.

    Args:
        leaves: The symbolic tensors that the losses are computed from.
        losses: Symbolic tensors.
        wanted: Symbolic tensors and variables on the way.
    """

    def __init__(self, leaves: list[KerasTensor], losses: list[Any], wanted: list[Any]) -> None:
        super().__init__(name=None)
        self._specs = [KerasTensor(tuple(one.shape), ops.dtype(one)) for one in wanted]
        self._count = len(losses)
        symbolic = [one for one in wanted if isinstance(one, KerasTensor)]
        self.way = models.Model(leaves, [*losses, *symbolic])
        self._at_leaf = [any(leaf is one for one in symbolic) for leaf in leaves]
        # In a tuple of functions, so that variables are not taken for weights of this layer.
        self._variables = tuple(None if isinstance(one, KerasTensor) else (lambda one=one: one) for one in wanted)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Returns the gradients as symbolic tensors: they look like what they belong to."""
        return [KerasTensor(one.shape, one.dtype) for one in self._specs]

    def call(self, inputs: Any) -> Any:
        """Returns the gradients."""
        recording = torch.is_grad_enabled()
        with torch.inference_mode(False), torch.enable_grad():
            given = [
                x.clone().detach().requires_grad_() if watched and not x.requires_grad else x
                for x, watched in zip(inputs, self._at_leaf, strict=True)
            ]
            found = flatten(self.way(given))
            losses, tensors = found[: self._count], iter(found[self._count :])
            wanted = [next(tensors) if get is None else get() for get in self._variables]
            total = torch.stack([loss.sum() for loss in losses]).sum()
            gradients = torch.autograd.grad(total, wanted, create_graph=recording, allow_unused=True)
        return [
            torch.zeros_like(one) if gradient is None else gradient
            for one, gradient in zip(wanted, gradients, strict=True)
        ]
