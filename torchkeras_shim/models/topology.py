"""The order of a graph: which calls lie between symbolic inputs and outputs, one after the other."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.core import tree
from torchkeras_shim.core.symbolic import KerasTensor, Node
from torchkeras_shim.layers import InputLayer


def sorted_from(inputs: list[KerasTensor], outputs: Any) -> tuple[list[Node], list[Any]]:
    """Returns the nodes in the order in which they can run, and the operations in Keras's order of layers.

    Args:
        inputs: The tensors to start from.
        outputs: A structure of the tensors to come to.

    Raises:
        ValueError: If the outputs need a tensor that is not an input.
    """
    given = {id(tensor) for tensor in inputs}
    order: list[Node] = []
    traversal: dict[int, int] = {}  # the operations by the order in which a depth-first search first meets them
    met: set[int] = set()
    stack: list[tuple[Node, bool]] = []

    def push(tensors: list[KerasTensor], consumer: Node | None, path: tuple[Any, ...]) -> None:
        for tensor in reversed(tensors):
            if _is_lost(tensor, given):
                raise ValueError(_lost(tensor, path, consumer, order))
            node = _node_of(tensor, given)
            if node is not None:
                stack.append((node, False))

    for path, output in tree.flatten_with_path(outputs):
        push([output], None, path)
        while stack:
            node, finished = stack.pop()
            if finished:
                order.append(node)
            elif id(node) not in met:
                met.add(id(node))
                traversal.setdefault(id(node.operation), len(traversal))
                stack.append((node, True))
                push(node.input_tensors, node, path)
    operations = _by_depth(order, traversal)
    return [node for node in order if not isinstance(node.operation, InputLayer)], operations


def _comes_from_input_layer(tensor: KerasTensor) -> bool:
    history = tensor._keras_history
    return history is not None and isinstance(history.operation, InputLayer)


def _is_lost(tensor: KerasTensor, given: set[int]) -> bool:
    """Returns whether nothing makes a tensor: it would have to be one of the inputs, and is not."""
    return id(tensor) not in given and (tensor._keras_history is None or _comes_from_input_layer(tensor))


def _lost(tensor: KerasTensor, path: tuple[Any, ...], consumer: Node | None, done: list[Node]) -> str:
    where = f" at operation '{consumer.operation.name}'" if consumer is not None else ""
    return (
        f"Output with path `{'.'.join(map(str, path))}` is not connected to `inputs`. Graph disconnected: cannot find "
        f"parent for tensor {tensor}{where}. It is not among the model's `inputs`. "
        f"The following previous operations were accessed without issue: {[node.operation.name for node in done]}"
    )


def _node_of(tensor: KerasTensor, given: set[int]) -> Node | None:
    """Returns the node that makes a tensor; `None` for a given tensor from the middle of another graph."""
    history = tensor._keras_history
    if history is None or (id(tensor) in given and not _comes_from_input_layer(tensor)):
        return None
    node: Node = history.operation._inbound_nodes[history.node_index]
    return node


def _by_depth(order: list[Node], traversal: dict[int, int]) -> list[Any]:
    """Sorts operations by their distance to the outputs, the farthest first."""
    makers = {id(tensor): node for node in order for tensor in node.outputs}
    depths: dict[int, int] = {}
    operation_depths: dict[int, int] = {}
    operations = {id(node.operation): node.operation for node in order}
    for node in reversed(order):
        depth = max(depths.get(id(node), 0), operation_depths.get(id(node.operation), 0))
        depths[id(node)] = operation_depths[id(node.operation)] = depth
        for tensor in node.input_tensors:
            parent = makers.get(id(tensor))
            if parent is not None:
                depths[id(parent)] = max(depth + 1, depths.get(id(parent), 0))
    return sorted(operations.values(), key=lambda op: (-operation_depths[id(op)], traversal[id(op)]))
