"""A page with all tables, a plot, and the machine they were measured on."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from contestants import YARDSTICK
from measures import PHASES, ratios, spread, table, title, yardstick_of
from tabulate import tabulate
from workloads import WORKLOADS

BESIDE = ", beside a process that never rests"
_PACKAGES = ("torch", "keras", "jax", "tensorflow", "tensorflow-cpu", "numpy")


def write(folder: Path, by_model: list[list[dict]], imports: list[dict], options: Any) -> None:
    """Writes `cpu.md` or `cuda.md`, and a plot of the same name where matplotlib is installed.

    Args:
        folder: Where to.
        by_model: The records of each model.
        imports: The records of the import times.
        options: The command line.
    """
    folder.mkdir(parents=True, exist_ok=True)
    device = "cpu" if options.device == "cpu" or not _cuda() else "cuda"
    page = f"{device}-busy" if options.busy else device
    by_model, imports = _together(folder / f"{page}.json", by_model, imports, options.threads)
    told = " --quick" * options.quick + " --busy" * options.busy
    gpu = f", {_gpu()}" if device == "cuda" else ""
    parts = [
        f"# Benchmarks on {'CUDA' if device == 'cuda' else 'the CPU'}{BESIDE * options.busy}",
        f"Measured on {datetime.date.today()} by `python tests/benchmarks/run.py{told} --write docs/benchmarks`"
        f"{BESIDE * options.busy}: {options.threads} threads; {machine()}{gpu}.",
        f"Each round lets every contestant go once through the data, one after the other. Times are milliseconds per "
        f"step, as `median (lowest - highest)`; ratios are taken within a round, to `{YARDSTICK}`, a hand-written loop "
        "with the data on the device, fused Adam and no host read. Below 1 is faster. The first epoch includes "
        "building and compiling.",
        {
            "cpu": "On the CPU `fit` takes denormal numbers for zero, as TensorFlow and XLA do and the loops written "
            "by hand do not: on the small perceptron that is about half of the difference.",
            "cuda": "`kernels` is the share of an epoch's time in which kernels run on the GPU. A launch is one of a "
            "kernel or of a whole graph; the nanoseconds are an epoch's time divided by the launches in it.",
        }[device],
    ]
    if plot(folder / f"{page}.png", by_model):
        parts.append(f"![Time of fit per step, as a ratio to the {YARDSTICK}]({page}.png)")
    parts += [f"## {title(records)}\n\n{table(records, 'github')}" for records in by_model]
    if imports:
        rows = [[record["import"], spread(record["seconds"], 3)] for record in imports]
        parts.append("## Import\n\nIn a fresh process; for this library on top of `import torch`.\n")
        parts.append(tabulate(rows, ["", "seconds"], tablefmt="github"))
    (folder / f"{page}.md").write_text("\n\n".join(parts) + "\n")


def _together(path: Path, by_model: list[list[dict]], imports: list[dict], threads: int) -> Any:
    """Puts new records in the place of old ones of the same models, where those come from the same machine."""
    setting = {"machine": machine(), "threads": threads}
    kept = json.loads(path.read_text()) if path.exists() else {}
    if kept.get("setting") != setting:
        kept = {"setting": setting, "models": {}, "imports": []}
    kept["models"].update({records[0]["model"]: records for records in by_model})
    kept["imports"] = imports or kept["imports"]
    path.write_text(json.dumps(kept, indent=1) + "\n")
    return [kept["models"][name] for name in WORKLOADS if name in kept["models"]], kept["imports"]


def machine() -> str:
    """Returns the processor, its cores, the memory, the system and the versions in one line."""
    versions = []
    for package in _PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else 0
    python = f"Python {platform.python_version()}"
    return f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}; {python}, " + ", ".join(
        versions
    )


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _gpu() -> str:
    code = "import torch; print(torch.cuda.get_device_name(), 'CUDA', torch.version.cuda)"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def _cuda() -> bool:
    code = "import torch, sys; sys.exit(0 if torch.cuda.is_available() else 1)"
    return subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def plot(path: Path, by_model: list[list[dict]]) -> bool:
    """Draws the ratios of all models; returns whether it could."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
        from matplotlib import ticker
    except ImportError:
        return False
    figure, all_axes = plt.subplots(1, len(PHASES), figsize=(15, 1.2 + 1.0 * len(by_model)), sharey=True)
    names = list(dict.fromkeys(record["contestant"] for records in by_model for record in records))
    colors = {name: f"C{index}" for index, name in enumerate(names)}
    for axes, what in zip(all_axes, PHASES, strict=True):
        for row, records in enumerate(by_model):
            yardstick = yardstick_of(records)
            shown = [record for record in records if not record["error"] and record["contestant"] != YARDSTICK]
            for place, record in enumerate(shown):
                values = ratios(record, yardstick, what)
                if values:
                    at = row + 0.8 * (place - (len(shown) - 1) / 2) / max(len(shown), 1)
                    axes.plot([min(values), max(values)], [at, at], color=colors[record["contestant"]], alpha=0.5)
                    axes.plot(statistics.median(values), at, "o", color=colors[record["contestant"]])
        axes.axvline(1.0, color="black", linewidth=0.8)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(ticker.LogLocator(base=2))
        axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
        axes.xaxis.set_minor_locator(ticker.NullLocator())
        axes.set_title(what)
        axes.set_xlabel(f"time, as a ratio to the {YARDSTICK}")
        axes.grid(axis="x", which="both", alpha=0.2)
    all_axes[0].set_yticks(range(len(by_model)), [records[0]["model"] for records in by_model])
    all_axes[0].invert_yaxis()
    handles = [plt.Line2D([], [], marker="o", color=colors[name], label=name) for name in names if name != YARDSTICK]
    figure.legend(handles=handles, loc="lower center", ncols=len(handles), frameon=False)
    figure.tight_layout(rect=(0, 0.07, 1, 1))
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return True
