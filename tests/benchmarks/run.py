"""Times `fit`, `evaluate` and `predict` against Keras's own backends and against loops written by hand.

    python tests/benchmarks/run.py                    # everything, half an hour
    python tests/benchmarks/run.py --models mlp --rounds 7
    python tests/benchmarks/run.py --quick --only torchkeras_shim expert-loop
    python tests/benchmarks/run.py --write docs/benchmarks
    python tests/benchmarks/run.py --busy             # beside a program that never rests

Each contestant lives in a process of its own, on the same processor cores, with the same number of threads. A round
lets each go once through the data, one after the other, so that whatever else the machine does hits all of them alike;
ratios are taken within a round. The first epoch of each, with building and compiling, is told apart.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import report
from contestants import NAMES, USUAL
from measures import PHASES, spread, table, title
from tabulate import tabulate
from workloads import WORKLOADS

HERE = Path(__file__).resolve().parent

_IMPORTS = {
    "torchkeras_shim": "import torchkeras_shim",
    "torchkeras_shim, every name used": "import torchkeras_shim as k; [getattr(k, name) for name in dir(k)]",
    "keras-torch": "import keras",
    "keras-jax": "import keras",
    "keras-tensorflow": "import keras",
}


class Worker:
    """The parent's end of one contestant."""

    def __init__(self, name: str, threads: int, environment: dict[str, str], noisy: bool) -> None:
        self.name = name
        self.error: str | None = None
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), name, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if noisy else subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self._listen()

    def ask(self, **order: object) -> dict:
        """Sends one order and waits for the answer."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            self.error = f"died with status {self.process.wait()}"
            return {}
        return self._listen()

    def _listen(self) -> dict:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": f"died with status {self.process.wait()}"}
        self.error = answer.get("error")
        return answer

    def close(self) -> None:
        """Lets the process end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def environment(threads: int, device: str) -> dict[str, str]:
    """Returns the variables that hold every contestant to the same threads and the same kind of device."""
    values = dict(os.environ)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        values[name] = str(threads)
    values["TF_NUM_INTEROP_THREADS"] = "1"
    values["TF_CPP_MIN_LOG_LEVEL"] = "3"
    values["PYTHONPATH"] = os.pathsep.join([str(HERE.parent.parent), values.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    if device == "cpu":
        values["CUDA_VISIBLE_DEVICES"] = ""
        values["JAX_PLATFORMS"] = "cpu"
    return values


def time_model(model: str, workers: list[Worker], rounds: int, quick: bool) -> list[dict]:
    """Lets every contestant train, evaluate and predict, round by round; returns one record per contestant."""
    workload = WORKLOADS[model]
    samples = workload.quick_samples if quick else workload.samples
    steps = samples // workload.batch_size
    records = []
    for worker in workers:
        worker.error = None  # of another model, perhaps
        first = worker.ask(do="prepare", model=model, samples=samples).get("first")
        records.append({"model": model, "contestant": worker.name, "steps": steps, "first_epoch": first})
    for what in PHASES:
        times: dict[str, list[float]] = {worker.name: [] for worker in workers}
        for _ in range(rounds):
            for worker, record in zip(workers, records, strict=True):
                if worker.error is None:
                    answer = worker.ask(do=what)
                    times[worker.name].append(1e3 * answer.get("seconds", 0.0) / steps)
                    if what == "fit":
                        record["loss"] = answer.get("loss")
        for worker, record in zip(workers, records, strict=True):
            record["error"] = worker.error
            if worker.error is None:
                record[what] = times[worker.name]
    for worker, record in zip(workers, records, strict=True):
        if worker.error is None:
            answer = worker.ask(do="kernels")
            record["kernel_share"] = answer.get("share")
            record["launches"] = answer["launches"] / steps if answer.get("launches") else None
    return records


def time_imports(names: list[str], rounds: int, variables: dict[str, str]) -> list[dict]:
    """Times `import` in fresh processes; for this library what comes on top of `import torch`."""
    records = []
    # Compiled code is kept between the runs of all alike, whatever the surroundings say.
    cache = tempfile.TemporaryDirectory(prefix="bytecode-")
    variables = {**variables, "PYTHONPYCACHEPREFIX": cache.name}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    for label, statement in {"torch": "import torch", **_IMPORTS}.items():
        if label.split(",")[0] not in (*names, "torch"):
            continue
        first = "import torch; " if label.startswith("torchkeras_shim") else ""
        code = f"import time; {first}a = time.perf_counter(); {statement}; print(time.perf_counter() - a)"
        variables = {**variables, "KERAS_BACKEND": label.removeprefix("keras-")}
        seconds = []
        for _ in range(rounds + 1):  # the first fills the caches of the file system and of bytecode
            result = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True)
            if result.returncode == 0:
                seconds.append(float(result.stdout.split()[-1]))
        if len(seconds) > 1:
            records.append({"import": label, "seconds": seconds[1:]})
    cache.cleanup()
    return records


@contextlib.contextmanager
def company(wanted: bool) -> Iterator[None]:
    """Keeps one processor busy inside a `with` block, if wanted."""
    if not wanted:
        yield
        return
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        other.kill()
        other.wait()


def main() -> None:
    """Reads the command line, runs, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS))
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(USUAL), help="the contestants")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="small data sets: a first look, too short to judge by")
    parser.add_argument("--device", choices=["auto", "cpu"], default="auto", help="cpu hides every accelerator")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)) if _linux() else os.cpu_count())
    parser.add_argument("--no-imports", action="store_true", help="leave the import times out")
    parser.add_argument("--busy", action="store_true", help="beside one process that never rests")
    parser.add_argument("--json", type=Path, help="also write the raw times to this file")
    parser.add_argument("--write", type=Path, help="also write a page with the tables and a plot into this folder")
    parser.add_argument("--noisy", action="store_true", help="show what the contestants print")
    options = parser.parse_args()

    variables = environment(options.threads, options.device)
    names = [name for name in NAMES if name in options.only]
    by_model: list[list[dict]] = []
    print(f"{options.threads} threads, {options.rounds} rounds, device: {options.device}")
    imports: list[dict] = []
    if not options.no_imports:
        imports = time_imports(names, min(options.rounds, 3), variables)
        print("\nimport, in a fresh process; torchkeras_shim: on top of `import torch`")
        print(tabulate([[r["import"], spread(r["seconds"], 3)] for r in imports], ["", "seconds"]))
    workers = [Worker(name, options.threads, variables, options.noisy) for name in names]
    try:
        for worker in [worker for worker in workers if worker.error]:
            print(f"{worker.name} does not take part: {worker.error}")
            workers.remove(worker)
        with company(options.busy):
            for model in options.models:
                by_model.append(time_model(model, workers, options.rounds, options.quick))
                print(f"\n{title(by_model[-1])}\n{table(by_model[-1])}", flush=True)
    finally:
        for worker in workers:
            worker.close()
    if options.json:
        options.json.write_text(json.dumps([*imports, *itertools.chain(*by_model)], indent=1))
    if options.write:
        report.write(options.write, by_model, imports, options)


def _linux() -> bool:
    return hasattr(os, "sched_getaffinity")


if __name__ == "__main__":
    main()
