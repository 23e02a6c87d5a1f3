"""Which types layers compute in and keep their weights in: `keras.dtype_policies`."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.core.dtype_policies import DTYPE_POLICIES, DTypePolicy, DTypePolicyMap, FloatDTypePolicy, get

__all__ = ["DTypePolicy", "DTypePolicyMap", "FloatDTypePolicy", "deserialize", "get", "serialize"]


def serialize(dtype_policy: DTypePolicy) -> dict[str, Any]:
    """Returns the config of a policy.

    Example:
        >>> serialize(DTypePolicy("float32"))["config"]
        {'name': 'float32'}
    """
    config: dict[str, Any] = DTYPE_POLICIES.serialize(dtype_policy)
    return config


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> DTypePolicy:
    """Returns the policy that `serialize` described.

    Args:
        config: The config.
        custom_objects: Your own classes by name.

    Example:
        >>> deserialize(serialize(DTypePolicy("float16")))
        <DTypePolicy "float16">
    """
    policy: DTypePolicy = DTYPE_POLICIES.deserialize(config, custom_objects)
    return policy
