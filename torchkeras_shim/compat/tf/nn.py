"""`tf.nn`: convolutions, pooling, losses, normalization, embeddings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim import ops
from torchkeras_shim.compat.tf.api import tf_op
from torchkeras_shim.compat.tf.arrays import gather
from torchkeras_shim.compat.tf.random import _draw_uniform, _generator, _stateless
from torchkeras_shim.compat.tf.reductions import axes_of
from torchkeras_shim.compat.tf.shapes import as_sizes
from torchkeras_shim.compat.tf.tensors import like, together
from torchkeras_shim.core.errors import InvalidArgumentError


def _layout(data_format: str | None) -> str:
    return "channels_first" if data_format is not None and data_format.upper().startswith("NC") else "channels_last"


def _spatial(sizes: Any, rank: int, data_format: str | None) -> Any:
    """Returns one size per spatial dimension, of one, of as many, or of one for each dimension of the input."""
    sizes = [1] if sizes is None else as_sizes(sizes)
    if len(sizes) == 1:
        return sizes * rank
    if len(sizes) == rank + 2:
        return sizes[2:] if _layout(data_format) == "channels_first" else sizes[1:-1]
    return sizes


def _padded(x: torch.Tensor, padding: Any, data_format: str | None) -> tuple[torch.Tensor, str]:
    """Returns the input, padded by hand where `padding` says by how much, and Keras's word for the rest."""
    if isinstance(padding, str):
        if padding.upper() not in ("SAME", "VALID"):
            raise ValueError(
                f"Value for attr 'padding' of {padding!r} is not in the list of allowed values: "
                "'SAME', 'VALID', or explicit pairs."
            )
        return x, padding.lower()
    flat = [one for pair in reversed([as_sizes(pair) for pair in padding]) for one in pair]
    return F.pad(x, flat), "valid"


def _convolve(
    x: Any, filters: Any, strides: Any, padding: Any, data_format: str | None, dilations: Any, rank: int
) -> Any:
    x, filters = together("Conv", x, filters)
    if x.ndim != rank + 2:
        lead = x.shape[: x.ndim - rank - 1]
        result = _convolve(
            x.reshape(-1, *x.shape[x.ndim - rank - 1 :]), filters, strides, padding, data_format, dilations, rank
        )
        return result.reshape(*lead, *result.shape[1:])
    x, word = _padded(x, padding, data_format)
    steps, dilation = _spatial(strides, rank, data_format), _spatial(dilations, rank, data_format)
    return ops.conv(x, filters, steps, word, _layout(data_format), dilation)


@tf_op("nn.conv1d")
def conv1d(
    input: Any, filters: Any, stride: Any, padding: Any, data_format: str | None = "NWC", dilations: Any = None
) -> Any:
    """Convolves sequences."""
    return _convolve(input, filters, stride, padding, data_format, dilations, 1)


@tf_op("nn.conv2d")
def conv2d(
    input: Any, filters: Any, strides: Any, padding: Any, data_format: str | None = "NHWC", dilations: Any = None
) -> Any:
    """Convolves images."""
    return _convolve(input, filters, strides, padding, data_format, dilations, 2)


@tf_op("nn.conv3d")
def conv3d(
    input: Any, filters: Any, strides: Any, padding: Any, data_format: str | None = "NDHWC", dilations: Any = None
) -> Any:
    """Convolves volumes."""
    return _convolve(input, filters, strides, padding, data_format, dilations, 3)


@tf_op("nn.convolution")
def convolution(
    input: Any,
    filters: Any,
    strides: Any = None,
    padding: Any = "VALID",
    data_format: str | None = None,
    dilations: Any = None,
) -> Any:
    """Convolves sequences, images or volumes."""
    return _convolve(input, filters, strides, padding, data_format, dilations, like(filters).ndim - 2)


@tf_op("nn.depthwise_conv2d")
def depthwise_conv2d(
    input: Any, filter: Any, strides: Any, padding: Any, data_format: str | None = None, dilations: Any = None
) -> Any:
    """Convolves each channel by itself."""
    x, kernel = together("DepthwiseConv2dNative", input, filter)
    x, word = _padded(x, padding, data_format)
    steps, dilation = _spatial(strides, 2, data_format), _spatial(dilations, 2, data_format)
    return ops.depthwise_conv(x, kernel, steps, word, _layout(data_format), dilation)


@tf_op("nn.separable_conv2d")
def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    dilations: Any = None,
) -> Any:
    """Convolves each channel, then mixes the channels."""
    mixed = depthwise_conv2d(input, depthwise_filter, strides, padding, data_format, dilations)
    return _convolve(mixed, pointwise_filter, 1, "VALID", data_format, None, 2)


