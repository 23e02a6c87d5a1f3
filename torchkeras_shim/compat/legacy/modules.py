"""Modules of older versions, and where their names are today."""

from __future__ import annotations

from types import ModuleType

#: What answers for a module that is only there for what is below it.
NOTHING = ModuleType("nothing", "Nothing but the modules below it.")

_LAYERS = (
    "advanced_activations convolutional convolutional_recurrent core cudnn_recurrent embeddings experimental "
    "experimental.preprocessing local merge noise normalization normalization.batch_normalization "
    "normalization.batch_normalization_v2 normalization.layer_normalization normalization_v2 pooling preprocessing "
    "preprocessing.image_preprocessing preprocessing.text_vectorization recurrent recurrent_v2 rnn wrappers"
)
_UTILS = (
    "conv_utils data_utils generic_utils io_utils layer_utils np_utils tf_utils training_utils vis_utils visualize_util"
)
_OPTIMIZERS = (
    "adadelta adadelta_v2 adagrad adagrad_v2 adam adam_v2 adamax adamax_v2 experimental ftrl gradient_descent "
    "gradient_descent_v2 legacy nadam nadam_v2 rmsprop rmsprop_v2 sgd"
)

#: The module of this library that answers for an old one, by the path below `keras`.
TODAY: dict[str, str] = {
    **{f"layers.{name}": "layers" for name in _LAYERS.split()},
    **{f"utils.{name}": "utils" for name in _UTILS.split()},
    **{f"optimizers.{name}": "optimizers" for name in _OPTIMIZERS.split()},
    "optimizer_v2": "optimizers",
    **{f"optimizer_v2.{name}": "optimizers" for name in _OPTIMIZERS.split()},
    "optimizer_v2.learning_rate_schedule": "optimizers.schedules",
    "optimizers.schedules.learning_rate_schedule": "optimizers.schedules",
    "backend.tensorflow_backend": "backend",
    "callbacks.experimental": "callbacks",
    "engine": "layers",
    "engine.base_layer": "layers",
    "engine.functional": "models",
    "engine.input_layer": "layers",
    "engine.input_spec": "layers",
    "engine.network": "models",
    "engine.sequential": "models",
    "engine.base_layer_v1": "layers",
    "engine.keras_tensor": "layers",
    "engine.saving": "models",
    "engine.topology": "layers",
    "engine.training": "models",
    "experimental": "optimizers.schedules",
    "initializations": "compat.legacy.initializations",
    "initializers.initializers_v1": "initializers",
    "initializers.initializers_v2": "initializers",
    "legacy": "layers",
    "legacy.layers": "layers",
    "mixed_precision.experimental": "mixed_precision",
    "objectives": "losses",
    "preprocessing.text": "compat.legacy.text",
    "saving.save": "models",
    "wrappers.scikit_learn": "compat.legacy.scikit_learn",
}


def today(path: str) -> str | None:
    """Returns the path of the module that answers for an old one, or `None` if it is not an old one.

    Args:
        path: Where the module was, below `keras`.

    Example:
        >>> today("layers.core"), today("layers.cores")
        ('layers', None)
    """
    return TODAY.get(path)
