"""Layers that look tokens up in a vocabulary, compared with Keras on TensorFlow."""

from __future__ import annotations

import pytest

import torchkeras_shim
from tests.parity.oracle import kept, keras
from tests.parity.tensorflow.adaptable import answers, shape_of

WORDS = [["the", "cat"], ["the", "dog"], ["a", "é"], ["", "[UNK]"], ["cat", "the"]]
ASKED = [["the", "mouse"], ["", "é"], ["[UNK]", "a"]]
VOCABULARY = ["a", "b", "c"]
NUMBERS = [[12, 36], [12, 42], [0, -1], [36, 12]]
ASKED_NUMBERS = [[12, 7], [0, -1], [99, 42]]
TEXTS = ["The quick, brown fox.", "the quick dog's tail!", "Über-lange  Wörter\tund\nZeilen", "", "a a a"]
TOKENS = ["the", "quick", "dog"]

STRINGS = [
    ({}, WORDS, [ASKED, ["the", "x"], "the", [["the"]]]),
    ({}, None, [ASKED]),
    ({"mask_token": ""}, WORDS, [ASKED]),
    ({"mask_token": "the", "oov_token": "?"}, WORDS, [ASKED]),
    ({"max_tokens": 4}, WORDS, [ASKED]),
    ({"max_tokens": 4, "num_oov_indices": 2, "mask_token": ""}, WORDS, [ASKED]),
    ({"num_oov_indices": 5}, WORDS, [[["x", "y", "z", "the", "x"]]]),
    ({"num_oov_indices": 5, "salt": [3, 4]}, WORDS, [[["x", "y", "z", "the", "x"]]]),
    ({"num_oov_indices": 5, "salt": 3}, WORDS, [[["x", "y", "z", "the", "x"]]]),
    ({"num_oov_indices": 0}, WORDS, [[["the", "cat"]], ASKED]),
    ({"vocabulary": VOCABULARY}, None, [[["a", "c"], ["d", "b"]]]),
    ({"vocabulary": ("[UNK]", "a", "b")}, None, [[["a", "c"], ["d", "b"]]]),
    ({"vocabulary": ["", "[UNK]", "a"], "mask_token": ""}, None, [[["a", "", "d", "b"]]]),
    ({"vocabulary": VOCABULARY, "invert": True}, None, [[[1, 3], [0, 2]], [9, -1], 2]),
    ({"vocabulary": VOCABULARY, "invert": True, "mask_token": "m"}, None, [[[1, 3], [0, 2]]]),
    ({"vocabulary": VOCABULARY, "invert": True, "num_oov_indices": 0}, None, [[0, 1, 2, 3]]),
    ({"invert": True}, WORDS, [[0, 1, 2]]),
    ({"output_mode": "one_hot"}, WORDS, [ASKED, ["the", "x"], [["the"], ["x"]]]),
    ({"output_mode": "multi_hot"}, WORDS, [ASKED, ["the", "x"], [["the"], ["x"]], "the"]),
    ({"output_mode": "binary", "mask_token": "the"}, WORDS, [ASKED]),
    ({"output_mode": "count", "mask_token": ""}, WORDS, [ASKED, [["the", "the", ""]]]),
    ({"output_mode": "tf-idf"}, WORDS, [ASKED, ["the", "the", "x"]]),
    ({"output_mode": "tf_idf", "max_tokens": 9, "pad_to_max_tokens": True}, WORDS, [ASKED]),
    ({"output_mode": "tf_idf", "vocabulary": VOCABULARY, "idf_weights": [0.25, 0.75, 0.6]}, None, [[["a", "a", "d"]]]),
    ({"output_mode": "tf_idf", "vocabulary": ["[UNK]", "a"], "idf_weights": [0.25, 0.75]}, None, [[["a", "a", "d"]]]),
    ({"output_mode": "multi_hot", "max_tokens": 9, "pad_to_max_tokens": True}, WORDS, [ASKED]),
    ({"output_mode": "multi_hot", "sparse": True}, WORDS, [ASKED]),
    ({"output_mode": "count", "sparse": True}, WORDS, [[["the", "the"]]]),
    ({"output_mode": "multi_hot"}, None, [ASKED]),
    ({"vocabulary": VOCABULARY, "encoding": "latin-1"}, None, [["a"]]),
    ({"vocabulary": VOCABULARY}, WORDS, []),
    ({"vocabulary": ["a", "a"]}, None, []),
    ({"vocabulary": ["a", ""], "mask_token": ""}, None, []),
    ({"vocabulary": ["a", "[UNK]"], "invert": True}, None, []),
    ({"vocabulary": []}, None, []),
    ({"vocabulary": VOCABULARY, "max_tokens": 3}, None, []),
    ({"vocabulary": VOCABULARY, "output_mode": "tf_idf"}, None, []),
    ({"vocabulary": VOCABULARY, "output_mode": "tf_idf", "idf_weights": [1.0]}, None, []),
    ({"vocabulary": VOCABULARY, "idf_weights": [1.0, 2.0, 3.0]}, None, []),
    ({"vocabulary": "/no/such/file"}, None, []),
    ({"max_tokens": 1}, None, []),
    ({"num_oov_indices": -1}, None, []),
    ({"pad_to_max_tokens": True}, None, []),
    ({"output_mode": "float"}, None, []),
    ({"invert": True, "output_mode": "count"}, None, []),
    ({"sparse": True}, None, []),
    ({"salt": "x"}, None, []),
]
INTEGERS = [
    ({}, NUMBERS, [ASKED_NUMBERS, [12, 7], 12, [[12]], [[12.7]]]),
    ({"mask_token": 0}, NUMBERS, [ASKED_NUMBERS]),
    ({"max_tokens": 3}, NUMBERS, [ASKED_NUMBERS]),
    ({"num_oov_indices": 3}, NUMBERS, [[[7, 8, -1, 9, 100]]]),
    ({"num_oov_indices": 3, "mask_token": 7}, NUMBERS, [[[7, 8, -1, 9, 100]]]),
    ({"num_oov_indices": 3, "oov_method": "farmhash"}, NUMBERS, [[[7, 8, -1, 9, 100]]]),
    ({"num_oov_indices": 3, "oov_method": "farmhash", "salt": 5}, NUMBERS, [[[7, 8, -1, 9, 100]]]),
    ({"num_oov_indices": 0}, NUMBERS, [[[12, 36]], ASKED_NUMBERS]),
    ({"vocabulary": [12, 36, 1138, 42]}, None, [[[12, 1138, 42], [42, 1000, 36]]]),
    ({"vocabulary": [-1, 12, 36]}, None, [[12, 36, 1]]),
    ({"vocabulary": [12, 36, 1138, 42], "invert": True}, None, [[[1, 3, 4], [4, 0, 2], [9, -5, 2]]]),
    ({"vocabulary": [12, 36], "invert": True, "mask_token": 0}, None, [[0, 1, 2, 3]]),
    ({"output_mode": "one_hot"}, NUMBERS, [ASKED_NUMBERS]),
    ({"output_mode": "multi_hot"}, NUMBERS, [ASKED_NUMBERS, [12, 12]]),
    ({"output_mode": "count"}, NUMBERS, [ASKED_NUMBERS]),
    ({"output_mode": "tf_idf"}, NUMBERS, [ASKED_NUMBERS]),
    ({"vocabulary_dtype": "int32"}, None, []),
    ({"max_tokens": 1}, None, []),
    ({"num_oov_indices": -1}, None, []),
    ({"salt": 3}, None, []),
    ({"oov_method": "md5"}, None, []),
]
VECTORIZATIONS = [
    ({}, TEXTS, [TEXTS, [["the dog"]], "the dog", ["a b c d e f"]]),
    ({"max_tokens": 5}, TEXTS, [TEXTS]),
    ({"output_sequence_length": 3}, TEXTS, [TEXTS]),
    ({"output_sequence_length": 8}, TEXTS, [TEXTS, [["x"]]]),
    ({"standardize": "lower"}, TEXTS, [TEXTS]),
    ({"standardize": "strip_punctuation"}, TEXTS, [TEXTS]),
    ({"standardize": None}, TEXTS, [TEXTS]),
    ({"split": "character"}, TEXTS, [TEXTS[:2], ["né"]]),
    ({"split": None}, TEXTS, [TEXTS, [["the quick dogs tail", "x"]], [["a a a"]]]),
    ({"split": None, "output_sequence_length": 3}, [["a", "b"], ["b", "c"]], [[["a", "c"], ["b", "x"]]]),
    ({"split": None, "output_mode": "multi_hot"}, [["a", "b"], ["b", "c"]], [[["a", "c"], ["b", "x"]], ["a", "b"]]),
    ({"ngrams": 2}, TEXTS, [TEXTS]),
    ({"ngrams": (2, 3), "output_sequence_length": 4}, TEXTS, [TEXTS]),
    ({"ngrams": 2, "split": None}, [["a", "b", "c"]], [[["a", "b", "c"]]]),
    ({"ngrams": (1, 3), "output_mode": "count"}, TEXTS, [TEXTS]),
    ({"output_mode": "multi_hot"}, TEXTS, [TEXTS, [["the dog"]]]),
    ({"output_mode": "count"}, TEXTS, [TEXTS]),
    ({"output_mode": "tf_idf"}, TEXTS, [TEXTS]),
    ({"output_mode": "multi_hot", "max_tokens": 20, "pad_to_max_tokens": True}, TEXTS, [TEXTS]),
    ({"output_mode": "count", "sparse": True}, TEXTS, [TEXTS]),
    ({"ragged": True}, TEXTS, [TEXTS]),
    ({"ragged": True, "output_sequence_length": 2}, TEXTS, [TEXTS]),
    ({"vocabulary": TOKENS}, None, [TEXTS]),
    ({"vocabulary": TOKENS, "output_mode": "tf_idf", "idf_weights": [0.1, 0.2, 0.3]}, None, [TEXTS]),
    ({"vocabulary": ["", "[UNK]", *TOKENS]}, None, [TEXTS]),
    ({}, None, [TEXTS]),
    ({}, TEXTS, [[["two", "columns"]]]),
    ({"vocabulary": TOKENS}, TEXTS, []),
    ({"standardize": "upper"}, None, []),
    ({"split": "commas"}, None, []),
    ({"ngrams": "two"}, None, []),
    ({"output_mode": "embedding"}, None, []),
    ({"output_sequence_length": 2.5}, None, []),
    ({"output_sequence_length": 2, "output_mode": "count"}, None, []),
    ({"ragged": True, "output_mode": "count"}, None, []),
    ({"max_tokens": 1}, None, []),
]
TABLES = {"StringLookup": STRINGS, "IntegerLookup": INTEGERS, "TextVectorization": VECTORIZATIONS}
CASES = [
    pytest.param(name, *case, id=f"{name}-{index}")
    for name, table in TABLES.items()
    for index, case in enumerate(table)
]


