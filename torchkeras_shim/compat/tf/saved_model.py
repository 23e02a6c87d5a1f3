"""`tf.saved_model` for Keras models: a folder with the model as a `.keras` file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from torchkeras_shim import saving
from torchkeras_shim.compat.tf.api import public
from torchkeras_shim.compat.tf.tensors import convert
from torchkeras_shim.core.text import StringTensor

_MODEL = "model.keras"


@public("saved_model.save")
def save(obj: Any, export_dir: Any, signatures: Any = None, options: Any = None) -> None:
    """Saves a Keras model in a folder, from which `tf.saved_model.load` makes something to call.

    The folder holds `model.keras`. TensorFlow itself does not read it.

    Raises:
        ValueError: For anything else than a Keras model.
    """
    if not (hasattr(obj, "get_config") and hasattr(obj, "save")):
        raise ValueError(
            f"tf.saved_model.save takes Keras models here. Received: {type(obj).__name__}. Save the "
            "variables of a tf.Module by tf.train.Checkpoint, and programs for other languages by model.export(path)."
        )
    if signatures is not None:
        raise ValueError("signatures= is not supported: the model is called as it is.")
    folder = Path(os.fspath(export_dir))
    folder.mkdir(parents=True, exist_ok=True)
    saving.save_model(obj, folder / _MODEL)


class Loaded:
    """What `load` returns: it is called like the model, and knows its variables."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.signatures = {"serving_default": self._serve}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._model(*[_as_input(one) for one in args], **kwargs)

    def _serve(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        inputs = [*args, *kwargs.values()]
        outputs = (
            self._model(*[_as_input(one) for one in inputs])
            if len(inputs) <= 1
            else self._model([_as_input(one) for one in inputs])
        )
        if isinstance(outputs, dict):
            return outputs
        flat = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        names = getattr(self._model, "output_names", None) or [f"output_{at}" for at in range(len(flat))]
        return dict(zip(names, flat, strict=True))

    @property
    def variables(self) -> list[Any]:
        """The variables."""
        return list(self._model.variables)

    @property
    def trainable_variables(self) -> list[Any]:
        """The variables that are trained."""
        return list(self._model.trainable_variables)


def _as_input(value: Any) -> Any:
    return value if isinstance(value, (StringTensor, dict)) or hasattr(value, "detach") else convert(value)


@public("saved_model.load")
def load(export_dir: Any, tags: Any = None, options: Any = None) -> Loaded:
    """Returns what `save` has written, as something to call.

    Raises:
        ValueError: For a folder that TensorFlow itself has written.
    """
    folder = Path(os.fspath(export_dir))
    if (folder / "saved_model.pb").exists() and not (folder / _MODEL).exists():
        raise ValueError(
            f"{folder} is a SavedModel of TensorFlow itself, a program for its runtime, which is not read. Load it in "
            "TensorFlow, and save the model as `.keras`, `.h5` or `.weights.h5`."
        )
    return Loaded(saving.load_model(folder / _MODEL, compile=False))


@public("saved_model.contains_saved_model")
def contains_saved_model(export_dir: Any) -> bool:
    """Returns whether a folder holds what `save` has written."""
    return (Path(os.fspath(export_dir)) / _MODEL).exists()
