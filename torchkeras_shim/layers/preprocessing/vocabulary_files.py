"""Vocabularies in files: of the user's own, as assets of a saved model, and in a `state_dict`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from torchkeras_shim.core import sharing

#: Keras's name of the file in a folder of assets.
ASSET = "vocabulary.txt"
#: Beside it for tokens that contain what ends a line, which Keras itself cannot read back.
_EXACT = "vocabulary.json"


def is_path(vocabulary: Any) -> bool:
    """Returns whether a vocabulary is given as the name of a file."""
    return isinstance(vocabulary, (str, bytes, os.PathLike))


def refuse_path(vocabulary: Any) -> None:
    """Raises if a config names a file of the machine as its vocabulary.

    Raises:
        ValueError: If it does: what is loaded must not read other files.
    """
    if is_path(vocabulary):
        raise ValueError(
            "Requested the loading of a vocabulary file outside of the model archive. This carries a potential risk of "
            "loading arbitrary and sensitive files and thus it is disallowed. Pass the terms themselves as a list. "
            f"Received: vocabulary={vocabulary!r}"
        )


def read(path: Any) -> list[bytes]:
    """Returns the lines of a file of the user's.

    Raises:
        ValueError: If there is no such file, or its name comes out of a file itself.
    """
    if sharing.is_reading():
        refuse_path(path)
    if not os.path.isfile(path):
        raise ValueError(f"Vocabulary file {path} does not exist.")
    with open(path, "rb") as file:
        return _lines(file.read())


def _lines(data: bytes) -> list[bytes]:
    lines = [line.removesuffix(b"\r") for line in data.split(b"\n")]
    return lines[:-1] if lines[-1] == b"" else lines


def save(folder: str, vocabulary: Sequence[Any]) -> None:
    """Writes a vocabulary into a folder of assets."""
    texts = [token if isinstance(token, bytes) else str(token).encode("utf-8") for token in vocabulary]
    with open(os.path.join(folder, ASSET), "wb") as file:
        file.write(b"\n".join(texts))
    if any(b"\n" in text or text.endswith(b"\r") for text in texts):
        with open(os.path.join(folder, _EXACT), "w", encoding="ascii") as target:
            json.dump([text.decode("utf-8", "surrogateescape") for text in texts], target)


def load(folder: str) -> list[bytes]:
    """Returns the vocabulary in a folder of assets, empty if there is none."""
    exact, plain = os.path.join(folder, _EXACT), os.path.join(folder, ASSET)
    if os.path.isfile(exact):
        with open(exact, encoding="ascii") as source:
            try:
                tokens = json.load(source)
            except RecursionError as error:
                raise ValueError(f"The asset '{_EXACT}' is nested too deeply.") from error
        if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
            raise ValueError(f"The asset '{_EXACT}' is not a list of texts.")
        return [token.encode("utf-8", "surrogateescape") for token in tokens]
    if not os.path.isfile(plain):
        return []
    with open(plain, "rb") as file:
        lines = _lines(file.read())
    while lines and lines[-1] == b"":
        lines.pop()
    return lines


def packed(tokens: Sequence[Any], idf_weights: list[float] | None) -> bytes:
    """Returns tokens and their weights as the bytes of a JSON text: reading it runs nothing.

    Example:
        >>> unpacked(packed([b"a", b"b"], [1.0, 0.5]))
        (['a', 'b'], [1.0, 0.5])
    """
    texts = [token.decode("utf-8", "surrogateescape") if isinstance(token, bytes) else token for token in tokens]
    return json.dumps({"vocabulary": texts, "idf_weights": idf_weights}).encode("ascii")


def unpacked(data: bytes) -> tuple[list[Any], list[float] | None]:
    """Returns the tokens and weights that `packed` made bytes of."""
    found = json.loads(data)
    return found["vocabulary"], found["idf_weights"]
