"""`FeatureSpace`: columns of a table as what a model computes with."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from typing import Any

import torch

from torchkeras_shim import layers, saving
from torchkeras_shim.core import dtypes, serialization, tree
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.registry import Registry
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.core.text import StringTensor
from torchkeras_shim.layers import calling
from torchkeras_shim.layers.base import Layer
from torchkeras_shim.layers.preprocessing import adapting
from torchkeras_shim.layers.preprocessing.data_layer import to_data
from torchkeras_shim.models.features import Cross, Feature, TFDConcat, standardize_feature
from torchkeras_shim.models.features import kinds as feature_kinds

UTILS = Registry("utility", "keras.utils")
#: How many single samples are taken together while learning.
_GROUP = 32


@UTILS.register()
class FeatureSpace(Layer):
    """Turns the columns of a table into one vector for each row, or a dict of them: the features of a model.

    What each column becomes is said by a name (`"float"`, `"float_normalized"`, `"float_rescaled"`,
    `"float_discretized"`, `"integer_categorical"`, `"string_categorical"`, `"integer_hashed"`, `"string_hashed"`), by a
    method of that name, which takes arguments, or by `FeatureSpace.feature(...)` with any layer.

    Args:
        features: A dict from the name of a column to what it becomes.
        output_mode: `"concat"` for one vector, `"dict"` for a dict of them.
        crosses: Tuples of names of columns whose combinations are features too, or what `FeatureSpace.cross` returns.
        crossing_dim: How many bins combinations are hashed into.
        hashing_dim: How many bins `"integer_hashed"` and `"string_hashed"` have.
        num_discretization_bins: How many bins `"float_discretized"` has.
        name: The name.

    Raises:
        ValueError: If there are no features, or one is of an unknown kind.

    Example:
        >>> space = FeatureSpace({"age": "float", "town": "string_categorical"})
        >>> space.adapt({"age": [20.0, 30.0, 40.0], "town": ["Rome", "Oslo", "Rome"]})
        >>> space({"age": 50.0, "town": "Oslo"})
        tensor([50.,  0.,  0.,  1.])
    """

    #: A file may hold it alone, without a model.
    _is_saved_alone = True
    _takes_text = True
    features: dict[str, Feature]
    crosses: list[Cross]
    preprocessors: Any
    crossers: Any
    one_hot_encoders: Any
    concat: TFDConcat | None
    inputs: dict[str, KerasTensor]
    encoded_features: Any
    _is_adapted: bool

    def __init__(
        self,
        features: dict[str, Any],
        output_mode: str = "concat",
        crosses: Any = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if not features:
            raise ValueError(f"The `features` argument cannot be None or empty. Received: features={features}")
        if output_mode not in ("dict", "concat"):
            raise ValueError(
                "Invalid value for argument `output_mode`. Expected one of {'dict', 'concat'}. "
                f"Received: output_mode={output_mode}"
            )
        self.output_mode = output_mode
        self.crossing_dim = crossing_dim
        self.hashing_dim = hashing_dim
        self.num_discretization_bins = num_discretization_bins
        sizes = {"hashing_dim": hashing_dim, "num_bins": num_discretization_bins}
        state = self.__dict__  # descriptions, not layers
        state["features"] = {key: standardize_feature(key, value, sizes) for key, value in features.items()}
        state["crosses"] = [self._standardize_cross(cross) for cross in crosses or ()]
        state["inputs"] = {
            key: layers.Input(shape=(1,), dtype=value.dtype, name=key) for key, value in self.features.items()
        }
        state["encoded_features"] = None
        state["_is_adapted"] = False
        self.preprocessors = {key: value.preprocessor for key, value in self.features.items()}
        self.crossers = {
            cross.name: layers.HashedCrossing(cross.crossing_dim, name=cross.name) for cross in self.crosses
        }
        self.one_hot_encoders = {}
        self.concat = None

    def _standardize_cross(self, cross: Any) -> Cross:
        if isinstance(cross, dict):
            cross = serialization.deserialize_keras_object(cross)
        if not isinstance(cross, Cross):
            if not self.crossing_dim:
                raise ValueError(
                    "When specifying `crosses`, the argument `crossing_dim` (dimensionality of the crossing space) "
                    f"should be specified as well. Received: crossing_dim={self.crossing_dim}"
                )
            cross = Cross(cross, crossing_dim=self.crossing_dim)
        if not set(cross.feature_names) <= set(self.features):
            raise ValueError(
                "All features referenced in the `crosses` argument should be present in the `features` dict. "
                f"Received unknown features: {cross.feature_names}"
            )
        found: Cross = cross
        return found

    # Learning -------------------------------------------------------------------------------------------------------

    def _adaptable(self) -> list[str]:
        """Returns the names of the columns from which something is to be learned."""
        found = []
        for name, preprocessor in self.preprocessors.items():
            given = getattr(preprocessor, "_has_input_vocabulary", False) or (
                isinstance(preprocessor, layers.Normalization) and preprocessor.input_mean is not None
            )
            lookup = getattr(preprocessor, "_lookup_layer", None)
            given = given or getattr(lookup, "_has_input_vocabulary", False)
            if hasattr(preprocessor, "adapt") and not given:
                found.append(name)
        return found

    def adapt(self, dataset: Any) -> None:
        """Learns vocabularies, means and bins from data.

        Args:
            dataset: A dict of arrays or lists; or what yields dicts, of single samples or of batches: a data set, a
                torch `DataLoader`, ...

        Raises:
            ValueError: If it is something else.
        """
        if not isinstance(dataset, dict) and (
            isinstance(dataset, (list, tuple, str)) or not isinstance(dataset, Iterable)
        ):
            raise ValueError(
                "`adapt()` can only be called on a data set of dicts or a dict of arrays/lists. "
                f"Received instead: {dataset} (of type {type(dataset)})"
            )
        for name in self._adaptable():
            self.preprocessors[name].adapt(_batches_of(dataset, name))
        self.__dict__["_is_adapted"] = True
        self.__dict__["encoded_features"] = None
        self.get_encoded_features()

    def _check_adapted(self) -> None:
        if not self._is_adapted and self._adaptable():
            raise ValueError(
                "You need to call `.adapt(dataset)` on the FeatureSpace before you can start using it. It has to learn "
                f"from the columns {self._adaptable()}."
            )
        self.__dict__["_is_adapted"] = True

    # Symbolic features ----------------------------------------------------------------------------------------------

    def get_inputs(self) -> dict[str, KerasTensor]:
        """Returns the symbolic inputs by name, for a model that takes the columns as they are."""
        self.get_encoded_features()
        return self.inputs

    def get_encoded_features(self) -> Any:
        """Returns the symbolic features: what a model goes on from, if it takes the columns or the features."""
        if self.encoded_features is None:
            self._check_adapted()
            parts = self._parts(self.inputs)
            self._make_encoders(parts)
            self.__dict__["encoded_features"] = self._merged(parts)
            self.built = True
        return self.encoded_features

    def _parts(self, columns: dict[str, Any]) -> dict[str, Any]:
        """Returns each column and combination of columns as its layer makes it, in the order of the result."""
        made = {name: self.preprocessors[name](columns[name]) for name in columns if name in self.preprocessors}
        crossed = {
            cross.name: self.crossers[cross.name]([made[name] for name in cross.feature_names])
            for cross in self.crosses
        }
        return {name: made[name] for name in sorted(made)} | {name: crossed[name] for name in sorted(crossed)}

    def _make_encoders(self, parts: dict[str, Any]) -> None:
        """Makes the layers that turn integers into vectors, and refuses what cannot be one feature of several."""
        by_name: dict[str, Any] = {**self.features, **{cross.name: cross for cross in self.crosses}}
        encoders = {}
        for name, part in parts.items():
            dtype = dtypes.standardize_dtype(tree.flatten(part)[0].dtype)
            if by_name[name].output_mode == "one_hot":
                if not dtype.startswith("int"):
                    raise ValueError(
                        f"Feature '{name}' has `output_mode='one_hot'`. Thus its preprocessor should return an integer "
                        f"dtype. Instead it returns a {dtype} dtype."
                    )
                size = self._cardinality(name)
                encoders[name] = layers.CategoryEncoding(num_tokens=size, output_mode="multi_hot")
            elif self.output_mode == "concat" and (dtype.startswith("int") or dtype == "string"):
                raise ValueError(
                    f"Cannot concatenate features because feature '{name}' has not been encoded (it has dtype "
                    f"{dtype}). Consider using `output_mode='dict'`."
                )
        self.one_hot_encoders = encoders
        self.concat = TFDConcat(axis=-1) if self.output_mode == "concat" else None

    def _cardinality(self, name: str) -> int:
        """Returns how many integers the layer of a feature may return."""
        layer = self.preprocessors[name] if name in self.preprocessors else self.crossers[name]
        if hasattr(layer, "vocabulary_size"):
            return int(layer.vocabulary_size())
        size = getattr(layer, "num_tokens", None) or getattr(layer, "num_bins", None)
        if size is None and getattr(layer, "bin_boundaries", None) is not None:
            size = len(layer.bin_boundaries) + 1
        if size is None:
            raise ValueError(
                f"Feature '{name}' has `output_mode='one_hot'`. However it isn't a standard feature and the "
                "dimensionality of its output space is not known, thus it cannot be one-hot encoded. Try using "
                "`output_mode='int'`."
            )
        return int(size)

    def _merged(self, parts: dict[str, Any]) -> Any:
        encoders = self.one_hot_encoders
        encoded = {name: encoders[name](part) if name in encoders else part for name, part in parts.items()}
        return encoded if self.concat is None else self.concat(list(encoded.values()))

    # Calling --------------------------------------------------------------------------------------------------------

    def __call__(self, data: Any) -> Any:
        """Returns the features of rows, or of one row.

        Args:
            data: A dict from the name of each column to its values in several rows, or in one.
        """
        self.get_encoded_features()
        if not isinstance(data, dict):
            raise ValueError(
                f"A FeatureSpace can only be called with a dict. Received: data={data} (of type {type(data)})"
            )
        missing = [name for name in self.features if name not in data]
        if missing:
            raise ValueError(f"The data lacks the columns {missing}. Received: a dict with the keys {list(data)}")
        columns = {name: self._column(data[name]) for name in self.features}
        single = any(column.ndim == 0 for column in columns.values())
        columns = {name: _as_matrix(column) for name, column in columns.items()}
        merged = self._merged(self._parts(columns))
        return tree.map_structure(_first_row, merged) if single else merged

    def _column(self, value: Any) -> Any:
        value = to_data(value)
        if isinstance(value, (torch.Tensor, StringTensor, RaggedTensor)):
            return value
        return to_data(value) if value.dtype.kind in "USO" else torch.as_tensor(value, device=calling.device_of(self))

    def call(self, data: Any) -> Any:
        """Returns the features of rows, or of one row."""
        return self(data)

    # Saving ---------------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "features": serialization.serialize_keras_object(self.features),
            "output_mode": self.output_mode,
            "crosses": serialization.serialize_keras_object(self.crosses),
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
        }

    def get_build_config(self) -> dict[str, Any]:
        """Returns the shapes that the layers of the columns were built for."""
        return {name: feature.preprocessor.get_build_config() for name, feature in self.features.items()}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Builds the layers of the columns."""
        for name, shapes in config.items():
            if name in self.features and not self.preprocessors[name].built:
                self.preprocessors[name].build_from_config(shapes)
        self.__dict__["_is_adapted"] = True

    def save(self, filepath: str | os.PathLike[str]) -> None:
        """Saves it, with all that it has learned, to a `.keras` file that `keras.saving.load_model` opens."""
        saving.save_model(self, filepath)

    @classmethod
    def cross(cls, feature_names: Iterable[str], crossing_dim: int, output_mode: str = "one_hot") -> Cross:
        """Returns the combinations of columns as a feature."""
        return Cross(feature_names, crossing_dim, output_mode=output_mode)

    @classmethod
    def feature(cls, dtype: str, preprocessor: Any, output_mode: str) -> Feature:
        """Returns a feature that any layer makes of a column.

        Args:
            dtype: The type of the column, `"string"` for text.
            preprocessor: The layer.
            output_mode: `"float"`, `"int"`, or `"one_hot"` for a vector made of the integers that the layer returns.
        """
        return Feature(dtype, preprocessor, output_mode)


