"""A summary as HTML, which notebooks show for a model."""

from __future__ import annotations

from html import escape

from torchkeras_shim.summary.rows import Summary
from torchkeras_shim.summary.text import cells, headers, totals


def render_html(summary: Summary) -> str:
    """Returns a summary as HTML: the model's name, a table of its layers, and the totals.

    Every text is escaped: names may come from a file, and none of them becomes markup.

    Args:
        summary: The data.

    Example:
        >>> import torchkeras_shim as keras
        >>> from torchkeras_shim.summary.rows import summarize
        >>> render_html(summarize(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)], name="a<b")))
        '<div><p>Model: <b>a&lt;b</b></p>...'
    """
    body = [_row("td", cells(row, summary.branches)) for row in summary.rows]
    return (
        f"<div><p>Model: <b>{escape(summary.name)}</b></p>"
        '<div style="max-height: 40em; overflow: auto"><table>'
        f"<thead>{_row('th', headers(summary))}</thead><tbody>{''.join(body)}</tbody></table></div>"
        f"<p>{'<br>'.join(map(escape, totals(summary)))}</p></div>"
    )


def _row(tag: str, texts: list[str]) -> str:
    aligned = ["left", "left", "right", "left"]
    return "<tr>{}</tr>".format(
        "".join(
            f'<{tag} style="text-align: {side}; white-space: pre">{escape(text)}</{tag}>'
            for text, side in zip(texts, aligned, strict=False)
        )
    )
