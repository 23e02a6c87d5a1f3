"""Which type a layer computes in and which one its weights have."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.core import config, dtypes, tables
from torchkeras_shim.core.registry import Registry

DTYPE_POLICIES = Registry("dtype policy", "keras")

_global_policy: DTypePolicy | None = None


@DTYPE_POLICIES.register()
class DTypePolicy:
    """A layer's types: `variable_dtype` of its weights, `compute_dtype` of its arithmetic.

    Args:
        name: A type such as `"float32"`: both are that type. Mixed policies (`"mixed_float16"`, `"mixed_bfloat16"`) are
            not supported yet and raise.

    Example:
        >>> DTypePolicy("float64").compute_dtype
        'float64'
    """

    def __init__(self, name: str) -> None:
        if name in ("mixed_float16", "mixed_bfloat16"):
            raise NotImplementedError(
                f"The dtype policy '{name}' is not supported yet. Use a plain type such as DTypePolicy('float32'), or "
                "run the model inside `torch.autocast(...)`."
            )
        self._name = dtypes.standardize_dtype(name)

    @property
    def name(self) -> str:
        """The policy's name."""
        return self._name

    @property
    def variable_dtype(self) -> str:
        """The type of new weights."""
        return self._name

    @property
    def compute_dtype(self) -> str:
        """The type that inputs are cast to."""
        return self._name

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"name": self._name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        """Rebuilds a policy from `get_config()`."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._name == self._name

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self._name}">'


# Saved configs spell the class "keras.DTypePolicy" or "keras.dtype_policies.DTypePolicy".
tables.TABLES["keras.dtype_policies"] = DTYPE_POLICIES


def dtype_policy() -> DTypePolicy:
    """Returns the policy of layers that are given none: that of `floatx()` unless one was set."""
    return _global_policy if _global_policy is not None else DTypePolicy(config.floatx())


def set_dtype_policy(policy: DTypePolicy | str) -> None:
    """Sets the policy of layers that are given none."""
    global _global_policy
    _global_policy = get(policy)


def get(identifier: Any) -> DTypePolicy:
    """Returns the policy of a name, a type, a config or a policy; the global one for `None`.

    Example:
        >>> get("float16")
        <DTypePolicy "float16">
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        policy: DTypePolicy = DTYPE_POLICIES.deserialize(identifier)
        return policy
    if isinstance(identifier, str):
        return DTypePolicy(identifier)
    return DTypePolicy(dtypes.standardize_dtype(identifier))
