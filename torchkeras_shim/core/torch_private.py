"""The private names of torch that this package calls, in one place, each with what happens where torch has it no more.

What torch's own documentation names as points to override or to look into (`Module._parameters`, `_buffers`,
`_modules`, `_apply`, the `_save_to_state_dict` of a module, a tensor's `_version`) is used if it is needed.

| name here | who needs it | without it |
|---|---|---|
| `foreach` | every update rule; `torch.optim` is built on the same functions | no optimizer works |
| `fused_adam_`, `fused_adamw_`, `fused_sgd_` | Adam, AdamW, SGD | probes choose `foreach` |
| `amp_update_scale_`, `amp_unscale_` | `LossScaleOptimizer`, as torch's own `GradScaler` | no `mixed_float16` |
| `standard_gamma`, `sample_dirichlet` | `keras.random`, as `torch.distributions` | no `gamma` and `beta` |
| `make_subclass` | `Variable`, as `torch.nn.Parameter` | no weights |
| `call_impl` | the refusal of raw modules on symbolic tensors | such a call is recorded as a function |
| `is_hooked`, `has_gradient_hooks` | fast paths, which would leave hooks out | a missing table counts as empty |
| `in_backward_thread` | loops: what a backward pass recomputes is part of its batch | it counts as a bare call |
| `storage_id` | what shares memory with what, in captured steps | captured steps refuse |
| `below_autograd`, `set_grad_mode`, `kernel_holders` | captured steps | calls go through the registry |
| `DispatchMode`, `schema_of`, `can_record` | captured steps, `explain_step` | captured steps refuse, no read is found |
| `operator_of` | captured steps | calls go through the overload |
| `overload_of` | source files of models: operators by their names | none |
| `compiler_is_loaded` | shapes of layers: what a run on meta costs | none |
| `mode_readers`, `function_modes`, `dispatch_modes` | what captured steps depend on | a mode counts as constant |
| `TorchLoss` | losses of torch in `compile` | what `MSELoss` is derived from |
| `is_persistent`, `NON_PERSISTENT` | weights in files | every buffer counts as persistent |
| `base_of` | `tf.GradientTape`: views | a view counts as a tensor of its own |
| `sequence_number`, `number_of` | `tf.GradientTape`: what was computed in its block | all counts as computed in it |
| `mps_generator` | random numbers on MPS | they are not seeded |
| `without_subclasses` | weights that are cut over processes | no weights are cut |
| `tree_map`, `assert_async` | tensors that are cut over processes | no weights are cut; indices on a GPU go unchecked |
| `register_plainly` | weights that are cut over processes | the layer's own way, which looks like a change |
| `may_be_inside` | models that were trained before the one around them | torch's refusal |
| `end_with_parent` | processes that `torchrun` has started | they outlive a `torchrun` that is killed |
| `reset_compiler` | `clear_session` | nothing to reset |

Tried with torch 2.14. A test looks through the package for private names of torch elsewhere.
"""

from __future__ import annotations

import operator
import signal
import sys
import types
from types import SimpleNamespace
from typing import Any

import torch
from torch.utils._pytree import tree_map as tree_map

#: The tables of a module's own hooks.
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def _missing(name: str) -> Any:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"This version of torch ({torch.__version__}) has no `torch.{name}`.")

    return refuse


def _named(name: str) -> Any:
    return getattr(torch, name, None) or _missing(name)


#: The list operations: `foreach.add_` is `torch._foreach_add_`.
foreach: Any = SimpleNamespace(
    **{name.removeprefix("_foreach_"): getattr(torch, name) for name in dir(torch) if name.startswith("_foreach_")}
)

fused_adam_ = _named("_fused_adam_")
fused_adamw_ = _named("_fused_adamw_")
fused_sgd_ = _named("_fused_sgd_")
amp_update_scale_ = _named("_amp_update_scale_")
amp_unscale_ = _named("_amp_foreach_non_finite_check_and_unscale_")
standard_gamma = _named("_standard_gamma")
sample_dirichlet = _named("_sample_dirichlet")
make_subclass: Any = torch.Tensor._make_subclass

#: The code of torch's `Module.__call__`, by which its frames are recognized.
call_impl: Any = getattr(getattr(torch.nn.Module, "_call_impl", None), "__code__", None)

#: A context in which kernels run below autograd, `None` if there is none.
below_autograd: Any = getattr(torch._C, "_AutoDispatchBelowAutograd", None)

#: Switches the grad mode, in a sixth of the time of `torch.set_grad_enabled`; does nothing without `below_autograd`.
set_grad_mode: Any = (
    getattr(torch._C, "_set_grad_enabled", torch.set_grad_enabled) if below_autograd is not None else lambda mode: None
)

#: Read one mode each, in 50 ns where torch's public functions take two to seven times as long.
mode_readers: Any = SimpleNamespace(
    **{
        name: getattr(torch._C, private, lambda: 0)
        for name, private in {
            "deterministic": "_get_deterministic_algorithms",
            "onednn": "_get_mkldnn_enabled",
            "cudnn": "_get_cudnn_enabled",
            "math_attention": "_get_math_sdp_enabled",
            "flash_attention": "_get_flash_sdp_enabled",
            "efficient_attention": "_get_mem_efficient_sdp_enabled",
            "autocast": "_is_any_autocast_enabled",
            "function_modes": "_len_torch_function_stack",
            "dispatch_modes": "_len_torch_dispatch_stack",
        }.items()
    }
)

try:
    from torch.utils._python_dispatch import TorchDispatchMode as _Mode
except ImportError:

    class _Mode:  # type: ignore[no-redef]
        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    can_record = False
else:
    #: Whether kernel calls can be seen, and their schemas be read.
    can_record = hasattr(torch.ops.aten.add.Tensor, "_schema")


