"""Crossentropies per sample, as Keras computes them on TensorFlow.

Probabilities are clipped to `[epsilon, 1 - epsilon]`. Where a prediction carries the logits that a softmax or sigmoid
made it from (`_keras_logits`), the logits are used instead: one stable kernel, and gradients that do not die.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core import config
from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.alignment import as_float_tensor, as_tensor

__all__ = ["binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"]

#: No label is ignored by torch's default of -100: Keras knows no such label.
NO_IGNORED_LABEL = -(2**63)


@op
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """Computes the binary crossentropy of every element.

    Args:
        target: The true probabilities, of the same shape as `output`.
        output: Predicted probabilities, or logits with `from_logits=True`.
        from_logits: Whether `output` holds logits.

    Returns:
        A tensor of the shape of `output`.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> binary_crossentropy(torch.tensor([1.0]), torch.tensor([0.5]))
        tensor([0.6931])
    """
    output = as_float_tensor(output)
    target = as_tensor(target, output.dtype, like=output)
    check_same_shape("binary_crossentropy", target, output)
    output, from_logits = logits_behind(output, from_logits, "binary_crossentropy", "sigmoid")
    if from_logits:
        return F.binary_cross_entropy_with_logits(output, target, reduction="none")
    output = clip(output)
    return -(target * output.log() + (1.0 - target) * (1.0 - output).log())


@op
def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """Computes the crossentropy between true and predicted distributions.

    Args:
        target: The true probabilities (one-hot labels), of the same shape as `output`.
        output: Predicted probabilities, or logits with `from_logits=True`.
        from_logits: Whether `output` holds logits.
        axis: The axis of the classes.

    Returns:
        A tensor of the shape of `output` without the axis of the classes.

    Raises:
        ValueError: If the shapes differ; for integer labels the message shows the two corrections.

    Example:
        >>> categorical_crossentropy(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.5]]))
        tensor([0.6931])
    """
    output = as_float_tensor(output)
    target = as_tensor(target, output.dtype, like=output)
    check_one_hot(target, output, axis)
    output, from_logits = logits_behind(output, from_logits, "categorical_crossentropy", "softmax")
    if from_logits:
        return -(target * torch.log_softmax(output, dim=axis)).sum(dim=axis)
    output = clip(output / output.sum(dim=axis, keepdim=True))
    return -(target * output.log()).sum(dim=axis)


@op
def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """Computes the crossentropy between integer labels and predicted distributions.

    Args:
        target: The class indices, of any numeric type; a last dimension of size 1 is dropped.
        output: Predicted probabilities, or logits with `from_logits=True`.
        from_logits: Whether `output` holds logits.
        axis: The axis of the classes.

    Returns:
        A tensor of the shape of `output` without the axis of the classes.

    Raises:
        ValueError: If the shapes do not fit, or a label is outside the number of classes.

    Example:
        >>> sparse_categorical_crossentropy(torch.tensor([1]), torch.tensor([[0.5, 0.5]]))
        tensor([0.6931])
    """
    output = as_float_tensor(output)
    target = as_tensor(target, like=output)
    if target.ndim == output.ndim and target.shape[axis] == 1:
        target = target.squeeze(axis)
    check_labels_shape(target, output, axis)
    output, from_logits = logits_behind(output, from_logits, "sparse_categorical_crossentropy", "softmax")
    if not from_logits:
        output = clip(output).log()
    if axis not in (-1, output.ndim - 1):
        output = output.movedim(axis, -1)
    classes = output.shape[-1]
    labels = class_indices(target)
    try:
        losses = F.cross_entropy(
            output.reshape(-1, classes), labels.reshape(-1), reduction="none", ignore_index=NO_IGNORED_LABEL
        )
    except IndexError as error:
        raise labels_error(int(labels.min()), int(labels.max()), classes) from error
    return losses.reshape(target.shape)


def clip(output: torch.Tensor) -> torch.Tensor:
    """Keeps probabilities away from 0 and 1 by the fuzz factor."""
    epsilon = config.epsilon()
    return output.clamp(epsilon, 1.0 - epsilon)


#: The functions that have warned of probabilities for logits: once is enough, a training step comes by for each batch.
_warned: set[str] = set()


def class_indices(labels: torch.Tensor) -> torch.Tensor:
    """Returns labels in a type that torch's kernels take as class indices."""
    if labels.dtype is torch.int64 or (labels.dtype is torch.uint8 and not labels.is_mps):
        return labels
    return labels.long()


def logits_behind(output: torch.Tensor, from_logits: bool, name: str, activation: str) -> tuple[torch.Tensor, bool]:
    """Returns the logits that a softmax or sigmoid made `output` from if there are any, and whether there are."""
    logits = getattr(output, "_keras_logits", None)
    if logits is None:
        return output, from_logits
    if from_logits and name not in _warned:
        warn_activation_with_logits(name, activation)
    return logits, True


def warn_activation_with_logits(name: str, activation: str, output_name: str | None = None) -> None:
    """Warns that probabilities were handed to a loss that expects logits."""
    _warned.add(name)
    where = f" (output '{output_name}')" if output_name else ""
    warnings.warn(
        f"{name}{where} received `from_logits=True`, but the predictions went through a {activation} already and are "
        f"probabilities. Either drop `activation='{activation}'` from the last layer, or write the loss as "
        f"`{_class_name(name)}(from_logits=False)`.",
        stacklevel=3,
    )


