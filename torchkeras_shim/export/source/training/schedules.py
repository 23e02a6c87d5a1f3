"""Learning-rate schedules as formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchkeras_shim.export.source.text import number as n
from torchkeras_shim.optimizers import schedules


def formula(schedule: Any) -> list[str] | None:
    """Returns the body of a function of `step`, or `None` for a schedule of the user's own.

    Example:
        >>> formula(schedules.ExponentialDecay(0.1, 1000, 0.96))
        ['return 0.1 * 0.96 ** (step / 1000)']
    """
    write = _FORMULAS.get(type(schedule))
    return None if write is None else write(schedule)


def _exponential(s: Any) -> list[str]:
    times = f"step // {n(s.decay_steps)}" if s.staircase else f"step / {n(s.decay_steps)}"
    return [f"return {n(s.initial_learning_rate)} * {n(s.decay_rate)} ** ({times})"]


def _inverse_time(s: Any) -> list[str]:
    times = f"(step // {n(s.decay_steps)})" if s.staircase else f"step / {n(s.decay_steps)}"
    return [f"return {n(s.initial_learning_rate)} / (1.0 + {n(s.decay_rate)} * {times})"]


def _polynomial(s: Any) -> list[str]:
    if s.cycle:
        lines = [f"length = {n(s.decay_steps)} * max(math.ceil(step / {n(s.decay_steps)}), 1)", "share = step / length"]
    else:
        lines = [f"share = min(step / {n(s.decay_steps)}, 1.0)"]
    gain = float(s.initial_learning_rate) - float(s.end_learning_rate)
    return [*lines, f"return {n(gain)} * (1.0 - share) ** {n(s.power)} + {n(s.end_learning_rate)}"]


def _piecewise(s: Any) -> list[str]:
    lines: list[str] = []
    for boundary, value in zip(s.boundaries, s.values, strict=False):
        lines += [f"if step <= {int(boundary)}:", f"    return {n(float(value))}"]
    return [*lines, f"return {n(float(s.values[-1]))}"]


def _wave(top: Any, alpha: Any) -> str:
    floor = "" if not alpha else f" + {n(top * alpha)}"
    return f"return {n(0.5 * top * (1.0 - alpha))} * (1.0 + math.cos(math.pi * share)){floor}"


def _cosine(s: Any) -> list[str]:
    if s.warmup_target is None or not s.warmup_steps:
        top = s.initial_learning_rate if s.warmup_target is None else s.warmup_target
        return [f"share = min(step / {n(s.decay_steps)}, 1.0)", _wave(top, s.alpha)]
    gain = s.warmup_target - s.initial_learning_rate
    return [
        f"if step < {n(s.warmup_steps)}:",
        f"    return {n(s.initial_learning_rate)} + {n(gain)} * step / {n(s.warmup_steps)}",
        f"share = min((step - {n(s.warmup_steps)}) / {n(s.decay_steps)}, 1.0)",
        _wave(s.warmup_target, s.alpha),
    ]


def _restarts(s: Any) -> list[str]:
    return [
        f"top, length = {n(s.initial_learning_rate)}, {n(float(s.first_decay_steps))}",
        "while step >= length:",
        "    step -= length",
        f"    top, length = top * {n(float(s._m_mul))}, length * {n(float(s._t_mul))}",
        "wave = 0.5 * (1.0 + math.cos(math.pi * step / length))",
        f"return top * ({n(1.0 - s.alpha)} * wave + {n(s.alpha)})",
    ]


_FORMULAS: dict[type, Callable[[Any], list[str]]] = {
    schedules.ExponentialDecay: _exponential,
    schedules.InverseTimeDecay: _inverse_time,
    schedules.PolynomialDecay: _polynomial,
    schedules.PiecewiseConstantDecay: _piecewise,
    schedules.CosineDecay: _cosine,
    schedules.CosineDecayRestarts: _restarts,
}
