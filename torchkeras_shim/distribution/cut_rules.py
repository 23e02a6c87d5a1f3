"""What torch's `DTensor` cannot compute, or not as well, with tensors in parts: rules of our own.

A rule takes the function's arguments. It returns a result, whose parts are added up or joined where it is used, or
`NotImplemented` to leave the call to `DTensor`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard

from torchkeras_shim.core.torch_private import assert_async

_Tensor = torch.Tensor


def lifted(tensor: torch.Tensor, mesh: Any) -> Any:
    """Returns a tensor that is the same in all processes of a mesh as one that can meet those in parts."""
    if isinstance(tensor, DTensor):
        return tensor
    return DTensor.from_local(tensor, mesh, [Replicate()] * mesh.ndim, run_check=False)


def embedding(input: Any, weight: Any, *args: Any, **kwargs: Any) -> Any:
    """Refuses integers that no row belongs to: a part of the table would take them for those of another part."""
    rows = weight.shape[0]
    if input.is_cpu and input.numel():
        lowest, highest = input.aminmax()
        if int(lowest) < 0 or int(highest) >= rows:
            raise IndexError("index out of range in self")
    elif input.is_cuda:
        assert_async(((input >= 0) & (input < rows)).all())
    return NotImplemented


def attention(
    query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, *args: Any, **kwargs: Any
) -> Any:
    """Lets each process attend with its own heads, or samples; what is cut otherwise is gathered."""
    given = [x for x in (query, key, value, attn_mask) if isinstance(x, DTensor)]
    mesh = given[0].device_mesh

    def common(axis: int) -> Any:
        """How all three are to be cut along one axis of the mesh."""
        for x in given:
            place: Any = x.placements[axis]
            apart = isinstance(place, Shard) and place.dim < query.ndim - 2 and x.ndim == query.ndim
            if apart and not dropout_p and all(one.shape[place.dim] % mesh.size(axis) == 0 for one in parts):
                return place
        return Replicate()

    parts = [lifted(x, mesh) for x in (query, key, value)]
    placements = [common(axis) for axis in range(mesh.ndim)]
    local = [x.redistribute(placements=placements).to_local() for x in parts]
    if attn_mask is not None:
        mask = lifted(attn_mask, mesh)
        behind = query.ndim - mask.ndim
        cut = [
            Shard(one.dim - behind)
            if isinstance(one, Shard) and one.dim >= behind and mask.shape[one.dim - behind] > 1
            else Replicate()
            for one in placements
        ]
        grads = [
            Partial() if one.is_replicate() and not other.is_replicate() else one
            for one, other in zip(cut, placements, strict=True)
        ]
        attn_mask = mask.redistribute(placements=cut).to_local(grad_placements=grads)
    attend: Any = F.scaled_dot_product_attention
    result = attend(*local, attn_mask, dropout_p, *args, **kwargs)
    return DTensor.from_local(result, mesh, placements, run_check=False)


def convolution(function: Any) -> Callable[..., Any]:
    """Returns the rule of a convolution: kernels may be cut along their outputs or their inputs."""

    def convolve(
        input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
    ) -> Any:
        mesh = next(x for x in (input, weight, bias) if isinstance(x, DTensor)).device_mesh
        input, weight = lifted(input, mesh), lifted(weight, mesh)
        kinds = [one.dim if isinstance(one, Shard) and groups == 1 else None for one in weight.placements]
        kinds = [kind if kind in (0, 1) else None for kind in kinds]  # 0: outputs, 1: inputs
        taken = [Shard(1) if kind == 1 else Replicate() for kind in kinds]
        grads = [Shard(1) if kind == 1 else Partial() if kind == 0 else Replicate() for kind in kinds]
        made = [Shard(1) if kind == 0 else Partial() if kind == 1 else Replicate() for kind in kinds]
        kernel = weight.redistribute(placements=[Replicate() if kind is None else Shard(kind) for kind in kinds])
        x = input.redistribute(placements=taken).to_local(grad_placements=grads)
        result = function(x, kernel.to_local(), None, stride, padding, dilation, groups)
        outputs = DTensor.from_local(result, mesh, made, run_check=False)
        if bias is None:
            return outputs
        outputs = outputs.redistribute(placements=[Replicate() if one.is_partial() else one for one in made])
        return outputs + lifted(bias, mesh).reshape(-1, *[1] * (kernel.ndim - 2))

    return convolve


def batch_norm(
    input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool, *args: Any, **kwargs: Any
) -> Any:
    """Normalizes whole tensors; statistics that are cut get their parts of what becomes of them."""
    gathered = [
        x.full_tensor() if isinstance(x, DTensor) else x for x in (input, weight, bias, running_mean, running_var)
    ]
    normalize: Any = torch.batch_norm
    outputs = normalize(*gathered, training, *args, **kwargs)
    for own, moved in zip((running_mean, running_var), gathered[3:], strict=True):
        if training and isinstance(own, DTensor):
            with torch.no_grad():
                own.copy_(lifted(moved, own.device_mesh))
    return outputs


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False, **kwargs: Any) -> Any:
    """Draws the mask of the whole tensor, alike in all processes, and takes the part of it."""
    training = kwargs.get("train", training)
    if not training or p == 0 or inplace:
        return input if not training or p == 0 else NotImplemented
    mask = torch.dropout(torch.ones(input.shape, dtype=input.dtype, device=input.device), p, True)
    return input * lifted(mask, input.device_mesh)


def drawn_like(function: Any) -> Callable[..., Any]:
    """Returns the rule of a function that draws a tensor like another one: all draw the whole one."""

    def draw(input: Any, *args: Any, **kwargs: Any) -> Any:
        return function(torch.empty(input.shape, dtype=input.dtype, device=input.device), *args, **kwargs)

    return draw


def drawn_into(function: Any) -> Callable[..., Any]:
    """Returns the rule of a method that draws numbers into a tensor: all draw the whole, and keep their part of it."""

    def draw(self: Any, *args: Any, **kwargs: Any) -> Any:
        values = torch.empty(self.shape, dtype=self.dtype, device=self.device)
        if isinstance(self, DTensor):
            function(values, *args, **kwargs)
            return self.copy_(lifted(values, self.device_mesh))
        return NotImplemented

    return draw


RULES: dict[Any, Callable[..., Any]] = {
    F.embedding: embedding,
    torch.embedding: lambda weight, indices, *args, **kwargs: embedding(indices, weight),
    F.scaled_dot_product_attention: attention,
    torch.batch_norm: batch_norm,
    F.dropout: dropout,
    torch.dropout: dropout,
    **{function: convolution(function) for function in (torch.conv1d, torch.conv2d, torch.conv3d)},
    **{function: drawn_like(function) for function in (torch.rand_like, torch.randn_like)},
    **{
        function: drawn_into(function)
        for function in (
            _Tensor.uniform_,
            _Tensor.normal_,
            _Tensor.bernoulli_,
            _Tensor.exponential_,
            _Tensor.random_,
            _Tensor.log_normal_,
        )
    },
}

#: What is computed on whole tensors: `DTensor` has no rule for it, or none that keeps parts.
ON_WHOLE: set[Any] = {
    torch.equal,
    torch.allclose,
    torch.bernoulli,
    torch.group_norm,
    torch.instance_norm,
    F.group_norm,
    F.instance_norm,
    F.alpha_dropout,
    F.dropout1d,
    F.dropout2d,
    F.dropout3d,
    F.feature_alpha_dropout,
    F.embedding_bag,
    F.interpolate,
    torch.prod,
    _Tensor.prod,
    torch.cumprod,
    _Tensor.cumprod,
    torch.split,
    _Tensor.split,
    torch.split_with_sizes,
    _Tensor.split_with_sizes,
    torch.tensor_split,
    _Tensor.tensor_split,
    torch.avg_pool1d,
    F.avg_pool1d,
    F.avg_pool2d,
    F.avg_pool3d,
    F.max_pool1d,
    F.max_pool2d,
    F.max_pool3d,
    torch.max_pool1d,
    torch.max_pool2d,
    torch.max_pool3d,
    F.adaptive_avg_pool1d,
    F.adaptive_avg_pool2d,
    F.adaptive_avg_pool3d,
    F.adaptive_max_pool1d,
    F.adaptive_max_pool2d,
    F.adaptive_max_pool3d,
    F.ctc_loss,
    torch.lstm,
    torch.gru,
    F.grid_sample,
    F.conv_transpose1d,
    F.conv_transpose2d,
    F.conv_transpose3d,
}
