"""Class weights and sample weights, brought to one sample weight per sample and output."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core import config, dtypes, tree
from torchkeras_shim.data.arrays import as_tensor, describe


def class_weight_to_sample_weights(y: Any, class_weight: Any) -> torch.Tensor:
    """Returns the weight of each sample's class.

    Args:
        y: Labels of shape `(n,)` or `(n, 1)`, or one-hot or probability rows of shape `(n, classes)`.
        class_weight: A dict from class index to weight; classes that are missing weigh 1.

    Raises:
        ValueError: If either is of another form.

    Example:
        >>> class_weight_to_sample_weights(torch.tensor([0, 2, 1]), {0: 5.0, 1: 2.0})
        tensor([5., 1., 2.])
    """
    table = _weight_table(class_weight)
    if y is None:
        raise ValueError(
            "`class_weight` needs targets to find each sample's class, but `y` is None. Pass `y`, or drop "
            f"`class_weight`. Received: class_weight={class_weight}"
        )
    if tree.is_nested(y):
        raise ValueError(
            "`class_weight` is only supported for Models with a single output. "
            f"Received: y={describe(y)}. Pass one `sample_weight` array per output instead."
        )
    labels = as_tensor(y, "y")
    classes = labels
    if classes.ndim > 1:
        classes = classes.squeeze(-1) if classes.shape[-1] == 1 else _argmax(classes)
    if classes.ndim != 1:
        raise ValueError(
            "`class_weight` expects one label or one row of class probabilities per sample: `y` of shape (n,), (n, 1) "
            f"or (n, classes). Received: y of shape {tuple(labels.shape)}. Pass `sample_weight` instead."
        )
    classes = classes.round().long() if classes.is_floating_point() else classes.long()
    low, weights = table
    last = len(weights) - 1  # holds the 1.0 of every class that is not in the dict
    index = classes - low
    index = torch.where((index < 0) | (index > last), last, index)
    return weights.to(classes.device)[index]


def _argmax(labels: torch.Tensor) -> torch.Tensor:
    return (labels.to(torch.uint8) if labels.dtype == torch.bool else labels).argmax(-1)


def _weight_table(class_weight: Any) -> tuple[int, torch.Tensor]:
    """Returns the lowest class and a table of weights from there, whose last entry is 1."""
    dtype = dtypes.to_torch_dtype(config.floatx())
    try:
        weights = {int(key): float(value) for key, value in class_weight.items() if int(key) == key}
        if len(weights) != len(class_weight):
            raise ValueError
    except (AttributeError, TypeError, ValueError):
        raise ValueError(
            "`class_weight` must be a dict from class indices to weights, such as `{0: 1.0, 1: 5.0}`. "
            f"Received: class_weight={class_weight}"
        ) from None
    if not weights:
        return 0, torch.ones(1, dtype=dtype)
    low, high = min(weights), max(weights)
    table = torch.ones(high - low + 2, dtype=dtype)
    for key, value in weights.items():
        table[key - low] = value
    return low, table


def check_weights(y: Any, sample_weight: Any, class_weight: Any) -> Any:
    """Returns the sample weights that a model gets: as given, one for each output, or from the class weights.

    Raises:
        ValueError: If both kinds are given, or if weights do not fit the outputs.
    """
    if sample_weight is None:
        return None if class_weight is None else class_weight_to_sample_weights(y, class_weight)
    if class_weight is not None:
        raise ValueError(
            "You cannot `class_weight` and `sample_weight` at the same time. Multiply them into one `sample_weight` "
            "array."
        )
    if not tree.is_nested(y):
        return sample_weight
    if tree.is_nested(sample_weight):
        try:
            tree.assert_same_structure(y, sample_weight)
        except ValueError:
            raise ValueError(
                "You should provide one `sample_weight` array per output in `y`. The two structures did not match:\n"
                f"- y: {describe(y)}\n- sample_weight: {describe(sample_weight)}"
            ) from None
        return sample_weight
    shape = tuple(sample_weight.shape)
    if len(shape) != 1 and not (len(shape) == 2 and shape[1] == 1):
        raise ValueError(
            "For a model with multiple outputs, when providing a single `sample_weight` array, it should only have one "
            "scalar score per sample (i.e. shape `(num_samples,)`). If you want to use non-scalar sample weights, pass "
            f"a `sample_weight` argument with one array per model output. Received: sample_weight of shape {shape}"
        )
    return tree.map_structure(lambda _: sample_weight, y)
