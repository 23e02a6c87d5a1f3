"""How a step is run: as it is written, captured, as a CUDA graph, or through `torch.compile`; and what decides.

Whichever way is chosen, it is a step like any other, `step(x, y, sample_weight)`, and computes the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from torchkeras_shim.core.device import has_graphs
from torchkeras_shim.core.torch_private import has_gradient_hooks
from torchkeras_shim.distribution.fully_sharded import FullySharded
from torchkeras_shim.distribution.tensors import is_cut
from torchkeras_shim.training import several, steps
from torchkeras_shim.training.capture import steps as captured_steps
from torchkeras_shim.training.capture.torch_compiled import reason
from torchkeras_shim.training.choice.report import Report, forced, tell_once, through_compiler, watched
from torchkeras_shim.training.choice.survey import Survey
from torchkeras_shim.training.choice.trial import MIN_STEPS, Trial
from torchkeras_shim.training.parts import Parts, Step, make_backward, make_forward
from torchkeras_shim.training.sharded_step import make_sharded_training


class Ways(NamedTuple):
    """The ways in which one kind of step can be run: from its parts to the step, and to what replays in it."""

    eager: Callable[[Parts], Step]
    captured: Callable[[Parts], tuple[Step, Any]]
    compiled: Callable[[Parts, Any], tuple[Step, Any]]
    graphed: Callable[[Parts], tuple[Step, Any]] | None = None
    several: Callable[[Parts], Step] | None = None
    trains: bool = False


#: The ways of each method's step.
WAYS = {
    "fit": Ways(
        steps.make_training,
        captured_steps.make_captured_training,
        captured_steps.make_compiled_training,
        captured_steps.make_graphed_training,
        several=several.make_several_training,
        trains=True,
    ),
    "evaluate": Ways(
        steps.make_evaluation,
        captured_steps.make_captured_evaluation,
        captured_steps.make_compiled_evaluation,
        several=several.make_several_evaluation,
    ),
    "predict": Ways(
        steps.make_prediction, captured_steps.make_captured_prediction, captured_steps.make_compiled_prediction
    ),
}


class Wish(NamedTuple):
    """What is known of the loop that a step is for.

    Attributes:
        jit_compile: `compile`'s argument.
        planned: How many steps the loop will take, as far as anybody knows.
        report: Where to note what runs, and why.
        heard: Why what was asked for does not work, as far as the user has heard it.
    """

    jit_compile: Any
    planned: float
    report: Report
    heard: set[str]

    @property
    def asked(self) -> str:
        """What the user wrote."""
        return f"jit_compile={self.jit_compile!r}"


def compile_options(jit_compile: Any, device: torch.device) -> dict[str, Any] | None:
    """Returns the options for `torch.compile`, `None` if it is not asked for.

    Args:
        jit_compile: `compile`'s argument. A plain `True` means the strongest strategy there is: a CUDA graph on CUDA,
            `torch.compile` elsewhere.
        device: Where the model lives.
    """
    if isinstance(jit_compile, dict):
        return jit_compile
    return {} if jit_compile is True and not has_graphs(device) else None


def choose(ways: Ways, parts: Parts, wish: Wish) -> Step:
    """Returns a step, run in the way that fits.

    Args:
        ways: The ways in which it can be run.
        parts: What it is made from.
        wish: What is known of the loop that it is for.
    """
    report = wish.report
    if isinstance(parts.distribution, FullySharded):
        return _choose_sharded(ways, parts, wish)
    if is_cut(parts.model):
        return _choose_cut(ways, parts, wish)
    if parts.processes is not None and ways.several is not None:
        return _choose_several(ways, parts, wish)
    eager = ways.eager(parts)
    if ways.trains and not parts.parameters:
        report.reason = "nothing is trainable"
        return eager
    if ways.graphed is not None and _graphs(parts, wish):
        step, graphed = ways.graphed(parts)
        return forced(step, graphed, report, strategy="CUDA graph", asked=wish.asked)
    forward = _compiled_forward(parts, wish)
    if forward is not None:
        step, compiled = ways.compiled(parts, forward)
        return through_compiler(step, compiled, report, asked=wish.asked, heard=wish.heard)
    if not _may_capture(parts, wish):
        return watched(eager, report) if ways.trains and report.foreign else eager
    step, captured = ways.captured(parts)
    if wish.jit_compile == "captured":
        return forced(step, captured, report, strategy="captured", asked=wish.asked)
    return Trial(eager, step, captured, report)


def _choose_several(ways: Ways, parts: Parts, wish: Wish) -> Step:
    """Returns the step of one of several processes: all run it in the same way."""
    report = wish.report
    assert parts.processes is not None
    assert ways.several is not None
    if not ways.trains or not parts.parameters:
        report.reason = "of several processes, each measures its rows"
        return several.make_several_evaluation(parts)
    if _graphs(parts, wish):
        report.reason = "gradients of several processes are added up before the update, which a CUDA graph would hold"
        tell_once(wish.asked, report.reason, wish.heard)
        return ways.several(parts)
    forward = _compiled_forward(parts, wish)
    if forward is not None:
        step, compiled = captured_steps.make_compiled_several(parts, forward)
        return through_compiler(step, compiled, report, asked=wish.asked, heard=wish.heard)
    may = _may_capture(parts, wish)
    if may and torch.are_deterministic_algorithms_enabled() and wish.jit_compile == "auto":
        may, report.reason = False, "ways that add gradients up in another order are not chosen by their time"
    if parts.processes.any(not may):
        report.reason = report.reason or "another process has met something in the way"
        return ways.several(parts)
    replayed, captured = captured_steps.make_captured_several(parts)
    if wish.jit_compile == "captured":
        return forced(replayed, captured, report, strategy="captured", asked=wish.asked)
    return Trial(ways.several(parts), replayed, captured, report, parts.processes)


def _choose_cut(ways: Ways, parts: Parts, wish: Wish) -> Step:
    """Returns the step of a model whose weights are cut over processes: as it is written."""
    wish.report.reason = "weights are cut over processes: torch's DTensor computes with them, step by step"
    if wish.jit_compile not in ("auto", False, None):
        tell_once(wish.asked, wish.report.reason, wish.heard)
    if parts.processes is None or ways.several is None:
        return ways.eager(parts)
    if not ways.trains or not parts.parameters:
        return several.make_several_evaluation(parts)
    return several.make_several_applying(parts, _explained(make_backward(parts), parts.model))


def _explained(backward: Callable[..., Any], model: Any) -> Callable[..., Any]:
    """Says what to do if torch has no rule for a gradient of something that is cut."""

    def gradients(portion: Any, *batch: Any) -> Any:
        try:
            return backward(*batch)
        except (NotImplementedError, RuntimeError) as error:
            if "sharding strategy" not in str(error) and "mixed torch.Tensor and DTensor" not in str(error):
                raise
            paths = [weight.path for weight in model.weights if getattr(weight, "is_cut", False)]
            raise NotImplementedError(
                f"Torch's DTensor cannot take a gradient in model '{model.name}': {error} Let what comes out of the "
                "layer before it be whole, by a rule such as `layout_map['.*/dense/output'] = ('batch', None)`. Its "
                f"weights that are cut: {paths}"
            ) from error

    return gradients


def _choose_sharded(ways: Ways, parts: Parts, wish: Wish) -> Step:
    """Returns the step of one of several processes that each have a part of every weight: eager, always."""
    wish.report.reason = (
        "weights that are cut over processes are gathered and let go of by torch's hooks, layer by layer, which a "
        "replay would not call"
    )
    if wish.jit_compile not in (False, None, "auto"):
        tell_once(wish.asked, wish.report.reason, wish.heard)
    if ways.several is None:
        return ways.eager(parts)
    if ways.trains and parts.parameters:
        return make_sharded_training(parts)
    return several.make_several_evaluation(parts)


def _graphs(parts: Parts, wish: Wish) -> bool:
    """Returns whether a step is to be a CUDA graph.

    Raises:
        ValueError: If that is asked for by name and the model lives elsewhere.
    """
    if wish.jit_compile == "cuda_graph" and not has_graphs(parts.device):
        raise ValueError(
            f"jit_compile='cuda_graph' needs a model on a CUDA device; '{parts.model.name}' lives on "
            f"{parts.device}. Use jit_compile='auto'."
        )
    return wish.jit_compile == "cuda_graph" or (wish.jit_compile is True and has_graphs(parts.device))


def _compiled_forward(parts: Parts, wish: Wish) -> Any:
    """Returns the forward pass through `torch.compile`, `None` if that is not asked for or does not work at all."""
    options = compile_options(wish.jit_compile, parts.device)
    if options is None:
        return None
    try:
        return make_forward(parts.model, options)
    except Exception as error:  # a version of Python, say, that the compiler does not know
        wish.report.reason = f"torch.compile failed with {reason(error)}"
        tell_once(wish.asked, wish.report.reason, wish.heard)
        return None


def _may_capture(parts: Parts, wish: Wish) -> bool:
    """Returns whether a captured step may take part; notes the reason where not."""
    report = wish.report
    if wish.jit_compile not in ("auto", "captured"):
        report.reason = report.reason or wish.asked
        return False
    if any(has_gradient_hooks(parameter) for parameter in parts.parameters):
        report.reason = "a weight has hooks, which a replay would not call"
    elif torch.is_anomaly_enabled():
        report.reason = "torch's anomaly detection watches autograd, which a replay goes without"
    elif wish.jit_compile == "captured":
        return True
    elif wish.planned < MIN_STEPS:
        report.reason = f"fewer than {MIN_STEPS} steps are not worth a trial"
    elif parts.device.type != "cpu":
        report.reason = f"on {parts.device.type} it is captured only with jit_compile='captured'"
    elif (foreign := Survey(parts.model, parts.objective.losses, parts.metrics).foreign) is not None:
        report.foreign = True
        report.reason = f"{foreign}: only you can know whether it may be replayed (jit_compile='captured')"
    else:
        return True
    return False
