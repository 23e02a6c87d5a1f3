"""`tf.data.Options`: what TensorFlow may do to a pipeline. Here nothing of it changes what a pipeline makes."""

from __future__ import annotations

import enum
from typing import Any

from torchkeras_shim.compat.tf.api import public
from torchkeras_shim.data.pipeline import Dataset


@public("data.experimental.AutoShardPolicy")
class AutoShardPolicy(enum.IntEnum):
    """How TensorFlow divides elements among workers. One process reads all; `ds.shard(n, i)` divides them."""

    OFF = -1
    AUTO = 0
    FILE = 1
    DATA = 2
    HINT = 3


@public("data.experimental.ExternalStatePolicy")
class ExternalStatePolicy(enum.Enum):
    """What TensorFlow does with a pipeline that has a state when it is copied. Nothing is copied here."""

    WARN = 0
    IGNORE = 1
    FAIL = 2


@public("data.experimental.AutotuneAlgorithm")
class AutotuneAlgorithm(enum.Enum):
    """How TensorFlow looks for numbers of threads."""

    DEFAULT = 0
    HILL_CLIMB = 1
    GRADIENT_DESCENT = 2
    MAX_PARALLELISM = 3
    STAGE_BASED = 4


class _Fields:
    """Fields by name, all `None` at first. They are noted and can be read.

    Raises:
        ValueError: If another name is set.
    """

    _names: tuple[str, ...] = ()
    _error: type[Exception] = ValueError

    def __init__(self) -> None:
        for name in self._names:
            object.__setattr__(self, name, None)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._names:
            raise self._error(
                f"Cannot set the property {name} on {type(self).__name__}. It has {', '.join(self._names)}."
            )
        object.__setattr__(self, name, value)

    def __eq__(self, other: Any) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    __hash__ = None  # type: ignore[assignment]

    def merged(self, other: Any) -> Any:
        """Returns the fields of both, where both have one the other's."""
        result = type(self)()
        for name in self._names:
            ours, theirs = getattr(self, name), getattr(other, name)
            chosen = ours.merged(theirs) if isinstance(ours, _Fields) else ours if theirs is None else theirs
            object.__setattr__(result, name, chosen)
        return result


class AutotuneOptions(_Fields):
    """`options.autotune`."""

    _names = ("autotune_algorithm", "cpu_budget", "enabled", "initial_parallelism", "min_parallelism", "ram_budget")


@public("data.experimental.DistributeOptions")
class DistributeOptions(_Fields):
    """`options.experimental_distribute`."""

    _names = ("auto_shard_policy", "num_devices")

    def __init__(self) -> None:
        super().__init__()
        self.auto_shard_policy = AutoShardPolicy.AUTO


@public("data.experimental.OptimizationOptions")
class OptimizationOptions(_Fields):
    """`options.experimental_optimization`."""

    _names = (
        "apply_default_optimizations",
        "filter_fusion",
        "filter_parallelization",
        "inject_prefetch",
        "map_and_batch_fusion",
        "map_and_filter_fusion",
        "map_fusion",
        "map_parallelization",
        "noop_elimination",
        "parallel_batch",
        "seq_interleave_prefetch",
        "shuffle_and_repeat_fusion",
    )


class ServiceOptions(_Fields):
    """`options.experimental_service`."""

    _names = ("pinned",)


@public("data.ThreadingOptions", "data.experimental.ThreadingOptions")
class ThreadingOptions(_Fields):
    """`options.threading`."""

    _names = ("max_intra_op_parallelism", "private_threadpool_size")


public("data.experimental.AutotuneOptions")(AutotuneOptions)
public("data.experimental.ServiceOptions")(ServiceOptions)


@public("data.Options")
class Options(_Fields):
    """What may change how fast a pipeline is, and not what it makes: noted, and without effect here.

    Example:
        >>> options = Options()
        >>> options.deterministic = False
        >>> options.threading.private_threadpool_size = 4
    """

    _names = (
        "autotune",
        "dataset_name",
        "deterministic",
        "experimental_deterministic",
        "experimental_distribute",
        "experimental_external_state_policy",
        "experimental_optimization",
        "experimental_service",
        "experimental_slack",
        "experimental_symbolic_checkpoint",
        "experimental_threading",
        "experimental_warm_start",
        "framework_type",
        "threading",
    )
    _error = AttributeError

    def __init__(self) -> None:
        super().__init__()
        self.autotune, self.experimental_distribute = AutotuneOptions(), DistributeOptions()
        self.experimental_optimization, self.experimental_service = OptimizationOptions(), ServiceOptions()
        self.threading = ThreadingOptions()

    def __setattr__(self, name: str, value: Any) -> None:
        other = {"experimental_threading": "threading", "experimental_deterministic": "deterministic"}.get(name)
        super().__setattr__(name, value)
        if other is not None:
            super().__setattr__(other, value)

    def merge(self, options: Options) -> Options:
        """Returns the options of both, where both have one the other's."""
        found: Options = self.merged(options)
        return found


def options_of(self: Dataset) -> Options:
    """The options of the data set."""
    return Options() if self._options is None else self._options


def with_options(self: Dataset, options: Options, name: str | None = None) -> Dataset:
    """Returns the data set with options, which are added to those that it has."""
    return _own_with_options(self, options_of(self).merge(options), name)


_own_with_options = Dataset.with_options
