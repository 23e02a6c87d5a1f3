"""`TextVectorization`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import config, serialization
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.core.text import StringTensor, as_strings, is_text
from torchkeras_shim.layers import arguments, calling, inference
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing import adapting, encoding, lookup_arguments, text_splitting, vocabulary_files
from torchkeras_shim.layers.preprocessing.data_layer import DataLayer
from torchkeras_shim.layers.preprocessing.string_lookup import StringLookup


@LAYERS.register()
class TextVectorization(DataLayer):
    """Turns texts into integers: gives them one form, cuts them into tokens, and looks these up in a vocabulary.

    Args:
        max_tokens: The largest size of the vocabulary, with the padding and the unknown token.
        standardize: `"lower_and_strip_punctuation"`, `"lower"`, `"strip_punctuation"`, a function of a
            `StringTensor`, or `None`.
        split: `"whitespace"`, `"character"`, a function from a `StringTensor` to ragged rows of tokens, or `None`.
        ngrams: Runs of up to so many tokens become tokens; or a tuple of the lengths of runs.
        output_mode: `"int"`, a row of indices for each text; `"multi_hot"`, `"count"` or `"tf_idf"`, a vector.
        output_sequence_length: The length that rows of indices are cut and padded to.
        pad_to_max_tokens: Whether vectors are of length `max_tokens`, however many tokens there are.
        vocabulary: The tokens, in any list or array, or the path of a file with one in each line.
        idf_weights: The weights of the tokens for the mode `"tf_idf"`, if the vocabulary is given.
        sparse: Whether vectors are sparse tensors.
        ragged: Whether rows of indices keep their lengths, in a `RaggedTensor`.
        encoding: How bytes of the vocabulary become the `str` that `get_vocabulary` returns.
        name: The name.
        **kwargs: Arguments of every layer, and what a config says of the vocabulary's size.

    Raises:
        ValueError: If arguments do not go together, or tokens of the vocabulary repeat.

    Example:
        >>> layer = TextVectorization(output_sequence_length=4)
        >>> layer.adapt(["the cat sat", "the dog"])
        >>> layer.get_vocabulary()
        ['', '[UNK]', 'the', 'sat', 'dog', 'cat']
        >>> layer(["The cat!", "the mouse"])
        tensor([[2, 5, 0, 0],
                [2, 1, 0, 0]])
    """

    _grows_by = ("_max_tokens", "_output_sequence_length")
    _takes_text = True
    _ngrams: Sequence[int] | None
    _output_sequence_length: int | None
    _lookup_layer: StringLookup
    _standardize: Any
    _split: Any

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: Any = "lower_and_strip_punctuation",
        split: Any = "whitespace",
        ngrams: Any = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        given = kwargs.pop("has_input_vocabulary", vocabulary is not None)
        size = kwargs.pop("vocabulary_size", None)
        super().__init__(name=name, autocast=False, **kwargs)
        for key, value, known in (
            ("standardize", standardize, ("lower_and_strip_punctuation", "lower", "strip_punctuation")),
            ("split", split, ("whitespace", "character")),
        ):
            if value is not None and not callable(value):
                arguments.one_of(self, key, value, known)
        mode = lookup_arguments.output_mode(self, output_mode)
        self._check(mode, ngrams, output_sequence_length, ragged)
        state = self.__dict__  # functions and tuples are no layers
        state["_standardize"], state["_split"] = standardize, split
        state["_ngrams_arg"] = ngrams
        state["_ngrams"] = range(1, ngrams + 1) if isinstance(ngrams, int) else ngrams
        self._max_tokens, self._output_mode, self._ragged = max_tokens, mode, ragged
        self._output_sequence_length = output_sequence_length
        self._encoding = encoding
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens,
            mask_token="",
            output_mode=mode,
            sparse=sparse,
            has_input_vocabulary=given,
            encoding=encoding,
            vocabulary_size=size,
        )
        self.built = True  # whatever the shape

    def _check(self, mode: str, ngrams: Any, length: Any, ragged: bool) -> None:
        widths = isinstance(ngrams, tuple) and all(arguments.is_integer(width) for width in ngrams)
        if not (ngrams is None or arguments.is_integer(ngrams) or widths):
            raise ValueError(f"`ngrams` must be None, an integer, or a tuple of integers. Received: ngrams={ngrams}")
        if mode == "int" and not (length is None or arguments.is_integer(length)):
            raise ValueError(
                "`output_sequence_length` must be either None or an integer when `output_mode` is 'int'. "
                f"Received: output_sequence_length={length}"
            )
        if mode != "int" and length is not None:
            raise ValueError(
                "`output_sequence_length` must not be set if `output_mode` is not 'int'. "
                f"Received output_sequence_length={length}."
            )
        if ragged and mode != "int":
            raise ValueError(
                f"`ragged` must not be true if `output_mode` is not `'int'`. Received: ragged={ragged} and "
                f"output_mode={mode}"
            )

    # Vocabulary -----------------------------------------------------------------------------------------------------

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learns the vocabulary from texts: the most frequent tokens first.

        Args:
            data: An array or list of texts; or what yields batches of such: a data set, a torch `DataLoader`, ...
            batch_size: Not needed: texts are taken one by one.
            steps: How many batches to take, all by default.

        Raises:
            ValueError: If the vocabulary was given.
        """
        self.reset_state()
        if isinstance(data, (list, tuple)) or adapting.is_one_array(data):
            data = data if isinstance(data, RaggedTensor) else as_strings(data)
            self.update_state(data.reshape(-1, 1) if data.ndim == 1 else data)
        else:
            for batch in adapting.batches(data, steps):
                self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Counts the tokens of another batch; `finalize_state` makes a vocabulary of all of them."""
        lookup = self._lookup_layer
        tokens = self._named_tokens(_texts(data)) if self._output_mode != "tf_idf" else None
        if tokens is None or lookup._has_input_vocabulary:
            lookup.update_state(self._preprocess(data))
        else:
            lookup._counts.add(itertools.chain.from_iterable(tokens))  # without a tensor of all tokens

    def finalize_state(self) -> None:
        """Makes the vocabulary of what `update_state` has counted."""
        self._lookup_layer.finalize_state()

    def reset_state(self) -> None:
        """Forgets what `update_state` has counted; the vocabulary stays."""
        self._lookup_layer.reset_state()

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """Returns the vocabulary: the token of each index.

        Args:
            include_special_tokens: Whether the padding and the unknown token are part of it.
        """
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """Returns the number of indices, those of padding and unknown tokens included."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Sets the vocabulary, in place of `adapt`.

        Args:
            vocabulary: The tokens, or the path of a file with one in each line.
            idf_weights: What the mode `"tf_idf"` weights each token by.
        """
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    # Tokens ---------------------------------------------------------------------------------------------------------

    def _named_tokens(self, texts: Any, most: int | None = None) -> Iterator[list[bytes]] | None:
        """Yields the tokens of each text, or is `None` if functions of the user's make them, or nothing does.

        What is behind the first `most` of a text need not be cut.
        """
        named = (self._standardize is None or isinstance(self._standardize, str)) and isinstance(self._split, str)
        if not named or not isinstance(texts, StringTensor):
            return None
        flat = self._column(texts)
        if flat.ndim != 1:
            return None
        items: Any = np.asarray(flat)
        if self._standardize is not None:
            items = map(text_splitting.STANDARDIZERS[self._standardize], items)
        widths = self._ngrams
        if most is not None and widths is None and self._split == "whitespace":
            return (text.split(None, min(most, len(text))) for text in items)
        tokens = map(text_splitting.SPLITTERS[self._split], items)
        return tokens if widths is None else (text_splitting.ngrams(row, widths) for row in tokens)

    def _preprocess(self, inputs: Any) -> Any:
        """Returns the tokens of texts, in ragged rows if they were split."""
        texts = _texts(inputs)
        named = self._named_tokens(texts)
        if named is not None:
            return text_splitting.ragged(named)
        if isinstance(self._standardize, str):
            texts = _on_values(lambda values: text_splitting.standardized(values, self._standardize), texts)
        elif self._standardize is not None:
            texts = _texts(self._standardize(texts))
        if self._split is not None:
            texts = self._split_texts(self._column(texts))
        return texts if self._ngrams is None else text_splitting.with_ngrams(texts, self._ngrams)

    def _column(self, texts: Any) -> Any:
        if texts.ndim > 1 and self._split is not None:
            if isinstance(texts, RaggedTensor) or texts.shape[-1] != 1:
                raise ValueError(
                    "When using `TextVectorization` to tokenize strings, the input rank must be 1 or the last shape "
                    f"dimension must be 1. Received: inputs.shape={tuple(texts.shape)} with rank={texts.ndim}"
                )
            return texts[..., 0]
        return texts

    def _split_texts(self, texts: StringTensor) -> Any:
        if callable(self._split):
            return _texts(self._split(texts))
        split = text_splitting.SPLITTERS[self._split]
        if not texts.ndim:
            tokens = split(texts.numpy())
            return StringTensor.of_bytes(np.fromiter(tokens, dtype=object, count=len(tokens)))
        if texts.ndim > 1:
            raise ValueError(
                f"Layer '{self.name}' splits texts of shape (batch,) or (batch, 1). Received: {tuple(texts.shape)}. "
                "Flatten them first by `x.reshape(-1)`."
            )
        return text_splitting.ragged(map(split, np.asarray(texts)))

    # Calling --------------------------------------------------------------------------------------------------------

    def call(self, inputs: Any) -> Any:
        """Returns the indices of the tokens, in the form of the output mode."""
        lookup, length = self._lookup_layer, self._output_sequence_length
        texts = _texts(inputs)
        named = self._named_tokens(texts, length)
        if named is not None:  # without a tensor of all tokens, which takes as long as the rest
            lookup.check_vocabulary()
            flat, lengths = _looked_up(named, lookup._table.look_up, length)
            if self._output_mode == "int" and not self._ragged:
                return torch.from_numpy(_padded(flat, lengths, length)).to(calling.device_of(self))
            rows = RaggedTensor.from_row_lengths(torch.from_numpy(flat), lengths).to(calling.device_of(self))
            return lookup.encoded(rows)
        found = lookup.call(self._preprocess(texts))
        if self._output_mode != "int":
            return found
        if isinstance(found, RaggedTensor):
            cut = found if length is None else found[:, :length]
            inference.check_size(len(cut) * (length or 0))
            return cut if self._ragged else cut.to_tensor(shape=(None, length))
        if length is None:
            return found
        inference.check_size(found.shape[:-1].numel() * length)
        found = found[..., :length]
        return found if self._ragged else torch.nn.functional.pad(found, (0, length - found.shape[-1]))

    @property
    def compute_dtype(self) -> str:
        """The type of the inputs."""
        return "string"

    @property
    def variable_dtype(self) -> str:
        """The type of the inputs."""
        return "string"

    def compute_output_spec(self, inputs: KerasTensor) -> Any:
        """Returns the symbolic result."""
        encoding.check_symbolic(self, self._lookup_layer.sparse)
        if self._output_mode == "int":
            return KerasTensor((*inputs.shape[:1], self._output_sequence_length), "int64")
        shape = inputs.shape if len(inputs.shape) > 1 else (*inputs.shape, 1)
        depth = self._lookup_layer._depth
        return KerasTensor((shape[0], depth), config.floatx())

    # State ----------------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments. What `adapt` has learned is not part of them; files have it beside."""
        lookup = self._lookup_layer.get_config()
        return {
            **super().get_config(),
            "max_tokens": self._max_tokens,
            "standardize": self._standardize,
            "split": self._split,
            "ngrams": self._ngrams_arg,
            "output_mode": self._output_mode,
            "output_sequence_length": self._output_sequence_length,
            "pad_to_max_tokens": lookup["pad_to_max_tokens"],
            "sparse": lookup["sparse"],
            "ragged": self._ragged,
            "vocabulary": lookup["vocabulary"],
            "idf_weights": lookup["idf_weights"],
            "encoding": self._encoding,
            "vocabulary_size": self.vocabulary_size(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Rebuilds a layer from `get_config()`. Functions come from closed tables and the user's own objects only."""
        vocabulary_files.refuse_path(config.get("vocabulary"))
        config = dict(config)
        for key in ("standardize", "split"):
            if isinstance(config.get(key), dict):
                config[key] = serialization.deserialize_keras_object(config[key])
        if isinstance(config.get("ngrams"), list):
            config["ngrams"] = tuple(config["ngrams"])
        return super().from_config(config)

    def save_own_variables(self, store: Any) -> None:
        """Writes the weights of the mode `"tf_idf"`."""
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        """Reads the weights of the mode `"tf_idf"`."""
        self._lookup_layer.load_own_variables(store)

    def save_assets(self, folder: str) -> None:
        """Writes the vocabulary into a folder, if it is not part of the config."""
        self._lookup_layer.save_assets(folder)

    def load_assets(self, folder: str) -> None:
        """Reads the vocabulary from a folder, if it is not part of the config."""
        self._lookup_layer.load_assets(folder)


def _texts(value: Any) -> Any:
    if isinstance(value, (StringTensor, RaggedTensor)):
        return value
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], (list, tuple)):
        return RaggedTensor.from_rows(value)
    if not is_text(value):
        raise ValueError(f"`TextVectorization` takes text. Received: {getattr(value, 'dtype', type(value))}")
    return as_strings(value)


def _on_values(function: Callable[[Any], Any], data: Any) -> Any:
    return data.with_flat_values(function(data.flat_values)) if isinstance(data, RaggedTensor) else function(data)


def _looked_up(rows: Iterator[list[bytes]], look_up: Any, most: int | None) -> tuple[np.ndarray[Any, Any], list[int]]:
    """Returns the indices of the tokens of all rows, one after the other, and the lengths of the rows."""
    lengths: list[int] = []

    def tokens() -> Iterator[list[bytes]]:
        for row in rows:
            row = row[:most]
            lengths.append(len(row))
            yield row

    return look_up(itertools.chain.from_iterable(tokens())), lengths


def _padded(flat: np.ndarray[Any, Any], lengths: list[int], width: int | None) -> np.ndarray[Any, Any]:
    """Returns rows that stand one after the other under one another, with zeros behind."""
    counts = np.asarray(lengths, dtype=np.int64)
    width = width if width is not None else int(counts.max(initial=0))
    inference.check_size(len(counts) * width)
    padded = np.zeros((len(counts), width), dtype=np.int64)
    padded[np.arange(width) < counts[:, None]] = flat
    return padded