def warn_logits_without_flag(
    name: str, found: str, activation: str, output_name: str | None = None, has_flag: bool = True
) -> None:
    """Warns that something else than probabilities was handed to a loss that expects them."""
    where = f" (output '{output_name}')" if output_name else ""
    advice = f"Give the last layer `activation='{activation}'`."
    if has_flag:
        call = f"{_class_name(name)}(from_logits=True)"
        advice = f"Either give the last layer `activation='{activation}'`, or write the loss as `{call}`."
    warnings.warn(
        f"{name}{where} expects probabilities, but received {found}. {advice}",
        stacklevel=3,
    )


def _class_name(name: str) -> str:
    return "keras.losses." + "".join(part.capitalize() for part in name.split("_"))


def check_same_shape(name: str, target: torch.Tensor, output: torch.Tensor) -> None:
    """Raises a ValueError where targets and predictions differ in shape; class labels get the corrected lines."""
    if target.shape == output.shape:
        return
    shapes = f"Received: target.shape={tuple(target.shape)}, output.shape={tuple(output.shape)}."
    advice = ""
    if looks_like_labels(target, output, -1) and output.shape[-1] > 1:
        classes = output.shape[-1]
        advice = (
            f" These look like integer labels for an output of {classes} units. For {classes} classes write\n"
            f"    Dense({classes}, activation='softmax')\n"
            '    model.compile(loss="sparse_categorical_crossentropy", ...)\n'
            "and for two classes\n"
            "    Dense(1, activation='sigmoid')"
        )
    elif target.ndim == output.ndim and target.ndim and target.shape[:-1] == output.shape[:-1]:
        advice = f" The width of the last layer must be that of the targets: `Dense({target.shape[-1]})`."
    raise ValueError(f"{name}: arguments `target` and `output` must have the same shape. {shapes}{advice}")


def check_one_hot(
    target: torch.Tensor, output: torch.Tensor, axis: int = -1, name: str = "categorical_crossentropy"
) -> None:
    """Raises a ValueError where `target` is not one-hot; integer labels get the corrected lines."""
    if target.shape == output.shape and target.ndim:
        return
    shapes = f"Received: target.shape={tuple(target.shape)}, output.shape={tuple(output.shape)}."
    if looks_like_labels(target, output, axis):
        one_hot = f"    y = keras.utils.to_categorical(y, num_classes={output.shape[axis]})"
        lines = f"Write\n{one_hot}"
        if name == "categorical_crossentropy":
            sparse = '    model.compile(loss="sparse_categorical_crossentropy", ...)'
            lines = f"Write either\n{sparse}\nor\n{one_hot}"
        raise ValueError(
            f"{name} expects one-hot labels: arguments `target` and `output` must have the same shape. {shapes} "
            f"These look like integer labels. {lines}"
        )
    width = "num_classes"
    if target.ndim == output.ndim and target.ndim and target.shape[:-1] == output.shape[:-1]:
        width = str(target.shape[-1])
    raise ValueError(
        f"{name}: arguments `target` and `output` must have the same shape, of rank 1 at least. "
        f"{shapes} The last layer needs one unit per class: `Dense({width})`."
    )


def looks_like_labels(target: torch.Tensor, output: torch.Tensor, axis: int = -1) -> bool:
    """Returns whether targets have the shape of one class index per row of the predictions."""
    if not output.ndim:
        return False
    labels = list(output.shape)
    del labels[axis]
    return list(target.shape) in (labels, [*labels, 1])


def check_labels_shape(
    target: torch.Tensor, output: torch.Tensor, axis: int = -1, name: str = "sparse_categorical_crossentropy"
) -> None:
    """Raises a ValueError where `target` does not hold one label per row of `output`."""
    if not output.ndim:
        raise ValueError(
            f"{name}: argument `output` must be at least rank 1. Received: output.shape={tuple(output.shape)}"
        )
    rows = list(output.shape)
    classes = rows.pop(axis)
    if list(target.shape) == rows:
        return
    shapes = f"Received: target.shape={tuple(target.shape)}, output.shape={tuple(output.shape)}."
    if target.shape == output.shape:
        either, lines = "", "    y = y.argmax(axis=-1)"
        if name == "sparse_categorical_crossentropy":
            either = " either"
            lines = f'    model.compile(loss="categorical_crossentropy", ...)\nor\n{lines}'
        raise ValueError(
            f"{name} expects one integer label per sample: `target` must have the shape of "
            f"`output` without the axis of the {classes} classes. {shapes} "
            f"These look like one-hot labels. Write{either}\n{lines}"
        )
    raise ValueError(
        f"{name}: arguments `target` and `output` must have the same shape up until the last "
        f"dimension, which holds the classes. {shapes}"
    )


def labels_error(
    smallest: int,
    largest: int,
    classes: int,
    output_name: str | None = None,
    name: str = "sparse_categorical_crossentropy",
) -> ValueError:
    """Returns the error for labels outside the number of classes."""
    where = f"output '{output_name}' has" if output_name else "the predictions have"
    if classes == 1 and smallest >= 0:
        advice = (
            f"Give the last layer one unit per class: `Dense({largest + 1}, activation='softmax')`; for two classes "
            "`Dense(1, activation='sigmoid')` with `loss=\"binary_crossentropy\"`."
        )
    elif smallest == 1 and largest == classes:
        advice = "The labels start at 1: write `y = y - 1`."
    elif smallest < 0:
        advice = "Negative labels have no class: remove them"
        advice += (
            ", or use `SparseCategoricalCrossentropy(ignore_class=...)`."
            if name == "sparse_categorical_crossentropy"
            else "."
        )
    else:
        advice = f"Give the last layer one unit per class: `Dense({largest + 1})`."
    return ValueError(
        f"{name}: labels are outside the number of classes: {where} {classes} classes, so "
        f"labels must be 0 to {classes - 1}. Received: smallest label {smallest}, largest label {largest}. {advice}"
    )
