"""`tf.GradientTape` over autograd.

torch records whatever is computed from what requires a gradient, with or without a tape: a tape says from which
sources and through which operations, keeps the weights that are changed between two of its gradients, and gives
results in TensorFlow's form.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
import torch.utils.checkpoint

from torchkeras_shim.compat.tf import kept_weights
from torchkeras_shim.compat.tf.api import public
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.recorded import Recorded
from torchkeras_shim.compat.tf.tensors import like
from torchkeras_shim.core import tree
from torchkeras_shim.core.open_tapes import begin
from torchkeras_shim.core.open_tapes import thread as _thread


@public("UnconnectedGradients")
class UnconnectedGradients:
    """What `gradient` gives for a source that a target does not depend on."""

    NONE = "none"
    ZERO = "zero"


def is_recording() -> bool:
    """Returns whether a tape is open."""
    return bool(_thread.tapes)


def _flat(structure: Any) -> Any:
    """Returns the leaves of a structure; a list of tensors, as most are, is itself: that takes a tenth of the time."""
    if type(structure) is list and all(isinstance(one, torch.Tensor) for one in structure):
        return structure
    return [structure] if isinstance(structure, torch.Tensor) else tree.flatten(structure)


def _ones(target: torch.Tensor) -> torch.Tensor | None:
    """Returns what a target counts where nothing is said; `None` stands for one, of a scalar."""
    return None if target.dim() == 0 else torch.ones_like(target)


@public("GradientTape", "autodiff.GradientTape")
class GradientTape:
    """Records what is computed inside a `with` block, for gradients of it.

    Args:
        persistent: Whether `gradient` may be called more than once.
        watch_accessed_variables: Whether trained variables are sources without being watched.

    Example:
        >>> x = torch.tensor(3.0)
        >>> with GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = x * x
        >>> tape.gradient(y, x)
        tensor(6.)
    """

    # As long as nothing else is known. A loop makes a tape in each step.
    _used = _inside_others = _keeps_weights = False
    _grad_mode: Any = None
    _hooks: Any = None

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._persistent = persistent
        self._accessed = watch_accessed_variables
        self._flipped: list[torch.Tensor] = []
        self._watched: dict[int, torch.Tensor] = {}
        self._recorded = Recorded()

    # The block ------------------------------------------------------------------------------------------------------

    def __enter__(self) -> GradientTape:
        if self in _thread.tapes:
            raise ValueError("Tape is already recording.")
        if self._used and not self._persistent:
            self._recorded.clear()
        self._used = False
        self._inside_others = bool(_thread.tapes)
        for tape in _thread.tapes:
            tape._inside_others = True
        if not torch.is_grad_enabled():
            self._grad_mode = torch.enable_grad()
            self._grad_mode.__enter__()
        # Only where an update may come between two gradients: it costs 13 % of a small step.
        if self._persistent or self._inside_others:
            self._keeps_weights = True
            self._hooks = kept_weights.begin(self)
            self._hooks.__enter__()
        begin(self)
        self._recorded.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._recorded.stop()
        _thread.tapes.remove(self)
        if self._hooks is not None:
            self._hooks.__exit__(*error)
            self._hooks = None
        if self._grad_mode is not None:
            self._grad_mode.__exit__(*error)
            self._grad_mode = None

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """This tape records nothing inside this block; others that are open do."""
        self._check_recording()
        self._recorded.stop()
        _thread.tapes.remove(self)
        try:
            with nullcontext() if _thread.tapes else torch.no_grad():
                yield
        finally:
            begin(self)
            self._recorded.start()

    def reset(self) -> None:
        """Forgets what was watched and recorded, and records from here on."""
        self._check_recording()
        self._put_back()
        self._recorded.clear()
        self._recorded.start()
        self._used = False

    def _check_recording(self) -> None:
        if self not in _thread.tapes:
            raise ValueError("Tape is not recording. Call this inside its `with` block.")

    def watch(self, tensor: Any) -> None:
        """Makes tensors sources of gradients, on the same objects."""
        for one in tree.flatten(tensor):
            if not isinstance(one, torch.Tensor):
                raise ValueError(
                    f"Passed in object {one!r} of type {type(one).__name__!r}, "
                    "not tf.Tensor or tf.Variable or ExtensionType."
                )
            if not (one.is_floating_point() or one.is_complex()):
                warnings.warn(
                    f"The dtype of the watched tensor must be floating (e.g. tf.float32), got {as_dtype(one.dtype)!r}",
                    stacklevel=2,
                )
                continue
            self._watched[id(one)] = one
            if not one.requires_grad:
                one.requires_grad_()
                self._flipped.append(one)

    def watched_variables(self) -> tuple[Any, ...]:
        """Returns the trainable variables that were used, in the order of their first use, then those only watched.

        Variables count from which something was computed that still exists: what nobody holds has no gradient.
        It looks through all objects of the program; a list of variables that is at hand is faster.
        """
        used = self._recorded.variables() if self._accessed else []
        watched = [one for one in self._watched.values() if isinstance(one, torch.nn.Parameter)]
        return (*used, *(one for one in watched if not any(one is other for other in used)))

    # Gradients ------------------------------------------------------------------------------------------------------

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
    ) -> Any:
        """Returns the gradients of targets, summed, for each source, in the structure of the sources.

        Args:
            target: What was computed: a tensor, or a structure of them.
            sources: Variables and watched tensors, in any structure.
            output_gradients: What each target counts, ones by default.
            unconnected_gradients: `"none"` or `"zero"`: the answer for a source that no target depends on.

        Raises:
            RuntimeError: On a second call, unless the tape is persistent.
        """
        if self._used and not self._persistent:
            raise RuntimeError(
                "A non-persistent GradientTape can only be used to compute one set of gradients (or jacobians). "
                "Write tf.GradientTape(persistent=True)."
            )
        self._used = True
        flat = _flat(sources)
        grads = self._gradients(_flat(target), flat, output_gradients)
        if unconnected_gradients == UnconnectedGradients.ZERO:
            grads = [torch.zeros_like(one) if grad is None else grad for grad, one in zip(grads, flat, strict=True)]
        if not self._persistent and not _thread.tapes:
            self._put_back()
        return grads if flat is sources else tree.pack_sequence_as(sources, grads)

    def _gradients(self, targets: Sequence[Any], sources: Sequence[Any], output_gradients: Any) -> list[Any]:
        counts = [None] * len(targets) if output_gradients is None else tree.flatten(output_gradients)
        pairs = [
            (target, _ones(target) if count is None else like(count).to(target.dtype).expand_as(target))
            for target, count in zip(targets, counts, strict=True)
            if self._is_target(target)
        ]
        is_source = self._is_source
        asked = [index for index, one in enumerate(sources) if is_source(one)]
        grads: list[Any] = [None] * len(sources)
        if not pairs or not asked:
            return grads
        every = len(asked) == len(sources)
        kept_targets = [target for target, _ in pairs]
        with self._alone(kept_targets) as leaves:
            found = torch.autograd.grad(
                kept_targets,
                sources if every else [sources[index] for index in asked],
                [count for _, count in pairs],
                # What was computed outside belongs to others too: the next tape's gradient may lead there again.
                retain_graph=True if self._persistent or self._inside_others or bool(_thread.tapes) or leaves else None,
                create_graph=bool(_thread.tapes),
                allow_unused=True,
            )
        if every:
            return list(found)
        for index, grad in zip(asked, found, strict=True):
            grads[index] = grad
        return grads

    def _alone(self, targets: Sequence[torch.Tensor]) -> AbstractContextManager[bool]:
        """Gradients inside this block go through what this tape has recorded, and nothing else."""
        if not all(one.is_cpu for one in targets):
            for tape in _thread.tapes:  # a thread of the device computes these gradients, with numbers of its own
                tape._recorded.count_all()
        return self._recorded.alone(targets)

    def _is_target(self, target: Any) -> bool:
        return isinstance(target, torch.Tensor) and target.requires_grad and self._recorded.has(target)

    def _is_source(self, source: Any) -> bool:
        if not isinstance(source, torch.Tensor):
            raise TypeError(f"Sources of a gradient are tensors and variables. Received: {source!r}")
        if not source.requires_grad:
            return False
        if id(source) in self._watched:
            return True
        if source.grad_fn is not None:
            return self._recorded.has(source)
        return self._accessed or not isinstance(source, torch.nn.Parameter)

    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """Returns the derivative of each element of a target: of shape (target..., source...) for each source."""
        self._check_use()
        flat = tree.flatten(sources)
        with self._alone([target]):
            rows = [self._each_row(target, one) for one in flat]
        if unconnected_gradients == UnconnectedGradients.ZERO:
            rows = [
                torch.zeros(*target.shape, *one.shape) if row is None else row
                for row, one in zip(rows, flat, strict=True)
            ]
        return tree.pack_sequence_as(sources, rows)

    def batch_jacobian(
        self,
        target: Any,
        source: Any,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """Returns the Jacobians of each row of a batch: of shape (batch, target..., source...)."""
        self._check_use()
        if target.shape[:1] != source.shape[:1]:
            raise ValueError(
                f"Need first dimension of target shape ({tuple(target.shape)}) "
                f"and source shape ({tuple(source.shape)}) to match."
            )
        with self._alone([target]):
            per_element = [
                self._row(target.reshape(len(target), -1)[:, at].sum(), source)
                for at in range(target[0].numel() if self._is_target(target) else 0)
            ]
        if not per_element or any(row is None for row in per_element):
            return torch.zeros(*target.shape, *source.shape[1:])  # as TensorFlow does, whatever was said
        return torch.stack(per_element, 1).reshape(*target.shape, *source.shape[1:])

    def _check_use(self) -> None:
        if self._used and not self._persistent:
            raise RuntimeError(
                "A non-persistent GradientTape can only be used to compute one set of gradients (or jacobians)"
            )
        self._used = True

    def _row(self, scalar: torch.Tensor, source: torch.Tensor) -> Any:
        if not self._is_source(source):
            return None
        return torch.autograd.grad(
            scalar, source, retain_graph=True, create_graph=bool(_thread.tapes), allow_unused=True
        )[0]

    def _each_row(self, target: torch.Tensor, source: torch.Tensor) -> Any:
        if not self._is_target(target) or not self._is_source(source):
            return None
        flat = target.reshape(-1)
        basis = torch.eye(len(flat), dtype=target.dtype, device=target.device)
        try:
            rows: Any = torch.autograd.grad(
                flat,
                source,
                basis,
                retain_graph=True,
                create_graph=bool(_thread.tapes),
                allow_unused=True,
                is_grads_batched=True,
            )[0]
        except RuntimeError:  # an operation without a rule for batches of gradients
            each = [self._row(one, source) for one in flat]
            rows = None if each[0] is None else torch.stack(each)
        return None if rows is None else rows.reshape(*target.shape, *source.shape)

    def _put_back(self) -> None:
        """Tensors that the tape made sources are plain ones again: a loop `x = x + step` would record without end."""
        for one in self._flipped:
            if one.is_leaf:
                one.requires_grad_(False)
        self._flipped.clear()
        self._watched.clear()

    def __del__(self) -> None:
        if self._flipped:
            self._put_back()
        if self._keeps_weights:
            kept_weights.end(self)


@public("gradients", "compat.v1.gradients")
def gradients(ys: Any, xs: Any, grad_ys: Any = None, name: str | None = None, **_: Any) -> Any:
    """Refused, as TensorFlow does outside of graphs."""
    raise RuntimeError("tf.gradients is not supported when eager execution is enabled. Use tf.GradientTape instead.")


@public("custom_gradient")
def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a function another gradient: `f` returns its result and a function from gradients to gradients.

    Example:
        >>> @custom_gradient
        ... def clipped(x):
        ...     return x, lambda upstream: upstream.clamp(-1.0, 1.0)
        >>> x = torch.tensor(2.0, requires_grad=True)
        >>> torch.autograd.grad(clipped(x) * 10.0, x)[0]
        tensor(1.)
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        tensors = [like(one) for one in args]
        with torch.no_grad():
            results, gradient = f(*[one.detach() for one in tensors], **kwargs)
        single = isinstance(results, torch.Tensor)
        outputs = [results] if single else list(results)

        class _Custom(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, *inputs: torch.Tensor) -> Any:
                return tuple(one.clone() for one in outputs)

            @staticmethod
            def backward(ctx: Any, *upstream: torch.Tensor) -> Any:
                grads = gradient(*upstream)
                grads = list(grads) if isinstance(grads, (list, tuple)) else [grads]
                return tuple(grads + [None] * (len(tensors) - len(grads)))

        found = _Custom.apply(*tensors)
        return found[0] if single else type(results)(found)

    call.__name__, call.__doc__ = getattr(f, "__name__", "custom"), f.__doc__
    return call


@public("recompute_grad")
def recompute_grad(f: Callable[..., Any]) -> Callable[..., Any]:
    """Computes a function again for its gradient, in place of keeping what it computed."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return torch.utils.checkpoint.checkpoint(f, *args, use_reentrant=False, **kwargs)

    return call
