"""The functions of `keras.backend` before Keras 3: networks, losses, control flow, and models of tensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim import layers, models, ops, random
from torchkeras_shim.backend import epsilon, image_data_format
from torchkeras_shim.compat.legacy.backend import get_value
from torchkeras_shim.core.symbolic import KerasTensor


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
    return random.dropout(x, level, noise_shape=noise_shape, seed=seed)


def l2_normalize(x: Any, axis: Any = None) -> Any:
    """The values divided by their norm along an axis, or that of all."""
    total = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(total, 1e-12)))


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """The binary crossentropy of each value."""
    return ops.binary_crossentropy(target, output, from_logits=from_logits)


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """The crossentropy of each sample."""
    return ops.categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)


def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """The crossentropy of each sample, whose target is an index."""
    return ops.sparse_categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)


def in_top_k(predictions: Any, targets: Any, k: int) -> Any:
    """Whether each target is among the `k` largest predictions."""
    return ops.in_top_k(targets, predictions, k)


def bias_add(x: Any, bias: Any, data_format: str | None = None) -> Any:
    """Adds a bias to the channels."""
    if (data_format or image_data_format()) == "channels_first" and len(x.shape) > 2:
        bias = ops.reshape(bias, (-1, *(1,) * (len(x.shape) - 2)))
    return ops.add(x, bias)


def conv1d(
    x: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """A convolution; `"causal"` looks back only."""
    if padding == "causal":
        x = temporal_padding(x, (dilation_rate * (kernel.shape[0] - 1), 0))
        padding = "valid"
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def conv2d(
    x: Any,
    kernel: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = (1, 1),
) -> Any:
    """A convolution."""
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def pool2d(
    x: Any,
    pool_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    pool_mode: str = "max",
) -> Any:
    """The largest or the mean value of windows."""
    if pool_mode not in ("max", "avg"):
        raise ValueError(f"Invalid pooling mode: {pool_mode}")
    pool = ops.max_pool if pool_mode == "max" else ops.average_pool
    return pool(x, pool_size, strides, padding, data_format)


def resize_images(
    x: Any, height_factor: int, width_factor: int, data_format: str, interpolation: str = "nearest"
) -> Any:
    """Pictures that are larger by whole factors."""
    return layers.UpSampling2D((height_factor, width_factor), data_format=data_format, interpolation=interpolation)(x)


def temporal_padding(x: Any, padding: Sequence[int] = (1, 1)) -> Any:
    """Zeros before and after a series."""
    return ops.pad(x, ((0, 0), tuple(padding), (0, 0)))


def spatial_2d_padding(x: Any, padding: Any = ((1, 1), (1, 1)), data_format: str | None = None) -> Any:
    """Zeros around pictures."""
    first = (data_format or image_data_format()) == "channels_first"
    around = tuple(tuple(pair) for pair in padding)
    return ops.pad(x, ((0, 0), (0, 0), *around) if first else ((0, 0), *around, (0, 0)))


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """One of two values by a condition, which has one value, or one for each row or element; functions are called."""
    if len(condition.shape) == 0 and callable(then_expression) and callable(else_expression):
        return ops.cond(condition, then_expression, else_expression)
    then_value = then_expression() if callable(then_expression) else then_expression
    else_value = else_expression() if callable(else_expression) else else_expression
    rank = len(then_value.shape) - len(condition.shape)
    if rank > 0:
        condition = ops.reshape(condition, (*(-1 if n is None else n for n in condition.shape), *(1,) * rank))
    return ops.where(ops.cast(condition, "bool"), then_value, else_value)


def map_fn(fn: Callable[[Any], Any], elems: Any, name: str | None = None, dtype: Any = None) -> Any:
    """A function of each row."""
    found = ops.map(fn, elems)
    return found if dtype is None else ops.cast(found, dtype)


def foldl(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, name: str | None = None) -> Any:
    """A function of the result so far and the next row, from the first row on."""
    rows = list(ops.unstack(elems))
    found = rows.pop(0) if initializer is None else initializer
    for row in rows:
        found = fn(found, row)
    return found


def foldr(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, name: str | None = None) -> Any:
    """The same from the last row on."""
    return foldl(fn, ops.flip(elems, axis=0), initializer)


def ctc_batch_cost(y_true: Any, y_pred: Any, input_length: Any, label_length: Any) -> Any:
    """The CTC loss of each sample as a column; `y_pred` are probabilities, whose last class is the blank."""
    classes = y_pred.shape[-1]
    logits = ops.log(ops.add(y_pred, epsilon()))
    labels, steps = (ops.cast(ops.reshape(one, (-1,)), "int32") for one in (label_length, input_length))
    found = ops.ctc_loss(ops.cast(y_true, "int32"), logits, labels, steps, mask_index=classes - 1)
    return ops.expand_dims(found, 1)


class Phase(int):
    """What `learning_phase()` returns: 0 or 1; in the inputs of `function` it says whether the model trains."""


_phase = Phase(0)


def learning_phase() -> Phase:
    """The phase: 0 to predict, 1 to train."""
    return _phase


def set_learning_phase(value: int) -> None:
    """Sets what `learning_phase` returns, and the mode of functions made from then on."""
    global _phase
    if value not in (0, 1):
        raise ValueError(f"Expected learning phase to be 0 or 1. Received: value={value}")
    _phase = Phase(value)


def in_train_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """`x` in training, else `alt`."""
    chosen = x if (_phase if training is None else training) else alt
    return chosen() if callable(chosen) else chosen


def in_test_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """`alt` in training, else `x`."""
    return in_train_phase(alt, x, training)


def placeholder(
    shape: Any = None, ndim: int | None = None, dtype: Any = None, sparse: bool = False, name: Any = None
) -> Any:
    """A symbolic tensor; its first size is that of the batch."""
    sizes = tuple(shape) if shape is not None else (None,) * (ndim or 0)
    return layers.Input(batch_shape=sizes, dtype=dtype, sparse=sparse, name=name)


def function(inputs: Any, outputs: Any, updates: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """A function of arrays that computes symbolic outputs from symbolic inputs.

    Raises:
        ValueError: If there are updates, which have no counterpart.
    """
    if updates:
        raise ValueError("K.function(updates=...) is not supported: write a `train_step` or a `tf.GradientTape` loop.")
    given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    symbolic = [one for one in given if not isinstance(one, int)]
    several = isinstance(outputs, (list, tuple))
    model = models.Model(symbolic, list(outputs) if several else [outputs])

    def run(values: Any) -> Any:
        values = list(values) if isinstance(inputs, (list, tuple)) else [values]
        training = bool(_phase)
        arrays = []
        for one, value in zip(given, values, strict=True):
            if isinstance(one, int):
                training = bool(value)
            else:
                arrays.append(ops.convert_to_tensor(value, dtype=one.dtype))
        with torch.no_grad():
            found = [get_value(value) for value in model(arrays, training=training)]
        return found if several else found[0]

    return run


def gradients(loss: Any, variables: Any) -> list[Any]:
    """The gradients of a loss with respect to tensors that it was computed from.

    Raises:
        TypeError: If they are symbolic.
    """
    wanted = list(variables) if isinstance(variables, (list, tuple)) else [variables]
    if isinstance(loss, KerasTensor) or any(isinstance(one, KerasTensor) for one in wanted):
        raise TypeError(
            "K.gradients() of symbolic tensors is not supported: compute the loss from a model's outputs in a "
            "`with tf.GradientTape() as tape:` block, and call `tape.gradient(loss, tensors)`."
        )
    return list(torch.autograd.grad(loss.sum(), wanted, allow_unused=True, retain_graph=True))


def print_tensor(x: Any, message: str = "", summarize: int = 3) -> Any:
    """Prints a tensor, and returns it."""
    if not isinstance(x, KerasTensor):
        print(message, np.array2string(get_value(x), threshold=2 * summarize, edgeitems=summarize))
    return x


#: The functions, by name.
NAMES: dict[str, Any] = {
    name: value
    for name, value in globals().items()
    if inspect.isfunction(value) and value.__module__ == __name__ and not name.startswith("_")
}
