"""Pipelines of data: `Dataset`, with the methods of `tf.data`, and what elements are made of."""

from torchkeras_shim.data.pipeline.dataset import Dataset
from torchkeras_shim.data.pipeline.files import (
    CsvDataset,
    FixedLengthRecordDataset,
    TextLineDataset,
    TFRecordDataset,
    make_csv_dataset,
)
from torchkeras_shim.data.pipeline.iterating import DatasetIterator
from torchkeras_shim.data.pipeline.node import AUTOTUNE
from torchkeras_shim.data.pipeline.node import INFINITE as INFINITE_CARDINALITY
from torchkeras_shim.data.pipeline.node import UNKNOWN as UNKNOWN_CARDINALITY
from torchkeras_shim.data.pipeline.records import TFRecordWriter
from torchkeras_shim.data.pipeline.specs import DatasetSpec, NoneSpec, RaggedTensorSpec, SparseTensorSpec, TensorSpec

__all__ = [
    "AUTOTUNE",
    "CsvDataset",
    "Dataset",
    "DatasetIterator",
    "DatasetSpec",
    "FixedLengthRecordDataset",
    "INFINITE_CARDINALITY",
    "NoneSpec",
    "RaggedTensorSpec",
    "SparseTensorSpec",
    "TFRecordDataset",
    "TFRecordWriter",
    "TensorSpec",
    "TextLineDataset",
    "UNKNOWN_CARDINALITY",
    "make_csv_dataset",
]
