"""`StringLookup`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.text import StringTensor, as_strings, is_text
from torchkeras_shim.layers import calling
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing.index_lookup import IndexLookup
from torchkeras_shim.layers.preprocessing.tables import TextTable, as_bytes, flat_texts
from torchkeras_shim.ops import hashing


@LAYERS.register()
class StringLookup(IndexLookup):
    """Maps texts to integers by a vocabulary that is given or learned by `adapt`.

    The vocabulary is part of `state_dict()`, and of saved models.

    Args:
        max_tokens: The largest size of the vocabulary, with mask and unknown tokens.
        num_oov_indices: How many indices unknown texts have; several are chosen from by a hash.
        mask_token: A text that has index 0 in the mode `"int"`, and counts for nothing in the others.
        oov_token: What `invert` makes of the indices of unknown texts.
        vocabulary: The texts, in any list or array, or the path of a file with one in each line.
        idf_weights: The weights of the texts for the mode `"tf_idf"`, if the vocabulary is given.
        invert: Whether to map integers to texts.
        output_mode: `"int"`; `"one_hot"`, a vector for each text; `"multi_hot"`, `"count"` and `"tf_idf"`, a vector for
            each row.
        pad_to_max_tokens: Whether vectors are of length `max_tokens`, however many texts there are.
        sparse: Whether vectors are sparse tensors.
        encoding: How bytes of the vocabulary become the `str` that `get_vocabulary` returns.
        name: The name.
        salt: Two integers, or one for both, that change the hash of unknown texts.
        **kwargs: `trainable`, and what a config says of the vocabulary's size.

    Raises:
        ValueError: If arguments do not go together, or texts of the vocabulary repeat.

    Example:
        >>> layer = StringLookup(vocabulary=["a", "b", "c"])
        >>> layer([["a", "c"], ["d", "b"]])
        tensor([[1, 3],
                [0, 2]])
        >>> StringLookup(vocabulary=["a", "b"], invert=True)(torch.tensor([2, 0])).decode()
        ['b', '[UNK]']
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str | None = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        self.__dict__["encoding"] = encoding  # before torch has set up its tables
        super().__init__(
            max_tokens=max_tokens,
            num_oov_indices=num_oov_indices,
            mask_token=mask_token,
            oov_token=oov_token,
            vocabulary=vocabulary,
            vocabulary_dtype="string",
            idf_weights=idf_weights,
            invert=invert,
            output_mode=output_mode,
            pad_to_max_tokens=pad_to_max_tokens,
            sparse=sparse,
            name=name,
            salt=salt,
            **kwargs,
        )

    def _token(self, value: Any) -> bytes:
        token = as_bytes(value)
        if not isinstance(token, bytes):
            raise ValueError(
                f"The vocabulary of layer '{self.name}' must be texts. Received: {value!r} (of type {type(value)})"
            )
        return bytes(token)

    def _shown(self, token: Any) -> str:
        text: str = token.decode(self.encoding, "surrogateescape")
        return text

    def _data(self, value: Any) -> Any:
        if isinstance(value, (StringTensor, RaggedTensor)):
            return value
        if not is_text(value) and np.size(np.asarray(value)):
            raise ValueError(
                f"Layer '{self.name}' takes text. Received: {getattr(value, 'dtype', type(value))}. "
                'Use `IntegerLookup` for integers, or write them as text: `x.astype("str")`.'
            )
        return as_strings(value)

    def _flat(self, values: Any) -> list[Any]:
        found: list[Any] = flat_texts(values).tolist()
        return found

    def _make_table(self) -> TextTable:
        default = self._oov_start if self.num_oov_indices == 1 else -1
        masked = {} if self.mask_token is None else {self._token(self.mask_token): self._mask_index}
        return TextTable(self._tokens, self._token_start, default, masked)

    def _look_up(self, values: StringTensor) -> torch.Tensor:
        flat = flat_texts(values)
        found = self._table.look_up(flat, len(flat))
        if self.num_oov_indices > 1:
            unknown = found == -1
            found[unknown] = self._hashed(flat[unknown]) + self._oov_start
        return torch.from_numpy(found.reshape(tuple(values.shape))).to(calling.device_of(self))

    def _hashed(self, texts: Any) -> Any:
        texts = StringTensor.of_bytes(texts)
        hashes = hashing.fingerprint(texts) if self.salt is None else hashing.keyed_hash(texts, self.salt)
        return hashing.buckets(hashes, self.num_oov_indices).numpy()

    def _inverted(self, indices: torch.Tensor) -> StringTensor:
        found = self._table.texts(torch.as_tensor(indices), as_bytes(self.oov_token))
        if self.mask_token is not None:
            found[indices.numpy(force=True) == 0] = as_bytes(self.mask_token)
        return StringTensor.of_bytes(found)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = {**super().get_config(), "encoding": self.encoding}
        del config["vocabulary_dtype"]
        return config
