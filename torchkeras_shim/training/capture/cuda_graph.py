"""A whole training step as one CUDA graph: forward, backward, update and metrics in a single launch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from torchkeras_shim.core import tree
from torchkeras_shim.training.capture.function import MAX_PROGRAMS, looked_at_on_the_host, signature

#: Steps on a side stream before a graph is captured: kernels choose their algorithms and allocate their workspaces.
_WARM_UP = 3


class GraphedStep:
    """Runs the first batches of a shape eagerly, captures the next, and launches the graph from then on.

    The first batch of a shape goes by on the current stream, the next ones on a side stream, as captures need it; all
    of them are training steps like any other. A shape that comes only once an epoch, such as a ragged last batch, never
    gets a graph before it has been seen that often.

    Args:
        gradients: From a batch to the gradients; it updates the metrics.
        optimizer: Its `capturable` must be true.
        apply: The optimizer's own step for gradients.
        generators: The layers' own random generators on this device.

    Attributes:
        refusal: Why no graph can be captured; `None` as far as is known.
        obstacle: Always `None`: nothing keeps a step from being launched that could be.
        replayed: How many batches a graph did.
        written: How many ran as they are written.
    """

    def __init__(
        self,
        gradients: Callable[..., list[Any]],
        optimizer: Any,
        apply: Callable[[list[Any]], None],
        generators: Sequence[torch.Generator],
    ) -> None:
        self._gradients, self._optimizer, self._apply, self._generators = gradients, optimizer, apply, generators
        self._graphs: dict[Any, _Graph] = {}
        self.obstacle: str | None = None
        self.replayed = self.written = 0
        self._seen: dict[Any, int] = {}
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self.refusal = None if optimizer.capturable else f"{type(optimizer).__name__} does other work in other steps"

    def __call__(self, x: Any, y: Any, sample_weight: Any = None) -> None:
        batch = (x, y, sample_weight)
        key = signature(batch)
        graph = self._graphs.get(key)
        if graph is not None:
            graph.run(batch)
            self.replayed += 1
            return
        count = self._seen[key] = self._seen.get(key, 0) + 1
        self.refusal = self.refusal or looked_at_on_the_host(batch)
        if self.refusal is not None or count == 1 or len(self._graphs) >= MAX_PROGRAMS:
            self._eagerly(batch)
        elif count <= 1 + _WARM_UP:
            current = torch.cuda.current_stream()
            self._stream.wait_stream(current)
            with torch.cuda.stream(self._stream):
                self._eagerly(batch)
            current.wait_stream(self._stream)
        else:
            self._capture(key, batch)

    def _eagerly(self, batch: tuple[Any, ...]) -> None:
        self.written += 1
        self._apply(self._gradients(*batch))

    def _capture(self, key: Any, batch: tuple[Any, ...]) -> None:
        try:
            graph = _Graph(self._gradients, self._optimizer, self._generators, batch)
        except RuntimeError as error:  # nothing has been run: a capture only notes
            self.refusal = str(error).splitlines()[0]
            torch.cuda.synchronize()
            self._eagerly(batch)
            return
        self._graphs[key] = graph
        graph.run(batch)
        self.replayed += 1


class _Graph:
    """One captured step with the memory that its inputs and its numbers are copied to."""

    def __init__(
        self, gradients: Callable[..., list[Any]], optimizer: Any, generators: Sequence[Any], batch: tuple[Any, ...]
    ) -> None:
        self._optimizer = optimizer
        optimizer.prepare()
        self._inputs = tree.map_structure(
            lambda leaf: torch.empty_like(leaf).copy_(leaf) if isinstance(leaf, torch.Tensor) else leaf, batch
        )
        self._places = [leaf for leaf in tree.flatten(self._inputs) if isinstance(leaf, torch.Tensor)]
        device = self._places[0].device
        self._values: list[float | None] = [None] * len(optimizer.step_scalars())
        self._scalars = [torch.zeros((), device=device) for _ in self._values]
        self._graph = torch.cuda.CUDAGraph()
        for generator in generators:
            self._graph.register_generator_state(generator)
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            grads = gradients(*self._inputs)
            if any(grad is None for grad in grads):
                raise RuntimeError("a weight takes no part in the loss")
            optimizer.update(grads, self._scalars)

    def run(self, batch: tuple[Any, ...]) -> None:
        leaves = [leaf for leaf in tree.flatten(batch) if isinstance(leaf, torch.Tensor)]
        for place, leaf in zip(self._places, leaves, strict=True):
            place.copy_(leaf, non_blocking=True)
        for index, value in enumerate(self._optimizer.step_scalars()):
            if value != self._values[index]:
                self._scalars[index].fill_(value)
                self._values[index] = value
        self._graph.replay()
        self._optimizer.advance()
