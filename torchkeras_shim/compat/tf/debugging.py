"""`tf.debugging` and `tf.config`."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from torchkeras_shim.compat.tf.api import public
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.tensors import convert, is_tensor, like, together
from torchkeras_shim.core import device as room
from torchkeras_shim.core.errors import InvalidArgumentError

_COMPARISONS: dict[str, tuple[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]]] = {
    "equal": ("==", torch.eq),
    "none_equal": ("!=", torch.ne),
    "less": ("<", torch.lt),
    "less_equal": ("<=", torch.le),
    "greater": (">", torch.gt),
    "greater_equal": (">=", torch.ge),
}
_SIGNS: dict[str, tuple[str, Callable[[torch.Tensor], torch.Tensor]]] = {
    "positive": ("> 0", lambda x: x > 0),
    "negative": ("< 0", lambda x: x < 0),
    "non_negative": (">= 0", lambda x: x >= 0),
    "non_positive": ("<= 0", lambda x: x <= 0),
}


def _comparison(name: str, sign: str, compare: Callable[..., torch.Tensor]) -> None:
    def check(
        x: Any, y: Any, message: str | None = None, summarize: int | None = None, name: str | None = None
    ) -> None:
        x, y = together("Assert", x, y)
        if not bool(torch.as_tensor(compare(x, y)).all()):
            raise InvalidArgumentError(f"{message or ''}\nCondition x {sign} y did not hold.\nx = {x}\ny = {y}".strip())

    check.__name__ = f"assert_{name}"
    check.__doc__ = f"Raises an `InvalidArgumentError` unless `x {sign} y` everywhere."
    public(f"debugging.assert_{name}")(check)
    if name in ("equal", "less", "greater"):
        public(f"assert_{name}")(check)


def _sign(name: str, sign: str, test: Callable[..., torch.Tensor]) -> None:
    def check(x: Any, message: str | None = None, summarize: int | None = None, name: str | None = None) -> None:
        x = like(x)
        if not bool(test(x).all()):
            raise InvalidArgumentError(f"{message or ''}\nCondition x {sign} did not hold.\nx = {x}".strip())

    check.__name__ = f"assert_{name}"
    check.__doc__ = f"Raises an `InvalidArgumentError` unless `x {sign}` everywhere."
    public(f"debugging.assert_{name}")(check)


for _name, (_symbol, _function) in _COMPARISONS.items():
    _comparison(_name, _symbol, _function)
for _name, (_symbol, _test) in _SIGNS.items():
    _sign(_name, _symbol, _test)


@public("debugging.assert_near")
def assert_near(
    x: Any,
    y: Any,
    rtol: Any = None,
    atol: Any = None,
    message: str | None = None,
    summarize: int | None = None,
    name: str | None = None,
) -> None:
    """Raises an `InvalidArgumentError` unless two tensors are close everywhere."""
    x, y = together("Assert", x, y)
    eps = 10 * torch.finfo(x.dtype).eps
    if not bool(
        (torch.abs(x - y) <= (eps if atol is None else atol) + (eps if rtol is None else rtol) * torch.abs(y)).all()
    ):
        raise InvalidArgumentError(f"{message or ''}\nx and y not equal to tolerance.\nx = {x}\ny = {y}".strip())


@public("debugging.assert_shapes")
def assert_shapes(
    shapes: Any, data: Any = None, summarize: int | None = None, message: str | None = None, name: str | None = None
) -> None:
    """Raises a ValueError unless tensors have the given shapes; a letter is one size wherever it stands."""
    known: dict[Any, int] = {}
    for tensor, wanted in shapes.items() if isinstance(shapes, dict) else shapes:
        sizes = like(tensor).shape
        wanted = [wanted] if isinstance(wanted, (int, str)) else list(wanted)
        if len(sizes) != len(wanted):
            raise ValueError(f"{message or ''} Tensor of shape {tuple(sizes)} must have rank {len(wanted)}.".strip())
        for size, want in zip(sizes, wanted, strict=True):
            expected = known.setdefault(want, size) if isinstance(want, str) else want
            if expected is not None and size != expected:
                raise ValueError(
                    f"{message or ''} Tensor of shape {tuple(sizes)} must have shape {wanted}: "
                    f"{want} is {expected}.".strip()
                )


@public("debugging.assert_rank")
def assert_rank(x: Any, rank: Any, message: str | None = None, name: str | None = None) -> None:
    """Raises a ValueError unless a tensor has a rank."""
    if like(x).ndim != int(rank):
        raise ValueError(
            f"{message or ''} Tensor must have rank {int(rank)}. Received shape {tuple(like(x).shape)}".strip()
        )


@public("debugging.assert_rank_at_least")
def assert_rank_at_least(x: Any, rank: Any, message: str | None = None, name: str | None = None) -> None:
    """Raises a ValueError unless a tensor has a rank or a higher one."""
    if like(x).ndim < int(rank):
        raise ValueError(
            f"{message or ''} Tensor must have rank at least {int(rank)}. Received rank {like(x).ndim}".strip()
        )


@public("debugging.assert_rank_in")
def assert_rank_in(x: Any, ranks: Any, message: str | None = None, name: str | None = None) -> None:
    """Raises a ValueError unless a tensor has one of some ranks."""
    if like(x).ndim not in [int(one) for one in ranks]:
        raise ValueError(
            f"{message or ''} Tensor must have rank in {tuple(ranks)}. Received rank {like(x).ndim}".strip()
        )


@public("debugging.assert_type")
def assert_type(tensor: Any, tf_type: Any, message: str | None = None, name: str | None = None) -> None:
    """Raises a TypeError unless a tensor is of a type."""
    if as_dtype(tf_type) != like(tensor).dtype:
        raise TypeError(
            f"{message or ''} tensor must be of type {as_dtype(tf_type)!r}. "
            f"Received {as_dtype(like(tensor).dtype)!r}".strip()
        )


@public("debugging.assert_integer")
def assert_integer(x: Any, message: str | None = None, name: str | None = None) -> None:
    """Raises a TypeError unless a tensor is of integers."""
    if not as_dtype(like(x).dtype).is_integer:
        raise TypeError(f'{message or ""} Expected "x" to be integer type. Found: {as_dtype(like(x).dtype)}'.strip())


@public("debugging.assert_all_finite", "debugging.check_numerics")
def check_numerics(x: Any, message: str = "", name: str | None = None) -> Any:
    """Returns a tensor.

    Raises:
        InvalidArgumentError: If one of its numbers is infinite or none.
    """
    tensor = like(x)
    if not bool(torch.isfinite(tensor).all()):
        what = "NaN" if bool(torch.isnan(tensor).any()) else "Inf"
        raise InvalidArgumentError(f"{message} : Tensor had {what} values [Op:CheckNumerics]")
    return tensor


@public("debugging.Assert", "Assert")
def assert_(condition: Any, data: Any = (), summarize: int | None = None, name: str | None = None) -> None:
    """Raises an `InvalidArgumentError` with `data` unless a condition is true."""
    if not bool(convert(condition)):
        raise InvalidArgumentError(
            f"Expected 'tf.Tensor({condition}, shape=(), dtype=bool)' to be true. Summarized data: {list(data)}"
        )


@public("debugging.is_numeric_tensor")
def is_numeric_tensor(tensor: Any) -> bool:
    """Returns whether a value is a tensor of numbers."""
    return is_tensor(tensor) and isinstance(tensor, torch.Tensor) and tensor.dtype != torch.bool


@public(
    "debugging.set_log_device_placement",
    "debugging.disable_traceback_filtering",
    "debugging.enable_traceback_filtering",
)
def _nothing_to_set(enabled: bool = True) -> None:
    """Accepted: it concerns what TensorFlow prints."""


@public("debugging.enable_check_numerics")
def enable_check_numerics(stack_height_limit: int = 30, path_length_limit: int = 50) -> None:
    """Lets backward passes raise where a gradient is not a number, as `torch.autograd.set_detect_anomaly(True)`."""
    torch.autograd.set_detect_anomaly(True)


@public("debugging.disable_check_numerics")
def disable_check_numerics() -> None:
    """Ends `enable_check_numerics`."""
    torch.autograd.set_detect_anomaly(False)


# tf.config -----------------------------------------------------------------------------------------------------------

PhysicalDevice = namedtuple("PhysicalDevice", ["name", "device_type"])
LogicalDevice = namedtuple("LogicalDevice", ["name", "device_type"])


def _count(kind: str) -> int:
    return torch.cuda.device_count() if kind == "GPU" else 1 if kind == "CPU" else 0


@public("config.list_physical_devices", "config.experimental.list_physical_devices", "config.get_visible_devices")
def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """Returns the CPU and the GPUs that torch sees."""
    kinds = ["CPU", "GPU"] if device_type is None else [device_type]
    return [PhysicalDevice(f"/physical_device:{kind}:{at}", kind) for kind in kinds for at in range(_count(kind))]


@public("config.list_logical_devices", "config.experimental.list_logical_devices")
def list_logical_devices(device_type: str | None = None) -> list[LogicalDevice]:
    """Returns the CPU and the GPUs that torch sees."""
    kinds = ["CPU", "GPU"] if device_type is None else [device_type]
    return [LogicalDevice(f"/device:{kind}:{at}", kind) for kind in kinds for at in range(_count(kind))]


@public("config.set_visible_devices", "config.experimental.set_visible_devices")
def set_visible_devices(devices: Any, device_type: str | None = None) -> None:
    """Hides the GPUs, if none is to be seen: new tensors live on the CPU.

    Raises:
        RuntimeError: If some of several GPUs are to be hidden; `CUDA_VISIBLE_DEVICES` does that.
    """
    chosen = [one for one in (devices if isinstance(devices, (list, tuple)) else [devices]) if one.device_type == "GPU"]
    if device_type == "CPU" or len(chosen) == _count("GPU"):
        return
    if chosen:
        raise RuntimeError(
            "Set the environment variable CUDA_VISIBLE_DEVICES before the program starts, to hide some of the GPUs."
        )
    room._default = torch.device("cpu")


@public("config.experimental.set_memory_growth")
def set_memory_growth(device: Any, enable: bool) -> None:
    """Accepted: torch's memory grows as needed."""


