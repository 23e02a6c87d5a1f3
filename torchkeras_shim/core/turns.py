"""Turns: loops and calls in several threads, and loops inside callbacks, leave one another's modes and metrics alone.

Whether a layer is in training mode, and what a metric has seen so far, are plain state of the layer and the metric. A
loop (`fit`, `evaluate`, `predict`) therefore works in turns: it holds a lock during each batch, and where another loop
or call was at work in between, it first puts its own modes and values back. Loops share a lock if they share layers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from torchkeras_shim.core.modules import modules_in
from torchkeras_shim.core.torch_private import in_backward_thread


class Open:
    """The loops that are running in this process."""

    #: How many of them train: while there are none, a layer's mode is its caller's affair. Read in every bare call.
    training = 0
    turns: list[Turn] = []
    _door = threading.Lock()


class _Room:
    """What loops that share layers share."""

    def __init__(self) -> None:
        self.lock: Any = threading.RLock()
        #: Whose modes the layers are in, and whose values the metrics hold; `None` if nobody's.
        self.modes: Turn | None = None
        self.values: Turn | None = None
        #: The threads that wait for the lock, which gives no heed to who came first.
        self.waiting: set[int] = set()


class Turn:
    """A loop's right to a model. Each `with turn:` holds the lock, with the loop's modes and metrics in place.

    Args:
        model: The model, or a layer.
        what: What is being done, for messages: `"fit"`, say.
        training: Whether the layers are to be in training mode; `None` leaves them at rest.
        metrics: Returns the metrics that the loop uses, if it uses any.
        at_rest: Whether the layers stay at rest although the loop trains.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        what: str,
        training: bool | None,
        metrics: Callable[[], list[Any]] | None = None,
        at_rest: bool = False,
    ) -> None:
        self.what = what
        self.training = training
        self._mode = None if at_rest else training
        self._model = model
        self._thread = threading.get_ident()
        self._modules = set(map(id, modules_in(model)))
        self._metrics = metrics
        self._modes: list[tuple[torch.nn.Module, bool]] | None = None
        self._values: list[tuple[Any, list[torch.Tensor]]] = []
        self.room = _Room()

    def __enter__(self) -> Turn:
        room = self.room
        if room.waiting or not room.lock.acquire(blocking=False):
            self.wait()
        if room.modes is not self:
            self.take()
        return self

    def __exit__(self, *_: object) -> None:
        self.room.lock.release()

    def wait(self) -> None:
        """Acquires the lock, after other threads that wait for it."""
        room, me = self.room, threading.get_ident()
        if room.waiting:
            time.sleep(2e-5)
        room.waiting.add(me)
        try:
            room.lock.acquire()
        finally:
            room.waiting.discard(me)

    def renew(self) -> None:
        """Begins an epoch: whatever was done to the modes, the whole model is in this loop's mode."""
        self._modules = set(map(id, modules_in(self._model)))
        self._modes = None
        self.room.modes = None
        self.take()

    def rest(self) -> None:
        """Leaves the model at rest until the next batch."""
        self._note_modes()
        settle(self._model, None)

    def take(self) -> None:
        """Puts this loop's modes and metrics in place; the lock is held."""
        room = self.room
        self._note_modes()
        if self._modes is None:
            settle(self._model, self._mode)
        else:
            for module, mode in self._modes:
                if module.training is not mode:
                    module.training = mode
        room.modes = self
        if self._metrics is not None and room.values is not self:
            if room.values is not None:
                room.values._note_values()
            self._put_values()
            room.values = self

    def _note_modes(self) -> None:
        holder, self.room.modes = self.room.modes, None
        if holder is not None:
            holder._modes = [(module, module.training) for module in modules_in(holder._model)]

    def _note_values(self) -> None:
        assert self._metrics is not None
        self._values = [
            (metric, [variable.detach().clone() for variable in metric.variables]) for metric in self._metrics()
        ]

    def _put_values(self) -> None:
        with torch.no_grad():
            for metric, values in self._values:
                for variable, value in zip(metric.variables, values, strict=False):
                    variable.copy_(value)
        self._values = []

    def shares_with(self, module: torch.nn.Module) -> bool:
        """Returns whether any layer of a module is in this turn's model."""
        return id(module) in self._modules or any(id(child) in self._modules for child in modules_in(module))

    def _open(self) -> Turn | None:
        """Joins the loops that share layers. Returns the turn of the batch that this loop is run in, if any."""
        with Open._door:
            others = [turn for turn in Open.turns if turn.shares_with(self._model)]
            for turn in others:
                if self.what == turn.what == "fit" and turn._model is self._model and turn._thread != self._thread:
                    raise RuntimeError(
                        f"Model '{getattr(self._model, 'name', self._model)}' is being trained by `fit` in another "
                        "thread: two trainings of the same weights at once would spoil one another. Wait for the "
                        "first, or train a copy: `keras.models.clone_model(model)`."
                    )
            rooms = {id(turn.room): turn.room for turn in others}
            if len(rooms) > 1:
                raise RuntimeError(
                    f"`{self.what}` of '{getattr(self._model, 'name', self._model)}' shares layers with several models "
                    f"that are at work in other threads ({', '.join(f'`{turn.what}`' for turn in others)}). Wait for "
                    "them to end."
                )
            for room in rooms.values():
                self.room = room
            Open.turns.append(self)
            Open.training += bool(self.training)
        return self.room.modes if self.room.lock._is_owned() else None

    def _close(self, outer: Turn | None) -> None:
        self.wait()
        try:
            self.rest()
            if self.room.values is self:
                self.room.values = None
            if outer is not None:
                outer.take()
        finally:
            self.room.lock.release()
            with Open._door:
                Open.turns.remove(self)
                Open.training -= bool(self.training)


