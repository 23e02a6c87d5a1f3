"""Intersection over union of segmentations."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core import config
from torchkeras_shim.metrics.base import Metric
from torchkeras_shim.metrics.table import METRICS
from torchkeras_shim.ops.alignment import as_tensor, class_indices
from torchkeras_shim.ops.confusion import confusion_matrix


@METRICS.register("io_u")
class IoU(Metric):
    """Mean over some classes of: places that are true and predicted, divided by those that are either.

    Args:
        num_classes: How many classes there are.
        target_class_ids: The classes that count.
        name: The name.
        dtype: The type of the counts, integers by default.
        ignore_class: A label whose places do not count.
        sparse_y_true: Whether targets are class indices; one value per class otherwise.
        sparse_y_pred: Whether predictions are class indices; one value per class otherwise.
        axis: The axis of the classes if there is one.

    Raises:
        ValueError: If a class is outside the number of classes.

    Example:
        >>> IoU(num_classes=2, target_class_ids=[0])([0, 0, 1, 1], [0, 1, 0, 1])
        tensor(0.3333)
    """

    _direction = "up"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(name=name, dtype="int64" if dtype in (None, "int") else dtype)
        self.num_classes = num_classes
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        shape = (num_classes, num_classes)
        self.total_cm = self.add_variable(shape, "zeros", dtype=self.dtype, name="total_confusion_matrix")
        if max(target_class_ids) >= num_classes:
            raise ValueError(f"Target class id {max(target_class_ids)} is out of range, which is [0, {num_classes}).")
        self.target_class_ids = list(target_class_ids)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes in a batch.

        Args:
            y_true: The true classes, see `sparse_y_true`; indices outside the classes do not count.
            y_pred: The predicted classes, see `sparse_y_pred`.
            sample_weight: One weight per place.
        """
        with torch.no_grad():
            y_pred = as_tensor(y_pred)
            y_true = as_tensor(y_true, like=y_pred)
            shapes = tuple(y_true.shape), tuple(y_pred.shape)
            labels = (
                (y_true if self.sparse_y_true else class_indices(y_true, self.axis)).to(self._torch_dtype).reshape(-1)
            )
            found = (
                (y_pred if self.sparse_y_pred else class_indices(y_pred, self.axis)).to(self._torch_dtype).reshape(-1)
            )
            if labels.shape != found.shape:
                raise self._shape_error(*shapes)
            if found.device != self.total_cm.device:
                self.to(found.device)
            counts = (labels >= 0) & (labels < self.num_classes) & (found >= 0) & (found < self.num_classes)
            if self.ignore_class is not None:
                counts &= labels != self.ignore_class
            labels, found = torch.where(counts, labels, 0), torch.where(counts, found, 0)
            weights = torch.where(counts, self._weights(sample_weight, labels), 0)
            self.total_cm.add_(confusion_matrix(labels, found, self.num_classes, weights))

    def _weights(self, sample_weight: Any, like: torch.Tensor) -> torch.Tensor:
        if sample_weight is None:
            return torch.ones_like(like)
        if "float" in str(getattr(sample_weight, "dtype", "")) and "int" in self.dtype:
            warnings.warn(
                f"You are passing weight as `float`, but dtype is `{self.dtype}`. This may result in an incorrect "
                "weight due to type casting: fractions are lost. "
                f"Use integer weights, or write `{type(self).__name__}(..., dtype='float32')`.",
                stacklevel=3,
            )
        weights = as_tensor(sample_weight, self._torch_dtype, like=like)
        if weights.ndim > 1:
            weights = weights.reshape(-1)
        if weights.ndim == 1 and weights.shape[0] not in (1, like.shape[0]):
            raise ValueError(
                f"{type(self).__name__} takes one weight per place. Received: {weights.shape[0]} weights for "
                f"{like.shape[0]} places. For one weight per sample write `np.broadcast_to(weight[:, None, None], "
                "y_true.shape)`."
            )
        return weights.broadcast_to(like.shape)

    def _shape_error(self, y_true: tuple[int, ...], y_pred: tuple[int, ...]) -> ValueError:
        advice = "Both have to give one class per place."
        if self.sparse_y_pred and y_pred[: len(y_true)] == y_true and y_pred[len(y_true) :] == (self.num_classes,):
            advice = (
                "The predictions have one value per class: write "
                f"`{type(self).__name__}(num_classes={self.num_classes}, ..., sparse_y_pred=False)`."
            )
        elif not self.sparse_y_true and len(y_true) < len(y_pred):
            advice = "The targets look like class indices: write `MeanIoU(..., sparse_y_pred=False)` or `IoU(...)`."
        return ValueError(
            f"{type(self).__name__}: targets and predictions do not fit each other. Received: y_true.shape={y_true}, "
            f"y_pred.shape={y_pred}. {advice}"
        )

    def result(self) -> torch.Tensor:
        """Returns the mean so far over the classes that were seen."""
        epsilon = config.epsilon()
        both = self.total_cm.diagonal()
        either = self.total_cm.sum(dim=0) + self.total_cm.sum(dim=1) - both
        both, either = (counts[self.target_class_ids].to(torch.float32) for counts in (both, either))
        seen = either > 1e-9
        shares = torch.where(seen, both / (either + epsilon), 0.0)
        return shares.sum() / (seen.sum() + epsilon)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        fields = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")
        return {**super().get_config(), **{field: getattr(self, field) for field in fields}}


