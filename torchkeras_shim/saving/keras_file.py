"""Whole models in Keras's `.keras` format."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import zipfile
from typing import Any

from torchkeras_shim.core.atomic import replacing, replacing_folder
from torchkeras_shim.saving import archive, assets, budget, hdf5
from torchkeras_shim.saving.archive import ASSETS, CONFIG, METADATA, WEIGHTS
from torchkeras_shim.saving.errors import DamagedFileError
from torchkeras_shim.saving.model_config import KERAS_VERSION, model_to_json, parse, rebuild, without_compilation
from torchkeras_shim.saving.weights_h5 import read_weights, write_weights


def save(model: Any, path: str, zipped: bool = True) -> None:
    """Writes a model: its architecture, weights, and what it was compiled with.

    The file appears at once and whole: an interrupted save leaves the previous file as it was.

    Args:
        model: The model.
        path: Where to.
        zipped: `False` writes a folder.
    """
    texts = {METADATA: json.dumps(_metadata()), CONFIG: model_to_json(model)}
    if not zipped:
        _save_folder(model, path, texts)
        return
    with replacing(path) as temporary:
        # The weights are written beside the archive first: HDF5 needs to seek, and they need not fit into memory.
        weights = f"{temporary}.weights"
        try:
            with hdf5.created(weights) as file:
                write_weights(model, file)
            with zipfile.ZipFile(temporary, "w") as target:
                for name, text in texts.items():
                    target.writestr(name, text)
                target.write(weights, WEIGHTS)
                assets.add_to(target, model)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.remove(weights)


def load(path: str, custom_objects: dict[str, Any] | None, compile: bool) -> Any:
    """Reads what `save`, or Keras, has written.

    Args:
        path: A `.keras` file or folder.
        custom_objects: The user's own classes and functions by name.
        compile: Whether to compile the model as it was when it was saved.
    """
    with archive.opened(path) as source:
        text = source.text(CONFIG)
        if text is None:
            raise DamagedFileError(f"'{path}' holds no '{CONFIG}': it is no `.keras` file.")
        config = parse(text, path)
        if not compile:
            config = without_compilation(config)
        _choose_compilation(config)
        # The checksum of the weights is compared before anything is made of them.
        with source.weights() as weights:
            with budget.limit(path, source.weights_size()):
                model = rebuild(config, custom_objects, path, _version(source))
            with hdf5.opened(weights, path) as file:
                read_weights(model, file, path)
        assets.read(model, source.sizes(), source.member, path)
    return model


def load_weights(model: Any, path: str, skip_mismatch: bool) -> None:
    """Reads the weights alone out of a `.keras` file."""
    with archive.opened(path) as source, source.weights() as weights, hdf5.opened(weights, path) as file:
        read_weights(model, file, path, skip_mismatch)


def _choose_compilation(config: dict[str, Any]) -> None:
    arguments = config.get("compile_config")
    if not isinstance(arguments, dict):
        config.pop("compile_config", None)
    elif arguments.get("jit_compile") is True:
        # Keras writes what its backend made of "auto", not what the user asked for.
        arguments["jit_compile"] = "auto"


def _version(source: archive.Archive) -> str | None:
    """Returns the version of Keras that a file says it was written by."""
    try:
        metadata = budget.parse_json(source.text(METADATA) or "{}", source.path)
    except json.JSONDecodeError as error:
        raise DamagedFileError(f"The metadata of '{source.path}' cannot be read: {error}") from error
    version = metadata.get("keras_version") if isinstance(metadata, dict) else None
    return version if isinstance(version, str) else None


def _metadata() -> dict[str, str]:
    return {
        "keras_version": KERAS_VERSION,
        "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
    }


def _save_folder(model: Any, path: str, texts: dict[str, str]) -> None:
    path = os.path.abspath(path)
    if os.path.isfile(path) or (
        os.path.isdir(path) and not set(os.listdir(path)) <= {METADATA, CONFIG, WEIGHTS, ASSETS}
    ):
        raise ValueError(f"With `zipped=False` a model is saved as a folder, but '{path}' is something else.")
    with replacing_folder(path) as temporary:
        for name, text in texts.items():
            with replacing(os.path.join(temporary, name)) as file, open(file, "w", encoding="utf-8") as target:
                target.write(text)
        with replacing(os.path.join(temporary, WEIGHTS)) as file, hdf5.created(file) as weights:
            write_weights(model, weights)
        if assets.has_any(model, "save_assets"):
            assets.write(model, os.path.join(temporary, ASSETS))
