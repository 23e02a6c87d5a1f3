"""Checkpoints in a folder: each process writes its own parts of the weights, and any number of processes reads them.

It is `torch.distributed.checkpoint`, with files of safetensors. What torch writes by default has its table of contents
as a pickle, which runs code when somebody opens it; here the headers of the files are the table, and they are JSON.
"""

from __future__ import annotations

import contextlib
import math
import os
import warnings
from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist

from torchkeras_shim.core import sharded
from torchkeras_shim.core.atomic import replacing_folder
from torchkeras_shim.distribution import processes
from torchkeras_shim.optimizers.torch_wrapper import TorchOptimizer
from torchkeras_shim.saving.errors import DamagedFileError, OtherFileError

#: How the path of such a folder ends.
ENDING = ".dcp"

_MODEL, _OPTIMIZER = "model.", "optimizer."
_FILE = ".safetensors"


def save(model: Any, path: str) -> None:
    """Writes a model's weights and its optimizer's state. All processes that train together call it.

    Args:
        model: The model.
        path: The folder, which all processes share. It appears at once and whole.

    Raises:
        ImportError: If the package safetensors is missing.
        RuntimeError: If one process calls it alone.
    """
    reader_and_writer = _package()
    if sharded.gatherers:
        raise RuntimeError(
            f"All processes write their parts into '{path}', but the first one alone was asked to. Call it in a "
            "callback of your own, such as `keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: "
            "model.save_weights('epoch.dcp'))`."
        )
    _refuse_other(path)
    with _folder(path) as temporary, _quietly():
        writer = reader_and_writer.HuggingFaceStorageWriter(temporary, save_distributed=True)
        _checkpoint().save(_state(model), storage_writer=writer, no_dist=processes.known() is None)


def load(model: Any, path: str) -> None:
    """Reads what `save` has written, in this number of processes or another one. Either all of it fits or none is read.

    Args:
        model: The model; its optimizer is built if the folder holds the state of one.
        path: The folder.

    Raises:
        ImportError: If the package safetensors is missing.
        ValueError: If the weights do not fit, or the folder is not a checkpoint, or not a whole one.
    """
    reader = _package().HuggingFaceStorageReader(path)
    found = _contents(reader, path)
    optimizer = getattr(model, "optimizer", None)
    saved = any(key.startswith(_OPTIMIZER) for key in found)
    if saved and optimizer is not None and not isinstance(optimizer, TorchOptimizer) and not optimizer.built:
        model._build_optimizer()
    state = _state(model, with_optimizer=saved)
    problems = [f"'{key}' is missing in the folder" for key in state if key not in found]
    problems += [f"the model has no '{key}'" for key in found if key not in state]
    problems += [
        f"'{key}' is expected to have shape {tuple(value.shape)}, found {tuple(found[key])}"
        for key, value in state.items()
        if key in found and tuple(value.shape) != tuple(found[key])
    ]
    if problems:
        raise ValueError(
            f"'{path}' does not fit model '{model.name}': {'; '.join(problems[:10])}. No weight has been changed."
        )
    with torch.no_grad(), _quietly():
        _checkpoint().load(state, storage_reader=reader, no_dist=processes.known() is None)
    for tensor in _optimizer_variables(model):
        if not sharded.is_sharded(tensor):
            tensor.add_(0)  # what is kept on the host hears of it


def _state(model: Any, with_optimizer: bool = True) -> dict[str, Any]:
    """Returns the tensors of a checkpoint by their keys: those of the model itself, on the same memory."""
    state = {f"{_MODEL}{key}": value for key, value in model.state_dict(keep_vars=True).items()}
    if with_optimizer:
        variables = _optimizer_variables(model)
        state.update({f"{_OPTIMIZER}{index}": variable for index, variable in enumerate(variables)})
    return {key: _plain(value) for key, value in state.items()}


def _optimizer_variables(model: Any) -> list[Any]:
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None or not optimizer.built:
        return []
    if isinstance(optimizer, TorchOptimizer):
        raise ValueError(
            f"A checkpoint folder holds the state of Keras's optimizers. Received: {optimizer!r}. Compile the model "
            "with the Keras optimizer of the same name, or save what your optimizer holds by "
            "`torch.distributed.checkpoint`."
        )
    return list(optimizer.variables)


def _plain(tensor: Any) -> Any:
    """Returns what torch's checkpoints know: a tensor or a `DTensor`, on the same memory."""
    return sharded.cut(sharded.local(tensor), tensor) if sharded.is_sharded(tensor) else tensor.detach()


# Folders --------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _folder(path: str) -> Iterator[str]:
    """Gives the folder that all processes write into; the first one puts it in its place when all are done."""
    known = processes.known()
    if known is None or known.rank == 0:
        with replacing_folder(path) as temporary:
            if known is not None:
                known.from_first(temporary)
            yield temporary
            if known is not None:
                dist.barrier()
    else:
        yield known.from_first("")
        dist.barrier()
    if known is not None:
        dist.barrier()  # nobody goes on before the folder is there


def _refuse_other(path: str) -> None:
    """Refuses to replace a folder that is something else."""
    if os.path.exists(path) and not (os.path.isdir(path) and all(name.endswith(_FILE) for name in os.listdir(path))):
        raise ValueError(f"A checkpoint is a folder of `{_FILE}` files, but '{path}' is something else.")


def _contents(reader: Any, path: str) -> dict[str, torch.Size]:
    """Returns the shapes of the tensors in a folder, each of which is there in full."""
    names = sorted(os.listdir(path)) if os.path.isdir(path) else []
    if any(os.path.islink(os.path.join(path, name)) for name in names):
        raise DamagedFileError(f"The checkpoint '{path}' has links to files elsewhere.")
    if ".metadata" in names:
        raise OtherFileError(
            f"'{path}' is a checkpoint as torch writes it by default, whose table of contents is a pickle: opening it "
            "would run whatever code is in it, so it is not opened here. If you trust it, load it by "
            "`torch.distributed.checkpoint.load(model.state_dict(), checkpoint_id=path)`."
        )
    if not any(name.endswith(_FILE) for name in names):
        raise OtherFileError(f"'{path}' is not a checkpoint: it is not a folder with `{_FILE}` files.")
    try:
        metadata = reader.read_metadata().state_dict_metadata
    except Exception as error:  # whatever a damaged header leads to
        raise DamagedFileError(f"The checkpoint '{path}' cannot be read: {type(error).__name__}: {error}") from error
    for key, entry in metadata.items():
        there = sum(math.prod(chunk.sizes) for chunk in entry.chunks)
        if there != math.prod(entry.size) or any(min(chunk.offsets, default=0) < 0 for chunk in entry.chunks):
            raise DamagedFileError(f"The checkpoint '{path}' is not whole: parts of '{key}' are missing.")
    return {key: entry.size for key, entry in metadata.items()}


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is")  # one process alone is meant to be alone
        yield


def _checkpoint() -> Any:
    import torch.distributed.checkpoint as checkpoint  # a second

    return checkpoint


def _package() -> Any:
    try:
        import safetensors.torch  # noqa: F401
        from torch.distributed.checkpoint import hf_storage
    except ImportError as error:
        raise ImportError(
            f"Folders that end in `{ENDING}` need the package safetensors: `pip install safetensors`."
        ) from error
    return hf_storage
