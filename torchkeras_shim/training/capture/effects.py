"""What kernels do besides returning results: the memory they write to, the generators they draw from, their errors."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core import device as devices
from torchkeras_shim.core.torch_private import schema_of
from torchkeras_shim.training.capture.recording import Call, tensors_in

#: Kernels that write to arguments without saying so in their schemas: the positions of what they write, and that of the
#: flag by which they do.
_UNDECLARED = {
    "aten::native_batch_norm": ((3, 4), 5),
    "aten::cudnn_batch_norm": ((3, 4), 5),
    "aten::miopen_batch_norm": ((3, 4), 5),
}

#: Kernels that take whatever values they are given; all others are expected to refuse some (a label that is out of
#: range, a singular matrix). In-place variants are meant as well.
_TAKE_ANY_VALUES = frozenset(
    """
    _adaptive_avg_pool2d _adaptive_avg_pool2d_backward _log_softmax _log_softmax_backward_data _softmax
    _softmax_backward_data _to_copy _unsafe_view abs acos acosh add addcdiv addcmul addmm addmv all amax amin any
    arange argmax argmin as_strided asin asinh atan atan2 atanh avg_pool2d avg_pool2d_backward baddbmm
    binary_cross_entropy_backward bmm cat ceil celu clamp clamp_max clamp_min clone constant_pad_nd convolution
    convolution_backward copy cos cosh count_nonzero cumsum detach dot elu elu_backward empty empty_like
    empty_strided eq erf exp expand expm1 fill flip floor frac full full_like ge gelu gelu_backward gt hardsigmoid
    hardsigmoid_backward hardswish hardswish_backward hardtanh hardtanh_backward huber_loss huber_loss_backward
    hypot isfinite isinf isnan isneginf isposinf le leaky_relu leaky_relu_backward lerp linalg_vector_norm linear
    log log1p log2 log_sigmoid_backward log_sigmoid_forward logical_and logical_not logical_or logical_xor logsumexp
    lt masked_fill max max_pool2d_with_indices max_pool2d_with_indices_backward maximum mean min minimum mish
    mish_backward mkldnn_rnn_layer mkldnn_rnn_layer_backward mm mse_loss mse_loss_backward mul mv narrow
    native_batch_norm native_batch_norm_backward native_dropout native_dropout_backward native_group_norm
    native_group_norm_backward native_layer_norm native_layer_norm_backward ne neg new_empty new_empty_strided
    new_full new_ones new_zeros nll_loss_backward normal ones ones_like permute pow rand rand_like randn randn_like
    reciprocal relu repeat roll round rsqrt rsub scalar_tensor select select_backward sgn sigmoid sigmoid_backward
    sign silu silu_backward sin sinh slice slice_backward smooth_l1_loss smooth_l1_loss_backward softplus
    softplus_backward sort split sqrt squeeze stack std sub sum t tan tanh tanh_backward threshold_backward topk
    transpose tril triu trunc unbind unfold uniform unsqueeze upsample_nearest2d upsample_nearest2d_backward var
    var_mean view where xlogy zero zeros zeros_like
    """.split()  # noqa: SIM905
)


def written_by(call: Call) -> list[torch.Tensor]:
    """Returns the arguments that a kernel writes to."""
    if call.function.name() == "aten::detach_":  # declared as a write, but no value changes
        return []
    written: list[torch.Tensor] = []
    for index, argument in enumerate(schema_of(call.function).arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = call.kwargs.get(argument.name, call.args[index] if index < len(call.args) else None)
            written += tensors_in(value)
    places, flag = _UNDECLARED.get(call.function.name().split(".")[0], ((), 0))
    if places and call.args[flag]:
        written += tensors_in(*(call.args[place] for place in places))
    return written


def is_random(function: Any) -> bool:
    """Returns whether a kernel draws random numbers."""
    return torch.Tag.nondeterministic_seeded in function.tags


def generator_of(call: Call) -> torch.Generator | None:
    """Returns what a random kernel draws from, `None` if that cannot be told."""
    for value in (*call.args, *call.kwargs.values()):
        if isinstance(value, torch.Generator):
            return value
    device = next((tensor.device for tensor in tensors_in(call.result, call.args)), torch.device("cpu"))
    return devices.generator_of(device)


def takes_any_values(call: Call) -> bool:
    """Returns whether a kernel cannot fail on account of the values in its arguments."""
    name = call.function.name().split("::")[1].split(".")[0]
    return call.function.name().startswith("aten::") and (
        name in _TAKE_ANY_VALUES
        or (name.endswith("_") and name[:-1] in _TAKE_ANY_VALUES)
        or (name in ("div", "div_", "bernoulli", "bernoulli_") and _is_plain(call))
    )


def _is_plain(call: Call) -> bool:
    """Returns whether a division is one of floats, or chances are given as a number: their other forms can fail."""
    if "bernoulli" in call.function.name():
        return not tensors_in(call.args[1:], tuple(call.kwargs.values()))
    return "rounding_mode" not in call.kwargs and all(tensor.is_floating_point() for tensor in tensors_in(call.result))
