"""Every kind of data that a model takes, as batches of tensors on its device."""

from torchkeras_shim.data.adapter import Batch, DataAdapter
from torchkeras_shim.data.array_adapter import ArrayAdapter
from torchkeras_shim.data.arrays import describe, is_array_like, is_array_structure
from torchkeras_shim.data.choose import choose_adapter
from torchkeras_shim.data.packing import pack_x_y_sample_weight, train_validation_split, unpack_x_y_sample_weight
from torchkeras_shim.data.py_dataset import PyDataset
from torchkeras_shim.data.weights import class_weight_to_sample_weights

__all__ = [
    "ArrayAdapter",
    "Batch",
    "DataAdapter",
    "PyDataset",
    "choose_adapter",
    "class_weight_to_sample_weights",
    "describe",
    "is_array_like",
    "is_array_structure",
    "pack_x_y_sample_weight",
    "train_validation_split",
    "unpack_x_y_sample_weight",
]
