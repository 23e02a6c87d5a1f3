"""Texts of more tokens than `output_sequence_length` are cut only as far as needed, to the same indices."""

import pytest

from torchkeras_shim.layers import TextVectorization

TEXTS = ["a b  c\td", " a", "", "d c b a ", "x"]
INDICES = [[2, 3, 4, 5], [2], [], [5, 4, 3, 2], [1]]


@pytest.mark.parametrize("length", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("ragged", [False, True])
def test_rows_are_the_first_tokens(length, ragged):
    layer = TextVectorization(vocabulary=["a", "b", "c", "d"], output_sequence_length=length, ragged=ragged)
    cut = [row[:length] for row in INDICES]
    padded = [row + [0] * (length - len(row)) for row in cut]
    found = layer(TEXTS)
    rows = [row.tolist() for row in found] if ragged else found.tolist()
    assert rows == (cut if ragged else padded)
