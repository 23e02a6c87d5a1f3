"""`Distiller`: the model that trains a student by a teacher."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim import metrics as metrics_module
from torchkeras_shim.core import serialization, tree
from torchkeras_shim.distillation.losses import DISTILLATION, resolved
from torchkeras_shim.models.model import Model

_LAST = "final_output"


@DISTILLATION.register()
class Distiller(Model):
    """Trains a student by the labels and by a teacher, which is frozen.

    The loss is `student_loss_weight` times the student's own and the rest times the distance from the teacher.

    Args:
        teacher: The trained model.
        student: The model to train, of the same inputs and outputs.
        distillation_losses: How the two are compared: one `LogitsDistillation`, `FeatureDistillation` or loss of one's
            own, or several.
        distillation_loss_weights: The weight of each, 1 by default.
        student_loss_weight: How much the student's own loss counts, between 0 and 1.
        name: The model's name.
        **kwargs: Arguments of every model.

    Attributes:
        teacher: The teacher.
        student: The student, to be used alone afterwards.

    Raises:
        ValueError: If the two models, or the numbers of losses and weights, do not fit one another.

    Example:
        >>> import torchkeras_shim as keras
        >>> teacher, student = (keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]) for _ in range(2))
        >>> by = keras.distillation.LogitsDistillation(loss=keras.losses.KLDivergence())
        >>> distiller = Distiller(teacher, student, by)
        >>> distiller.compile("adam", loss="mse")
        >>> sorted(distiller.fit(torch.ones(8, 4), torch.ones(8, 2), verbose=0).history)
        ['distillation_loss', 'loss', 'student_loss', 'total_loss']
    """

    def __init__(
        self,
        teacher: Any,
        student: Any,
        distillation_losses: Any,
        distillation_loss_weights: Any = None,
        student_loss_weight: float = 0.5,
        name: str = "distiller",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        _check_models(teacher, student)
        if not isinstance(student_loss_weight, (int, float)):
            raise ValueError(f"student_loss_weight must be a number, got {type(student_loss_weight)}")
        if not 0.0 <= student_loss_weight <= 1.0:
            raise ValueError(f"student_loss_weight must be between 0.0 and 1.0, got {student_loss_weight}")
        if distillation_losses is None:
            raise ValueError(
                "'distillation_losses' cannot be `None`. Provide a distillation loss (e.g., LogitsDistillation or "
                "FeatureDistillation) or a list of distillation losses."
            )
        single = not isinstance(distillation_losses, (list, tuple))
        self.distillation_losses = [distillation_losses] if single else list(distillation_losses)
        count = len(self.distillation_losses)
        weights = [1.0] * count if single or distillation_loss_weights is None else list(distillation_loss_weights)
        if len(weights) != count:
            raise ValueError(
                f"Number of distillation_loss_weights ({len(weights)}) must match number of distillation_losses "
                f"({count})"
            )
        self.distillation_loss_weights = weights
        self.student_loss_weight = student_loss_weight
        for loss in self.distillation_losses:
            loss.validate_model_compatibility(teacher, student)
        self.teacher = teacher
        self.student = student
        self._teacher_features = _features_of(teacher, [one.teacher_layer_name for one in self._layered()])
        self._student_features = _features_of(student, [one.student_layer_name for one in self._layered()])
        self.teacher.trainable = False
        self.student_loss_tracker = metrics_module.Mean(name="student_loss")
        self.distillation_loss_tracker = metrics_module.Mean(name="distillation_loss")
        self.total_loss_tracker = metrics_module.Mean(name="total_loss")

    def _layered(self) -> list[Any]:
        """Returns the losses that compare layers inside the models."""
        return [loss for loss in self.distillation_losses if getattr(loss, "teacher_layer_name", None) is not None]

    def compile(  # type: ignore[override]
        self, optimizer: Any = "adam", loss: Any = None, metrics: Any = None, **kwargs: Any
    ) -> None:
        """Prepares training.

        Args:
            optimizer: The student's optimizer.
            loss: The student's own loss, or a structure of losses, like the outputs.
            metrics: A list of metrics of the student's outputs.
            **kwargs: Arguments of every `compile`.

        Raises:
            ValueError: If there is no loss, or the metrics are not a list.
        """
        if loss is None:
            raise ValueError("'loss' cannot be `None`.")
        if metrics is not None and not isinstance(metrics, (list, tuple)):
            raise ValueError(f"metrics must be a list or tuple, got {type(metrics)}")
        self._student_loss = resolved(loss)
        super().compile(optimizer=optimizer, loss=None, metrics=metrics, **kwargs)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Returns what the student predicts."""
        return self.student(inputs, training=training)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Returns the student's own loss and its distance from the teacher, weighted.

        Args:
            x: The inputs.
            y: The targets; without them the teacher alone counts.
            y_pred: The student's outputs.
            sample_weight: Must be `None`.
            training: Whether this is a step of training.

        Raises:
            ValueError: If there are sample weights: nothing would use them.
        """
        if sample_weight is not None:
            raise ValueError(
                "A Distiller does not use sample weights. Received: sample_weight. Leave `sample_weight` and "
                "`class_weight` out, or override `compute_loss`."
            )
        if y_pred is None:
            y_pred = self(x, training=training)
        share = self.student_loss_weight
        own: Any = self._own_loss(y, y_pred) if share > 0.0 and y is not None else 0.0
        distance: Any = self._distance(x, y_pred) if share < 1.0 else 0.0
        total = share * own + (1.0 - share) * distance
        self.student_loss_tracker.update_state(own)
        self.distillation_loss_tracker.update_state(distance)
        self.total_loss_tracker.update_state(total)
        return total

    def _own_loss(self, y: Any, y_pred: Any) -> torch.Tensor:
        """Returns the student's loss by the targets."""
        parts = tree.flatten(tree.map_structure(lambda loss, *sides: loss(*sides), self._student_loss, y, y_pred))
        return parts[0].mean() if len(parts) == 1 else torch.stack(parts).sum()

    def _distance(self, x: Any, y_pred: Any) -> Any:
        """Returns how far the student is from the teacher, by all losses."""
        with torch.no_grad():  # the teacher learns nothing
            features = self._teacher_features
            teacher = features(x, training=False) if features is not None else {_LAST: self.teacher(x, training=False)}
        features = self._student_features
        student = features(x, training=True) if features is not None else {}
        student[_LAST] = y_pred
        distance: Any = 0.0
        for loss, weight in zip(self.distillation_losses, self.distillation_loss_weights, strict=True):
            layered = getattr(loss, "teacher_layer_name", None) is not None
            names = (loss.teacher_layer_name, loss.student_layer_name or _LAST) if layered else (_LAST, _LAST)
            sides = teacher[names[0]], student[names[1]]
            loss.validate_outputs(*sides)
            one = loss.compute_loss(*sides)
            if getattr(one, "ndim", 0):
                raise ValueError(
                    f"Distillation loss {type(loss).__name__} returned a non-scalar loss with shape "
                    f"{tuple(one.shape)}. The compute_loss method must return a scalar tensor: take its mean."
                )
            distance = distance + weight * one
        return distance

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        parts = {"teacher": self.teacher, "student": self.student, "distillation_losses": self.distillation_losses}
        return {
            **super().get_config(),
            **{key: serialization.serialize_keras_object(value) for key, value in parts.items()},
            "distillation_loss_weights": list(self.distillation_loss_weights),
            "student_loss_weight": self.student_loss_weight,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Rebuilds a distiller from `get_config()`."""
        config = dict(config)
        for key in ("teacher", "student", "distillation_losses"):
            config[key] = serialization.deserialize_keras_object(config[key], custom_objects=custom_objects)
        return cls(**config)


def _features_of(model: Any, names: list[str | None]) -> Model | None:
    """Returns a model of the outputs of some layers, and the last, by name."""
    known = dict.fromkeys(name for name in names if name is not None)
    if not known:
        return None
    outputs = {name: model.get_layer(name=name).output for name in known}
    return Model(model.inputs, {_LAST: model.output, **outputs})


def _check_models(teacher: Any, student: Any) -> None:
    """Makes sure that two models have inputs and outputs of the same shapes and types."""
    for model, role in ((teacher, "Teacher"), (student, "Student")):
        if not isinstance(model, Model):
            raise ValueError(f"{role} must be a keras.Model, got {type(model)}")
    for kind in ("input", "output"):
        sides = [getattr(model, f"{kind}s", None) for model in (teacher, student)]
        if sides[0] is None or sides[1] is None:
            continue
        for one, other in zip(*sides, strict=False):
            _check_tensors(kind, one, other)


def _check_tensors(kind: str, teacher: Any, student: Any) -> None:
    shapes = f"Teacher: {teacher.shape}, Student: {student.shape}."
    if len(teacher.shape) != len(student.shape):
        raise ValueError(f"Teacher and student {kind} shapes have different dimensions. {shapes}")
    if any(None not in pair and pair[0] != pair[1] for pair in zip(teacher.shape, student.shape, strict=True)):
        raise ValueError(f"Teacher and student {kind} shapes are incompatible. {shapes} All dimensions must match.")
    if teacher.dtype != student.dtype:
        raise ValueError(
            f"Teacher and student {kind} dtypes must match. Teacher: {teacher.dtype}, Student: {student.dtype}."
        )
