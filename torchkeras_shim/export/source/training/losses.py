"""Losses and metrics as expressions of outputs and targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torchkeras_shim import losses, metrics
from torchkeras_shim.core import config
from torchkeras_shim.export.source.modules import constructor
from torchkeras_shim.export.source.text import Call
from torchkeras_shim.export.source.text import number as n
from torchkeras_shim.ops import accuracy, loss_functions

_MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")


@dataclass
class Expression:
    """A value of one batch.

    Attributes:
        value: The mean over the batch.
        before: Lines that prepare outputs and targets.
        root: Whether the root of the mean over the epoch is shown.
        labels: What kind of targets it takes: "classes", "one-hot", "zeros and ones" or "numbers".
    """

    value: str | Call
    before: list[str] = field(default_factory=list)
    root: bool = False
    labels: str = "numbers"


def of_loss(loss: Any, output: str, target: str, rank: int) -> Expression | str:
    """Returns a loss as an expression, or the reason why there is none.

    Args:
        loss: A `Loss`.
        output: The name of the outputs.
        target: The name of the targets.
        rank: The rank of the outputs.
    """
    if isinstance(loss, losses.TorchLoss):
        made = constructor(loss.loss) if not callable(getattr(loss.loss, "__code__", None)) else None
        if made is None:
            return "it is a torch loss whose arguments cannot be told from it"
        return Expression(Call(str(made), [output, target]), labels=_labels_of_torch(loss))
    if type(loss).call is not losses.LossFunctionWrapper.call:
        return "it is Python code"
    if loss.reduction not in _MEANS:
        return f"its reduction is {loss.reduction!r}, not the mean"
    return _of_function(loss.fn, loss._fn_kwargs, output, target, rank)


def _labels_of_torch(loss: Any) -> str:
    name = type(loss.loss).__name__
    return {"CrossEntropyLoss": "classes", "NLLLoss": "classes"}.get(name, "numbers")


def of_metric(metric: Any, output: str, target: str, rank: int) -> Expression | str:
    """Returns a metric as an expression, or the reason why there is none."""
    if type(metric) is metrics.RootMeanSquaredError:
        found = _of_function(loss_functions.mean_squared_error, {}, output, target, rank)
        if isinstance(found, Expression):
            found.root = True
        return found
    if not isinstance(metric, metrics.MeanMetricWrapper) or type(metric).update_state not in _MEAN_UPDATES:
        return "it is not the mean of a value per sample"
    return _of_function(metric._fn, metric._fn_kwargs, output, target, rank)


def _of_function(function: Any, options: dict[str, Any], o: str, t: str, rank: int) -> Expression | str:
    write = _EXPRESSIONS.get(function)
    if write is None:
        return "torch has no function for it"
    if options.get("axis", -1) not in (-1, rank - 1):
        return "it is taken over another axis than the last one"
    return write(options, o, t, rank)


def _like(o: str, t: str) -> list[str]:
    return [f"{t} = {t}.view_as({o}).to({o}.dtype)"]


def _elementwise(name: str, *extra: str) -> Callable[..., Expression]:
    def write(options: dict[str, Any], o: str, t: str, rank: int) -> Expression:
        return Expression(Call(f"F.{name}", [o, t, *extra]), _like(o, t))

    return write


def _huber(options: dict[str, Any], o: str, t: str, rank: int) -> Expression:
    return Expression(Call("F.huber_loss", [o, t, f"delta={n(options.get('delta', 1.0))}"]), _like(o, t))


def _log_cosh(options: dict[str, Any], o: str, t: str, rank: int) -> Expression:
    error = _local(o, "error")
    lines = [*_like(o, t), f"{error} = {o} - {t}"]
    return Expression(f"({error} + F.softplus(-2.0 * {error}) - math.log(2.0)).mean()", lines)


def _poisson(options: dict[str, Any], o: str, t: str, rank: int) -> Expression:
    arguments = [o, t, "log_input=False", f"eps={n(config.epsilon())}"]
    return Expression(Call("F.poisson_nll_loss", arguments), _like(o, t))


def _percentage(options: dict[str, Any], o: str, t: str, rank: int) -> Expression:
    share = _local(o, "share")
    lines = [*_like(o, t), f"{share} = ({o} - {t}) / {t}.abs().clamp(min={n(config.epsilon())})"]
    return Expression(f"100.0 * {share}.abs().mean()", lines)


def _clipped(o: str) -> str:
    return f"{o}.clamp({n(config.epsilon())}, 1.0 - {n(config.epsilon())})"


_PROBABILITIES = [
    "# Keras computes this from probabilities, clipped. Scores are more exact: leave the",
    "# last activation out of the network, and use {0} here.",
]


def _local(o: str, what: str) -> str:
    """Returns a name for something that is made of the outputs, which keep their own."""
    return what if o == "outputs" else f"{o}_{what}"


def _binary(options: dict[str, Any], o: str, t: str, rank: int) -> Expression:
    lines, smoothing, labels = _like(o, t), options.get("label_smoothing", 0.0), t
    if smoothing:
        labels = f"{t} * {n(1.0 - smoothing)} + {n(0.5 * smoothing)}"
    if options.get("from_logits"):
        call = Call("F.binary_cross_entropy_with_logits", [o, labels])
        return Expression(call, lines, labels="zeros and ones")
    note = [line.format("`F.binary_cross_entropy_with_logits`") for line in _PROBABILITIES]
    call = Call("F.binary_cross_entropy", [_local(o, "clipped"), labels])
    return Expression(call, [*lines, *note, f"{_local(o, 'clipped')} = {_clipped(o)}"], labels="zeros and ones")


def _classes(options: dict[str, Any], o: str, t: str, rank: int, one_hot: bool) -> Expression | str:
    if options.get("ignore_class") is not None:
        return "it ignores a class, whose samples Keras and torch count differently"
    lines: list[str] = []
    scores = o
    if not options.get("from_logits"):
        note = [line.format("`F.cross_entropy` alone") for line in _PROBABILITIES]
        scores = _local(o, "scores")
        lines = [*note, f"{scores} = {_clipped(o)}.log()"]
    wanted = f"{t}.view_as({o}).to({o}.dtype)" if one_hot else f"{t}.flatten().long()"
    if rank > 2:
        scores, wanted = f"{scores}.flatten(0, -2)", f"{wanted}.flatten(0, -2)" if one_hot else wanted
    arguments: list[str | Call] = [scores, wanted]
    if options.get("label_smoothing"):
        arguments.append(f"label_smoothing={n(options['label_smoothing'])}")
    return Expression(Call("F.cross_entropy", arguments), lines, labels="one-hot" if one_hot else "classes")


def _categorical(options: dict[str, Any], o: str, t: str, rank: int) -> Expression | str:
    return _classes(options, o, t, rank, True)


def _sparse(options: dict[str, Any], o: str, t: str, rank: int) -> Expression | str:
    return _classes(options, o, t, rank, False)


def _share(condition: str) -> Expression:
    """The share of samples for which something holds."""
    return Expression("hits.float().mean()", [f"hits = {condition}"])


def _binary_accuracy(options: dict[str, Any], o: str, t: str, rank: int) -> Expression:
    return _share(f"({o} > {n(options.get('threshold', 0.5))}) == {t}.view_as({o})")


def _categorical_accuracy(options: dict[str, Any], o: str, t: str, rank: int) -> Expression:
    return _share(f"{o}.argmax(-1) == {t}.argmax(-1)")


def _sparse_accuracy(options: dict[str, Any], o: str, t: str, rank: int) -> Expression:
    return _share(f"{o}.argmax(-1) == {t}.view({o}.shape[:-1])")


def _accuracy(options: dict[str, Any], o: str, t: str, rank: int) -> Expression:
    return _share(f"{o} == {t}.view_as({o})")


def _in_top(options: dict[str, Any], o: str, best: str) -> Expression:
    return _share(f"({o}.topk({n(options.get('k', 5))}).indices == {best}).any(-1)")


def _top(options: dict[str, Any], o: str, t: str, rank: int) -> Expression:
    return _in_top(options, o, f"{t}.argmax(-1, keepdim=True)")


def _sparse_top(options: dict[str, Any], o: str, t: str, rank: int) -> Expression | str:
    if options.get("from_sorted_ids"):
        return "it takes sorted classes"
    return _in_top(options, o, f"{t}.view(*{o}.shape[:-1], 1)")


_EXPRESSIONS: dict[Any, Callable[..., Expression | str]] = {
    loss_functions.mean_squared_error: _elementwise("mse_loss"),
    loss_functions.mean_absolute_error: _elementwise("l1_loss"),
    loss_functions.mean_absolute_percentage_error: _percentage,
    loss_functions.huber: _huber,
    loss_functions.log_cosh: _log_cosh,
    loss_functions.poisson: _poisson,
    loss_functions.binary_crossentropy: _binary,
    loss_functions.categorical_crossentropy: _categorical,
    loss_functions.sparse_categorical_crossentropy: _sparse,
    accuracy.accuracy: _accuracy,
    accuracy.binary_accuracy: _binary_accuracy,
    accuracy.categorical_accuracy: _categorical_accuracy,
    accuracy.sparse_categorical_accuracy: _sparse_accuracy,
    accuracy.top_k_categorical_accuracy: _top,
    accuracy.sparse_top_k_categorical_accuracy: _sparse_top,
}
_MEAN_UPDATES = {
    cls.update_state
    for cls in vars(metrics).values()
    if isinstance(cls, type) and issubclass(cls, metrics.MeanMetricWrapper)
}
