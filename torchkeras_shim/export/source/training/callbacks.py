"""The callbacks that have a plain form: lines before the epochs, after each of them, and at the end."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torchkeras_shim import callbacks
from torchkeras_shim.export.source.text import Call, Names, literal, number


@dataclass
class Fragments:
    """Lines of the loop.

    Attributes:
        before: Before the first epoch.
        after_epoch: At the end of an epoch, where `logs` are its results and `epoch` counts from 0.
        leave: What ends training after an epoch, if it is true.
        at_end: After the last epoch.
        changes_rate: Whether the learning rate is changed.
    """

    before: list[str] = field(default_factory=list)
    after_epoch: list[str] = field(default_factory=list)
    leave: list[str] = field(default_factory=list)
    at_end: list[str] = field(default_factory=list)
    changes_rate: bool = False


def write(given: Any, directions: dict[str, str | None], problems: list[str]) -> Fragments:
    """Returns callbacks as lines, or notes those that have no plain form.

    Args:
        given: The callbacks.
        directions: Whether each of the logs should go "up" or "down".
        problems: Where to note.
    """
    fragments = Fragments()
    names = Names({"model", "data", "epochs", "batch_size", "shuffle", "validation_data", "device", "logs", "history",
                   "optimizer", "loader", "means", "epoch", "batch", "inputs", "targets", "name", "value", "scheduler",
                   "group", "line"})  # fmt: skip
    for callback in given:
        make = _FORMS.get(type(callback))
        kind = type(callback).__name__
        if make is None:
            problems.append(
                f"Callback '{kind}' has no plain form. Leave it out of `callbacks=`, and write what it does into `fit`."
            )
            continue
        log = callback.monitor
        going_up = _goes_up(callback, directions)
        if log.removeprefix("val_") not in directions or going_up is None:
            problems.append(
                f"Callback '{kind}' watches {log!r}, which the loop does not measure, or of which it is not known "
                f"whether it should rise. Expected one of {sorted(directions)}, also with 'val_', and a `mode`."
            )
            continue
        make(callback, going_up, names, fragments, problems)
    return fragments


def _goes_up(callback: Any, directions: dict[str, str | None]) -> bool | None:
    if callback.mode in ("min", "max"):
        return bool(callback.mode == "max")
    direction = directions.get(callback.monitor.removeprefix("val_"))
    return None if direction is None else direction == "up"


def _improves(callback: Any, going_up: bool, current: str, best: str) -> str:
    """Returns the condition that a value is better than another, by more than `min_delta`."""
    margin = abs(callback.min_delta)
    sign = ("-" if going_up else "+") if margin else ""
    shifted = f"{current} {sign} {number(margin)}" if margin else current
    return f"{shifted} {'>' if going_up else '<'} {best}"


def _worst(going_up: bool) -> str:
    return "-math.inf" if going_up else "math.inf"


def _early_stopping(c: Any, going_up: bool, names: Names, out: Fragments, problems: list[str]) -> None:
    best, wait = names.give("best"), names.give("wait")
    stop = out.leave[0] if out.leave else names.give("stop")
    out.before += ["# EarlyStopping", f"{best}, {wait} = {_worst(going_up)}, 0"]
    out.before += [] if out.leave else [f"{stop} = False"]
    out.leave = [stop]
    current = f"logs[{literal(c.monitor)}]"
    body = [f"{wait} += 1", f"if {_improves(c, going_up, current, best)}:", f"    {best} = {current}"]
    if c.restore_best_weights:
        state = names.give("best_weights")
        out.before.append(f"{state} = None")
        body.append(f"    {state} = copy.deepcopy(model.state_dict())")
        out.at_end += [f"if {state} is not None:", f"    model.load_state_dict({state})"]
    reset = f"{wait} = 0"
    if c.baseline is None:
        body.append(f"    {reset}")
    else:
        body += [f"    if {_improves(c, going_up, current, number(c.baseline))}:", f"        {reset}"]
    body += [f"elif {wait} >= {number(max(c.patience, 1))} and epoch > 0:", f"    {stop} = True"]
    if c.start_from_epoch:
        body = [f"if epoch >= {number(c.start_from_epoch)}:", *(f"    {line}" for line in body)]
    out.after_epoch += ["# EarlyStopping", *body]


def _reduce_on_plateau(c: Any, going_up: bool, names: Names, out: Fragments, problems: list[str]) -> None:
    best, wait, pause = names.give("best_plateau"), names.give("plateau"), names.give("cooldown")
    current = f"logs[{literal(c.monitor)}]"
    out.changes_rate = True
    out.before += ["# ReduceLROnPlateau", f"{best}, {wait} = {_worst(going_up)}, 0"]
    reduce = [
        "for group in optimizer.param_groups:",
        f'    group["lr"] = max(group["lr"] * {number(c.factor)}, {number(c.min_lr)})',
        f"{wait} = 0",
    ]
    if not c.cooldown:
        out.after_epoch += [
            "# ReduceLROnPlateau",
            f"if {_improves(c, going_up, current, best)}:",
            f"    {best}, {wait} = {current}, 0",
            "else:",
            f"    {wait} += 1",
            f"if {wait} >= {number(max(c.patience, 1))}:",
            *(f"    {line}" for line in reduce),
        ]
        return
    out.before.append(f"{pause} = 0")
    out.after_epoch += [
        "# ReduceLROnPlateau",
        f"if {pause} > 0:",
        f"    {pause}, {wait} = {pause} - 1, 0",
        f"if {_improves(c, going_up, current, best)}:",
        f"    {best}, {wait} = {current}, 0",
        f"elif {pause} == 0:",
        f"    {wait} += 1",
        f"if {wait} >= {number(max(c.patience, 1))}:",
        *(f"    {line}" for line in reduce),
        f"    {pause} = {number(c.cooldown)}",
    ]


def _checkpoint(c: Any, going_up: bool, names: Names, out: Fragments, problems: list[str]) -> None:
    if c.save_freq != "epoch":
        problems.append("Callback 'ModelCheckpoint' saves after batches. Use `save_freq='epoch'`.")
        return
    if "{" in c.filepath:
        problems.append("Callback 'ModelCheckpoint' fills fields into its path. Use a path without braces.")
        return
    path = c.filepath.rpartition(".weights.h5")[0] or c.filepath.rpartition(".")[0]
    save = Call("torch.save", ["model.state_dict()", literal(f"{path}.pt")])
    if not c.save_best_only:
        out.after_epoch += ["# ModelCheckpoint", str(save)]
        return
    best = names.give("best_saved")
    current = f"logs[{literal(c.monitor)}]"
    start = _worst(going_up) if c.best is None or not math.isfinite(c.best) else number(c.best)
    out.before += ["# ModelCheckpoint", f"{best} = {start}"]
    better = _improves(c, going_up, current, best)
    out.after_epoch += ["# ModelCheckpoint", f"if {better}:", f"    {best} = {current}", f"    {save}"]


_FORMS: dict[type, Callable[..., None]] = {
    callbacks.EarlyStopping: _early_stopping,
    callbacks.ReduceLROnPlateau: _reduce_on_plateau,
    callbacks.ModelCheckpoint: _checkpoint,
}
