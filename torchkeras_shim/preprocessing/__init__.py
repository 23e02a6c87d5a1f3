"""`keras.preprocessing`: data from files and arrays, made ready for a model."""

from torchkeras_shim.preprocessing import image, sequence
from torchkeras_shim.preprocessing.pictures import image_dataset_from_directory
from torchkeras_shim.preprocessing.texts import text_dataset_from_directory
from torchkeras_shim.preprocessing.timeseries import timeseries_dataset_from_array

__all__ = [
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]
