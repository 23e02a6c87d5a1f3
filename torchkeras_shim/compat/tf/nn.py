"""`tf.nn`: activations, losses, normalization, embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from torchkeras_shim import ops
from torchkeras_shim.compat.tf.api import tf_op
from torchkeras_shim.compat.tf.convolutions import layout_of
from torchkeras_shim.compat.tf.picking import gather
from torchkeras_shim.compat.tf.random import _draw_uniform, _generator, _stateless
from torchkeras_shim.compat.tf.reductions import axes_of
from torchkeras_shim.compat.tf.shapes import as_sizes
from torchkeras_shim.compat.tf.tensors import like, together

# Activations with arguments of their own -----------------------------------------------------------------------------


@tf_op("nn.crelu")
def crelu(features: Any, axis: int = -1) -> Any:
    """`relu` of a tensor and of its negative, one after the other."""
    x = like(features)
    return torch.relu(torch.cat([x, -x], axis))


@tf_op("math.log_sigmoid")
def log_sigmoid(x: Any) -> Any:
    """The logarithm of the sigmoid."""
    return F.logsigmoid(like(x))


@tf_op("nn.dropout")
def dropout(x: Any, rate: Any, noise_shape: Any = None, seed: Any = None) -> Any:
    """Sets elements to zero with a probability and scales the others up."""
    return _dropped(like(x), rate, noise_shape, _generator(seed, "dropout"))


@tf_op("nn.experimental.stateless_dropout")
def stateless_dropout(x: Any, rate: Any, seed: Any, rng_alg: Any = "auto_select", noise_shape: Any = None) -> Any:
    """As `dropout`, by the pair of seeds alone."""
    return _dropped(like(x), rate, noise_shape, _stateless(seed))


def _dropped(x: torch.Tensor, rate: Any, noise_shape: Any, generator: Any) -> Any:
    rate = float(rate)
    if not 0 <= rate < 1:
        raise ValueError(f"`rate` must be a scalar tensor or a float in the range [0, 1). Received: rate={rate}")
    if not rate:
        return x
    sizes = (
        x.shape
        if noise_shape is None
        else [size if one is None else one for one, size in zip(as_sizes(noise_shape), x.shape, strict=True)]
    )
    keep = _draw_uniform(sizes, 0, 1, "float32", generator) >= rate
    return torch.where(keep, x / (1 - rate), torch.zeros_like(x))


# Losses --------------------------------------------------------------------------------------------------------------


@tf_op("nn.softmax_cross_entropy_with_logits")
def softmax_cross_entropy_with_logits(labels: Any, logits: Any, axis: int = -1) -> Any:
    """The cross-entropy of distributions and logits."""
    logits = like(logits)
    labels = like(labels).to(logits.dtype)
    return -torch.sum(labels * F.log_softmax(logits, axis), axis)


@tf_op("nn.sparse_softmax_cross_entropy_with_logits")
def sparse_softmax_cross_entropy_with_logits(labels: Any, logits: Any) -> Any:
    """The cross-entropy of classes and logits; a class that does not exist gives a NaN."""
    logits, labels = like(logits), like(labels).long()
    known = (labels >= 0) & (labels < logits.shape[-1])
    found = torch.gather(F.log_softmax(logits, -1), -1, torch.where(known, labels, 0)[..., None])[..., 0]
    return torch.where(known, -found, torch.full_like(found, float("nan")))


@tf_op("nn.sigmoid_cross_entropy_with_logits")
def sigmoid_cross_entropy_with_logits(labels: Any, logits: Any) -> Any:
    """The cross-entropy of probabilities and logits, elementwise."""
    labels, logits = together("SigmoidCrossEntropy", labels, logits)
    if labels.shape != logits.shape:
        raise ValueError(
            f"`logits` and `labels` must have the same shape, received "
            f"({tuple(logits.shape)} vs {tuple(labels.shape)})."
        )
    positive = logits >= 0  # TensorFlow's terms, which have its gradient at 0
    size = torch.where(positive, -logits, logits)
    return torch.where(positive, logits, torch.zeros_like(logits)) - logits * labels + torch.log1p(torch.exp(size))


@tf_op("nn.weighted_cross_entropy_with_logits")
def weighted_cross_entropy_with_logits(labels: Any, logits: Any, pos_weight: Any) -> Any:
    """The cross-entropy of probabilities and logits, with a weight for the positive ones."""
    labels, logits = together("SigmoidCrossEntropy", labels, logits)
    weight = 1 + (like(pos_weight).to(logits.dtype) - 1) * labels
    return (1 - labels) * logits + weight * (torch.log1p(torch.exp(-torch.abs(logits))) + torch.relu(-logits))


@tf_op("nn.l2_loss")
def l2_loss(t: Any) -> Any:
    """Half the sum of squares."""
    return torch.sum(torch.square(like(t))) / 2


@tf_op("nn.log_poisson_loss")
def log_poisson_loss(targets: Any, log_input: Any, compute_full_loss: bool = False) -> Any:
    """The negative log likelihood of counts, given the logarithm of their rate."""
    targets, log_input = together("LogPoisson", targets, log_input)
    result = torch.exp(log_input) - log_input * targets
    if compute_full_loss:
        stirling = targets * torch.log(targets) - targets + 0.5 * torch.log(2 * torch.pi * targets)
        result = result + torch.where((targets >= 0) & (targets <= 1), torch.zeros_like(targets), stirling)
    return result


@tf_op("nn.ctc_loss")
def ctc_loss(
    labels: Any,
    logits: Any,
    label_length: Any,
    logit_length: Any,
    logits_time_major: bool = True,
    unique: Any = None,
    blank_index: int | None = None,
) -> Any:
    """The loss of sequences of classes without alignment."""
    logits = like(logits)
    logits = torch.movedim(logits, 0, 1) if logits_time_major else logits
    return ops.ctc_loss(
        like(labels),
        logits,
        like(label_length),
        like(logit_length),
        0 if blank_index is None else int(blank_index) % logits.shape[-1],
    )


# Statistics and normalization ----------------------------------------------------------------------------------------


@tf_op("nn.moments")
def moments(x: Any, axes: Any, shift: Any = None, keepdims: bool = False) -> Any:
    """The mean and the variance of the population along axes."""
    x = like(x)
    dims = axes_of(axes, x.ndim)
    mean = torch.mean(x, dims, keepdim=True)
    variance = torch.mean(torch.square(x - mean.detach()), dims, keepdim=True) - torch.square(mean - mean.detach())
    if keepdims:
        return mean, variance
    sizes = [size for at, size in enumerate(x.shape) if at not in dims]
    return mean.reshape(sizes), variance.reshape(sizes)


@tf_op("nn.batch_normalization")
def batch_normalization(x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: Any) -> Any:
    """`(x - mean) / sqrt(variance + epsilon) * scale + offset`."""
    x = like(x)
    inverse = torch.rsqrt(like(variance) + variance_epsilon)
    inverse = inverse if scale is None else inverse * like(scale)
    result = x * inverse - like(mean) * inverse
    return result if offset is None else result + like(offset)


@tf_op("nn.local_response_normalization", "nn.lrn")
def local_response_normalization(
    input: Any, depth_radius: int = 5, bias: float = 1, alpha: float = 1, beta: float = 0.5
) -> Any:
    """Each channel divided by a power of the squares of those near it."""
    x = like(input)
    squares = F.pad(torch.square(x), (depth_radius, depth_radius))
    total = squares.unfold(-1, 2 * depth_radius + 1, 1).sum(-1)
    return x / torch.pow(bias + alpha * total, beta)


@tf_op("nn.embedding_lookup")
def embedding_lookup(params: Any, ids: Any, max_norm: float | None = None) -> Any:
    """The rows of a matrix at `ids`."""
    if isinstance(params, (list, tuple)):
        if len(params) != 1:
            raise NotImplementedError("Partitioned embeddings are not supported. Write tf.concat(params, 0).")
        params = params[0]
    rows = gather(params, ids)
    if max_norm is None:
        return rows
    norm = torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
    return torch.where(norm > max_norm, rows * (max_norm / torch.clamp(norm, min=1e-12)), rows)


@tf_op("nn.depth_to_space")
def depth_to_space(input: Any, block_size: int, data_format: str = "NHWC") -> Any:
    """Channels moved into blocks of the image."""
    x = like(input)
    if layout_of(data_format) == "channels_first":
        return torch.movedim(depth_to_space(torch.movedim(x, 1, -1), block_size), -1, 1)
    n, h, w, c = x.shape
    depth = c // block_size**2
    blocks = x.reshape(n, h, w, block_size, block_size, depth).permute(0, 1, 3, 2, 4, 5)
    return blocks.reshape(n, h * block_size, w * block_size, depth)


@tf_op("nn.space_to_depth")
def space_to_depth(input: Any, block_size: int, data_format: str = "NHWC") -> Any:
    """Blocks of the image moved into channels."""
    x = like(input)
    if layout_of(data_format) == "channels_first":
        return torch.movedim(space_to_depth(torch.movedim(x, 1, -1), block_size), -1, 1)
    n, h, w, c = x.shape
    blocks = x.reshape(n, h // block_size, block_size, w // block_size, block_size, c).permute(0, 1, 3, 2, 4, 5)
    return blocks.reshape(n, h // block_size, w // block_size, block_size**2 * c)


@tf_op("image.extract_patches")
def extract_patches(
    images: Any, sizes: Sequence[int], strides: Sequence[int], rates: Sequence[int], padding: str
) -> Any:
    """The patches of images, each as one row of numbers."""
    return ops.image.extract_patches(like(images), tuple(sizes[1:3]), tuple(strides[1:3]), rates[1], padding.lower())


@tf_op("nn.weighted_moments")
def weighted_moments(x: Any, axes: Any, frequency_weights: Any, keepdims: bool = False) -> Any:
    """The mean and the variance along axes, of values that count as often as their weights say."""
    x, weights = torch.broadcast_tensors(like(x), like(frequency_weights).to(like(x).dtype))  # type: ignore[no-untyped-call]
    dims = axes_of(axes, x.ndim)
    total = weights.sum(dims, keepdim=True)
    mean = (weights * x).sum(dims, keepdim=True) / total
    variance = (weights * torch.square(x - mean)).sum(dims, keepdim=True) / total
    if keepdims:
        return mean, variance
    sizes = [size for at, size in enumerate(x.shape) if at not in dims]
    return mean.reshape(sizes), variance.reshape(sizes)


@tf_op("nn.sufficient_statistics")
def sufficient_statistics(x: Any, axes: Any, shift: Any = None, keepdims: bool = False) -> Any:
    """How many values there are along axes, their sum and that of their squares, and the shift of both."""
    x = like(x)
    dims = axes_of(axes, x.ndim)
    count = x.new_tensor(float(np.prod([x.shape[one] for one in dims])))
    moved = x if shift is None else x - like(shift)
    return count, moved.sum(dims, keepdim=keepdims), torch.square(moved).sum(dims, keepdim=keepdims), shift


@tf_op("nn.normalize_moments")
def normalize_moments(counts: Any, mean_ss: Any, variance_ss: Any, shift: Any = None) -> Any:
    """The mean and the variance of what `sufficient_statistics` gives."""
    counts, first, second = like(counts), like(mean_ss), like(variance_ss)
    moved = first / counts
    return (moved if shift is None else moved + like(shift)), second / counts - torch.square(moved)
