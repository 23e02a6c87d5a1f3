"""What the layers that look tokens up in a vocabulary share: arguments, learning, state, output modes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import config
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.layers import arguments, calling, inference
from torchkeras_shim.layers.preprocessing import adapting, encoding, idf, lookup_arguments, vocabulary_files
from torchkeras_shim.layers.preprocessing.data_layer import DataLayer, to_data
from torchkeras_shim.layers.preprocessing.hashing import salt_of
from torchkeras_shim.layers.preprocessing.token_counts import TokenCounts

#: The index of masked tokens where they are to count for nothing.
_NOWHERE = torch.iinfo(torch.int64).max


class IndexLookup(DataLayer):
    """Maps tokens to their indices in a vocabulary. `StringLookup` and `IntegerLookup` say what tokens are.

    Arguments are those of the two, explained there. Tokens are kept as what `_token` makes of them: `bytes` or `int`.
    """

    _grows_by = ("max_tokens", "num_oov_indices")
    _takes_text = True
    max_tokens: int | None
    num_oov_indices: int
    salt: list[int] | None
    idf_weights: torch.Tensor | None
    input_vocabulary: Any
    input_idf_weights: Any
    _tokens: list[Any]
    _table: Any
    _counts: TokenCounts
    _frozen_size: int | None
    _has_input_vocabulary: bool
    _has_vocabulary: bool

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary_dtype: str,
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        size = kwargs.pop("vocabulary_size", None)
        given = kwargs.pop("has_input_vocabulary", vocabulary is not None)
        kwargs.pop("dtype", None)  # that of a lookup is the vocabulary's
        super().__init__(name=name, autocast=False, **kwargs)
        lookup_arguments.check_sizes(self, max_tokens, num_oov_indices, pad_to_max_tokens)
        arguments.one_of(self, "oov_method", oov_method, ("floormod", "farmhash"))
        lookup_arguments.check_salt(salt, vocabulary_dtype, oov_method)
        mode = lookup_arguments.output_mode(self, output_mode)
        lookup_arguments.check_mode(mode, invert, sparse, idf_weights)
        self.invert, self.sparse, self.output_mode = invert, sparse, mode
        self.max_tokens, self.num_oov_indices, self.pad_to_max_tokens = max_tokens, num_oov_indices, pad_to_max_tokens
        self.mask_token, self.oov_token = mask_token, oov_token
        self.vocabulary_dtype, self.oov_method = vocabulary_dtype, oov_method
        state = self.__dict__  # lists and tables are no containers of layers
        state["salt"] = salt_of(salt, "IndexLookup")
        state["input_vocabulary"] = None if vocabulary_files.is_path(vocabulary) else vocabulary
        state["input_idf_weights"] = idf_weights
        state["_frozen_size"] = size
        state["_has_input_vocabulary"] = given
        state["_counts"] = TokenCounts()
        self.register_buffer("idf_weights", None, persistent=False)
        self.built = True  # whatever the shape
        self._take([])
        state["_has_vocabulary"] = False
        if mode == "tf_idf" and given and idf_weights is None:
            raise ValueError(
                "When specifying the `vocabulary` argument, in TF-IDF output mode, the `idf_weights` argument must "
                f"also be provided. Received: idf_weights={idf_weights}"
            )
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    # What tokens are ------------------------------------------------------------------------------------------------

    def _token(self, value: Any) -> Any:
        """Returns a token as it is kept."""
        raise NotImplementedError

    def _shown(self, token: Any) -> Any:
        """Returns a token as the user sees it."""
        raise NotImplementedError

    def _data(self, value: Any) -> Any:
        """Returns inputs as a tensor of tokens, dense or ragged."""
        raise NotImplementedError

    def _flat(self, values: Any) -> list[Any]:
        """Returns the tokens of a dense tensor one after the other."""
        raise NotImplementedError

    def _make_table(self) -> Any:
        """Returns the table of the tokens."""
        raise NotImplementedError

    def _look_up(self, values: Any) -> torch.Tensor:
        """Returns the index of each token of a dense tensor, -1 for unknown ones if there are no places for such."""
        raise NotImplementedError

    def _inverted(self, indices: torch.Tensor) -> Any:
        """Returns the token of each index."""
        raise NotImplementedError

    # Places in the vocabulary ---------------------------------------------------------------------------------------

    @property
    def _oov_start(self) -> int:
        return 1 if self.mask_token is not None and self.output_mode == "int" else 0

    @property
    def _token_start(self) -> int:
        return self._oov_start + self.num_oov_indices

    @property
    def _mask_index(self) -> int:
        return 0 if self.output_mode == "int" else _NOWHERE

    def _take(self, tokens: list[Any]) -> None:
        self.__dict__["_tokens"] = tokens
        self.__dict__["_table"] = self._make_table()
        self.__dict__["_has_vocabulary"] = True

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """Returns the vocabulary: the term of each index.

        Args:
            include_special_tokens: Whether the mask token and the tokens for unknown terms are part of it.
        """
        terms = [self._shown(token) for token in self._tokens]
        if not include_special_tokens:
            return terms
        return [*[self.mask_token] * self._oov_start, *[self.oov_token] * self.num_oov_indices, *terms]

    def vocabulary_size(self) -> int:
        """Returns the number of indices, those of the mask and of unknown terms included."""
        return len(self._tokens) + self._token_start

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Sets the vocabulary, in place of `adapt`.

        Args:
            vocabulary: The terms in any array or list, or the path of a file with a term in each line. The special
                tokens may stand before them, all or none.
            idf_weights: What the mode `"tf_idf"` weights each term by.

        Raises:
            ValueError: If terms repeat, are too many, or the weights do not go with them.
        """
        idf.check_mode(self.output_mode, vocabulary, idf_weights)
        if vocabulary_files.is_path(vocabulary):
            self._take([self._token(line) for line in vocabulary_files.read(vocabulary)])
            self._record_size()
            return
        terms = [self._token(term) for term in _plain(vocabulary)]
        if not terms:
            raise ValueError(f"Cannot set an empty vocabulary. Received: vocabulary={vocabulary}")
        front = self._special_terms(terms)
        mask, oov = (None if one is None else self._token(one) for one in (self.mask_token, self.oov_token))
        special = [self.mask_token] * self._oov_start + [self.oov_token] * min(self.num_oov_indices, len(terms))
        lookup_arguments.check_terms(terms, front, special, {"mask": mask, "OOV": oov if self.invert else None})
        size = self._token_start + len(terms) - front
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                "Attempted to set a vocabulary larger than the maximum vocab size. "
                f"Received vocabulary size is {size}; `max_tokens` is {self.max_tokens}."
            )
        self._take(terms[front:])
        self._record_size()
        if idf_weights is not None:
            weights = idf.checked(_plain(idf_weights), len(terms))
            self._keep_idf(weights, 0 if front else self._token_start)

    def _special_terms(self, terms: list[Any]) -> int:
        """Returns how many special tokens stand at the beginning of a vocabulary: all of them, or none."""
        start = self._token_start
        if len(terms) < start:
            return 0
        special = [self.mask_token] * self._oov_start + [self.oov_token] * self.num_oov_indices
        return start if terms[:start] == [None if one is None else self._token(one) for one in special] else 0

    def _keep_idf(self, weights: Any, front: int) -> None:
        """Keeps the weights of the terms, behind those of unknown ones, which get the mean, and before the padding."""
        size = self.max_tokens if self.pad_to_max_tokens else None
        self.idf_weights = idf.padded(weights, front, size or 0).to(calling.device_of(self))

    def _record_size(self) -> None:
        """Notes the size of the vocabulary. Where it is that of the result, it must not change."""
        size, before = self.vocabulary_size(), self._frozen_size
        fixed = self.output_mode != "int" and not self.pad_to_max_tokens
        if fixed and before not in (None, self._token_start, size):
            raise RuntimeError(
                f"When using `output_mode={self.output_mode}` and `pad_to_max_tokens=False`, the vocabulary size "
                f"cannot be changed after the layer is called. Old vocab size is {before}, new vocab size is {size}"
            )
        self.__dict__["_frozen_size"] = size

    # Learning -------------------------------------------------------------------------------------------------------

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learns the vocabulary from data: the most frequent tokens first.

        Args:
            data: An array, list or tensor; or what yields batches of such: a data set, a torch `DataLoader`, ...
            steps: How many batches to take, all by default.

        Raises:
            ValueError: If the vocabulary was given.
        """
        self.reset_state()
        if isinstance(data, (list, tuple)) or adapting.is_one_array(data):
            data = self._data(data)
            self.update_state(data.reshape(-1, 1) if data.ndim == 1 else data)  # each is a document
        else:
            for batch in adapting.batches(data, steps):
                self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Counts the tokens of another batch; `finalize_state` makes a vocabulary of all of them."""
        if self._has_input_vocabulary:
            raise ValueError(
                f"Cannot adapt layer '{self.name}' after setting a static vocabulary via `vocabulary` argument or "
                "`set_vocabulary()` method."
            )
        data = self._data(data)
        values = data.flat_values if isinstance(data, RaggedTensor) else data
        if self.output_mode != "tf_idf":
            self._counts.add(self._flat(values))
            return
        rows = data if isinstance(data, RaggedTensor) or data.ndim > 1 else [data]
        for row in rows:
            self._counts.add_document(self._flat(row))

    def finalize_state(self) -> None:
        """Makes the vocabulary of what `update_state` has counted."""
        if self._has_input_vocabulary or not self._counts:
            self._record_size()
            return
        for special in (self.mask_token, self.oov_token):
            if special is not None:
                self._counts.discard(self._token(special))
        most = None if self.max_tokens is None else max(self.max_tokens - self._token_start, 0)
        tokens = self._counts.ranked(most)
        self._take(tokens)
        if self.output_mode == "tf_idf":
            self._keep_idf(self._counts.inverse_frequency(tokens), self._token_start)
        self.reset_state()
        self._record_size()

    def reset_state(self) -> None:
        """Forgets what `update_state` has counted; the vocabulary stays."""
        self.__dict__["_counts"] = TokenCounts()

    # Calling --------------------------------------------------------------------------------------------------------

    def call(self, inputs: Any) -> Any:
        """Returns the indices of tokens in the form of the output mode, or with `invert` the tokens of indices."""
        self.check_vocabulary()
        if self.invert:
            return _on_values(self._inverted, inputs)
        return self.encoded(_on_values(self._indices, self._data(inputs)))

    def check_vocabulary(self) -> None:
        """Raises if there is no vocabulary yet.

        Raises:
            RuntimeError: If there is none.
        """
        if self.output_mode != "int" and not self.pad_to_max_tokens and self._frozen_size is None:
            raise RuntimeError(
                f"When using `output_mode={self.output_mode}` and `pad_to_max_tokens=False`, you must set the layer's "
                "vocabulary before calling it. Either pass a `vocabulary` argument to the layer, or call `adapt` with "
                "some sample data."
            )
        if not self._has_vocabulary and not inference.is_open():
            raise RuntimeError(
                f"Table not initialized: layer '{self.name}' has no vocabulary yet. Call `layer.adapt(data)` or "
                "`layer.set_vocabulary(terms)` first."
            )

    def _indices(self, values: Any) -> torch.Tensor:
        found = self._look_up(values)
        if self.num_oov_indices == 0 and not inference.is_open() and bool((found == -1).any()):
            unknown = list(dict.fromkeys(self._shown(token) for token in self._flat(values[found == -1])))
            raise InvalidArgumentError(
                "When `num_oov_indices=0` all inputs should be in vocabulary, found OOV values "
                f"{unknown[:10]}, consider setting `num_oov_indices=1`."
            )
        return found

    def encoded(self, indices: Any) -> Any:
        """Returns indices, dense or ragged, in the form of the output mode."""
        if self.output_mode == "int":
            return indices
        depth = self._depth
        assert depth is not None
        weights = self.idf_weights
        if self.output_mode == "tf_idf" and weights is None:
            raise ValueError("When `output_mode` is `'tf_idf'`, `idf_weights` must be provided. Received: None")
        mode, dtype = (self.output_mode, torch.int64) if weights is None else ("count", weights.dtype)
        encode = encoding.encode_rows if isinstance(indices, RaggedTensor) else encoding.encode
        vectors = encode(indices, mode, depth, dtype, self.sparse)
        return vectors if weights is None else vectors.mul_(weights.to(vectors.device))

    @property
    def _depth(self) -> int | None:
        return self.max_tokens if self.pad_to_max_tokens else self._frozen_size

    @property
    def compute_dtype(self) -> str:
        """The type of the tokens."""
        return self.vocabulary_dtype

    @property
    def variable_dtype(self) -> str:
        """The type of the tokens."""
        return self.vocabulary_dtype

    def compute_output_spec(self, inputs: KerasTensor) -> Any:
        """Returns the symbolic result."""
        encoding.check_symbolic(self, self.sparse)
        if self.output_mode == "int":
            return KerasTensor(inputs.shape, self.vocabulary_dtype if self.invert else "int64")
        mode = "multi_hot" if self.output_mode == "tf_idf" else self.output_mode
        return KerasTensor(encoding.encoded_shape(inputs.shape, mode, self._depth), config.floatx())

    # State ----------------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments. What `adapt` has learned is not part of them; files have it beside."""
        return {
            **super().get_config(),
            "invert": self.invert,
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "oov_token": self.oov_token,
            "mask_token": self.mask_token,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "vocabulary_dtype": self.vocabulary_dtype,
            "idf_weights": None if self.input_idf_weights is None else _plain(self.input_idf_weights),
            "vocabulary": None if self.input_vocabulary is None else _plain(self.input_vocabulary),
            "vocabulary_size": self._frozen_size,
            "oov_method": self.oov_method,
            "salt": self.salt,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Rebuilds a layer from `get_config()`. A config names no vocabulary file: it would be read."""
        vocabulary_files.refuse_path(config.get("vocabulary"))
        return super().from_config(config)

    def get_extra_state(self) -> torch.Tensor:
        """Returns the vocabulary for `state_dict()`, as the bytes of a JSON text: loading it runs nothing."""
        weights = None if self.idf_weights is None else self.idf_weights.tolist()
        return torch.frombuffer(bytearray(vocabulary_files.packed(self._tokens, weights)), dtype=torch.uint8)

    def set_extra_state(self, state: torch.Tensor) -> None:
        """Takes the vocabulary out of a `state_dict`."""
        terms, weights = vocabulary_files.unpacked(bytes(state.cpu().tolist()))
        self._take([self._token(term) for term in terms])
        self._record_size()
        if weights is not None:
            self._keep_idf(np.asarray(weights, dtype="float64"), 0)

    def save_own_variables(self, store: Any) -> None:
        """Writes the weights of the mode `"tf_idf"`."""
        if self.output_mode == "tf_idf" and self.idf_weights is not None:
            store["idf_weights"] = self.idf_weights.numpy(force=True)

    def load_own_variables(self, store: Any) -> None:
        """Reads the weights of the mode `"tf_idf"`."""
        if self.output_mode == "tf_idf" and "idf_weights" in store:
            weights = np.asarray(store["idf_weights"])
            if weights.ndim != 1:
                raise ValueError(f"Layer '{self.name}': `idf_weights` must be a vector. Received: {weights.shape}")
            self._keep_idf(weights, 0)

    def save_assets(self, folder: str) -> None:
        """Writes the vocabulary into a folder, if it is not part of the config."""
        if self.input_vocabulary is None:
            vocabulary_files.save(folder, [*self.get_vocabulary()[: self._token_start], *self._tokens])

    def load_assets(self, folder: str) -> None:
        """Reads the vocabulary from a folder, if it is not part of the config."""
        if self.input_vocabulary is not None:
            return
        terms = vocabulary_files.load(folder)
        if terms:
            # What is behind those of the terms is padding.
            weights = None if self.idf_weights is None else self.idf_weights[: len(terms)].tolist()
            self.set_vocabulary([self._token(term) for term in terms], weights)


def _plain(values: Any) -> Any:
    """Returns an array of any make as a list, and lists and tuples as they are."""
    if isinstance(values, (list, tuple)):
        return values
    data = to_data(values)
    if hasattr(data, "decode"):
        return data.decode()
    return data.tolist()


def _on_values(function: Any, data: Any) -> Any:
    return data.with_flat_values(function(data.flat_values)) if isinstance(data, RaggedTensor) else function(data)
