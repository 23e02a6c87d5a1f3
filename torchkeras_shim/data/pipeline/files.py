"""Data sets of files: lines, records, tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.text import as_strings
from torchkeras_shim.data.pipeline import lines, records
from torchkeras_shim.data.pipeline.dataset import Dataset
from torchkeras_shim.data.pipeline.node import AUTOTUNE, Node
from torchkeras_shim.data.pipeline.ordering import as_count
from torchkeras_shim.data.pipeline.sources import as_paths, file_names


class TextLineDataset(Dataset):
    """The lines of text files.

    Args:
        filenames: One or several names of files, or a data set of them.
        compression_type: `None`, `"GZIP"` or `"ZLIB"`.
        buffer_size: Not needed: the system reads ahead.
        num_parallel_reads: How many files take turns; `None` reads one after the other.
        name: A name, for the reader.
    """

    def __init__(
        self,
        filenames: Any,
        compression_type: Any = None,
        buffer_size: Any = None,
        num_parallel_reads: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(_files(filenames, compression_type, lines.lines_of, num_parallel_reads), name)


class TFRecordDataset(Dataset):
    """The records of TFRecord files, as `bytes`.

    Args:
        filenames: One or several names of files, or a data set of them.
        compression_type: `None`, `"GZIP"` or `"ZLIB"`.
        buffer_size: Not needed: the system reads ahead.
        num_parallel_reads: How many files take turns; `None` reads one after the other.
        name: A name, for the reader.
    """

    def __init__(
        self,
        filenames: Any,
        compression_type: Any = None,
        buffer_size: Any = None,
        num_parallel_reads: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(_files(filenames, compression_type, records.unframed, num_parallel_reads), name)


class FixedLengthRecordDataset(Dataset):
    """Pieces of files of so many bytes each.

    Args:
        filenames: One or several names of files, or a data set of them.
        record_bytes: The length of a record.
        header_bytes: How many bytes at the beginning of each file are left out.
        footer_bytes: How many bytes at its end are left out.
        buffer_size: Not needed: the system reads ahead.
        compression_type: `None`, `"GZIP"` or `"ZLIB"`.
        num_parallel_reads: How many files take turns; `None` reads one after the other.
        name: A name, for the reader.
    """

    def __init__(
        self,
        filenames: Any,
        record_bytes: int,
        header_bytes: int | None = None,
        footer_bytes: int | None = None,
        buffer_size: Any = None,
        compression_type: Any = None,
        num_parallel_reads: Any = None,
        name: str | None = None,
    ) -> None:
        size, header, footer = (as_count(n or 0, "record_bytes") for n in (record_bytes, header_bytes, footer_bytes))
        if size < 1:
            raise InvalidArgumentError(f"record_bytes must be positive. Received: record_bytes={record_bytes}")

        def read(file: IO[bytes]) -> Iterator[bytes]:
            body = file.read()
            length = len(body) - header - footer
            if length % size:
                raise InvalidArgumentError(
                    f"Excluding the header ({header} bytes) and footer ({footer} bytes), input file "
                    f'"{getattr(file, "name", "")}" has body length {length} bytes, which is not an exact multiple '
                    f"of the record length ({size} bytes)."
                )
            return (body[start : start + size] for start in range(header, header + length, size))

        super().__init__(_files(filenames, compression_type, read, num_parallel_reads), name)


class CsvDataset(Dataset):
    """The rows of tables of comma-separated values, each a tuple of scalars.

    Args:
        filenames: One or several names of files.
        record_defaults: For each column a type, if it must be filled, or a value for empty cells.
        compression_type: `None`, `"GZIP"` or `"ZLIB"`.
        buffer_size: Not needed: the system reads ahead.
        header: Whether the first line of each file is left out.
        field_delim: What separates the cells.
        use_quote_delim: Whether `"` may enclose cells.
        na_value: Text that stands for an empty cell.
        select_cols: The indices of the columns that are wanted.
        exclude_cols: The indices of the columns that are not.
    """

    def __init__(
        self,
        filenames: Any,
        record_defaults: Any,
        compression_type: Any = None,
        buffer_size: Any = None,
        header: bool = False,
        field_delim: str = ",",
        use_quote_delim: bool = True,
        na_value: str = "",
        select_cols: Any = None,
        exclude_cols: Any = None,
    ) -> None:
        paths = as_strings(as_paths(filenames)).reshape(-1).tolist()
        if exclude_cols is not None:
            if select_cols is not None:
                raise ValueError("`select_cols` and `exclude_cols` cannot be given at once.")
            names = lines.column_names(paths[0], records.compression_of(compression_type), field_delim, use_quote_delim)
            select_cols = [index for index in range(len(names)) if index not in set(exclude_cols)]
        node = lines.Cells(
            paths,
            record_defaults,
            compression=compression_type,
            header=header,
            delimiter=field_delim,
            quoted=use_quote_delim,
            missing=na_value,
            columns=select_cols,
        )
        super().__init__(node)


def make_csv_dataset(
    file_pattern: Any,
    batch_size: int,
    column_names: list[str] | None = None,
    column_defaults: Any = None,
    label_name: str | None = None,
    select_columns: Any = None,
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    header: bool = True,
    num_epochs: int | None = None,
    shuffle: bool = True,
    shuffle_buffer_size: int = 10000,
    shuffle_seed: int | None = None,
    prefetch_buffer_size: int | None = None,
    num_parallel_reads: int | None = None,
    sloppy: bool = False,
    num_rows_for_inference: int | None = 100,
    compression_type: Any = None,
    ignore_errors: bool = False,
    encoding: str = "utf-8",
) -> Dataset:
    """Returns a data set of batches of tables, each a dict of columns, or a pair of one and the labels.

    Args:
        file_pattern: One or several names of files, or patterns of them.
        batch_size: How many rows a batch has.
        column_names: The names of the columns, by default from the first line.
        column_defaults: For each (selected) column a type, or a value for empty cells; by default the first rows tell.
        label_name: The column with the labels.
        select_columns: The names or indices of the columns that are wanted.
        field_delim: What separates the cells.
        use_quote_delim: Whether `"` may enclose cells.
        na_value: Text that stands for an empty cell.
        header: Whether the first line of each file has the names.
        num_epochs: How many times all rows come; without end by default.
        shuffle: Whether the rows are shuffled.
        shuffle_buffer_size: As for `Dataset.shuffle`.
        shuffle_seed: As for `Dataset.shuffle`.
        prefetch_buffer_size: As for `Dataset.prefetch`.
        num_parallel_reads: Must be `None` or 1: files are read one after the other.
        sloppy: The order is the same in any case.
        num_rows_for_inference: How many rows tell the types of the columns.
        compression_type: `None`, `"GZIP"` or `"ZLIB"`.
        ignore_errors: Whether rows that do not fit the columns are left out.
        encoding: Must be `"utf-8"`.

    Raises:
        ValueError: If a column is not there, or an argument is not supported.
    """
    if num_parallel_reads not in (None, 1):
        raise ValueError(
            f"`make_csv_dataset` reads one file after the other. Received: num_parallel_reads={num_parallel_reads}. "
            "Leave it out; the rows are shuffled by `shuffle_buffer_size`."
        )
    if encoding.lower() not in ("utf-8", "utf8"):
        raise ValueError(f"`make_csv_dataset` reads UTF-8. Received: encoding={encoding!r}. Convert the file first.")
    paths = file_names(file_pattern)
    compression = records.compression_of(compression_type)
    if column_names is None:
        if not header:
            raise ValueError("Cannot infer column names without a header line. Pass `column_names=[...]`.")
        column_names = lines.column_names(paths[0], compression, field_delim, use_quote_delim)
    if len(set(column_names)) != len(column_names):
        raise ValueError(f"Cannot have duplicate column names. Received: {column_names}")
    chosen = _chosen(select_columns, column_names)
    if column_defaults is None:
        found = lines.inferred_defaults(
            paths[0], compression, header, field_delim, use_quote_delim, na_value, num_rows_for_inference
        )
        column_defaults = [found[index] for index in chosen]
    elif len(column_defaults) == len(column_names) > len(chosen):
        column_defaults = [column_defaults[index] for index in chosen]
    names = [column_names[index] for index in chosen]
    if label_name is not None and label_name not in names:
        raise ValueError(f"`label_name` provided must be one of the columns: {names}. Received: {label_name}.")
    rows: Dataset = CsvDataset(
        paths,
        column_defaults,
        compression_type,
        header=header,
        field_delim=field_delim,
        use_quote_delim=use_quote_delim,
        na_value=na_value,
        select_cols=chosen,
    )
    rows = rows.ignore_errors() if ignore_errors else rows
    shuffled = rows.shuffle(shuffle_buffer_size, shuffle_seed) if shuffle else rows
    # Without end, every batch is whole, and so its size is known.
    batches = shuffled.repeat(num_epochs).batch(batch_size, drop_remainder=num_epochs is None)
    return Dataset(lines.Batches(batches._node, names, label_name)).prefetch(prefetch_buffer_size)


def _chosen(select: Any, names: list[str]) -> list[int]:
    if select is None:
        return list(range(len(names)))
    unknown = [one for one in select if isinstance(one, str) and one not in names]
    if unknown:
        raise ValueError(f"Value: {unknown[0]} is not in the columns {names}.")
    return sorted(names.index(one) if isinstance(one, str) else int(one) for one in select)


def _files(filenames: Any, compression: Any, read: Any, turns: Any) -> Node:
    """Returns the records of files, one after the other or some in turn."""
    if turns is None:
        return records.Files(filenames._node if isinstance(filenames, Dataset) else filenames, compression, read)
    if not isinstance(filenames, Dataset):
        filenames = Dataset.from_tensor_slices(as_strings(as_paths(filenames)).reshape(-1))
    cycle = None if turns == AUTOTUNE else turns
    in_turn = filenames.interleave(lambda path: Dataset(records.Files(path, compression, read)), cycle)
    node: Node = in_turn._node
    return node