@public("config.experimental.get_memory_growth")
def get_memory_growth(device: Any) -> bool:
    """Returns `True`: torch's memory grows as needed."""
    return True


@public("config.experimental.get_memory_info")
def get_memory_info(device: Any) -> dict[str, int]:
    """Returns the bytes in use on a GPU, and the most there were."""
    place = room._parse(str(device))
    return {"current": torch.cuda.memory_allocated(place), "peak": torch.cuda.max_memory_allocated(place)}


@public("config.experimental.enable_tensor_float_32_execution")
def enable_tensor_float_32_execution(enabled: bool) -> None:
    """Lets CUDA multiply float32 in TF32, or forbids it."""
    room.enable_tensor_float_32(enabled)


@public("config.run_functions_eagerly", "config.experimental_run_functions_eagerly")
def run_functions_eagerly(run_eagerly: bool) -> None:
    """Accepted: functions run eagerly always."""


@public("config.functions_run_eagerly")
def functions_run_eagerly() -> bool:
    """Returns `True`."""
    return True


@public("config.optimizer.set_jit")
def set_jit(enabled: Any) -> None:
    """Accepted: models are compiled by `jit_compile` of `compile()`."""


@public("config.optimizer.set_experimental_options")
def set_experimental_options(options: Any) -> None:
    """Accepted: there is no graph to rewrite."""


