"""The functions of `keras.backend` before Keras 3: activations, losses and normalization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torchkeras_shim import ops, random
from torchkeras_shim.backend import epsilon as smallest
from torchkeras_shim.compat.legacy.symbolic_shapes import tensor


def relu(x: Any, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """The positive part, with a slope, a limit and a threshold."""
    below = ops.multiply(ops.subtract(x, threshold), alpha)
    found = ops.where(ops.greater_equal(x, threshold), x, below)
    return found if max_value is None else ops.minimum(found, max_value)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """The exponential linear unit."""
    return ops.elu(x, alpha=alpha)


def hard_sigmoid(x: Any) -> Any:
    """A line of slope 0.2 between 0 and 1; Keras 3 has another function of this name."""
    return ops.clip(ops.add(ops.multiply(x, 0.2), 0.5), 0.0, 1.0)


def dropout(x: Any, level: float, noise_shape: Any = None, seed: Any = None) -> Any:
    """Sets a share of the values to zero."""
    return random.dropout(tensor(x), level, noise_shape=noise_shape, seed=seed)


def l2_normalize(x: Any, axis: Any = None) -> Any:
    """The values divided by their norm along an axis, or that of all."""
    axis = tuple(axis) if isinstance(axis, list) else axis
    total = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(total, 1e-12)))


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """The binary crossentropy of each value."""
    return ops.binary_crossentropy(target, output, from_logits=from_logits)


def binary_focal_crossentropy(
    target: Any,
    output: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
) -> Any:
    """The binary crossentropy of each value, weighted by how wrong it is."""
    likely = ops.sigmoid(output) if from_logits else output
    of_target = ops.add(ops.multiply(target, likely), ops.multiply(ops.subtract(1, target), ops.subtract(1, likely)))
    found = ops.multiply(
        ops.power(ops.subtract(1.0, of_target), gamma), binary_crossentropy(target, output, from_logits)
    )
    if apply_class_balancing:
        weight = ops.add(ops.multiply(target, alpha), ops.multiply(ops.subtract(1, target), 1 - alpha))
        found = ops.multiply(weight, found)
    return found


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """The crossentropy of each sample."""
    return ops.categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)


def categorical_focal_crossentropy(
    target: Any, output: Any, alpha: float = 0.25, gamma: float = 2.0, from_logits: bool = False, axis: int = -1
) -> Any:
    """The crossentropy of each sample, weighted by how wrong it is."""
    likely = ops.softmax(output, axis=axis) if from_logits else output
    likely = ops.divide(likely, ops.sum(likely, axis=axis, keepdims=True))
    likely = ops.clip(likely, smallest(), 1.0 - smallest())
    weight = ops.multiply(alpha, ops.power(ops.subtract(1.0, likely), gamma))
    return ops.sum(ops.multiply(weight, ops.multiply(ops.negative(target), ops.log(likely))), axis=axis)


def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1, ignore_class: int | None = None
) -> Any:
    """The crossentropy of each sample, whose target is an index; one index may be left out."""
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)
    counts = ops.not_equal(target, ignore_class)
    found = ops.sparse_categorical_crossentropy(
        ops.where(counts, target, ops.zeros_like(target)), output, from_logits=from_logits, axis=axis
    )
    return ops.where(counts, found, ops.zeros_like(found))


def in_top_k(predictions: Any, targets: Any, k: int) -> Any:
    """Whether each target is among the `k` largest predictions."""
    return ops.in_top_k(targets, predictions, k)


def batch_normalization(
    x: Any, mean: Any, var: Any, beta: Any, gamma: Any, axis: int = -1, epsilon: float = 1e-3
) -> Any:
    """The values less a mean, divided by a deviation, times `gamma`, plus `beta`; the last two may be `None`."""
    rank = len(x.shape)
    shape = [1] * rank
    shape[axis] = -1

    def along(value: Any) -> Any:
        return ops.reshape(value, shape) if value is not None and len(value.shape) == 1 != rank else value

    scale = ops.rsqrt(ops.add(along(var), epsilon))
    if gamma is not None:
        scale = ops.multiply(scale, along(gamma))
    found = ops.multiply(ops.subtract(x, along(mean)), scale)
    return found if beta is None else ops.add(found, along(beta))


def normalize_batch_in_training(
    x: Any, gamma: Any, beta: Any, reduction_axes: Sequence[int], epsilon: float = 1e-3
) -> tuple[Any, Any, Any]:
    """The values less their mean, divided by their deviation over some axes; with that mean and variance."""
    axes = sorted(axis % len(x.shape) for axis in reduction_axes)
    mean, variance = ops.moments(x, axes)
    around = [1 if axis in axes else -1 if size is None else size for axis, size in enumerate(x.shape)]
    given = (mean, variance, beta, gamma)
    around_mean, around_variance, beta, gamma = (None if one is None else ops.reshape(one, around) for one in given)
    return batch_normalization(x, around_mean, around_variance, beta, gamma, epsilon=epsilon), mean, variance


#: The functions, by name.
NAMES: dict[str, Any] = {
    one.__name__: one
    for one in (
        relu, elu, hard_sigmoid, dropout, l2_normalize, binary_crossentropy, binary_focal_crossentropy,
        categorical_crossentropy, categorical_focal_crossentropy, sparse_categorical_crossentropy, in_top_k,
        batch_normalization, normalize_batch_in_training,
    )
}  # fmt: skip
