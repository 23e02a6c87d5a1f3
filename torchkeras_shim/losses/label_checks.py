"""What the targets of the first batch have to be for each kind of loss, and what to write where they are not."""

from __future__ import annotations

import warnings

import torch

from torchkeras_shim.ops.sequence_losses import BLANK, steps_needed


def _where(output_name: str | None) -> str:
    return f" (output '{output_name}')" if output_name else ""


def check_two_classes(
    name: str, y_true: torch.Tensor, y_pred: torch.Tensor, output_name: str | None, signed: bool = False
) -> None:
    """Looks whether targets are labels of two classes: 0 and 1, anything between, or -1 and 1 for `signed` losses.

    Raises:
        ValueError: If one unit per sample meets class labels, or labels -1 and 1 a loss for 0 and 1.

    Warns:
        UserWarning: If values lie outside in any other way: some pipelines mark missing labels like that and give
            them the weight 0.
    """
    if y_true.dtype is torch.bool:
        return
    labels = y_true.to(torch.float64) if y_true.device.type == "cpu" else y_true.to(torch.float32)
    facts = [labels.amin(), labels.amax(), (labels == labels.round()).all(), (labels == 0).any()]
    smallest, largest, whole, has_zero = torch.stack([fact.to(labels.dtype) for fact in facts]).tolist()
    if largest <= 1 and smallest >= (-1 if signed else 0):
        return
    found = f"Received: smallest label {smallest:g}, largest label {largest:g}."
    if whole and y_pred.shape[-1:] == (1,):
        if smallest >= 0 and largest >= 2 and largest != 255:  # 255 is what masks of images leave out
            classes = int(largest) + 1
            raise ValueError(
                f"{name}{_where(output_name)} is for two classes, and the targets look like labels of {classes} "
                f"classes. {found} Write\n"
                f"    Dense({classes}, activation='softmax')\n"
                '    model.compile(loss="sparse_categorical_crossentropy", ...)\n'
                'for classes, or a loss such as `"mse"` for numbers.'
            )
        if smallest == -1 and largest == 1 and not has_zero:
            raise ValueError(
                f"{name}{_where(output_name)} is for labels 0 and 1. {found} Write `y = (y + 1) / 2`, or "
                '`loss="hinge"` for labels -1 and 1.'
            )
    allowed = "-1 and 1, or 0 and 1" if signed else "from 0 to 1"
    warnings.warn(
        f"{name}{_where(output_name)} expects targets {allowed}. {found} Scale them, for example `y = y / {largest:g}`,"
        " or give those that are to be left out the sample weight 0.",
        stacklevel=5,
    )


def check_one_class_each(
    name: str, y_true: torch.Tensor, y_pred: torch.Tensor, axis: int, output_name: str | None
) -> None:
    """Warns where samples have several classes, which a softmax cannot predict."""
    if y_true.shape != y_pred.shape or y_true.shape[axis] < 2:
        return
    labels = y_true.to(torch.float32)
    zeros_and_ones = ((labels == 0) | (labels == 1)).all()
    several = (labels.sum(dim=axis) > 1).any()
    if bool(zeros_and_ones & several):
        warnings.warn(
            f"{name}{_where(output_name)} is for one class per sample, and some samples have several. Write "
            f"`Dense({y_true.shape[axis]}, activation='sigmoid')` and `loss=\"binary_crossentropy\"`.",
            stacklevel=5,
        )


def check_spelling(y_true: torch.Tensor, y_pred: torch.Tensor, output_name: str | None) -> None:
    """Looks at the labels of a CTC loss.

    Raises:
        ValueError: If labels are outside the number of classes.

    Warns:
        UserWarning: If there are too few steps for some labels, or predictions went through a softmax.
    """
    if y_true.ndim != 2 or y_pred.ndim != 3 or y_true.shape[0] != y_pred.shape[0]:
        return  # the loss itself explains
    labels = y_true.long()
    needed = steps_needed(labels, (labels != BLANK).sum(dim=-1)).amax()
    rows = y_pred.sum(dim=-1)
    normalized = (y_pred >= 0).all() & ((rows - 1.0).abs() < 0.02).all()
    facts = torch.stack([labels.amin(), labels.amax(), needed, normalized.long()])
    smallest, largest, steps, probabilities = facts.tolist()
    classes = y_pred.shape[-1]
    if smallest < 0 or largest >= classes:
        raise ValueError(
            f"ctc{_where(output_name)}: labels are outside the number of classes: there are {classes} with the blank "
            f"0, so labels must be 1 to {classes - 1}, padded with 0. Received: smallest label {smallest}, largest "
            f"label {largest}. "
            + ("Pad with 0." if smallest < 0 else f"Write `Dense({largest + 1})` for the last layer.")
        )
    if steps > y_pred.shape[1]:
        warnings.warn(
            f"ctc{_where(output_name)}: the output has {y_pred.shape[1]} steps, and some labels need {steps} (one "
            "each, and one between equal neighbours): these samples teach nothing. Use fewer strides or less pooling "
            "over time.",
            stacklevel=5,
        )
    if probabilities:
        warnings.warn(
            f"ctc{_where(output_name)} expects logits, and the predictions look like probabilities. Drop "
            "`activation='softmax'` from the last layer.",
            stacklevel=5,
        )


def check_unit_length(y_pred: torch.Tensor, output_name: str | None) -> None:
    """Warns where embeddings are not of unit length."""
    if y_pred.ndim == 2 and bool(((y_pred.norm(dim=-1) - 1.0).abs() > 0.02).any()):
        warnings.warn(
            f"circle{_where(output_name)} expects embeddings of unit length. End the model with "
            "`keras.layers.UnitNormalization()`.",
            stacklevel=5,
        )


def check_not_negative(y_pred: torch.Tensor, output_name: str | None) -> None:
    """Warns where rates are negative: their logarithm is not a number."""
    if bool((y_pred < 0).any()):
        warnings.warn(
            f"poisson{_where(output_name)} expects rates of 0 and more, and some predictions are negative: the loss "
            "is not a number. Write `activation='softplus'` or `activation='exponential'` for the last layer.",
            stacklevel=5,
        )