@public("config.experimental.enable_op_determinism", "python.framework.config.enable_op_determinism")
def enable_op_determinism() -> None:
    """Lets torch choose kernels whose results repeat."""
    torch.use_deterministic_algorithms(True, warn_only=True)


@public("python.framework.config.disable_op_determinism")
def disable_op_determinism() -> None:
    """Lets torch choose the fastest kernels. Packages call it inside of TensorFlow."""
    torch.use_deterministic_algorithms(False)


@public("python.framework.config.is_op_determinism_enabled")
def is_op_determinism_enabled() -> bool:
    """Returns whether torch chooses kernels whose results repeat."""
    return torch.are_deterministic_algorithms_enabled()


@public("config.threading.set_intra_op_parallelism_threads")
def set_intra_op_parallelism_threads(num_threads: int) -> None:
    """Sets torch's threads; 0 leaves them."""
    if num_threads:
        torch.set_num_threads(num_threads)


@public("config.threading.get_intra_op_parallelism_threads")
def get_intra_op_parallelism_threads() -> int:
    """Returns torch's number of threads."""
    return torch.get_num_threads()


@public("config.threading.set_inter_op_parallelism_threads")
def set_inter_op_parallelism_threads(num_threads: int) -> None:
    """Sets torch's number of threads between operations; 0 leaves it."""
    if num_threads:
        torch.set_num_interop_threads(num_threads)


