"""A torch device for tests that stands in for a GPU: `stand_in.cpp`, compiled once and loaded.

Its memory is its own: no operation of the host's takes it, and no operation mixes it with the host's. It counts what a
GPU would have to wait for, and can forbid it. Its numbers are the CPU's, because its kernels are.

Load it before the first backward pass of a process: torch starts a thread for each device then.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from torchkeras_shim.callbacks import Callback

NAME = "stand_in"
SOURCE = Path(__file__).with_name("stand_in.cpp")

_library: ctypes.CDLL | None = None


def why_not() -> str | None:
    """Returns why the device cannot be had here, or `None`."""
    if not sys.platform.startswith("linux"):
        return "the stand-in accelerator is only built on Linux"
    if compiler() is None:
        return "the stand-in accelerator needs a C++ compiler"
    return None


def compiler() -> str | None:
    """Returns the C++ compiler."""
    return shutil.which(os.environ.get("CXX", "c++")) or shutil.which("g++")


def load() -> torch.device:
    """Builds the device if need be, makes it known to torch, and returns it."""
    global _library
    if _library is None:
        path = _built()
        torch.ops.load_library(str(path))
        _library = ctypes.CDLL(str(path))
        _library.stand_in_count.restype = ctypes.c_int64
        torch.utils.rename_privateuse1_backend(NAME)
        torch._register_device_module(NAME, _module())
        torch.utils.generate_methods_for_privateuse1_backend(for_storage=True)
    return torch.device(NAME, 0)


def _built() -> Path:
    """Compiles the source, which takes ten seconds, unless that was done before for this torch."""
    home = Path(torch.__file__).parent
    options = [
        "-std=c++20", "-O1", "-shared", "-fPIC", f"-D_GLIBCXX_USE_CXX11_ABI={int(torch._C._GLIBCXX_USE_CXX11_ABI)}",
    ]  # fmt: skip
    told = [torch.__version__, str(home), str(compiler()), *options]
    key = hashlib.sha256("\n".join(told).encode() + SOURCE.read_bytes()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "torchkeras_shim"
    library = cache / f"stand_in-{key}.so"
    if not library.exists():
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = library.with_suffix(f".{os.getpid()}")
        includes = [f"-I{home / 'include'}", f"-I{home / 'include/torch/csrc/api/include'}"]
        libraries = [f"-L{home / 'lib'}", f"-Wl,-rpath,{home / 'lib'}", "-ltorch_cpu", "-lc10"]
        command = [str(compiler()), *options, *includes, str(SOURCE), "-o", str(unfinished), *libraries]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(
                f"The stand-in accelerator does not compile.\n{' '.join(command)}\n{done.stderr[-4000:]}"
            )
        unfinished.replace(library)  # at once, for the sake of other processes
    return library


def _module() -> types.ModuleType:
    """What torch looks for under `torch.stand_in`."""
    module = types.ModuleType(f"torch.{NAME}")
    generator = torch.ops.stand_in.default_generator()
    module.default_generators = (generator,)
    module.is_available = module.is_initialized = lambda: True
    module.device_count = lambda: 1
    module.current_device = lambda: 0
    module.device = lambda index: contextlib.nullcontext()
    module._is_in_bad_fork = lambda: False
    module.manual_seed = module.manual_seed_all = lambda seed: generator.manual_seed(seed) and None
    module.get_rng_state = lambda device=None: generator.get_state()
    module.set_rng_state = lambda state, device=None: generator.set_state(state) and None
    module.get_amp_supported_dtype = lambda: [torch.float16, torch.bfloat16]
    module.synchronize = torch.accelerator.synchronize
    module.current_stream = torch.accelerator.current_stream
    module.Stream, module.Event = torch.Stream, torch.Event
    return module


@dataclass
class Counts:
    """What happened while a `counted` block ran.

    Attributes:
        host_reads: How often the host had to wait for the device.
        host_copies: How many tensors of the host were copied to the device.
        host_copy_bytes: How large they were together.
        allocations: How many blocks of the device's memory were asked for outside of kernels.
        bytes_held: By how much the device's memory in use grew.
    """

    host_reads: int = 0
    host_copies: int = 0
    host_copy_bytes: int = 0
    allocations: int = 0
    bytes_held: int = 0


@contextmanager
def counted() -> Iterator[Counts]:
    """Counts what the device is asked for in the block."""
    assert _library is not None, "call load() first"
    before = [_library.stand_in_count(which) for which in range(5)]
    counts = Counts()
    try:
        yield counts
    finally:
        after = [_library.stand_in_count(which) for which in range(5)]
        for name, one, other in zip(Counts.__dataclass_fields__, before, after, strict=True):
            setattr(counts, name, other - one)


@contextmanager
def no_waiting() -> Iterator[None]:
    """Within the block whatever makes the host wait for the device is an error."""
    assert _library is not None, "call load() first"
    _library.stand_in_forbid_waiting(True)
    try:
        yield
    finally:
        _library.stand_in_forbid_waiting(False)


class Steady(Callback):
    """Forbids steps to wait for the device after the first epoch, and counts what they copy.

    Args:
        copies: How many tensors of a batch come from the host.
    """

    def __init__(self, copies: int = 0) -> None:
        super().__init__()
        self.copies = copies
        self.counts: list[Counts] = []
        self._block = contextlib.ExitStack()

    def on_train_batch_begin(self, batch, logs=None):
        if self.params["epochs"] > 1 and self._epoch > 0:
            self._block.enter_context(no_waiting())
            self.counts.append(self._block.enter_context(counted()))

    def on_train_batch_end(self, batch, logs=None):
        self._block.close()

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def check(self) -> None:
        """Fails if a step copied more than its batch, or none was watched."""
        assert self.counts
        for counts in self.counts:
            assert counts.host_reads == 0
            assert counts.host_copies == self.copies
