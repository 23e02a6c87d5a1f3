"""Weights in the `safetensors` format, under the keys of torch's `state_dict`."""

from __future__ import annotations

import errno
import os
import re
import shutil
import warnings
from typing import Any

import torch

from torchkeras_shim.core import sharded
from torchkeras_shim.core.atomic import replacing
from torchkeras_shim.saving.errors import OtherFileError

#: The real numbers that torch can convert into one another.
_KINDS = ("F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2")


def save(model: Any, path: str) -> None:
    """Writes a model's `state_dict`.

    Raises:
        ImportError: If the package is missing.
    """
    package = _package()
    tensors = {
        key: sharded.whole(value).detach().contiguous() for key, value in model.state_dict(keep_vars=True).items()
    }
    with replacing(path) as temporary:
        # The package writes through a hidden file of its own, which must not stay where the process is killed.
        folder = f"{temporary}.folder"
        try:
            os.mkdir(folder)
            package.torch.save_file(tensors, os.path.join(folder, "file"), metadata={"format": "pt"})
            os.replace(os.path.join(folder, "file"), temporary)
        except package.SafetensorError as error:
            found = re.search(r"os error (\d+)", str(error))
            number = int(found[1]) if found else errno.EIO
            raise OSError(number, os.strerror(number), path) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def load(model: Any, path: str, skip_mismatch: bool) -> None:
    """Reads a model's `state_dict`. Either all of it is loaded or nothing.

    Raises:
        ImportError: If the package is missing.
        ValueError: If the file is damaged, or a tensor does not fit.
    """
    package = _package()
    own: dict[str, torch.Tensor] = model.state_dict(keep_vars=True)
    try:
        file = package.safe_open(path, framework="pt")
    except package.SafetensorError as error:
        raise OtherFileError(f"'{path}' is not a safetensors file, or not a whole one: {error}") from error
    with file:
        shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118 - not a dict
        problems = [f"'{key}' is missing in the file" for key in own if key not in shapes]
        problems += [f"the model has no '{key}'" for key in shapes if key not in own]
        problems += [
            f"'{key}' is expected to have shape {tuple(own[key].shape)}, found {shape}"
            for key, shape in shapes.items()
            if key in own and tuple(own[key].shape) != shape
        ]
        kinds = {key: file.get_slice(key).get_dtype() for key in shapes}
        problems += [
            f"'{key}' is of type {kind}" for key, kind in kinds.items() if key in own and not _converts(kind, own[key])
        ]
        if problems:
            message = f"'{path}' does not fit model '{model.name}': {'; '.join(problems[:10])}"
            if not skip_mismatch:
                raise ValueError(f"{message}. No weight has been changed.")
            warnings.warn(f"{message}. These were left out.", stacklevel=4)
        with torch.no_grad():
            for key, tensor in own.items():
                if shapes.get(key) == tuple(tensor.shape) and _converts(kinds[key], tensor):
                    sharded.write(tensor, file.get_tensor(key))


def _converts(kind: str, tensor: torch.Tensor) -> bool:
    return kind in _KINDS or (kind == "C64" and tensor.is_complex())


def _package() -> Any:
    try:
        import safetensors
        import safetensors.torch
    except ImportError as error:
        raise ImportError(
            "Files that end in `.safetensors` need the package safetensors: `pip install safetensors`. "
            "Or use a path that ends in `.weights.h5`."
        ) from error
    return safetensors