@public("test.is_gpu_available")
def is_gpu_available(cuda_only: bool = False, min_cuda_compute_capability: Any = None) -> bool:
    """Returns whether torch sees a GPU."""
    return torch.cuda.is_available()


@public("test.gpu_device_name")
def gpu_device_name() -> str:
    """Returns the name of the first GPU, empty if there is none."""
    return "/device:GPU:0" if torch.cuda.is_available() else ""


@public("test.is_built_with_cuda", "test.is_built_with_gpu_support")
def is_built_with_cuda() -> bool:
    """Returns whether torch was built for CUDA."""
    return torch.version.cuda is not None


@public("config.get_soft_device_placement")
def get_soft_device_placement() -> bool:
    """Returns `True`: what has no kernel on a device is refused by torch, and nothing else is asked."""
    return _soft[0]


@public("config.set_soft_device_placement")
def set_soft_device_placement(enabled: bool) -> None:
    """Notes it: operations run where their tensors are."""
    _soft[0] = bool(enabled)


_soft = [True]


@public("config.threading.get_inter_op_parallelism_threads")
def get_inter_op_parallelism_threads() -> int:
    """Returns how many operations may run side by side."""
    return torch.get_num_interop_threads()


@public("config.get_logical_device_configuration", "config.experimental.get_virtual_device_configuration")
def get_logical_device_configuration(device: Any) -> None:
    """Returns `None`: no device is divided."""


@public("debugging.is_traceback_filtering_enabled")
def is_traceback_filtering_enabled() -> bool:
    """Returns `False`: tracebacks are whole."""
    return False


@public("debugging.assert_scalar")
def assert_scalar(tensor: Any, message: str | None = None, name: str | None = None) -> Any:
    """Raises a ValueError unless a tensor has no dimensions."""
    x = convert(tensor)
    if x.ndim:
        raise ValueError(f"{message or ''}Expected scalar shape for a tensor, saw shape: {tuple(x.shape)}.")
    return x


@public("debugging.assert_proper_iterable")
def assert_proper_iterable(values: Any) -> None:
    """Raises a TypeError for a tensor, an array, a text or what cannot be iterated over."""
    if is_tensor(values) or isinstance(values, (str, bytes, np.ndarray)) or not hasattr(values, "__iter__"):
        raise TypeError(f"Expected argument `values` to be a 'proper' iterable, such as a list. Found: {type(values)}")


@public("debugging.assert_same_float_dtype")
def assert_same_float_dtype(tensors: Any = None, dtype: Any = None) -> Any:
    """Returns the type of floats that all tensors have.

    Raises:
        ValueError: If they differ, or are no floats.
    """
    kinds = {as_dtype(one.dtype) for one in tensors or ()} | ({as_dtype(dtype)} if dtype is not None else set())
    if len(kinds) > 1 or not all(one.is_floating for one in kinds):
        raise ValueError(f"Expected floating point tensors of one type. Received: {sorted(one.name for one in kinds)}")
    return kinds.pop() if kinds else as_dtype("float32")
