"""What packages take from the inside of Keras that has no public name, by the file below `keras.src` that has it."""

from __future__ import annotations

from typing import Any

from torchkeras_shim import ops
from torchkeras_shim.compat.legacy import inside_functions, inside_saving
from torchkeras_shim.core import config, naming, symbolic
from torchkeras_shim.core.console import print_msg
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.layers.convolutional.base_conv import BaseConv
from torchkeras_shim.layers.merging.base_merge import Merge
from torchkeras_shim.losses.wrapper import LossFunctionWrapper
from torchkeras_shim.models.functional import Functional

_OPERATIONS = "cast cond convert_to_numpy convert_to_tensor is_tensor scatter shape stop_gradient vectorized_map"
_BACKEND: dict[str, Any] = {
    **{name: getattr(ops, name) for name in _OPERATIONS.split()},
    "KerasTensor": symbolic.KerasTensor,
    "Variable": Variable,
    "any_symbolic_tensors": inside_functions.any_symbolic_tensors,
    "compute_output_spec": inside_functions.compute_output_spec,
    "get_keras_mask": inside_functions.get_keras_mask,
    "in_stateless_scope": inside_functions.never,
    "in_symbolic_scope": inside_functions.never,
    "name_scope": naming.name_scope,
    "set_keras_mask": inside_functions.set_keras_mask,
    "standardize_data_format": config.standardize_data_format,
    "standardize_shape": inside_functions.standardize_shape,
}
_SAFE_MODE = {"SafeModeScope": inside_saving.SafeModeScope, "in_safe_mode": inside_saving.in_safe_mode}
#: The names of a file or folder.
OWN: dict[str, dict[str, Any]] = {
    "api_export": {"keras_export": inside_functions.keras_export},
    **dict.fromkeys(("backend", "backend.common", "backend.common.keras_tensor"), _BACKEND),
    **dict.fromkeys(("backend.common.masking", "backend.common.name_scope"), _BACKEND),
    "backend.common.variables": {**_BACKEND, "KerasVariable": Variable},
    "distribution": {"distribution": inside_functions.no_distribution},
    "distribution.distribution_lib": {"distribution": inside_functions.no_distribution},
    "layers.convolutional.base_conv": {"BaseConv": BaseConv},
    "layers.merging.base_merge": {"Merge": Merge},
    "losses.losses": {"LossFunctionWrapper": LossFunctionWrapper},
    "models.functional": {"Functional": Functional},
    "saving": _SAFE_MODE,
    "saving.saving_lib": {
        "H5IOStore": inside_saving.H5IOStore,
        "load_model": inside_saving.load_model,
        "load_weights_only": inside_saving.load_weights_only,
        "save_model": inside_saving.save_model,
        "save_weights_only": inside_saving.save_weights_only,
    },
    "saving.serialization_lib": _SAFE_MODE,
    "utils.argument_validation": {"standardize_tuple": inside_functions.standardize_tuple},
    "utils.backend_utils": {"in_grain_data_pipeline": inside_functions.never, "in_tf_graph": inside_functions.never},
    "utils.io_utils": {"print_msg": print_msg},
    "utils.naming": {name: getattr(naming, name) for name in ("auto_name", "to_snake_case", "uniquify")},
    "utils.tracking": {"no_automatic_dependency_tracking": inside_functions.no_automatic_dependency_tracking},
}


def of(path: str) -> dict[str, Any]:
    """Returns the names that a file of the inside has beside those of the public module.

    Args:
        path: Where it is, below `keras.src`.

    Example:
        >>> sorted(of("losses.losses")), of("layers.core.dense")
        (['LossFunctionWrapper'], {})
    """
    return OWN.get(path, {})