def _convolve_back(
    x: Any, filters: Any, output_shape: Any, strides: Any, padding: str, data_format: str | None, rank: int
) -> Any:
    """The gradient of a convolution: of the shape that is asked for."""
    x, filters = together("ConvBackpropInput", x, filters)
    first = _layout(data_format) == "channels_first"
    sizes = as_sizes(output_shape)
    sizes = [len(x) if sizes[0] in (-1, None) else sizes[0], *sizes[1:]]
    channels = sizes[1] if first else sizes[-1]
    if filters.shape[-2] != channels:
        raise InvalidArgumentError(
            f"input and filter must have the same depth: {channels} "
            f" vs {filters.shape[-2]} [Op:Conv{rank}DBackpropInput]"
        )
    spatial = sizes[2:] if first else sizes[1:-1]
    steps = _spatial(strides, rank, data_format)
    move = x if first else torch.movedim(x, -1, 1)
    weight = filters.permute(rank + 1, rank, *range(rank))
    window = filters.shape[:rank]
    full = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[rank - 1](move, weight, None, steps)
    for axis, (size, length, kernel, step) in enumerate(zip(spatial, move.shape[2:], window, steps, strict=True)):
        before = 0 if padding.upper() == "VALID" else max((length - 1) * step + kernel - size, 0) // 2
        missing = before + size - full.shape[axis + 2]
        if missing > 0:
            full = F.pad(full, [0, 0] * (rank - axis - 1) + [0, missing])
        full = full.narrow(axis + 2, before, size)
    return full if first else torch.movedim(full, 1, -1)


@tf_op("nn.conv2d_transpose")
def conv2d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: str | None = "NHWC",
    dilations: Any = None,
) -> Any:
    """The gradient of `conv2d`, of a given shape."""
    _no_dilations(dilations)
    return _convolve_back(input, filters, output_shape, strides, padding, data_format, 2)


@tf_op("nn.conv1d_transpose")
def conv1d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: str | None = "NWC",
    dilations: Any = None,
) -> Any:
    """The gradient of `conv1d`, of a given shape."""
    _no_dilations(dilations)
    return _convolve_back(input, filters, output_shape, strides, padding, data_format, 1)


@tf_op("nn.conv3d_transpose")
def conv3d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: str | None = "NDHWC",
    dilations: Any = None,
) -> Any:
    """The gradient of `conv3d`, of a given shape."""
    _no_dilations(dilations)
    return _convolve_back(input, filters, output_shape, strides, padding, data_format, 3)


def _no_dilations(dilations: Any) -> None:
    if dilations is not None and set(as_sizes(dilations)) != {1}:
        raise NotImplementedError(
            f"Transposed convolutions with dilations are not supported. Received: {dilations}. "
            "Use keras.layers.Conv2DTranspose."
        )


def _pooled(
    function: Callable[..., Any], x: Any, ksize: Any, strides: Any, padding: Any, data_format: str | None, rank: int
) -> Any:
    x = like(x)
    if not isinstance(padding, str):
        raise NotImplementedError("Explicit paddings of a pooling are not supported. Write tf.pad before it.")
    window, steps = _spatial(ksize, rank, data_format), _spatial(strides, rank, data_format)
    return function(x, window, steps, padding.lower(), _layout(data_format))


def _make_pools(rank: int, layout: str) -> None:
    for kind, function in {"max_pool": ops.max_pool, "avg_pool": ops.average_pool}.items():

        def call(
            input: Any,
            ksize: Any,
            strides: Any,
            padding: Any,
            data_format: str | None = layout,
            function: Any = function,
        ) -> Any:
            return _pooled(function, input, ksize, strides, padding, data_format, rank)

        call.__name__ = f"{kind}{rank}d"
        call.__doc__ = f"The {'largest value' if kind == 'max_pool' else 'mean'} of each window, in {rank} dimensions."
        tf_op(f"nn.{call.__name__}")(call)


for _rank, _name in {1: "NWC", 2: "NHWC", 3: "NDHWC"}.items():
    _make_pools(_rank, _name)


@tf_op("nn.max_pool")
def max_pool(input: Any, ksize: Any, strides: Any, padding: Any, data_format: str | None = None) -> Any:
    """The largest value of each window."""
    return _pooled(ops.max_pool, input, ksize, strides, padding, data_format, like(input).ndim - 2)


@tf_op("nn.avg_pool")
def avg_pool(input: Any, ksize: Any, strides: Any, padding: Any, data_format: str | None = None) -> Any:
    """The mean of each window; padding does not count."""
    return _pooled(ops.average_pool, input, ksize, strides, padding, data_format, like(input).ndim - 2)


@tf_op("nn.pool")
def pool(
    input: Any,
    window_shape: Any,
    pooling_type: str,
    strides: Any = None,
    padding: str = "VALID",
    data_format: str | None = None,
    dilations: Any = None,
) -> Any:
    """The largest value or the mean of each window."""
    _no_dilations(dilations)
    function = {"MAX": ops.max_pool, "AVG": ops.average_pool}[pooling_type]
    return _pooled(function, input, window_shape, strides, padding, data_format, like(input).ndim - 2)


@tf_op("nn.bias_add")
def bias_add(value: Any, bias: Any, data_format: str | None = None) -> Any:
    """Adds one number per channel."""
    x, bias = together("BiasAdd", value, bias)
    return x + (bias.reshape(-1, *[1] * (x.ndim - 2)) if _layout(data_format) == "channels_first" else bias)


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
    if _layout(data_format) == "channels_first":
        return torch.movedim(depth_to_space(torch.movedim(x, 1, -1), block_size), -1, 1)
    n, h, w, c = x.shape
    depth = c // block_size**2
    blocks = x.reshape(n, h, w, block_size, block_size, depth).permute(0, 1, 3, 2, 4, 5)
    return blocks.reshape(n, h * block_size, w * block_size, depth)


@tf_op("nn.space_to_depth")
def space_to_depth(input: Any, block_size: int, data_format: str = "NHWC") -> Any:
    """Blocks of the image moved into channels."""
    x = like(input)
    if _layout(data_format) == "channels_first":
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
