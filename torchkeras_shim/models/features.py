"""What a `FeatureSpace` is described by: features, their combinations, and the few kinds that have a name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from torchkeras_shim import layers
from torchkeras_shim.core import naming, serialization
from torchkeras_shim.core.registry import Registry
from torchkeras_shim.layers.preprocessing.data_layer import DataLayer

#: Where files of Keras say that these classes are.
FEATURES = Registry("feature", "keras.src.layers.preprocessing.feature_space")


@FEATURES.register()
class Cross:
    """The combinations of several columns, hashed into bins.

    Args:
        feature_names: The columns.
        crossing_dim: How many bins there are.
        output_mode: `"one_hot"` or `"int"`.
    """

    def __init__(self, feature_names: Iterable[str], crossing_dim: int, output_mode: str = "one_hot") -> None:
        if output_mode not in ("int", "one_hot"):
            raise ValueError(
                "Invalid value for argument `output_mode`. Expected one of {'int', 'one_hot'}. "
                f"Received: output_mode={output_mode}"
            )
        self.feature_names = tuple(feature_names)
        self.crossing_dim = crossing_dim
        self.output_mode = output_mode

    @property
    def name(self) -> str:
        """The names of the columns, joined."""
        return "_X_".join(self.feature_names)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "feature_names": self.feature_names,
            "crossing_dim": self.crossing_dim,
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Cross:
        """Rebuilds it from `get_config()`."""
        return cls(**config)


@FEATURES.register()
class Feature:
    """What becomes of a column.

    Args:
        dtype: The type of the column.
        preprocessor: The layer that it goes through.
        output_mode: `"float"`, `"int"`, or `"one_hot"` for a vector made of the integers that the layer returns.
    """

    def __init__(self, dtype: str, preprocessor: Any, output_mode: str) -> None:
        if output_mode not in ("int", "one_hot", "float"):
            raise ValueError(
                "Invalid value for argument `output_mode`. Expected one of {'int', 'one_hot', 'float'}. "
                f"Received: output_mode={output_mode}"
            )
        if isinstance(preprocessor, dict):
            preprocessor = serialization.deserialize_keras_object(preprocessor)
        self.dtype = dtype
        self.preprocessor = preprocessor
        self.output_mode = output_mode

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "dtype": self.dtype,
            "preprocessor": serialization.serialize_keras_object(self.preprocessor),
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Feature:
        """Rebuilds it from `get_config()`."""
        return cls(**config)


@FEATURES.register()
class TFDConcat(DataLayer):
    """Puts features side by side; the name is the one that files of Keras have."""

    def __init__(self, axis: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def _given(self, inputs: Any) -> Any:
        return inputs

    def call(self, xs: list[torch.Tensor]) -> torch.Tensor:
        """Puts them side by side."""
        return torch.cat(xs, dim=self.axis)


@FEATURES.register()
class TFDIdentity(DataLayer):
    """Returns a column as it is; the name is the one that files of Keras have."""

    _takes_text = True

    def call(self, x: Any) -> Any:
        """Returns the column."""
        return x


def make_float(name: str | None = None) -> Feature:
    """Returns a feature of numbers as they are."""
    name = name or naming.auto_name("float")
    return Feature("float32", TFDIdentity(dtype="float32", name=f"{name}_preprocessor"), "float")


def make_float_rescaled(scale: float = 1.0, offset: float = 0.0, name: str | None = None) -> Feature:
    """Returns a feature of numbers that are scaled and shifted."""
    name = name or naming.auto_name("float_rescaled")
    return Feature("float32", layers.Rescaling(scale=scale, offset=offset, name=f"{name}_preprocessor"), "float")


def make_float_normalized(name: str | None = None) -> Feature:
    """Returns a feature of numbers that are brought to mean 0 and variance 1."""
    name = name or naming.auto_name("float_normalized")
    return Feature("float32", layers.Normalization(axis=-1, name=f"{name}_preprocessor"), "float")


def make_float_discretized(
    num_bins: int, bin_boundaries: Any = None, output_mode: str = "one_hot", name: str | None = None
) -> Feature:
    """Returns a feature of numbers that are put into bins."""
    name = name or naming.auto_name("float_discretized")
    layer = layers.Discretization(num_bins=num_bins, bin_boundaries=bin_boundaries, name=f"{name}_preprocessor")
    return Feature("float32", layer, output_mode)


def make_integer_categorical(
    max_tokens: int | None = None, num_oov_indices: int = 1, output_mode: str = "one_hot", name: str | None = None
) -> Feature:
    """Returns a feature of integers that stand for categories."""
    name = name or naming.auto_name("integer_categorical")
    layer = layers.IntegerLookup(name=f"{name}_preprocessor", max_tokens=max_tokens, num_oov_indices=num_oov_indices)
    return Feature("int32", layer, output_mode)


def make_string_categorical(
    max_tokens: int | None = None, num_oov_indices: int = 1, output_mode: str = "one_hot", name: str | None = None
) -> Feature:
    """Returns a feature of texts that stand for categories."""
    name = name or naming.auto_name("string_categorical")
    layer = layers.StringLookup(name=f"{name}_preprocessor", max_tokens=max_tokens, num_oov_indices=num_oov_indices)
    return Feature("string", layer, output_mode)


def make_string_hashed(num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
    """Returns a feature of texts that are hashed into bins."""
    name = name or naming.auto_name("string_hashed")
    return Feature("string", layers.Hashing(name=f"{name}_preprocessor", num_bins=num_bins), output_mode)


def make_integer_hashed(num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
    """Returns a feature of integers that are hashed into bins."""
    name = name or naming.auto_name("integer_hashed")
    return Feature("int32", layers.Hashing(name=f"{name}_preprocessor", num_bins=num_bins), output_mode)


#: The kinds of features that have a name.
kinds: dict[str, Callable[..., Feature]] = {
    "float": make_float,
    "float_rescaled": make_float_rescaled,
    "float_normalized": make_float_normalized,
    "float_discretized": make_float_discretized,
    "integer_categorical": make_integer_categorical,
    "string_categorical": make_string_categorical,
    "string_hashed": make_string_hashed,
    "integer_hashed": make_integer_hashed,
}


def standardize_feature(name: str, feature: Any, sizes: dict[str, int]) -> Feature:
    """Returns the feature that a user's description, or that of a file, stands for.

    Args:
        name: The column.
        feature: A `Feature`, its config, or the name of a kind.
        sizes: How many bins kinds have that are given by name: `"hashing_dim"` and `"num_bins"`.
    """
    if isinstance(feature, Feature):
        return feature
    if isinstance(feature, dict):
        found = serialization.deserialize_keras_object(feature)
        if isinstance(found, Feature):
            return found
    if not isinstance(feature, str) or feature not in kinds:
        raise ValueError(f"Invalid feature type: {feature}. Expected a `Feature` or one of {list(kinds)}.")
    arguments: dict[str, Any] = {}
    if feature == "float_discretized":
        arguments = {"num_bins": sizes["num_bins"]}
    elif feature.endswith("_hashed"):
        arguments = {"num_bins": sizes["hashing_dim"]}
    return kinds[feature](**arguments, name=name)
