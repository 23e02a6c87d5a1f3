"""The one epoch loop of `fit`, `evaluate` and `predict`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torchkeras_shim.core.turns import Turn, turn_of
from torchkeras_shim.layers.weights import StructureVersion
from torchkeras_shim.training import denormals, kept_memory
from torchkeras_shim.training.binding import Binding
from torchkeras_shim.training.own_steps import make_own_functions, overrides
from torchkeras_shim.training.team import team

#: The loop whose steps are taken, by what is being done.
_METHODS = {
    "fit": "fit",
    "train_on_batch": "fit",
    "evaluate": "evaluate",
    "test_on_batch": "evaluate",
    "predict": "predict",
}


@contextmanager
def opened(binding: Binding, what: str, training: bool = False) -> Iterator[Turn]:
    """Opens a loop. Whatever ends it (Ctrl-C, an error, the last batch), a usable model is left behind.

    Args:
        binding: What the model was compiled to.
        what: What is being done, for messages: `"fit"`, say.
        training: Whether the layers are to be in training mode.
    """
    model = binding.model
    method = _METHODS.get(what)
    if method is not None:
        make_own_functions(model, method)
    binding.work_with(team())
    metrics = None if what == "predict" else lambda: list(model.metrics)
    # As in Keras, a `train_step` of the user's own says `training=True` where it means it.
    at_rest = training and overrides(model, "train_step")
    with turn_of(model, what, training=training, metrics=metrics, at_rest=at_rest) as turn:
        with turn:
            model._place()
        try:
            device = binding.device
            with kept_memory.kept(device), denormals.flushed(device), binding.team.telling():
                binding.team.begin(model)
                yield turn
        finally:
            if training:
                with turn:
                    for parameter in binding.parameters:
                        parameter.grad = None


def run_epoch(
    batches: Iterator[Any],
    bind: Callable[[], Callable[..., Any]],
    turn: Turn,
    *,
    on_begin: Callable[[int], None] | None = None,
    on_end: Callable[[int, Any], None] | None = None,
    owner: Any,
    stop_flag: str,
    steps_per_execution: int = 1,
    first: int = 0,
) -> tuple[Any, int]:
    """Runs a step on each batch.

    Args:
        batches: An iterator of `(x, y, sample_weight)`.
        bind: Returns the step: what to do with a batch. It is asked first, and again where a layer was frozen, moved or
            added, or a hook where it matters: the one look at what may have made the step out of date.
        turn: Is held during each step.
        on_begin: Called with the number of the first batch of each execution.
        on_end: Called with the number of the last batch of each execution and what the step returned.
        owner: Who has the flag.
        stop_flag: The attribute that is looked at after each execution; the loop ends where it is true.
        steps_per_execution: How many batches go between two calls of the callbacks.
        first: The number of the first batch, where an epoch goes on that was interrupted.

    Returns:
        What the last step returned, and the number of batches.
    """
    room = turn.room
    acquire, release = room.lock.acquire, room.lock.release
    structure, bound = StructureVersion, -1
    step: Any = None
    result, index = None, first
    for batch in batches:
        if on_begin is not None and index % steps_per_execution == 0:
            on_begin(index)
        # `with turn:` written out, which spares two Python calls per batch.
        if room.waiting or not acquire(False):
            turn.wait()
        try:
            if room.modes is not turn:
                turn.take()
            if structure.value != bound:
                bound = structure.value
                step = bind()
            result = step(*batch)
        finally:
            release()
        index += 1
        if index % steps_per_execution == 0:
            if on_end is not None:
                on_end(index - 1, result)
            if getattr(owner, stop_flag):
                break
    if on_end is not None and index % steps_per_execution:  # the data ended within an execution
        on_end(index - 1, result)
    return result, index - first
