"""Channels go first once, where images come in, and last once, where they go out.

The converters of layers put a permutation before each convolution and one behind it. Here a permutation waits until
somebody needs the order that it makes: two that undo one another disappear, and what treats all places alike
(activations, sums, dropout) is done in the order that is there.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

_ALIKE: tuple[type, ...] = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.CELU, nn.SELU, nn.SiLU, nn.GELU, nn.Mish, nn.Softplus, nn.Softsign,
    nn.LogSigmoid, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh, nn.Sigmoid, nn.Tanh, nn.Dropout, nn.Identity,
    nn.AlphaDropout, nn.Hardshrink, nn.Softshrink, nn.Tanhshrink,
)  # fmt: skip
_UNARY = {
    torch.relu, torch.exp, torch.abs, torch.sqrt, torch.square, torch.tanh, torch.sigmoid, torch.clamp, torch.sin,
    torch.cos, torch.log, torch.neg, operator.neg, torch.round, torch.floor, F.dropout, F.alpha_dropout,
    torch.randn_like, torch.ones_like, torch.zeros_like,
}  # fmt: skip
_BINARY = {
    torch.add, torch.sub, torch.mul, torch.div, torch.maximum, torch.minimum, torch.pow, torch.ge, torch.where,
    operator.add, operator.sub, operator.mul, operator.truediv, operator.pow,
}  # fmt: skip
_OVER_AXES = {torch.mean, torch.amax, torch.sum}

Order = tuple[int, ...]


def _waits(order: Order | None) -> bool:
    """Returns whether a permutation is put off: one that brings the channels from the first place to the last."""
    return order is not None and order == (0, *range(2, len(order)), 1)


class Layouts:
    """Copies a graph without the permutations that it can do without.

    Attributes:
        graph: The copy.
    """

    def __init__(self, module: fx.GraphModule, channels_first: bool = False) -> None:
        self.module = module
        self.channels_first = channels_first
        self.graph = fx.Graph()
        self._found: dict[fx.Node, tuple[fx.Node, Order | None]] = {}  # actual = node.permute(order)
        self._permuted: dict[tuple[fx.Node, Order], fx.Node] = {}

    def run(self) -> fx.Graph:
        """Returns the copy."""
        for node in self.module.graph.nodes:
            self._meta = node.meta
            self._found[node] = self._visit(node)
        self.graph.eliminate_dead_code(lambda node: node.op in ("placeholder", "output"))
        return self.graph

    def _visit(self, node: Any) -> tuple[fx.Node, Order | None]:
        first: Any = node.args[0] if node.args and isinstance(node.args[0], fx.Node) else None
        if node.op == "placeholder":
            return self._placeholder(node)
        if node.op == "output" and self.channels_first:
            return self._copy(node, lambda one: self._found[one][0] if self._is_image(one) else self._actual(one)), None
        if node.target is torch.permute and first is not None:
            base, order = self._found[first]
            wanted = tuple(node.args[1])
            combined = wanted if order is None else tuple(order[axis] for axis in wanted)
            return base, None if combined == tuple(range(len(combined))) else combined
        if first is not None and _waits(self._found[first][1]):
            done = self._in_place(node, self._found[first][1])
            if done is not None:
                return done
        elif node.target in _BINARY or node.target is torch.cat:
            orders = [self._found[one][1] for one in node.all_input_nodes]
            order = next((one for one in orders if _waits(one)), None)
            if order is not None:
                done = self._together(node, order)
                if done is not None:
                    return done
        return self._copy(node, self._actual), None

    def _placeholder(self, node: fx.Node) -> tuple[fx.Node, Order | None]:
        copied = self._copy(node, self._actual)
        shape = tuple(node.meta.get("shape") or ())
        if not self.channels_first or len(shape) < 4:
            return copied, None
        copied.meta["shape"] = (shape[0], shape[-1], *shape[1:-1])
        return copied, (0, *range(2, len(shape)), 1)

    def _is_image(self, node: fx.Node) -> bool:
        order = self._found[node][1]
        return order is not None and _waits(order) and len(order) > 3

    def _copy(self, node: fx.Node, renew: Any) -> fx.Node:
        copied = self.graph.node_copy(node, renew)
        copied.meta = dict(node.meta)
        return copied

    def _actual(self, node: fx.Node) -> fx.Node:
        """Returns a node of the copy in the order that the original has."""
        base, order = self._found[node]
        return base if order is None else self._permute(base, order)

    def _permute(self, base: fx.Node, order: Order) -> fx.Node:
        if (base, order) not in self._permuted:
            self._permuted[base, order] = self.graph.call_function(torch.permute, (base, order))
        return self._permuted[base, order]

    def _base(self, node: fx.Node) -> fx.Node:
        return self._found[node][0]

    # What can be done in another order ------------------------------------------------------------------------------

    def _in_place(self, node: Any, order: Any) -> tuple[fx.Node, Order | None] | None:
        """Does something to the value that is there, or returns `None`."""
        if node.op == "call_module":
            alike = isinstance(self.module.get_submodule(str(node.target)), _ALIKE) and len(node.all_input_nodes) == 1
            return (self._copy(node, self._base), order) if alike else None
        if node.op == "call_method":
            if node.target != "size" or len(node.args) != 2:
                return None
            return self._changed(node, (self._base(node.args[0]), order[node.args[1]])), None
        if node.target in _UNARY and len(node.all_input_nodes) == 1:
            return self._copy(node, self._base), order
        if node.target in _BINARY:
            return self._together(node, order)
        if node.target in _OVER_AXES and not node.kwargs and len(node.args) == 3:
            return self._over_axes(node, order)
        if node.target is F.pad:
            return self._pad(node, order)
        return None

    def _together(self, node: Any, order: Order) -> tuple[fx.Node, Order | None] | None:
        """Does something to several values that are all in the same order, or can be had in it."""
        back = tuple(order.index(axis) for axis in range(len(order)))
        renewed: dict[fx.Node, fx.Node] = {}
        for one in node.all_input_nodes:
            base, other = self._found[one]
            if other == order:
                renewed[one] = base
            elif other is None and (base, back) in self._permuted:
                renewed[one] = self._permuted[base, back]
            else:
                return None
        if node.target is not torch.cat:
            return self._copy(node, renewed.__getitem__), order
        dim: Any = node.args[1]
        return self._changed(node, ([renewed[one] for one in node.args[0]], order[dim])), order

    def _over_axes(self, node: Any, order: Order) -> tuple[fx.Node, Order | None]:
        x, axes, keep = node.args
        axes = [axes] if isinstance(axes, int) else axes
        gone = {axis % len(order) for axis in axes}
        done = self._changed(node, (self._base(x), tuple(sorted(order[axis] for axis in gone)), keep))
        if keep:
            return done, order
        left = [order[axis] for axis in range(len(order)) if axis not in gone]
        ranks = tuple(sorted(left).index(axis) for axis in left)
        return done, None if ranks == tuple(range(len(ranks))) else ranks

    def _pad(self, node: Any, order: Order) -> tuple[fx.Node, Order | None]:
        amounts: Any = list(node.args[1])
        rank = len(order)
        pairs: list[Any] = [(0, 0)] * rank
        for place in range(len(amounts) // 2):
            given = (amounts[2 * place], amounts[2 * place + 1])
            renewed = tuple(self._actual(one) if isinstance(one, fx.Node) else one for one in given)
            pairs[order[rank - 1 - place]] = renewed
        flat = [amount for pair in reversed(pairs) for amount in pair]
        while len(flat) > 2 and isinstance(flat[-1], int) and isinstance(flat[-2], int) and flat[-1] == flat[-2] == 0:
            flat = flat[:-2]
        return self._changed(node, (self._base(node.args[0]), flat)), order

    def _changed(self, node: fx.Node, args: Any) -> fx.Node:
        made = self.graph.create_node(node.op, node.target, args, dict(node.kwargs))
        made.meta = dict(node.meta)
        return made
