"""The inside of Keras, `keras.src`, which packages written for Keras import: where its names are in public.

A file of the inside is answered by the public module that has its names. One that is called after one of them
(`keras.src.layers.core.dense`) is found by that, the others are listed here. What has no public name is in
`inside_names`.
"""

from __future__ import annotations

import difflib
from types import ModuleType

import torchkeras_shim
from torchkeras_shim.compat.legacy import modules

_LISTED = {
    "": "api_export backend.common.keras_tensor distribution distribution.distribution_lib",
    "activations": "activations.activations",
    "backend": "backend.common backend.common.backend_utils backend.common.dtypes backend.common.global_state "
    "backend.common.masking backend.common.name_scope backend.common.variables backend.config legacy.backend",
    "constraints": "constraints.constraints",
    "initializers": "initializers.constant_initializers initializers.random_initializers",
    "layers": "layers.activations layers.attention layers.attention.grouped_query_attention layers.convolutional "
    "layers.convolutional.base_conv layers.core layers.core.input_layer layers.core.lambda_layer layers.merging "
    "layers.merging.base_merge layers.normalization layers.pooling layers.preprocessing "
    "layers.preprocessing.image_preprocessing layers.preprocessing.image_preprocessing.clahe "
    "layers.preprocessing.image_preprocessing.max_num_bounding_box layers.regularization "
    "layers.regularization.spatial_dropout layers.reshaping layers.rnn",
    "losses": "losses.losses legacy.losses",
    "metrics": "metrics.accuracy_metrics metrics.confusion_metrics metrics.correlation_metrics "
    "metrics.f_score_metrics metrics.hinge_metrics metrics.iou_metrics metrics.probabilistic_metrics "
    "metrics.reduction_metrics metrics.regression_metrics",
    "models": "models.cloning models.functional trainers",
    "ops": "backend.core backend.math ops.core ops.einops ops.math",
    "ops.image": "backend.image",
    "ops.linalg": "backend.linalg",
    "ops.nn": "backend.nn",
    "ops.numpy": "backend.numpy",
    "optimizers": "optimizers.base_optimizer",
    "preprocessing": "legacy.preprocessing",
    "preprocessing.image": "legacy.preprocessing.image",
    "preprocessing.sequence": "legacy.preprocessing.sequence",
    "preprocessing.text": "legacy.preprocessing.text",
    "random": "backend.random random.random",
    "regularizers": "regularizers.regularizers",
    "saving": "legacy.saving saving.file_editor saving.object_registration saving.saving_api saving.saving_lib "
    "saving.serialization_lib",
    "tree": "tree.tree_api",
    "utils": "ops.operation_utils trainers.data_adapters trainers.data_adapters.data_adapter_utils "
    "trainers.data_adapters.py_dataset_adapter utils.argument_validation utils.audio_dataset_utils "
    "utils.backend_utils utils.dataset_utils utils.file_utils utils.image_dataset_utils utils.image_utils "
    "utils.io_utils utils.model_visualization utils.naming utils.numerical_utils utils.python_utils utils.rng_utils "
    "utils.sequence_utils utils.text_dataset_utils utils.timeseries_dataset_utils utils.torch_utils utils.tracking",
    "utils.legacy": "legacy.saving.serialization",
}
#: The public module that has the names of a file or folder of the inside, by the path below `keras.src`.
ROOMS = {path: room for room, paths in _LISTED.items() for path in paths.split()}


def room(path: str) -> str | None:
    """Returns the public module that answers for a part of the inside, or `None` if there is no such part.

    Args:
        path: Where it is, below `keras.src`.

    Example:
        >>> room("layers.core.dense"), room("saving.saving_lib"), room("optimizers"), room("layers.core.denser")
        ('layers', 'saving', 'optimizers', None)
    """
    for table in (ROOMS, modules.TODAY):
        if path in table:
            return table[path]
    if _public(path) is not None:
        return path
    folder, _, file = path.rpartition(".")
    while True:
        module = _public(folder)
        if module is not None and _squashed(file) in map(_squashed, module.__all__):
            return folder
        if not folder:
            return None
        folder = folder.rpartition(".")[0]


def nearest(path: str) -> tuple[str, list[str]]:
    """Returns the public module that is nearest to a path of the inside, and its names that look like the path's last.

    Example:
        >>> nearest("layers.core.denser")[0], nearest("layers.core.denser")[1][0]
        ('layers', 'Dense')
    """
    folder, _, file = path.rpartition(".")
    while folder and room(folder) is None:
        folder = folder.rpartition(".")[0]
    found = (room(folder) if folder else None) or ""
    names = {_squashed(name): name for name in getattr(_public(found), "__all__", ())}
    return found, [names[near] for near in difflib.get_close_matches(_squashed(file), names)]


def _public(path: str) -> ModuleType | None:
    module: ModuleType = torchkeras_shim
    for name in path.split(".") if path else ():
        if name not in module.__all__ or not isinstance(getattr(module, name), ModuleType):
            return None
        module = getattr(module, name)
    return module


def _squashed(name: str) -> str:
    return name.replace("_", "").lower()
