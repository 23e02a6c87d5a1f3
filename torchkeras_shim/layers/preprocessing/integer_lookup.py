"""`IntegerLookup`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.text import is_text
from torchkeras_shim.layers import arguments, calling
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing.data_layer import to_data
from torchkeras_shim.layers.preprocessing.index_lookup import IndexLookup
from torchkeras_shim.layers.preprocessing.tables import IntegerTable
from torchkeras_shim.ops import hashing


@LAYERS.register()
class IntegerLookup(IndexLookup):
    """Maps integers, such as the numbers of products, to indices by a vocabulary that is given or learned by `adapt`.

    Lookups happen where the integers are. The vocabulary is part of `state_dict()`, and of saved models.

    Args:
        max_tokens: The largest size of the vocabulary, with mask and unknown tokens.
        num_oov_indices: How many indices unknown integers have.
        mask_token: An integer that has index 0 in the mode `"int"`, and counts for nothing in the others.
        oov_token: What `invert` makes of the indices of unknown integers.
        vocabulary: The integers, in any list or array, or the path of a file with one in each line.
        vocabulary_dtype: Only `"int64"`.
        idf_weights: The weights of the integers for the mode `"tf_idf"`, if the vocabulary is given.
        invert: Whether to map indices to integers.
        output_mode: `"int"`; `"one_hot"`, a vector for each integer; `"multi_hot"`, `"count"` and `"tf_idf"`, a vector
            for each row.
        sparse: Whether vectors are sparse tensors.
        pad_to_max_tokens: Whether vectors are of length `max_tokens`, however many integers there are.
        oov_method: How unknown integers choose among several indices: `"floormod"`, by their remainder, or
            `"farmhash"`.
        salt: Two integers, or one for both, that change the hash of `oov_method="farmhash"`.
        name: The name.
        **kwargs: `trainable`, and what a config says of the vocabulary's size.

    Raises:
        ValueError: If arguments do not go together, or integers of the vocabulary repeat.

    Example:
        >>> layer = IntegerLookup(vocabulary=[12, 36, 1138, 42])
        >>> layer([[12, 1138, 42], [42, 1000, 36]])
        tensor([[1, 3, 4],
                [4, 0, 2]])
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int | None = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if vocabulary_dtype != "int64":
            raise ValueError(
                f"Only `vocabulary_dtype='int64'` is supported at this time. Received: {vocabulary_dtype=}"
            )
        if max_tokens is not None and arguments.integer(self, "max_tokens", max_tokens) <= 1:
            raise ValueError(
                "If `max_tokens` is set for `IntegerLookup`, it must be greater than 1. Received: "
                f"max_tokens={max_tokens}"
            )
        if arguments.integer(self, "num_oov_indices", num_oov_indices) < 0:
            raise ValueError(
                "The value of `num_oov_indices` argument for `IntegerLookup` must >= 0. Received: "
                f"num_oov_indices={num_oov_indices}"
            )
        super().__init__(
            max_tokens=max_tokens,
            num_oov_indices=num_oov_indices,
            mask_token=mask_token,
            oov_token=oov_token,
            vocabulary=vocabulary,
            vocabulary_dtype=vocabulary_dtype,
            idf_weights=idf_weights,
            invert=invert,
            output_mode=output_mode,
            sparse=sparse,
            pad_to_max_tokens=pad_to_max_tokens,
            oov_method=oov_method,
            salt=salt,
            name=name,
            **kwargs,
        )

    def _token(self, value: Any) -> int:
        try:
            token = int(value)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"The vocabulary of layer '{self.name}' must be integers. Received: {str(value)[:60]!r} (of type "
                f"{type(value)})"
            ) from error
        if not -(2**63) <= token < 2**63:
            raise ValueError(f"The vocabulary of layer '{self.name}' must be of type int64. Received: {token}")
        return token

    def _shown(self, token: Any) -> int:
        return int(token)

    def _data(self, value: Any) -> Any:
        if isinstance(value, RaggedTensor):
            return value.with_values(self._data(value.values))
        if is_text(value):
            raise ValueError(f"Layer '{self.name}' takes integers. Received text. Use `StringLookup` for text.")
        value = to_data(value)
        tensor = value if isinstance(value, torch.Tensor) else torch.as_tensor(np.asarray(value))
        return tensor.detach().to(torch.int64)

    def _flat(self, values: Any) -> list[Any]:
        found: list[Any] = values.reshape(-1).tolist()
        return found

    def _make_table(self) -> IntegerTable:
        return IntegerTable(self._tokens, self._token_start, self._oov_start if self.num_oov_indices == 1 else -1)

    def _look_up(self, values: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self._table.look_up(values)
        if self.num_oov_indices > 1:
            found = torch.where(found == -1, self._spread(values) + self._oov_start, found)
        return found if self.mask_token is None else torch.where(values == self.mask_token, self._mask_index, found)

    def _spread(self, values: torch.Tensor) -> torch.Tensor:
        if self.oov_method == "floormod":
            return values.remainder(self.num_oov_indices)
        hashes = hashing.fingerprint(values) if self.salt is None else hashing.keyed_hash(values, self.salt)
        return hashing.buckets(hashes, self.num_oov_indices)

    def _inverted(self, indices: Any) -> torch.Tensor:
        indices = torch.as_tensor(indices, device=calling.device_of(self) if not torch.is_tensor(indices) else None)
        found: torch.Tensor = self._table.numbers(indices.to(torch.int64), self.oov_token)
        return found if self.mask_token is None else torch.where(indices == 0, self.mask_token, found)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = super().get_config()
        for key in ("oov_token", "mask_token"):
            config[key] = None if config[key] is None else int(config[key])
        if config["vocabulary"] is not None:
            config["vocabulary"] = [int(term) for term in config["vocabulary"]]
        return config
