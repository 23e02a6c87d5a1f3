"""How far a student is from its teacher."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim import losses
from torchkeras_shim.core import serialization, tree
from torchkeras_shim.core.registry import Registry

DISTILLATION = Registry("distillation loss", "keras.distillation")

Apply = Callable[[Any, torch.Tensor, torch.Tensor], Any]


class DistillationLoss:
    """What the distance of a student from its teacher is measured by: the base of classes of one's own.

    Override `compute_loss`, and `get_config` for models that are saved.

    Attributes:
        teacher_layer_name: The teacher's layer whose outputs are compared; `None` for the model's.
        student_layer_name: The student's layer.

    Example:
        >>> class Squares(DistillationLoss):
        ...     def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
        ...         return ((teacher_outputs - student_outputs) ** 2).mean()
        >>> Squares().compute_loss(torch.ones(2), torch.zeros(2))
        tensor(1.)
    """

    teacher_layer_name: str | None = None
    student_layer_name: str | None = None

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """Returns the distance as one number.

        Args:
            teacher_outputs: A tensor, or a structure of tensors, of the teacher.
            student_outputs: The same of the student.
            **kwargs: For classes of one's own.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no `compute_loss`: write `def compute_loss(self, teacher_outputs, "
            "student_outputs, **kwargs)`, which returns a scalar."
        )

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Makes sure that what is compared has one structure.

        Raises:
            ValueError: If it has not.
        """
        tree.assert_same_structure(teacher_outputs, student_outputs)

    def validate_model_compatibility(self, teacher: Any, student: Any) -> None:
        """Makes sure that two models can be compared in this way; `Distiller` asks before it trains.

        Raises:
            ValueError: If they cannot.
        """


@DISTILLATION.register()
class LogitsDistillation(DistillationLoss):
    """Compares the outputs of both models, divided by a temperature.

    With a `keras.losses.KLDivergence()` the outputs are taken as logits: their softmax is compared, and the distance
    multiplied by the square of the temperature. Every other loss gets the divided outputs as they are, and so does
    the function `kl_divergence` of the default, as in Keras.

    Args:
        temperature: The number that logits are divided by: the larger, the softer.
        loss: A loss or its name, or a structure of them, like the outputs; `None` leaves an output out.

    Raises:
        ValueError: If the temperature is not a positive number, or there is no loss at all.

    Example:
        >>> loss = LogitsDistillation(temperature=2.0, loss=losses.KLDivergence())
        >>> loss.compute_loss(torch.tensor([[2.0, 0.0]]), torch.tensor([[2.0, 0.0]]))
        tensor(0.)
    """

    def __init__(self, temperature: float = 3.0, loss: Any = "kl_divergence") -> None:
        self.temperature = temperature
        self.loss = resolved(loss)
        if all(item is None for item in tree.flatten(self.loss)):
            raise ValueError(f"At least one loss must be non-`None`. Received: loss={loss}")
        if not isinstance(temperature, (int, float)):
            raise ValueError(f"temperature must be a number, got {type(temperature)}. Received: {temperature}")
        if temperature <= 0.0:
            raise ValueError(f"temperature must be positive. Received: temperature={temperature}")

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> torch.Tensor:
        """Returns the sum of the losses of all outputs."""

        def apply(loss: Any, teacher: torch.Tensor, student: torch.Tensor) -> torch.Tensor:
            if not isinstance(loss, losses.KLDivergence):
                return torch.mean(loss(teacher, student))
            divergence = torch.mean(loss(teacher.softmax(-1), student.softmax(-1)))
            return divergence * self.temperature**2

        scaled = [tree.map_structure(lambda x: x / self.temperature, x) for x in (teacher_outputs, student_outputs)]
        return _total(apply, self.loss, *scaled)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"temperature": self.temperature, "loss": serialization.serialize_keras_object(self.loss)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Rebuilds a loss from `get_config()`."""
        return cls(**{**config, "loss": _restored(config["loss"])})


@DISTILLATION.register()
class FeatureDistillation(DistillationLoss):
    """Compares what a layer of the teacher gives with what a layer of the student does.

    Args:
        loss: A loss or its name, or a structure of them, like the layers' outputs; `None` leaves one out.
        teacher_layer_name: The teacher's layer; its last output by default.
        student_layer_name: The student's layer; its last output by default.

    Raises:
        ValueError: If there is no loss at all.

    Example:
        >>> loss = FeatureDistillation(teacher_layer_name="features", student_layer_name="features")
        >>> loss.compute_loss(torch.ones(1, 2), torch.zeros(1, 2))
        tensor(1.)
    """

    def __init__(
        self, loss: Any = "mse", teacher_layer_name: str | None = None, student_layer_name: str | None = None
    ) -> None:
        self.teacher_layer_name = teacher_layer_name
        self.student_layer_name = student_layer_name
        self.loss = resolved(loss)
        if all(item is None for item in tree.flatten(self.loss)):
            raise ValueError(
                "The `loss` argument in `FeatureDistillation` must contain at least one non-`None` value. "
                f"Received: loss={loss}"
            )

    def validate_model_compatibility(self, teacher: Any, student: Any) -> None:
        """Makes sure that both models have the layers.

        Raises:
            ValueError: If one has not, or is not a graph of layers.
        """
        sides = {"teacher": (teacher, self.teacher_layer_name), "student": (student, self.student_layer_name)}
        if all(name is None for _, name in sides.values()):
            return
        without = [side for side, (model, _) in sides.items() if getattr(model, "inputs", None) is None]
        if without:
            raise ValueError(
                "FeatureDistillation with specific layer names requires Functional or Sequential models. The "
                f"{' and '.join(without)} model(s) appear to be subclassed (no symbolic inputs/outputs). Leave the "
                "names out, to compare the last outputs, or use LogitsDistillation."
            )
        for side, (model, name) in sides.items():
            if name is not None:
                try:
                    model.get_layer(name=name)
                except ValueError as error:
                    raise ValueError(f"In {side} model: {error}") from error

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Makes sure that the outputs have the structure of the losses.

        Raises:
            ValueError: If they have not.
        """
        super().validate_outputs(teacher_outputs, student_outputs)
        try:
            tree.assert_same_structure(self.loss, teacher_outputs)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"Loss structure mismatch. Pass a loss, or `None`, for each output. Received: loss={self.loss}, and "
                f"outputs of another structure: {error}"
            ) from error

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> torch.Tensor:
        """Returns the sum of the losses of all outputs."""
        return _total(lambda loss, *sides: torch.mean(loss(*sides)), self.loss, teacher_outputs, student_outputs)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "loss": serialization.serialize_keras_object(self.loss),
            "teacher_layer_name": self.teacher_layer_name,
            "student_layer_name": self.student_layer_name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Rebuilds a loss from `get_config()`."""
        return cls(**{**config, "loss": _restored(config["loss"])})


def resolved(loss: Any) -> Any:
    """Returns a structure of losses with functions in the place of names."""
    return tree.map_structure(lambda item: losses.get(item) if isinstance(item, str) else item, loss)


def _restored(loss: Any) -> Any:
    """Returns the losses of a config, of which some may be missing."""
    return loss if isinstance(loss, str) else serialization.deserialize_keras_object(loss)


def _total(apply: Apply, loss: Any, teacher: Any, student: Any) -> torch.Tensor:
    """Returns the sum over all outputs that have a loss."""
    parts = tree.map_structure(lambda one, *sides: one and apply(one, *sides), loss, teacher, student)
    return torch.stack([part for part in tree.flatten(parts) if part is not None]).sum()