@METRICS.register("binary_io_u")
class BinaryIoU(IoU):
    """Intersection over union for labels 0 and 1 and predicted probabilities.

    Args:
        target_class_ids: The classes that count: 0, 1 or both.
        threshold: Predictions from there on are 1.
        name: The name.
        dtype: The type of the counts, integers by default.

    Example:
        >>> BinaryIoU(threshold=0.3)([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])
        tensor(0.3333)
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(num_classes=2, target_class_ids=target_class_ids, name=name, dtype=dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes in a batch; see `IoU`."""
        super().update_state(y_true, as_tensor(y_pred, torch.float32) >= self.threshold, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            "target_class_ids": self.target_class_ids,
            "threshold": self.threshold,
            "name": self.name,
            "dtype": self.dtype,
        }


class _AllArguments(IoU):
    """The classes whose config has its arguments in one order, with or without some of them."""

    _config_fields: tuple[str, ...]

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {field: getattr(self, field) for field in self._config_fields}


@METRICS.register("mean_io_u")
class MeanIoU(_AllArguments):
    """Intersection over union, the mean over all classes.

    Args:
        num_classes: How many classes there are.
        name: The name.
        dtype: The type of the counts, integers by default.
        ignore_class: A label whose places do not count.
        sparse_y_true: Whether targets are class indices; one value per class otherwise.
        sparse_y_pred: Whether predictions are class indices; one value per class otherwise.
        axis: The axis of the classes if there is one.

    Example:
        >>> MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1])
        tensor(0.3333)
    """

    _config_fields: tuple[str, ...] = (
        "num_classes",
        "name",
        "dtype",
        "ignore_class",
        "sparse_y_true",
        "sparse_y_pred",
        "axis",
    )

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(
            num_classes=num_classes,
            target_class_ids=list(range(num_classes)),
            name=name,
            dtype=dtype,
            ignore_class=ignore_class,
            sparse_y_true=sparse_y_true,
            sparse_y_pred=sparse_y_pred,
            axis=axis,
        )


@METRICS.register("one_hot_io_u")
class OneHotIoU(_AllArguments):
    """Intersection over union of some classes, for one-hot targets and one prediction per class.

    Args:
        num_classes: How many classes there are.
        target_class_ids: The classes that count.
        name: The name.
        dtype: The type of the counts, integers by default.
        ignore_class: A label whose places do not count.
        sparse_y_pred: Whether predictions are class indices.
        axis: The axis of the classes.

    Example:
        >>> OneHotIoU(2, [0])([[1, 0], [0, 1]], [[0.9, 0.1], [0.2, 0.8]])
        tensor(1.0000)
    """

    _config_fields = ("num_classes", "target_class_ids", "name", "dtype", "ignore_class", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(
            num_classes=num_classes,
            target_class_ids=target_class_ids,
            name=name,
            dtype=dtype,
            ignore_class=ignore_class,
            sparse_y_true=False,
            sparse_y_pred=sparse_y_pred,
            axis=axis,
        )


@METRICS.register("one_hot_mean_io_u")
class OneHotMeanIoU(MeanIoU):
    """Intersection over union, the mean over all classes, for one-hot targets and one prediction per class.

    Args:
        num_classes: How many classes there are.
        name: The name.
        dtype: The type of the counts, integers by default.
        ignore_class: A label whose places do not count.
        sparse_y_pred: Whether predictions are class indices.
        axis: The axis of the classes.

    Example:
        >>> OneHotMeanIoU(2)([[1, 0], [0, 1]], [[0.9, 0.1], [0.2, 0.8]])
        tensor(1.0000)
    """

    _config_fields = ("num_classes", "name", "dtype", "ignore_class", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(
            num_classes=num_classes,
            name=name,
            dtype=dtype,
            ignore_class=ignore_class,
            sparse_y_true=False,
            sparse_y_pred=sparse_y_pred,
            axis=axis,
        )
