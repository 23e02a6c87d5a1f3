"""What the measured times are turned into: ratios, spreads, tables."""

from __future__ import annotations

import statistics

from contestants import YARDSTICK
from tabulate import tabulate
from workloads import WORKLOADS

PHASES = ("fit", "evaluate", "predict")


def spread(values: list[float], digits: int) -> str:
    """Returns `median (lowest - highest)`."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} - {high:.{digits}f})"


def yardstick_of(records: list[dict]) -> dict | None:
    """Returns the record that ratios refer to."""
    return next((r for r in records if r["contestant"] == YARDSTICK and not r["error"]), None)


def ratios(record: dict, yardstick: dict | None, what: str) -> list[float]:
    """Returns the times of one contestant as ratios to the yardstick's in the same rounds."""
    if yardstick is None or record["error"]:
        return []
    return [own / other for own, other in zip(record[what], yardstick[what], strict=True)]


def table(records: list[dict], tablefmt: str = "simple") -> str:
    """Returns one model's table."""
    yardstick = yardstick_of(records)
    with_kernels = any(record.get("kernel_share") for record in records)
    with_launches = any(record.get("launches") for record in records)
    rows = []
    for record in records:
        if record["error"]:
            rows.append([record["contestant"], record["error"][:90]])
            continue
        row = [record["contestant"], spread(record["fit"], 3)]
        row += [spread(ratios(record, yardstick, what), 2) if yardstick else "" for what in PHASES]
        row += [f"{record['first_epoch']:.1f}", f"{record['loss']:.3f}"]
        if with_kernels:
            row.append(f"{record['kernel_share']:.0%}" if record["kernel_share"] else "")
        if with_launches:
            launches = record.get("launches")
            per_launch = 1e6 * statistics.median(record["fit"]) / launches if launches else None
            row += [f"{launches:.1f}", f"{per_launch:.0f}"] if launches else ["", ""]
        rows.append(row)
    headers = ["", "fit, ms per step", *(f"{what}, ratio" for what in PHASES), "first epoch, s", "last loss"]
    headers += ["kernels"] * with_kernels + ["launches per step", "ns per launch"] * with_launches
    return tabulate(rows, headers, tablefmt=tablefmt, disable_numparse=True)


def title(records: list[dict]) -> str:
    """Returns the line above one model's table."""
    model, steps = records[0]["model"], records[0]["steps"]
    rounds = len((yardstick_of(records) or {}).get("fit", ()))
    return f"{model}: batch {WORKLOADS[model].batch_size}, {steps} steps per epoch, {rounds} rounds"
