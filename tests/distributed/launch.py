"""Runs cases in one process, in 2 and in 4: `python -m tests.distributed.launch FOLDER [module.case ...]`.

torch is loaded once, and the processes are forked from that one; each writes what its cases return to
`FOLDER/<number of processes>-<rank>.pickle`, and what it prints to a `.txt` beside it.
"""

from __future__ import annotations

import importlib
import os
import pickle
import socket
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import torchkeras_shim  # noqa: F401
from tests.distributed import cases, fsdp_cases, tp_cases
from torchkeras_shim.training import trainer  # noqa: F401

SECONDS = 120

#: The cases of all modules, and how many processes run each, by module and name.
MODULES = {"dp": cases, "fsdp": fsdp_cases, "tp": tp_cases}
CASES = {f"{prefix}.{name}": run for prefix, module in MODULES.items() for name, run in module.CASES.items()}
TOGETHER = {f"{prefix}.{name}": run for prefix, module in MODULES.items() for name, run in module.TOGETHER.items()}


def worlds(name: str) -> tuple[int, ...]:
    """Returns by how many processes a case is run."""
    prefix, _, case = name.partition(".")
    return MODULES[prefix].WORLDS.get(case, (1, 2))


def free_port() -> int:
    """Returns a port that nobody listens on."""
    with socket.socket() as socket_:
        socket_.bind(("127.0.0.1", 0))
        return int(socket_.getsockname()[1])


def run_cases(names: list[str]) -> dict[str, Any]:
    """Returns what each case returns, or its error as text."""
    results: dict[str, Any] = {}
    for name in names:
        start = time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                results[name] = {**CASES, **TOGETHER}[name]()
        except Exception:
            results[name] = traceback.format_exc()
        if "TIMES" in os.environ:
            print(f"{time.process_time() - start:.2f} s {name}", flush=True)
    return results


def child(folder: Path, world: int, rank: int, port: int, work: Callable[[], None]) -> None:
    """Works as one of several processes; never returns."""
    code = 1
    try:
        with open(folder / f"{world}-{rank}.txt", "w") as text:
            os.dup2(text.fileno(), 1)
            os.dup2(text.fileno(), 2)
        if world > 1:
            os.environ.update(
                RANK=str(rank),
                LOCAL_RANK=str(rank),
                WORLD_SIZE=str(world),
                MASTER_ADDR="127.0.0.1",
                MASTER_PORT=str(port),
            )
        torch.set_num_threads(1)
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def launch(folder: Path, world: int, work: Callable[[int], None]) -> None:
    """Lets so many processes work, each with its rank."""
    port, children = free_port(), []
    for rank in range(world):
        pid = os.fork()
        if not pid:
            child(folder, world, rank, port, lambda rank=rank: work(rank))  # type: ignore[misc]
        children.append(pid)
    end = time.monotonic() + SECONDS
    while children and time.monotonic() < end:
        children = [pid for pid in children if os.waitpid(pid, os.WNOHANG)[0] == 0]
        time.sleep(0.02)
    for pid in children:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def kill_one(folder: Path) -> None:
    """Trains with two processes, undisturbed and with one that is killed: both are then started again."""
    for what, starts in (("nothing", 1), ("kill", 2)):
        place = folder / what
        place.mkdir()
        for attempt in range(starts):
            assert not list(place.glob("weights-*")), "nobody was killed"
            os.environ["TORCHELASTIC_RESTART_COUNT"] = str(attempt)
            launch(place, 2, lambda rank, place=place, what=what: _train(str(place), what, "middle"))  # type: ignore[misc]


def _train(*arguments: str) -> None:
    importlib.import_module("tests.distributed.script").main(*arguments)


if __name__ == "__main__":
    for module in (
        "torch._dynamo",
        "torch._inductor.config",
        "torch.distributed.fsdp",
        "torch.distributed.tensor",
    ):  # what `DistributedDataParallel` loads
        importlib.import_module(module)
    folder = Path(sys.argv[1])
    for count in (1, 2, 4):
        chosen = sys.argv[2:] or list(CASES)
        names = [name for name in chosen if name in CASES and count in worlds(name)]
        if count == 2:
            names += [name for name in sys.argv[2:] or TOGETHER if name in TOGETHER]

        def work(rank: int, count: int = count, names: list[str] = names) -> None:
            """Runs the cases, and keeps what they return."""
            (folder / f"{count}-{rank}.pickle").write_bytes(pickle.dumps(run_cases(names)))

        launch(folder, count, work)
    if len(sys.argv) == 2:
        kill_one(folder)