class DispatchMode(_Mode):  # type: ignore[no-untyped-call]
    """A context that sees every kernel call below autograd, if `can_record`; otherwise it sees nothing."""


#: Where a module has the names of buffers that do not belong to its state.
NON_PERSISTENT = "_non_persistent_buffers_set"

#: A context in which subclasses of tensors are what torch itself takes them for.
without_subclasses: Any = torch._C.DisableTorchFunctionSubclass

#: Checks a condition on the device, without waiting for it.
assert_async: Any = getattr(torch, "_assert_async", lambda condition: None)

#: The class of all losses that are modules.
TorchLoss: Any = getattr(torch.nn.modules.loss, "_Loss", torch.nn.MSELoss.__mro__[1])

#: Where torch keeps its quick entries to kernels, the public functions and methods.
kernel_holders: tuple[Any, ...] = tuple(
    holder
    for holder in (getattr(torch._C, name, None) for name in ("_VariableFunctions", "_nn", "TensorBase"))
    if holder is not None
)


def is_hooked(module: torch.nn.Module) -> bool:
    """Returns whether a module has hooks of its own, which only a call through the module runs."""
    return any(getattr(module, name, None) for name in HOOKS)


def is_observed(module: torch.nn.Module) -> bool:
    """Returns whether hooks see what a module is given or returns, its own or those of all modules."""
    return any(getattr(torch.nn.modules.module, f"_global{name}", None) for name in HOOKS) or is_hooked(module)


def is_compiled(module: torch.nn.Module) -> bool:
    """Returns whether calls of a module run what `module.compile()` made, not its `forward`."""
    return getattr(module, "_compiled_call_impl", None) is not None


def in_backward_thread() -> bool:
    """Returns whether a backward pass is calling."""
    current = getattr(torch._C, "_current_graph_task_id", None)
    return current is not None and current() != -1


def has_gradient_hooks(tensor: torch.Tensor) -> bool:
    """Returns whether a weight has hooks that autograd calls."""
    return bool(tensor._backward_hooks or getattr(tensor, "_post_accumulate_grad_hooks", None))


def storage_id(tensor: torch.Tensor) -> int:
    """Returns a number that tensors on the same memory have in common."""
    return int(tensor.untyped_storage()._cdata)


def function_modes() -> list[Any]:
    """Returns the modes that see calls of torch's functions at the moment, outermost first."""
    return [torch._C._get_function_stack_at(index) for index in range(mode_readers.function_modes())]


def dispatch_modes() -> list[Any]:
    """Returns the modes that see calls of kernels at the moment, outermost first."""
    return [torch._C._get_dispatch_stack_at(index) for index in range(mode_readers.dispatch_modes())]


def schema_of(function: Any) -> Any:
    """Returns the schema of an operator's overload."""
    return function._schema


def operator_of(function: Any) -> Any:
    """Returns what an operator's overload calls."""
    return getattr(function, "_op", function)


def overload_of(function: Any) -> tuple[str, str, str] | None:
    """Returns namespace, operator and overload, such as `("aten", "add", "Tensor")`; `None` for other functions."""
    if not isinstance(function, torch._ops.OpOverload):
        return None
    return function.namespace, function._opname, function._overloadname


def compiler_is_loaded() -> bool:
    """Returns whether the process has imported torch's compiler, which takes seconds."""
    return "torch._dynamo" in sys.modules


def is_persistent(module: torch.nn.Module, name: str) -> bool:
    """Returns whether a module's buffer belongs to its state."""
    return name not in getattr(module, NON_PERSISTENT, ())


def base_of(tensor: torch.Tensor) -> torch.Tensor:
    """Returns the tensor that a view looks at, and any other tensor itself."""
    base: torch.Tensor | None = getattr(tensor, "_base", None)
    return tensor if base is None else base


def sequence_number() -> int | None:
    """Returns the number that the next operation of this thread gets in autograd's record."""
    get = getattr(getattr(torch._C, "_autograd", None), "_get_sequence_nr", None)
    number: int | None = get() if get is not None and hasattr(torch.autograd.graph.Node, "_sequence_nr") else None
    return number


#: Returns the number of an operation in autograd's record; that of a leaf is above all others.
number_of = operator.methodcaller("_sequence_nr")


def mps_generator() -> torch.Generator | None:
    """Returns torch's global generator for MPS."""
    get = getattr(torch.mps, "_get_default_mps_generator", None)
    generator: torch.Generator | None = get() if get is not None else None
    return generator


def register_plainly(module: torch.nn.Module) -> None:
    """Lets `fully_shard` enter gathered weights right into a module's table.

    It looks at the method that the module has: one of a class's own would see an attribute set, twice in each step.
    """
    if type(module).__setattr__ is not torch.nn.Module.__setattr__:
        module.__dict__["__setattr__"] = types.MethodType(torch.nn.Module.__setattr__, module)


def may_be_inside(module: torch.nn.Module) -> None:
    """Lets a module that was cut and run by itself be a part of one that is cut, which `fully_shard` refuses."""
    from torch.distributed.fsdp import fully_shard  # a second

    state: Any = getattr(fully_shard, "state", lambda module: None)(module)
    if state is not None:
        state._is_root = None


def end_with_parent() -> None:
    """Has the system end this process if its parent does, where the system can (Linux)."""
    tell = getattr(torch.multiprocessing, "_prctl_pr_set_pdeathsig", None)
    if tell is not None:
        tell(signal.SIGTERM)


def reset_compiler() -> None:
    """Lets `torch.compile` forget what it has compiled, if it was ever used."""
    dynamo = sys.modules.get("torch._dynamo")
    if dynamo is not None:
        dynamo.reset()
