"""`KerasFileEditor`: looking into a file of weights and changing it, without a model."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import torch

from torchkeras_shim.core.atomic import replacing
from torchkeras_shim.saving import archive, budget, hdf5
from torchkeras_shim.saving.errors import check_file, names_its_file
from torchkeras_shim.saving.weights_h5 import write_weights

_VARS = "vars"
_DEEPEST = 64

Tree = dict[str, Any]


class KerasFileEditor:
    """Inspects, changes and writes the weights of a `.keras` or `.weights.h5` file.

    It helps with files that were written before a model's architecture changed.

    Args:
        filepath: The file. It is read as a whole and never changed itself.

    Attributes:
        weights_dict: What the file holds: objects as nested dicts, weights as arrays.
        config: The model's config of a `.keras` file, otherwise `None`.
        metadata: The version and date of a `.keras` file, otherwise `None`.

    Raises:
        ValueError: If the ending is another one, or the file is damaged or unsafe to read.

    Example:
        >>> import os, tempfile
        >>> import torchkeras_shim as keras
        >>> path = os.path.join(tempfile.mkdtemp(), "old.weights.h5")
        >>> keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="scores")]).save_weights(path)
        >>> editor = KerasFileEditor(path)  # doctest: +ELLIPSIS
        Keras model file '...old.weights.h5'
        >>> editor.summary()
        Weights structure
          > layers
              > dense ('scores')
                  > 0: shape=(2, 3), dtype=float32
                  └─ 1: shape=(3,), dtype=float32
        >>> editor.rename_object("dense", "dense_1")
        >>> editor.save(path)
    """

    @names_its_file
    def __init__(self, filepath: Any) -> None:
        self.filepath = str(filepath)
        self.metadata: Any = None
        self.config: Any = None
        self.object_metadata: dict[str, dict[str, str]] = {}
        if self.filepath.endswith((".keras", ".weights.h5")):
            check_file(self.filepath, folder=self.filepath.endswith(".keras"))
        if self.filepath.endswith(".keras"):
            with archive.opened(self.filepath) as source:
                config, metadata = source.text("config.json"), source.text("metadata.json")
                self.config, self.metadata = _parsed(config, self.filepath), _parsed(metadata, self.filepath)
                # Names of objects can only be read safely from a file of its own.
                with source.weights() as weights, tempfile.NamedTemporaryFile(suffix=".h5") as copy:
                    shutil.copyfileobj(weights, copy)
                    copy.flush()
                    with hdf5.opened(copy.name, self.filepath) as file:
                        self.weights_dict = _read(file, self.object_metadata)
        elif self.filepath.endswith(".weights.h5"):
            with hdf5.opened(self.filepath, self.filepath) as file:
                self.weights_dict = _read(file, self.object_metadata)
        else:
            raise ValueError(
                f"Invalid filename: expected a `.keras` `.weights.h5` extension. Received: filepath={self.filepath}"
            )
        print(f"Keras model file '{self.filepath}'")
        if isinstance(self.metadata, dict):
            version, date = (self.metadata.get(key) for key in ("keras_version", "date_saved"))
            print(f"Saved with Keras {version} - date: {date}")

    # Looking --------------------------------------------------------------------------------------------------------

    def summary(self) -> None:
        """Prints the objects and their weights with shapes and types."""
        print("Weights structure")
        self._print(self.weights_dict, "  ", "")

    def _print(self, tree: Tree, prefix: str, path: str) -> None:
        for index, (key, value) in enumerate(tree.items()):
            last = index == len(tree) - 1
            connector = "> " if index == 0 else "└─ " if last else "├─ "
            if not isinstance(value, dict):
                print(f"{prefix}{connector}{key}: shape={tuple(value.shape)}, dtype={value.dtype}")
                continue
            inner = _joined(path, key)
            name = self.object_metadata.get(inner, {}).get("name")
            print(f"{prefix}{connector}{key}" + (f" ('{name}')" if name else ""))
            self._print(value, prefix + ("    " if last else "│   "), inner)

    def compare(self, reference_model: Any) -> dict[str, Any]:
        """Prints all differences between the file and a model.

        Args:
            reference_model: A built model.

        Returns:
            A dict of `"status"`, `"success"` or `"error"`, `"error_count"` and `"match_count"`.
        """
        print("Running comparison")
        with h5py.File(io.BytesIO(), "w") as file:
            write_weights(reference_model, file)
            reference = _read(file, None)
        errors, matches = _compare(self.weights_dict, reference, "")
        print("─────────────────────")
        if errors:
            plural = "" if errors == 1 else "s"
            print(f"Found {errors} error{plural}: saved file is not compatible with the reference model")
        else:
            print("Comparison successful: saved file is compatible with the reference model")
            print(f"    Found {matches} matching weight{'' if matches == 1 else 's'}")
        return {"status": "error" if errors else "success", "error_count": errors, "match_count": matches}

    # Changing -------------------------------------------------------------------------------------------------------

    def rename_object(self, object_name: str, new_name: str) -> None:
        """Renames an object, such as a layer.

        Args:
            object_name: Its name or path (`"dense_2"`, `"layers/dense_2"`).
            new_name: The new name alone, without a path.

        Raises:
            ValueError: If the object is not found, or found more than once, or the new name is a path.
        """
        if "/" in new_name:
            raise ValueError(
                "Argument `target_name` should be a leaf name, not a full path name. "
                f"Received: target_name='{new_name}'"
            )

        def rename(parent: Tree, name: str) -> None:
            if new_name in parent and new_name != name:
                raise ValueError(f"'{new_name}' is there already, beside '{name}': delete or rename it first.")
            items = [(new_name if key == name else key, value) for key, value in parent.items()]
            parent.clear()
            parent.update(items)

        self._edit(object_name, rename)

    def delete_object(self, object_name: str) -> None:
        """Removes an object with all its weights.

        Args:
            object_name: Its name or path.
        """
        self._edit(object_name, lambda parent, name: parent.pop(name))

    def add_object(self, object_path: str, weights: dict[str, Any]) -> None:
        """Adds an object.

        Args:
            object_path: Its whole path, such as `"layers/dense_2"`.
            weights: Arrays by the names of the weights, `"0"`, `"1"`, ...

        Raises:
            ValueError: If the path leads nowhere.
        """
        _check_weights(weights)
        *folders, name = object_path.split("/")
        parent = self.weights_dict
        for folder in folders:
            if not isinstance(parent.get(folder), dict):
                raise ValueError(f"Path '{'/'.join(folders)}' not found in model.")
            parent = parent[folder]
        parent[name] = weights

    def delete_weight(self, object_name: str, weight_name: str) -> None:
        """Removes one weight of an object.

        Args:
            object_name: The object's name or path.
            weight_name: The weight's name, such as `"0"`.

        Raises:
            ValueError: If either is not found.
        """

        def delete(parent: Tree, name: str) -> None:
            if weight_name not in parent[name]:
                raise ValueError(
                    f"Weight {weight_name} not found in object {object_name}. "
                    f"Weights found: {list(parent[name].keys())}"
                )
            parent[name].pop(weight_name)

        self._edit(object_name, delete)

    def add_weights(self, object_name: str, weights: dict[str, Any]) -> None:
        """Adds weights to an object, or replaces them.

        Args:
            object_name: The object's name or path.
            weights: Arrays by the names of the weights.
        """
        _check_weights(weights)
        self._edit(object_name, lambda parent, name: parent[name].update(weights))

    def _edit(self, object_name: str, edit: Callable[[Tree, str], Any]) -> None:
        *folders, name = object_name.split("/")
        if folders:
            parent: Any = self.weights_dict
            for folder in folders:
                parent = parent.get(folder) if isinstance(parent, dict) else None
            if not isinstance(parent, dict) or name not in parent:
                raise ValueError(f"Path '{object_name}' not found in model.")
            edit(parent, name)
            return
        parents = _holders(self.weights_dict, name)
        if not parents:
            raise ValueError(
                f"Source name '{object_name}' does not appear in the model. Use `editor.summary()` to list all objects."
            )
        if len(parents) > 1:
            raise ValueError(f"Name '{object_name}' occurs more than once in the model; try passing a complete path")
        edit(parents[0], name)

    # Writing --------------------------------------------------------------------------------------------------------

    @names_its_file
    def save(self, filepath: Any) -> None:
        """Writes the weights as they are now.

        Args:
            filepath: A path that ends in `.weights.h5`. A file that is there stays whole until the new one is.

        Raises:
            ValueError: If the ending is any other.
        """
        path = str(filepath)
        if not path.endswith(".weights.h5"):
            raise ValueError(
                f"Invalid `filepath` argument: expected a `.weights.h5` extension. Received: filepath={path}"
            )
        with replacing(path) as temporary, hdf5.created(temporary) as file:
            self._write(self.weights_dict, file, "")

    resave_weights = save

    def _write(self, tree: Tree, group: h5py.Group, path: str) -> None:
        name = self.object_metadata.get(path, {}).get("name")
        variables = {key: value for key, value in tree.items() if not isinstance(value, dict)}
        if variables or name:
            place = group.create_group(_VARS)
            if name:
                place.attrs["name"] = name
            for key, value in variables.items():
                hdf5.write(place, key, value)
        for key, value in tree.items():
            if isinstance(value, dict) and value:
                self._write(value, group.create_group(key), _joined(path, key))


def _parsed(text: str | None, path: str) -> Any:
    try:
        return None if text is None else budget.parse_json(text, path)
    except ValueError as error:
        raise hdf5.DamagedFileError(f"The archive holds JSON that cannot be read: {error}") from error


@hdf5.guarded
def _read(group: h5py.Group, names: dict[str, dict[str, str]] | None, path: str = "") -> Tree:
    """Returns the objects below a group, and notes their names where somebody wants them."""
    if path.count("/") > _DEEPEST:
        raise hdf5.UnsafeFileError("Not allowed: H5 file with groups inside one another without end.")
    own = hdf5.find_group(group, _VARS)
    if names is not None and own is not None and path and "name" in own.attrs:
        names[path] = {"name": hdf5.text(own, "name") or ""}
    tree: Tree = {}
    for key, dataset in hdf5.arrays(own).items():
        value = hdf5.read_any(dataset)
        tree[key] = value if value.dtype == torch.bfloat16 else value.numpy()
    for key in group:
        child = hdf5.find_group(group, key) if key != _VARS else None
        inside = {} if child is None else _read(child, names, _joined(path, key))
        if inside:
            tree[key] = inside
    return tree


def _joined(path: str, key: str) -> str:
    return f"{path}/{key}" if path else key


def _compare(found: Tree, reference: Tree, path: str) -> tuple[int, int]:
    """Prints how a file and a model differ; returns the number of differences and of weights that agree.

    An object that one of them does not have counts once, however many weights it holds.
    """
    errors = matches = 0
    for key, expected in reference.items():
        place, value = f"{path}/{key}", found.get(key)
        if value is None:
            errors += 1
            print(f"...{_kind(expected)} {place} present in reference model, missing from saved file")
        elif isinstance(expected, dict) and isinstance(value, dict):
            inner = _compare(value, expected, place)
            errors, matches = errors + inner[0], matches + inner[1]
        elif isinstance(expected, dict) or isinstance(value, dict):
            errors += 1
            print(f"...{place} is a {_kind(expected)} in reference model, a {_kind(value)} in saved file")
        elif np.shape(value) != np.shape(expected):
            errors += 1
            print(f"...Weight shape mismatch for {place}")
            print(f"    In reference model: shape={tuple(np.shape(expected))}")
            print(f"    In saved file: shape={tuple(np.shape(value))}")
        else:
            matches += 1
    for key in [key for key in found if key not in reference]:
        errors += 1
        print(f"...{_kind(found[key])} {path}/{key} present in saved file, missing from reference model")
    return errors, matches


def _kind(value: Any) -> str:
    return "Object" if isinstance(value, dict) else "Weight"


def _holders(tree: Tree, name: str) -> list[Tree]:
    """Returns the dicts that have an object or weight of a name."""
    found = [tree] if name in tree else []
    for value in tree.values():
        if isinstance(value, dict):
            found += _holders(value, name)
    return found


def _check_weights(weights: Any) -> None:
    if not isinstance(weights, dict):
        raise ValueError(
            "Argument `weights` should be a dict where keys are weight names (usually '0', '1', etc.) and values are "
            f"NumPy arrays. Received: type(weights)={type(weights)}"
        )