@contextmanager
def turn_of(
    model: torch.nn.Module,
    what: str,
    *,
    training: bool,
    metrics: Callable[[], list[Any]] | None = None,
    at_rest: bool = False,
) -> Iterator[Turn]:
    """Opens a loop's turn; at the end the model is at rest.

    Args:
        model: The model.
        what: What is being done: `"fit"`, say.
        training: Whether the layers are to be in training mode.
        metrics: Returns the metrics that the loop uses, if it uses any.
        at_rest: Whether the layers stay at rest although the loop trains: each call says `training=True` by itself.

    Raises:
        RuntimeError: If another thread's `fit` trains the model, and this is a `fit` too.
    """
    turn = Turn(model, what, training, metrics, at_rest)
    outer = turn._open()
    try:
        yield turn
    finally:
        turn._close(outer)


def adopt(layer: torch.nn.Module, training: bool) -> None:
    """Brings a layer into the mode of the model that it becomes a part of, unless a loop has it at work."""
    if layer.training is not training and not any(turn.shares_with(layer) for turn in Open.turns):
        settle(layer, training or None)


def settle(module: torch.nn.Module, training: bool | None) -> None:
    """Puts a module and all that it holds into a mode.

    Args:
        module: The module.
        training: Whether they are to be in training mode. `None` leaves each at rest, so that a bare call does what it
            does in Keras: inference, except in layers that augment images.
    """
    _train(module, bool(training))
    if training is None:
        for child in modules_in(module):
            if getattr(type(child), "_trains_at_rest", False):
                child.training = True


def _train(module: torch.nn.Module, training: bool) -> None:
    """Does what `module.train(training)` does, and nothing to modules that are in that mode already."""
    if type(module).train is not torch.nn.Module.train or "train" in module.__dict__:
        module.train(training)
        return
    if module.training is not training:
        module.training = training
    for child in module._modules.values():
        if child is not None:
            _train(child, training)


def visit(module: torch.nn.Module) -> Turn | None:
    """Returns the turn in which a bare call is to run: at rest, between two batches of a loop that shares layers.

    Returns `None` if no loop does, and if the call is a part of a batch.
    """
    turns = tuple(Open.turns)
    if any(turn.room.lock._is_owned() for turn in turns) or in_backward_thread():
        return None
    for turn in turns:
        if turn.shares_with(module):
            guest = Turn(module, "call", training=None)
            guest.room = turn.room
            return guest
    return None
