"""Pipelines of data: `Dataset`, with the methods of `tf.data`, and what elements are made of."""

from torchkeras_shim.data.pipeline.dataset import Dataset
from torchkeras_shim.data.pipeline.iterating import DatasetIterator
from torchkeras_shim.data.pipeline.node import AUTOTUNE
from torchkeras_shim.data.pipeline.node import INFINITE as INFINITE_CARDINALITY
from torchkeras_shim.data.pipeline.node import UNKNOWN as UNKNOWN_CARDINALITY
from torchkeras_shim.data.pipeline.specs import DatasetSpec, NoneSpec, RaggedTensorSpec, TensorSpec

__all__ = [
    "AUTOTUNE",
    "Dataset",
    "DatasetIterator",
    "DatasetSpec",
    "INFINITE_CARDINALITY",
    "NoneSpec",
    "RaggedTensorSpec",
    "TensorSpec",
    "UNKNOWN_CARDINALITY",
]
