"""Which type a layer computes in and which one its weights have."""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
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
        TypeError: If it is not a string.
        ValueError: If the name is unknown.

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


@DTYPE_POLICIES.register()
class DTypePolicyMap(DTypePolicy, MutableMapping[str, DTypePolicy]):
    """Policies by the paths of layers: a layer that is given the map as its `dtype` looks itself up when it is built.

    A key is a path, or a regular expression that matches whole paths.

    Args:
        default_policy: The policy of every other path; the global one by default.
        policy_map: Policies by path.

    Raises:
        ValueError: If `default_policy` is a map.
        TypeError: If `policy_map` is not a dict.

    Example:
        >>> policies = DTypePolicyMap("float32", {"encoder/.*": DTypePolicy("bfloat16")})
        >>> policies["encoder/dense"], policies["decoder/dense"]
        (<DTypePolicy "bfloat16">, <DTypePolicy "float32">)
    """

    def __init__(self, default_policy: Any = None, policy_map: dict[str, Any] | None = None) -> None:
        if isinstance(default_policy, DTypePolicyMap):
            raise ValueError(f"`default_policy` cannot be a `DTypePolicyMap`. Received: {default_policy}")
        if policy_map is not None and not isinstance(policy_map, dict):
            raise TypeError(
                f"If specified, `policy_map` must be a dict of policies by path. Received: policy_map={policy_map} "
                f"of type {type(policy_map)}"
            )
        self._default = None if default_policy is None else get(default_policy)
        self._policies = {path: get(policy) for path, policy in (policy_map or {}).items()}

    @property
    def default_policy(self) -> DTypePolicy:
        """The policy of paths that are not in the map."""
        return dtype_policy() if self._default is None else self._default

    @property
    def name(self) -> str:
        """The name of the default policy behind `map_`."""
        return f"map_{self.default_policy.name}"

    @property
    def variable_dtype(self) -> str:
        """The default policy's."""
        return self.default_policy.variable_dtype

    @property
    def compute_dtype(self) -> str:
        """The default policy's."""
        return self.default_policy.compute_dtype

    def __getitem__(self, key: str) -> DTypePolicy:
        if key in self._policies:
            return self._policies[key]
        matching = [pattern for pattern in self._policies if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ValueError(
                f"Path '{key}' matches multiple dtype policy specification keys: {matching}. Please make sure each "
                "path only matches at most one dtype policy specification key in the DTypePolicyMap."
            )
        return self._policies[matching[0]] if matching else self.default_policy

    def __setitem__(self, key: str, policy: Any) -> None:
        if key in self._policies:
            raise ValueError(
                f"{key} already exist in the DTypePolicyMap with value {self._policies[key]}. Please make sure to not "
                "use duplicated keys."
            )
        self._policies[key] = get(policy)

    def __delitem__(self, key: str) -> None:
        del self._policies[key]

    def __contains__(self, key: object) -> bool:
        return key in self._policies

    def __len__(self) -> int:
        return len(self._policies)

    def __iter__(self) -> Iterator[str]:
        return iter(self._policies)

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, DTypePolicyMap) and other._policies == self._policies
        return same and other._default == self._default  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((DTypePolicyMap, self._default, tuple(self._policies)))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "default_policy": None if self._default is None else DTYPE_POLICIES.serialize(self._default),
            "policy_map": {path: DTYPE_POLICIES.serialize(policy) for path, policy in self._policies.items()},
        }

    def __repr__(self) -> str:
        mapping = [(path, policy.name) for path, policy in self._policies.items()]
        return f"<DTypePolicyMap default_policy={self.default_policy.name}, mapping={mapping}>"


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
    """Returns the policy of layers that are given none: that of `floatx()` unless one was set.

    Example:
        >>> dtype_policy()
        <DTypePolicy "float32">
    """
    return _global_policy if _global_policy is not None else DTypePolicy(config.floatx())


def set_dtype_policy(policy: DTypePolicy | str) -> None:
    """Sets the policy of layers that are given none.

    Args:
        policy: A policy or its name, such as `"mixed_bfloat16"`.

    Raises:
        ValueError: If it is anything else.

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
        ValueError: If it is anything else.

    Example:
        >>> get("float16")
        <DTypePolicy "float16">
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        policy = DTYPE_POLICIES.deserialize(identifier)
        if not isinstance(policy, DTypePolicy):
            raise ValueError(f"Expected the config of a DTypePolicy. Received: dtype={identifier}")
        return policy
    if isinstance(identifier, str):
        return DTypePolicy(identifier)
    try:
        return DTypePolicy(dtypes.standardize_dtype(identifier))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Cannot interpret `dtype` argument. Expected a string or an instance of DTypePolicy. Received: "
            f"dtype={identifier}"
        ) from error
