"""What `Dataset` makes ahead of its use, or once for all passes."""

from __future__ import annotations

import os
from typing import Any

from torchkeras_shim.core.text import StringTensor
from torchkeras_shim.data.pipeline import caching, keeping, prefetching, sources
from torchkeras_shim.data.pipeline.node import D, Pipeline


def cache(source: Pipeline[D], filename: Any = "", name: str | None = None) -> D:
    """Returns a data set that keeps its elements from the first whole pass on, in memory or in a file.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> made = []
        >>> kept = Dataset.range(2).map(lambda x: (made.append(int(x)), x)[1]).cache()
        >>> [int(x) for x in kept] == [int(x) for x in kept], made
        (True, [0, 1])
    """
    path = sources.as_paths(filename)
    path = path.numpy().decode() if isinstance(path, StringTensor) else path
    return source._then(caching.FileCache(source._node, path) if path else prefetching.Cache(source._node), name)


def save(
    source: Pipeline[D],
    path: Any,
    compression: str | None = None,
    shard_func: Any = None,
    checkpoint_args: Any = None,
) -> None:
    """Writes the elements of one pass into a folder, from which `Dataset.load` reads them.

    Example:
        >>> import tempfile
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Dataset.range(3).save(folder)
        ...     print([int(x) for x in Dataset.load(folder)])
        [0, 1, 2]
    """
    if compression not in (None, "NONE") or shard_func is not None or checkpoint_args is not None:
        raise ValueError(
            "`save` writes one plain file: `compression`, `shard_func` and `checkpoint_args` are not supported. "
            "Received: other values than the defaults. Write `dataset.save(path)`."
        )
    keeping.write(source._node, os.fspath(path))


def snapshot(
    source: Pipeline[D],
    path: str,
    compression: str | None = "AUTO",
    reader_func: Any = None,
    shard_func: Any = None,
    name: str | None = None,
) -> D:
    """Returns a data set that keeps its elements in a file, as `cache(path)`.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> import os, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     kept = Dataset.range(3).snapshot(os.path.join(folder, "numbers"))
        ...     [int(x) for x in kept], [int(x) for x in kept]
        ([0, 1, 2], [0, 1, 2])
    """
    if compression not in ("AUTO", None, "NONE") or reader_func is not None or shard_func is not None:
        raise ValueError(
            "`snapshot` keeps one plain file: `compression`, `reader_func` and `shard_func` are not supported. "
            "Received: other values than the defaults. Write `dataset.snapshot(path)`."
        )
    return cache(source, path, name)


def prefetch(source: Pipeline[D], buffer_size: int | None = None, name: str | None = None) -> D:
    """Returns a data set whose elements a thread makes ahead.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> [int(x) for x in Dataset.range(3).map(lambda x: x * 2).prefetch(1)]
        [0, 2, 4]
    """
    return source._then(prefetching.Prefetch(source._node, buffer_size), name)