for _kind, _make in feature_kinds.items():
    setattr(FeatureSpace, _kind, staticmethod(_make))


def _batches_of(dataset: Any, name: str) -> Iterator[Any]:
    """Yields the values of a column in batches, each a matrix of one column."""
    if isinstance(dataset, dict):
        items: Iterator[Any] = iter(_rows(to_data(dataset[name])))
    else:
        items = (to_data(_entry(element, name)) for element in dataset)
    first = next(items, None)
    if first is None:
        return
    found = itertools.chain([first], items)
    for batch in adapting.grouped(found, _GROUP) if first.ndim == 0 else found:
        yield batch.reshape(-1, 1) if batch.ndim == 1 else batch


def _rows(values: Any) -> Iterable[Any]:
    """Returns the rows of a column; single values in groups, as they are learned from."""
    if values.ndim > 1:
        return (values[row] for row in range(len(values)))
    return (values[start : start + _GROUP] for start in range(0, len(values), _GROUP))


def _entry(element: Any, name: str) -> Any:
    if not isinstance(element, dict):
        raise ValueError(
            f"`adapt()` takes a data set that yields dicts. Received one that yields {type(element).__name__}. "
            "Leave out the labels: `dataset.map(lambda x, y: x)`."
        )
    return element[name]


def _as_matrix(column: Any) -> Any:
    if column.ndim == 0:
        return column.reshape(1, 1)
    return column.reshape(-1, 1) if column.ndim == 1 else column


def _first_row(value: Any) -> Any:
    return value[0] if value.ndim == 2 and value.shape[0] == 1 else value
