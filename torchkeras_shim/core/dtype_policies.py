"""Which type a layer computes in and which one its weights have."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core import config, dtypes, tables
from torchkeras_shim.core.registry import Registry

DTYPE_POLICIES = Registry("dtype policy", "keras")

#: What the mixed policies compute in; their weights are float32.
_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}
_QUANTIZED = ("int8", "float8", "int4", "gptq", "awq")

_global_policy: DTypePolicy | None = None


@DTYPE_POLICIES.register()
class DTypePolicy:
    """A layer's types: `variable_dtype` of its weights, `compute_dtype` of its arithmetic.

    Args:
        name: A type such as `"float32"`: both are that type. Or `"mixed_float16"` or `"mixed_bfloat16"`: weights in
            float32, arithmetic in half precision. `None` for the global policy.

    Raises:
        TypeError: for anything but a string.
        ValueError: for an unknown name.

    Example:
        >>> policy = DTypePolicy("mixed_bfloat16")
        >>> policy.compute_dtype, policy.variable_dtype
        ('bfloat16', 'float32')
    """

    def __init__(self, name: str | None = None) -> None:
        if name is None:
            name = dtype_policy().name
        if not isinstance(name, str):
            raise TypeError(
                f"'name' must be a string, such as 'mixed_float16'. Received: name={name} (of type {type(name)})"
            )
        self._name = name
        self._compute_dtype, self._variable_dtype = _types_of(name)

    @property
    def name(self) -> str:
        """The policy's name."""
        return self._name

    @property
    def variable_dtype(self) -> str:
        """The type of new weights."""
        return self._variable_dtype

    @property
    def compute_dtype(self) -> str:
        """The type that inputs and, inside a call, weights are cast to."""
        return self._compute_dtype

    @property
    def quantization_mode(self) -> None:
        """How weights are quantized: not at all."""
        return None

    def convert_input(self, x: Any, autocast: bool, dtype: Any) -> Any:
        """Returns an input as a layer of this policy takes it.

        Args:
            x: A tensor, symbolic tensor or array; anything else comes back as it is.
            autocast: Whether floats are cast.
            dtype: The type that floats are cast to.

        Example:
            >>> DTypePolicy("float16").convert_input(torch.ones(1), autocast=True, dtype="float16").dtype
            torch.float16
        """
        if not hasattr(x, "dtype") and not hasattr(x, "__array__"):
            return x
        if not isinstance(x, torch.Tensor) and not hasattr(x, "_keras_history"):
            x = torch.as_tensor(x)
        wanted = dtypes.to_torch_dtype(dtype)
        current = dtypes.to_torch_dtype(x.dtype)
        return x.to(wanted) if autocast and current.is_floating_point and current is not wanted else x

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"name": self._name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        """Rebuilds a policy from `get_config()`."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and other._name == self._name

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self._name}">'


@DTYPE_POLICIES.register()
class FloatDTypePolicy(DTypePolicy):
    """Another name of `DTypePolicy`, which old configs use.

    Args:
        name: See `DTypePolicy`.

    Example:
        >>> FloatDTypePolicy("mixed_float16") == DTypePolicy("mixed_float16")
        True
    """


# Saved configs spell the class "keras.DTypePolicy" or "keras.dtype_policies.DTypePolicy".
tables.TABLES["keras.dtype_policies"] = DTYPE_POLICIES


def _types_of(name: str) -> tuple[str, str]:
    """Returns the compute type and the variable type of a policy's name."""
    if name in _MIXED:
        return _MIXED[name], "float32"
    if name.startswith(_QUANTIZED) and name not in dtypes.TORCH_DTYPES:
        raise ValueError(
            f"Quantized dtype policies are not supported. Received: name={name!r}. Use a type such as 'float32', or "
            "'mixed_float16' or 'mixed_bfloat16'."
        )
    try:
        dtype = dtypes.standardize_dtype(name)
    except ValueError as error:
        raise ValueError(
            f"Cannot convert '{name}' to a mixed precision DTypePolicy. Valid policies include 'mixed_float16', "
            "'mixed_bfloat16', and the name of any float dtype such as 'float32'."
        ) from error
    return dtype, dtype


def dtype_policy() -> DTypePolicy:
    """Returns the policy of layers that are given none: that of `floatx()` unless one was set."""
    return _global_policy if _global_policy is not None else DTypePolicy(config.floatx())


def set_dtype_policy(policy: DTypePolicy | str) -> None:
    """Sets the policy of layers that are given none.

    Args:
        policy: A policy or its name, such as `"mixed_bfloat16"`.

    Raises:
        ValueError: for anything else.

    Example:
        >>> set_dtype_policy("mixed_bfloat16")
        >>> dtype_policy()
        <DTypePolicy "mixed_bfloat16">
        >>> set_dtype_policy("float32")
    """
    global _global_policy
    if not isinstance(policy, (DTypePolicy, str)):
        raise ValueError(
            "Invalid `policy` argument. Expected the string name of a policy (such as 'mixed_float16') or a "
            f"`DTypePolicy` instance. Received: policy={policy} (of type {type(policy)})"
        )
    _global_policy = get(policy)


def get(identifier: Any) -> DTypePolicy:
    """Returns the policy of a name, a type, a config or a policy; the global one for `None`.

    Args:
        identifier: One of these.

    Raises:
        ValueError: for anything else.

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
    try:
        return DTypePolicy(dtypes.standardize_dtype(identifier))
    except ValueError as error:
        raise ValueError(
            f"Cannot interpret `dtype` argument. Expected a string or an instance of DTypePolicy. Received: "
            f"dtype={identifier}"
        ) from error
