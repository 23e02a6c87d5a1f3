"""How steps are run: as they are written, captured, or through `torch.compile`; and what decides.

Every strategy is a step like any other, `step(x, y, sample_weight)`, and computes the same numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from torchkeras_shim.core.torch_private import has_gradient_hooks
from torchkeras_shim.training import steps
from torchkeras_shim.training.capture.function import Captured
from torchkeras_shim.training.capture.torch_compiled import TorchCompiled, reason
from torchkeras_shim.training.choice.report import Report, forced, tell_once, through_compiler, watched
from torchkeras_shim.training.choice.survey import Survey
from torchkeras_shim.training.choice.trial import MIN_STEPS, Trial

if TYPE_CHECKING:
    from torchkeras_shim.training.preparation import Preparation

NAMES = ("captured", "cuda_graph")


def check(jit_compile: Any, run_eagerly: bool) -> None:
    """Raises for what `compile` cannot take as `jit_compile`.

    Raises:
        TypeError: for options that `torch.compile` does not know.
        ValueError: for other values, and together with `run_eagerly`.
    """
    if isinstance(jit_compile, dict):
        unknown = set(jit_compile) - {"fullgraph", "dynamic", "backend", "mode", "options"}
        if unknown:
            raise TypeError(
                f"`jit_compile={jit_compile}` has options that torch.compile does not know: {sorted(unknown)}. "
                "It takes fullgraph, dynamic, backend, mode and options."
            )
    elif jit_compile not in (True, False, "auto", None, *NAMES):
        raise ValueError(
            "`jit_compile` must be True, False, 'auto', 'captured', 'cuda_graph', or a dict of options for "
            "torch.compile. "
            f"Received: jit_compile={jit_compile!r}"
        )
    if run_eagerly and jit_compile not in (False, "auto", None):
        raise ValueError(f"If `jit_compile` is {jit_compile!r}, then `run_eagerly` cannot be True.")


def compile_options(jit_compile: Any, device: torch.device) -> dict[str, Any] | None:
    """Returns the options for `torch.compile`, `None` where it is not asked for.

    Args:
        jit_compile: `compile`'s argument. A plain `True` means the strongest strategy there is: a CUDA graph on CUDA,
            `torch.compile` elsewhere.
        device: Where the model lives.
    """
    if isinstance(jit_compile, dict):
        return jit_compile
    return {} if jit_compile is True and device.type != "cuda" else None


def _graphs(trainer: Preparation) -> bool:
    """Tells whether a step is to be a CUDA graph.

    Raises:
        ValueError: where that is asked for by name and the model lives elsewhere.
    """
    if trainer.jit_compile == "cuda_graph" and trainer.device.type != "cuda":
        raise ValueError(
            f"jit_compile='cuda_graph' needs a model on a CUDA device; '{trainer.model.name}' lives on "
            f"{trainer.device}. Use jit_compile='auto'."
        )
    return trainer.jit_compile == "cuda_graph" or (trainer.jit_compile is True and trainer.device.type == "cuda")


def train_step(trainer: Preparation) -> steps.Step:
    """Returns the built-in training step under the strategy that fits."""
    report = trainer.reports["fit"] = Report()
    eager = steps.make_train_step(trainer)
    if not trainer.parameters:
        report.reason = "nothing is trainable"
        return eager
    if _graphs(trainer):
        step, graphed = steps.make_graphed_train_step(trainer)
        return forced(step, graphed, report, "CUDA graph", f"jit_compile={trainer.jit_compile!r}")
    through = _compiled_forward(trainer, report)
    if through is not None:
        return _forced_compiled(*steps.make_compiled_train_step(trainer, through), report, trainer)
    if not _may_capture(trainer, report, trainer.planned_steps):
        return watched(eager, report) if report.foreign else eager
    step, captured = steps.make_captured_train_step(trainer)
    if trainer.jit_compile == "captured":
        return forced(step, captured, report, "captured", "jit_compile='captured'")
    return Trial(eager, step, captured, report)


def test_step(trainer: Preparation) -> steps.Step:
    """Returns the built-in evaluation step under the strategy that fits."""
    report = trainer.reports["evaluate"] = Report()
    eager = steps.make_test_step(trainer)
    through = _compiled_forward(trainer, report)
    if through is not None:
        return _forced_compiled(*steps.make_compiled_test_step(trainer, through), report, trainer)
    if not _may_capture(trainer, report, trainer.planned_test_steps):
        return eager
    step, captured = steps.make_captured_test_step(trainer)
    if trainer.jit_compile == "captured":
        return forced(step, captured, report, "captured", "jit_compile='captured'")
    return Trial(eager, step, captured, report)


def predict_step(trainer: Preparation) -> steps.Step:
    """Returns the forward pass as a step under the strategy that fits."""
    report = trainer.reports["predict"] = Report()
    forward = trainer.forward

    def eager(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
        return forward(x)

    through = _compiled_forward(trainer, report)
    if through is not None:
        step = steps.make_compiled_predict_step(trainer, through)
        return _forced_compiled(step, step, report, trainer)
    if not _may_capture(trainer, report, trainer.planned_predict_steps):
        return eager
    captured = Captured(lambda x, y, sample_weight: forward(x))
    if trainer.jit_compile == "captured":
        return forced(captured, captured, report, "captured", "jit_compile='captured'")
    return Trial(eager, captured, captured, report)


def _compiled_forward(trainer: Preparation, report: Report) -> Any:
    """Returns the forward pass through `torch.compile`, `None` where that is not asked for or does not work at all."""
    options = compile_options(trainer.jit_compile, trainer.device)
    if options is None:
        return None
    try:
        return steps.make_forward(trainer.model, options)
    except Exception as error:  # a version of Python, say, that the compiler does not know
        report.reason = f"torch.compile failed with {reason(error)}"
        tell_once(f"jit_compile={trainer.jit_compile!r}", report.reason, trainer.told)
        return None


def _forced_compiled(step: steps.Step, compiled: TorchCompiled, report: Report, trainer: Preparation) -> steps.Step:
    return through_compiler(step, compiled, report, f"jit_compile={trainer.jit_compile!r}", trainer.told)


def _may_capture(trainer: Preparation, report: Report, planned: float) -> bool:
    """Tells whether a captured step may take part; notes the reason where not."""
    if trainer.jit_compile not in ("auto", "captured"):
        report.reason = report.reason or f"jit_compile={trainer.jit_compile!r}"
        return False
    if any(has_gradient_hooks(parameter) for parameter in trainer.parameters):
        report.reason = "a weight has hooks, which a replay would not call"
    elif torch.is_anomaly_enabled():
        report.reason = "torch's anomaly detection watches autograd, which a replay goes without"
    elif trainer.jit_compile == "captured":
        return True
    elif planned < MIN_STEPS:
        report.reason = f"fewer than {MIN_STEPS} steps are not worth a trial"
    elif trainer.device.type != "cpu":
        report.reason = f"on {trainer.device.type} it is captured only with jit_compile='captured'"
    elif (foreign := Survey(trainer).foreign) is not None:
        report.foreign = True
        report.reason = f"{foreign}: only you can know whether it may be replayed (jit_compile='captured')"
    else:
        return True
    return False
