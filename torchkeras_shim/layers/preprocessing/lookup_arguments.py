"""Checks of what the lookup layers are given: arguments that do not go together, terms that repeat."""

from __future__ import annotations

from collections import Counter
from typing import Any

from torchkeras_shim.layers import arguments

_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
_ALIASES = {"binary": "multi_hot", "tf-idf": "tf_idf"}


def output_mode(layer: Any, value: Any) -> str:
    """Returns an output mode by its name of today."""
    return arguments.one_of(
        layer, "output_mode", _ALIASES.get(value, value) if isinstance(value, str) else value, _MODES
    )


def check_sizes(layer: Any, max_tokens: Any, num_oov_indices: Any, pad_to_max_tokens: bool) -> None:
    """Refuses sizes that cannot be."""
    if max_tokens is not None:
        sentence = "If set, `max_tokens` must be greater than 1. Received: max_tokens={value}"
        if arguments.integer(layer, "max_tokens", max_tokens, sentence) <= 1:
            raise ValueError(sentence.format(value=max_tokens))
    if pad_to_max_tokens and max_tokens is None:
        raise ValueError(f"If pad_to_max_tokens is True, must set `max_tokens`. Received: max_tokens={max_tokens}")
    sentence = "`num_oov_indices` must be greater than or equal to 0. Received: num_oov_indices={value}"
    if arguments.integer(layer, "num_oov_indices", num_oov_indices, sentence) < 0:
        raise ValueError(sentence.format(value=num_oov_indices))


def check_mode(mode: str, invert: bool, sparse: bool, idf_weights: Any) -> None:
    """Refuses arguments that do not go with an output mode."""
    if invert and mode != "int":
        raise ValueError(f"`output_mode` must be `'int'` when `invert` is true. Received: output_mode={mode}")
    if sparse and mode == "int":
        raise ValueError(
            "`sparse` may only be true if `output_mode` is `'one_hot'`, `'multi_hot'`, `'count'` or `'tf_idf'`. "
            f"Received: sparse={sparse} and output_mode={mode}"
        )
    if idf_weights is not None and mode != "tf_idf":
        raise ValueError(
            f"`idf_weights` should only be set if `output_mode` is `'tf_idf'`. Received: idf_weights={idf_weights} and "
            f"output_mode={mode}"
        )


def check_salt(salt: Any, vocabulary_dtype: str, oov_method: str) -> None:
    """Refuses a salt for a method that does not hash."""
    if salt is not None and vocabulary_dtype != "string" and oov_method != "farmhash":
        raise ValueError(f"`salt` can only be used when `oov_method='farmhash'`. Received: oov_method={oov_method}")


def check_terms(terms: list[Any], start: int, special: list[Any], reserved: dict[str, Any]) -> None:
    """Refuses terms of a vocabulary that repeat, or have a place of their own.

    Args:
        terms: The terms.
        start: How many special ones stand before the others.
        special: Those that may.
        reserved: The tokens that must not be among the others, by what they are called.
    """
    tokens = terms[start:]
    known = set(tokens)
    if len(known) != len(tokens):
        repeated = [token for token, count in Counter(tokens).items() if count > 1]
        raise ValueError(
            "The passed vocabulary has at least one repeated term. Please uniquify your dataset. "
            f"The repeated terms are: {repeated}"
        )
    for what, token in reserved.items():
        if token is not None and token in known:
            index = len(terms) - 1 - terms[::-1].index(token)
            raise ValueError(
                f"Found reserved {what} token at unexpected location in `vocabulary`. Note that passed `vocabulary` "
                "does not need to include the OOV and mask tokens. Either remove all mask and OOV tokens, or include "
                f"them only at the start of the vocabulary in precisely this order: {special}. "
                f"Received: {what.lower()}_token={token} at vocabulary index {index}"
            )
