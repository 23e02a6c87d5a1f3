"""Times training against Keras's own backends and against loops written by hand.

    python tests/benchmarks/run.py                    # everything, a few minutes
    python tests/benchmarks/run.py --models mlp --rounds 7
    python tests/benchmarks/run.py --quick --only torchkeras_shim expert-loop

Each contestant lives in a process of its own, on the same processor cores, with the same number of threads. A round
lets each train one whole epoch, one after the other, so that whatever else the machine does hits all of them alike;
ratios are taken within a round. The first epoch of each does not count.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from contestants import NAMES, YARDSTICK
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


def spread(values: list[float], digits: int) -> str:
    """Returns `median (lowest - highest)`."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} - {high:.{digits}f})"


def time_model(model: str, workers: list[Worker], rounds: int, quick: bool) -> list[dict]:
    """Trains one model with every contestant, round by round; returns one record per contestant."""
    workload = WORKLOADS[model]
    samples = workload.quick_samples if quick else workload.samples
    steps = samples // workload.batch_size
    for worker in workers:
        worker.ask(do="prepare", model=model, samples=samples)
    racing = [worker for worker in workers if worker.error is None]
    answers: dict[str, list[dict]] = {worker.name: [] for worker in racing}
    for _ in range(rounds):
        for worker in racing:
            if worker.error is None:
                answers[worker.name].append(worker.ask(do="round"))
    records = []
    for worker in workers:
        record: dict = {"model": model, "contestant": worker.name, "error": worker.error, "steps": steps}
        if worker.error is None:
            record["ms"] = [1e3 * answer["seconds"] / steps for answer in answers[worker.name]]
            record["loss"] = answers[worker.name][-1]["loss"]
        records.append(record)
    yardstick = next((r for r in records if r["contestant"] == YARDSTICK and "ms" in r), None)
    for record in records:
        if yardstick and "ms" in record:
            record["ratios"] = [own / expert for own, expert in zip(record["ms"], yardstick["ms"], strict=True)]
            record["ratio_of_best"] = min(record["ms"]) / min(yardstick["ms"])
    return records


def print_records(records: list[dict]) -> None:
    """Prints one model's table."""
    model, steps = records[0]["model"], records[0]["steps"]
    rows = []
    for record in records:
        if record["error"]:
            rows.append([record["contestant"], record["error"][:90], "", "", ""])
        else:
            ratios = spread(record["ratios"], 2) if "ratios" in record else ""
            best = f"{record['ratio_of_best']:.2f}" if "ratio_of_best" in record else ""
            rows.append([record["contestant"], spread(record["ms"], 3), ratios, best, f"{record['loss']:.3f}"])
    print(f"\n{model}: batch {WORKLOADS[model].batch_size}, {steps} steps per epoch, {len(records)} contestants")
    headers = ["", "ms per step (lowest - highest)", f"ratio to {YARDSTICK}", "ratio of the best", "last loss"]
    print(tabulate(rows, headers, disable_numparse=True))


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


def main() -> None:
    """Reads the command line, runs, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS))
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES), help="the contestants")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="small data sets: a first look, too short to judge by")
    parser.add_argument("--device", choices=["auto", "cpu"], default="auto", help="cpu hides every accelerator")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)) if _linux() else os.cpu_count())
    parser.add_argument("--no-imports", action="store_true", help="leave the import times out")
    parser.add_argument("--json", type=Path, help="also write the raw times to this file")
    parser.add_argument("--noisy", action="store_true", help="show what the contestants print")
    options = parser.parse_args()

    variables = environment(options.threads, options.device)
    names = [name for name in NAMES if name in options.only]
    records: list[dict] = []
    print(f"{options.threads} threads, {options.rounds} rounds, device: {options.device}")
    if not options.no_imports:
        imports = time_imports(names, min(options.rounds, 3), variables)
        print("\nimport, in a fresh process; torchkeras_shim: on top of `import torch`")
        print(tabulate([[r["import"], spread(r["seconds"], 3)] for r in imports], ["", "seconds"]))
        records += imports
    workers = [Worker(name, options.threads, variables, options.noisy) for name in names]
    try:
        for worker in [worker for worker in workers if worker.error]:
            print(f"{worker.name} does not take part: {worker.error}")
            workers.remove(worker)
        for model in options.models:
            model_records = time_model(model, workers, options.rounds, options.quick)
            print_records(model_records)
            records += model_records
    finally:
        for worker in workers:
            worker.close()
    if options.json:
        options.json.write_text(json.dumps(records, indent=1))


def _linux() -> bool:
    return hasattr(os, "sched_getaffinity")


if __name__ == "__main__":
    main()
