"""The texts of a summary: what stands in the cells of a row and in the lines of totals, whatever shows them."""

from __future__ import annotations

from torchkeras_shim.summary.rows import Count, Row, Summary


def headers(summary: Summary, show_trainable: bool = False) -> list[str]:
    """Returns the names of the columns."""
    names = ["Layer (type)", "Output Shape", "Param #"]
    if summary.branches:
        names.append("Connected to")
    if show_trainable:
        names.append("Trainable")
    return names


def cells(row: Row, show_connections: bool, show_trainable: bool = False) -> list[str]:
    """Returns the texts of a row, one for each column."""
    prefix = "   " * row.level + "└ " if row.level else ""
    params = "0 (unbuilt)" if row.params is None else f"{row.params:,}"
    texts = [f"{prefix}{row.name} ({row.kind})", row.output_shape, params]
    if show_connections:
        texts.append(row.connected_to)
    if show_trainable:
        texts.append("-" if row.trainable is None else "Y" if row.trainable else "N")
    return texts


def totals(summary: Summary) -> list[str]:
    """Returns the lines below the table."""
    lines = [
        f"Total params: {_count(summary.total)}",
        f"Trainable params: {_count(summary.trainable)}",
        f"Non-trainable params: {_count(summary.non_trainable)}",
    ]
    if summary.optimizer is not None:
        lines.append(f"Optimizer params: {_count(summary.optimizer)}")
    return lines


def _count(count: Count) -> str:
    size = float(count.size)
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024:
            return f"{count.params:,} ({size:.2f} {unit})"
        size /= 1024
    return f"{count.params:,} ({size:.2f} PB)"
