"""`get_state_tree` and `set_state_tree`: all variables of a model as dicts by their paths."""

from __future__ import annotations

from typing import Any


def get_state_tree(model: Any, value_format: str = "backend_tensor") -> dict[str, Any]:
    """Returns the values of all variables, as nested dicts along their paths.

    Args:
        value_format: `"backend_tensor"` for tensors, which are the weights themselves, or `"numpy_array"` for copies.

    Returns:
        A dict of `"trainable_variables"`, `"non_trainable_variables"`, `"optimizer_variables"` and
        `"metrics_variables"`.

    Raises:
        ValueError: If two variables have the same path, or the format is unknown.

    Example:
        >>> import torchkeras_shim as keras
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="out")], name="net")
        >>> model.compile("sgd", "mse")
        >>> list(model.get_state_tree()["trainable_variables"]["net"]["out"])
        ['kernel', 'bias']
    """
    return {kind: _nested(variables, value_format) for kind, variables in _kinds(model).items()}


def set_state_tree(model: Any, state_tree: dict[str, Any]) -> None:
    """Assigns values to variables by their paths. Paths that the model does not have are left out.

    Args:
        state_tree: What `get_state_tree` returned, or a part of it.

    Raises:
        ValueError: If it has another key than the four kinds of variables.
    """
    kinds = _kinds(model)
    for kind, values in state_tree.items():
        if kind not in kinds:
            raise ValueError(f"Unknown variable name: {kind}. Expected one of: {', '.join(kinds)}.")
        found = _flat(values)
        for variable in kinds[kind]:
            if variable.path in found:
                variable.assign(found[variable.path])


def _kinds(model: Any) -> dict[str, list[Any]]:
    return {
        "trainable_variables": model.trainable_variables,
        "non_trainable_variables": model.non_trainable_variables,
        "optimizer_variables": [] if model.optimizer is None else model.optimizer.variables,
        "metrics_variables": model.metrics_variables,
    }


def _nested(variables: list[Any], value_format: str) -> dict[str, Any]:
    if value_format not in ("backend_tensor", "numpy_array"):
        raise ValueError(
            "Invalid `value_format` argument. Expected one of {'numpy_array', 'backend_tensor'}. Received: "
            f"value_format={value_format}"
        )
    nested: dict[str, Any] = {}
    seen: set[str] = set()
    for variable in variables:
        if variable.path in seen:
            raise ValueError(
                f"The following variable path is found twice in the model: '{variable.path}'. `get_state_tree()` can "
                "only be called when all variable paths are unique. Make sure to give unique names to your layers (and "
                "other objects)."
            )
        seen.add(variable.path)
        *folders, name = variable.path.split("/")
        current = nested
        for folder in folders:
            current = current.setdefault(folder, {})
        current[name] = variable.value if value_format == "backend_tensor" else variable.numpy()
    return nested


def _flat(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        flat.update(_flat(value, f"{prefix}{key}/") if isinstance(value, dict) else {f"{prefix}{key}": value})
    return flat
