"""`Tokenizer` and its neighbours, and pairs and windows of series, compared with those of Keras 2."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from tests.parity.oracle import imported, kept
from torchkeras_shim.compat.legacy import series, text

text2 = imported("tf_keras.src.preprocessing.text")
series2 = imported("tf_keras.src.preprocessing.sequence")

TEXTS = ["The cat, the CAT sat!", "on the mat; a mat...", "", "a\tdog & a cat_cat"]
LISTS = [["The", "cat"], ["the", "dog", "dog"]]
TOKENIZERS = [
    {},
    {"num_words": 4},
    {"num_words": 4, "oov_token": "<OOV>"},
    {"oov_token": "?", "lower": False},
    {"char_level": True},
    {"filters": "a", "split": "t"},
]


def _all_of(module, kwargs, texts):
    tokenizer = module.Tokenizer(**kwargs)
    tokenizer.fit_on_texts(texts)
    tokenizer.fit_on_sequences([[1, 2, 2], [3]])
    asked = [*texts, "an unknown cat" if isinstance(texts[0], str) else ["unknown", "cat"]]
    sequences = tokenizer.texts_to_sequences(asked)
    again = module.tokenizer_from_json(tokenizer.to_json())
    config = dict(tokenizer.get_config())
    for key in ("word_docs", "index_docs"):  # counted in sets: their order is that of Python's hashes
        config[key] = sorted(json.loads(config[key]).items())
    return {
        "sequences": sequences,
        "texts": tokenizer.sequences_to_texts([*sequences, [99]]),
        "config": config,
        "matrices": [tokenizer.texts_to_matrix(asked, mode).tolist() for mode in ("binary", "count", "freq", "tfidf")],
        "again": again.texts_to_matrix(asked, "tfidf").tolist(),
    }


@pytest.mark.parametrize("texts", [TEXTS, LISTS], ids=["texts", "lists"])
@pytest.mark.parametrize("kwargs", TOKENIZERS, ids=str)
def test_tokenizer(kwargs, texts):
    if kwargs.get("filters") and texts is LISTS:
        kwargs = {"num_words": 3, "oov_token": "cat"}
    theirs = kept(_all_of, text2, kwargs, texts)
    ours = _all_of(text, kwargs, texts)
    assert ours.keys() == theirs.keys()
    for key in ("sequences", "texts", "config"):
        assert json.loads(json.dumps(ours[key])) == json.loads(json.dumps(theirs[key]))
    for key in ("matrices", "again"):
        np.testing.assert_allclose(ours[key], theirs[key], rtol=1e-6)


@pytest.mark.parametrize(
    "ask",
    [
        lambda module: module.text_to_word_sequence("One, two -- THREE"),
        lambda module: module.text_to_word_sequence("One, two -- THREE", filters=",", lower=False, split="o"),
        lambda module: module.hashing_trick("To be or not to be", 20, "md5"),
        lambda module: module.hashing_trick("To be or not to be", 20, len, analyzer=lambda text: text.split("o")),
    ],
    ids=["words", "split", "md5", "analyzer"],
)
def test_words(ask):
    assert ask(text) == kept(ask, text2)


def test_one_hot_is_a_number_for_each_word():
    first, second, again = text.one_hot("cat dog cat", 50)
    assert first == again
    assert 1 <= first < 50
    assert 1 <= second < 50


def _errors(module):
    found = []
    for fit, mode in (([], "binary"), (["a"], "other")):
        tokenizer = module.Tokenizer()
        tokenizer.fit_on_texts(fit)
        with pytest.raises(ValueError) as caught:
            tokenizer.sequences_to_matrix([[1]], mode)
        found.append(str(caught.value.args[0])[:26])
    return found


def test_errors():
    assert _errors(text) == kept(_errors, text2)


SKIPGRAMS = [
    {},
    {"window_size": 1, "negative_samples": 0.5, "seed": 3},
    {"categorical": True, "shuffle": False},
    {"negative_samples": 0, "sampling_table": [0.0, 0.3, 0.9, 0.9, 0.5]},
]


def _skipgrams(module, kwargs):
    random.seed(7)
    couples, labels = module.skipgrams([1, 2, 0, 3, 4, 1], 5, **kwargs)
    return [[int(one) for one in couple] for couple in couples], labels


@pytest.mark.parametrize("kwargs", SKIPGRAMS, ids=str)
def test_skipgrams(kwargs):
    state = random.getstate()
    try:
        theirs = kept(_skipgrams, series2, kwargs)
        ours = _skipgrams(series, kwargs)
    finally:
        random.setstate(state)
    assert json.loads(json.dumps(ours)) == json.loads(json.dumps(theirs))


def _table(module):
    return module.make_sampling_table(8, 1e-3)


def test_sampling_table():
    np.testing.assert_allclose(_table(series), kept(_table, series2), rtol=1e-6)


WINDOWS = [
    {},
    {"sampling_rate": 2, "stride": 3, "batch_size": 2},
    {"start_index": 2, "end_index": 7, "reverse": True},
    {"shuffle": True, "batch_size": 3},
]


def _windows(module, kwargs):
    np.random.seed(0)
    data = np.arange(20).reshape(10, 2)
    found = module.TimeseriesGenerator(data, np.arange(10), length=4, **kwargs)
    return [[x.tolist(), y.tolist()] for x, y in (found[i] for i in range(len(found)))]


@pytest.mark.parametrize("kwargs", WINDOWS, ids=str)
def test_windows(kwargs):
    theirs = kept(_windows, series2, kwargs)
    assert _windows(series, kwargs) == [list(pair) for pair in theirs]


def _settings(module):
    windows = module.TimeseriesGenerator(np.arange(6).reshape(3, 2), [1, 2, 3], length=2, batch_size=4)
    return sorted((key, str(value)) for key, value in json.loads(windows.to_json())["config"].items())


def test_settings_of_a_series():
    assert _settings(series) == [tuple(pair) for pair in kept(_settings, series2)]
