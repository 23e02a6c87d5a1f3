"""`keras.utils`: seeds, labels, data sets by index, names of the user's own classes."""

from torchkeras_shim.backend import clear_session, is_keras_tensor
from torchkeras_shim.callbacks.progress import Progbar
from torchkeras_shim.core.console import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from torchkeras_shim.core.custom_objects import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from torchkeras_shim.core.downloads import get_file
from torchkeras_shim.core.dtypes import standardize_dtype
from torchkeras_shim.core.serialization import deserialize_keras_object, serialize_keras_object
from torchkeras_shim.data import PyDataset, pack_x_y_sample_weight, unpack_x_y_sample_weight
from torchkeras_shim.models.feature_space import FeatureSpace
from torchkeras_shim.models.source_inputs import get_source_inputs
from torchkeras_shim.preprocessing import (
    image_dataset_from_directory,
    text_dataset_from_directory,
    timeseries_dataset_from_array,
)
from torchkeras_shim.preprocessing.image import array_to_img, img_to_array, load_img, save_img
from torchkeras_shim.preprocessing.sequence import pad_sequences
from torchkeras_shim.preprocessing.sounds import audio_dataset_from_directory
from torchkeras_shim.preprocessing.splitting import split_dataset
from torchkeras_shim.utils import bounding_boxes, legacy
from torchkeras_shim.utils.model_visualization import model_to_dot, plot_model
from torchkeras_shim.utils.numerical import normalize, to_categorical
from torchkeras_shim.utils.random_seed import set_random_seed
from torchkeras_shim.utils.settings import Config

#: Keras's older name.
Sequence = PyDataset

__all__ = [
    "Config",
    "CustomObjectScope",
    "FeatureSpace",
    "Progbar",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "bounding_boxes",
    "audio_dataset_from_directory",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "image_dataset_from_directory",
    "img_to_array",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "legacy",
    "load_img",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]