@pytest.mark.parametrize(("name", "arguments", "data", "inputs"), CASES)
def test_layer(name, arguments, data, inputs):
    ours = answers(torchkeras_shim, name, arguments, data, inputs)
    assert ours == kept(answers, keras, name, arguments, data, inputs)


SHAPES = [
    ("StringLookup", {}, WORDS, (None, 3), "string"),
    ("StringLookup", {"output_mode": "multi_hot"}, WORDS, (None, 3), "string"),
    ("StringLookup", {"output_mode": "one_hot"}, WORDS, (None, 1), "string"),
    ("StringLookup", {"output_mode": "one_hot"}, WORDS, (None, 3), "string"),
    ("StringLookup", {"output_mode": "tf_idf", "max_tokens": 9, "pad_to_max_tokens": True}, WORDS, (None, 3), "string"),
    ("StringLookup", {"output_mode": "count"}, None, (None, 3), "string"),
    ("IntegerLookup", {}, NUMBERS, (None, 3), "int64"),
    ("IntegerLookup", {"output_mode": "count"}, NUMBERS, (None, None), "int32"),
    ("TextVectorization", {}, TEXTS, (None,), "string"),
    ("TextVectorization", {"output_sequence_length": 5}, TEXTS, (None, 1), "string"),
    ("TextVectorization", {"output_mode": "count", "split": None}, TEXTS, (None,), "string"),
    ("TextVectorization", {"output_mode": "count", "split": None}, TEXTS, (None, 3), "string"),
]


@pytest.mark.parametrize(("name", "arguments", "data", "shape", "dtype"), SHAPES, ids=str)
def test_symbolic_result(name, arguments, data, shape, dtype):
    ours = shape_of(torchkeras_shim, name, arguments, data, shape, dtype)
    assert ours == kept(shape_of, keras, name, arguments, data, shape, dtype)
