"""Writing down which kernels a function calls, while it really runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch

from torchkeras_shim.core import seeding, tree
from torchkeras_shim.core.torch_private import DispatchMode, can_record, schema_of

_TAGS = ("data_dependent_output", "dynamic_output_shape")
_HOST_READS = ("aten::_local_scalar_dense", "aten::equal", "aten::is_nonzero")
#: A step whose tensors take more bytes than this is not kept alive as a whole: its kernels' own time outweighs by far
#: what a replay saves.
MOST_BYTES = 1 << 30

_IN_PLACE_OF_MEMORY = ("aten::resize_", "aten::set_", "aten::resize_as_")


class Call(NamedTuple):
    """One kernel call.

    Attributes:
        function: The operator's overload.
        args: The positional arguments, tensors in them as they were.
        kwargs: The keyword arguments.
        result: What it returned.
        grad_mode: Whether gradients were enabled: some kernels keep what their backward ones need only then.
    """

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any
    grad_mode: bool = False


class Recorder(DispatchMode):
    """Notes every kernel call below autograd, backward ones included, until something cannot be replayed.

    The calls really happen: a recorded step is a step like any other. All tensors stay alive until the recorder goes.

    Args:
        only_obstacles: Whether to note host reads and shapes that depend on data, all of them, and nothing else.

    Attributes:
        calls: The calls in their order.
        refusal: Why they cannot be replayed; `None` if they can.
        host_reads: A description of each place where a device value was read.
        obstacles: What stands in the way of a replay in the user's own code, with its place.
    """

    def __init__(self, only_obstacles: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.host_reads: list[str] = []
        self.obstacles: list[str] = []
        self._only_obstacles = only_obstacles
        self.calls: list[Call] = []
        self.refusal: str | None = None if can_record else "this version of torch does not show its kernel calls"
        self._draws = seeding.draws()
        self._bytes = 0

    def observe(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Runs one kernel and notes it."""
        kwargs = kwargs or {}
        if self._only_obstacles:
            refusal = _refusal_before(func, args)
            if refusal is not None and " at " in refusal:
                self.obstacles.append(refusal)
            if func.name().split(".")[0] in _HOST_READS:
                self.host_reads.append(f"{func.name().split('::')[1]}{_place()}")
            return func(*args, **kwargs)
        if self.refusal is None:
            self.refusal = _refusal_before(func, args)
        result = func(*args, **kwargs)
        if self.refusal is None:
            self.refusal = _refusal_after(func, result) or self._refusal_of_size(func, result)
            self.calls.append(Call(func, args, kwargs, result, torch.is_grad_enabled()))
        if self.refusal is not None:
            self.calls.clear()
        return result

    def _refusal_of_size(self, func: Any, result: Any) -> str | None:
        returns = schema_of(func).returns
        if returns and returns[0].alias_info is None:
            self._bytes += sum(tensor.nbytes for tensor in tensors_in(result))
        if self._bytes > MOST_BYTES:
            return f"its tensors take more than {MOST_BYTES >> 20} MiB, so that a replay would save next to nothing"
        return None

    def finish(self) -> str | None:
        """Returns why the calls cannot be replayed, `None` if they can."""
        if self.refusal is None and seeding.draws() != self._draws:
            self.refusal = "it draws on the host: from a SeedGenerator, or which layers to apply"
            self.calls.clear()
        return self.refusal


# Set from outside: torch wraps what it finds in the class itself, and the wrapper imports the whole of its compiler.
Recorder.__torch_dispatch__ = Recorder.observe  # type: ignore[assignment]


def _refusal_before(func: Any, args: tuple[Any, ...]) -> str | None:
    name = func.name().split(".")[0]
    if name in _HOST_READS:
        return f"it reads a device value on the host{_place()}"
    if name.startswith("c10d::"):
        return f"it exchanges tensors with other processes (`{name}`){_place()}"
    if name in _IN_PLACE_OF_MEMORY:
        return f"it changes a tensor's memory (`{name}`){_place()}"
    if any(tag in str(func.tags) for tag in _TAGS) and not _indexes_by_number(func, args):
        return f"the shape of what `{name}` returns depends on the data{_place()}"
    return None


def _indexes_by_number(func: Any, args: tuple[Any, ...]) -> bool:
    """Returns whether this is an indexing without masks: the result's shape is that of the indices."""
    if func is not torch.ops.aten.index.Tensor:
        return False
    return not any(index.dtype in (torch.bool, torch.uint8) for index in tensors_in(args[1]))


def _refusal_after(func: Any, result: Any) -> str | None:
    for leaf in leaves(result):
        if leaf is not None and not isinstance(leaf, torch.Tensor):
            return f"`{func.name()}` returns a plain {type(leaf).__name__}{_place()}"
        if leaf is not None and leaf.layout is not torch.strided:
            return f"`{func.name()}` makes a tensor of layout {leaf.layout}{_place()}"
    return None


def _place() -> str:
    """Returns where in the user's own code the present call is made, `""` if it is made by the step itself."""
    frame = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("torchkeras_shim.training") and not module.startswith(__package__):
            return ""
        if module.split(".")[0] not in ("torch", "torchvision", "torchkeras_shim"):
            return f" at {frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return ""


def leaves(value: Any) -> Iterator[Any]:
    """Walks through the lists and tuples of a kernel's arguments or results."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def tensors_in(*values: Any) -> list[torch.Tensor]:
    """Returns the tensors in arguments, in their order."""
    return [leaf for value in values for leaf in leaves(value) if isinstance(leaf, torch.Tensor)]


def record(function: Any, args: Sequence[Any]) -> tuple[Any, Recorder]:
    """Calls a function and notes its kernels.

    Args:
        function: The function; it runs once, as usual.
        args: Its arguments.

    Returns:
        What it returned, and the recorder, whose `refusal` says whether the calls can be replayed.
    """
    recorder = Recorder()
    with recorder:
        result = function(*args)
    recorder.finish()
    if recorder.refusal is None and not all(
        leaf is None or isinstance(leaf, torch.Tensor) for leaf in tree.flatten(result)
    ):
        recorder.refusal = "it returns something else than tensors"
    return result, recorder
