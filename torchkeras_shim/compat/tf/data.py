"""`tf.data`: the library's pipelines under TensorFlow's names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torchkeras_shim.compat.tf import data_options, grafts, specs
from torchkeras_shim.compat.tf.api import NAMES, public
from torchkeras_shim.compat.tf.io import as_path
from torchkeras_shim.data import pipeline
from torchkeras_shim.data.pipeline import AUTOTUNE, Dataset, records

NAMES["data.Dataset"] = Dataset
NAMES["data.Iterator"] = pipeline.DatasetIterator
NAMES["data.DatasetSpec"] = pipeline.DatasetSpec
NAMES["data.AUTOTUNE"] = NAMES["data.experimental.AUTOTUNE"] = AUTOTUNE
NAMES["data.INFINITE_CARDINALITY"] = NAMES["data.experimental.INFINITE_CARDINALITY"] = pipeline.INFINITE_CARDINALITY
NAMES["data.UNKNOWN_CARDINALITY"] = NAMES["data.experimental.UNKNOWN_CARDINALITY"] = pipeline.UNKNOWN_CARDINALITY
NAMES["io.TFRecordWriter"] = NAMES["compat.v1.python_io.TFRecordWriter"] = records.TFRecordWriter
for _dataset in (pipeline.TextLineDataset, pipeline.TFRecordDataset, pipeline.FixedLengthRecordDataset):
    NAMES[f"data.{_dataset.__name__}"] = _dataset
NAMES["data.experimental.CsvDataset"] = pipeline.CsvDataset
NAMES["data.experimental.make_csv_dataset"] = pipeline.make_csv_dataset


@public("compat.v1.io.tf_record_iterator", "compat.v1.python_io.tf_record_iterator")
def tf_record_iterator(path: Any, options: Any = None) -> Iterator[bytes]:
    """Returns an iterator over the records of a file."""
    kind = records.compression_of(getattr(options, "compression_type", options))
    with records.opened(as_path(path), kind) as file:
        yield from records.unframed(file)


@public("io.TFRecordOptions")
class TFRecordOptions:
    """How a file of records is compressed: `None`, `"GZIP"` or `"ZLIB"`."""

    def __init__(self, compression_type: str | None = None, **_: Any) -> None:
        self.compression_type = compression_type


@public("data.experimental.cardinality")
def cardinality(dataset: Dataset) -> int:
    """Returns the number of elements, -1 without end, -2 if it is not known."""
    return dataset.cardinality()


def _element_spec(self: Dataset) -> Any:
    """The shapes and types of an element, as TensorFlow describes them."""
    return pipeline.specs.map_parts(specs.of_tensorflow, _own_spec(self))


_own_spec = Dataset.element_spec.fget  # type: ignore[attr-defined]
grafts.add(
    Dataset,
    {
        "element_spec": property(_element_spec),
        "options": data_options.options_of,
        "with_options": data_options.with_options,
    },
)
