# ruff: noqa: E501
"""`tf.strings`, `tf.ragged` and `tf.lookup`: the values and types of TensorFlow's."""

import numpy as np
import pytest
import torch

from tests.parity.oracle import imported, kept
from tests.parity.tensorflow.ours import tf as ours
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.text import StringTensor

tensorflow = imported("tensorflow")

TEXTS = ["Hello World", "  b, c  ", "", "Ünïcode ÄB", "a.b!c"]


def table(tf):
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2]), default_value=-1)


def vocabulary(tf):
    keys, values = tf.constant(["a", "b"]), tf.constant([0, 1], tf.int64)
    return tf.lookup.StaticVocabularyTable(tf.lookup.KeyValueTensorInitializer(keys, values), 3)


CASES = {
    "lower": lambda tf: [tf.strings.lower(TEXTS), tf.strings.lower(TEXTS, encoding="utf-8"), tf.strings.upper("aé")],
    "strip": lambda tf: tf.strings.strip(TEXTS),
    "length": lambda tf: [tf.strings.length(TEXTS), tf.strings.length(TEXTS, unit="UTF8_CHAR"), tf.strings.length("abc")],
    "substr": lambda tf: [tf.strings.substr(["abcd", "efgh"], 1, 2), tf.strings.substr("abcd", -3, 2), tf.strings.substr(["äöü"], [1], [1], "UTF8_CHAR")],
    "substr too far": lambda tf: tf.strings.substr("ab", 3, 1),
    "regex_replace": lambda tf: [
        tf.strings.regex_replace(TEXTS, "[aeiou]", "*"), tf.strings.regex_replace(TEXTS, r"(\w)(\w)", r"\2\1"),
        tf.strings.regex_replace(TEXTS, "[[:punct:]]", ""), tf.strings.regex_replace("<br />x<br />", "<br />", " "),
        tf.strings.regex_replace("aaa", "a", "b", replace_global=False), tf.strings.regex_replace("ab", "a", r"[\0]"),
        tf.strings.regex_replace("a b", r"\s", ""), tf.strings.regex_replace("tab\there", r"[^ a-z.?!,¿]", ""),
    ],
    "a pattern that is none": lambda tf: tf.strings.regex_replace("a", "(", ""),
    "regex_full_match": lambda tf: tf.strings.regex_full_match(["abc", "abcd"], "a.c"),
    "split": lambda tf: [tf.strings.split("a b  c"), tf.strings.split(TEXTS), tf.strings.split("a,,b", sep=","), tf.strings.split(["a b c"], maxsplit=1)],
    "bytes_split": lambda tf: [tf.strings.bytes_split("abc"), tf.strings.bytes_split(["ab", "é"])],
    "unicode": lambda tf: [
        tf.strings.unicode_split("aéb", "UTF-8"), tf.strings.unicode_split(["aé", "b"], "UTF-8"), tf.strings.unicode_decode("aé", "UTF-8"),
        tf.strings.unicode_encode([97, 233], "UTF-8"), tf.strings.unicode_transcode("é", "UTF-8", "UTF-16-BE"),
    ],
    "join": lambda tf: [tf.strings.join(["a", "b"]), tf.strings.join([["a", "b"], ["c", "d"]], separator=" "), tf.strings.join([["a", "b"], "!"])],
    "reduce_join": lambda tf: [
        tf.strings.reduce_join(["a", "b"]), tf.strings.reduce_join([["a", "b"], ["c", "d"]], axis=0, separator="-"),
        tf.strings.reduce_join([["a", "b"], ["c", "d"]], axis=-1), tf.strings.reduce_join(tf.strings.split(["a b", "c"]), axis=-1, separator=" "),
    ],
    "to_number": lambda tf: [tf.strings.to_number(["1.5", "-2"]), tf.strings.to_number("7", tf.int32)],
    "to_number of a word": lambda tf: tf.strings.to_number("x"),
    "as_string": lambda tf: [
        tf.strings.as_string([1, 2]), tf.strings.as_string(1.5), tf.strings.as_string([1.25], precision=1), tf.strings.as_string(True),
        tf.strings.as_string(3, width=3, fill="0"), tf.strings.as_string(0.5, scientific=True),
    ],
    "format": lambda tf: [tf.strings.format("x: {}, y: {}", (tf.constant(1), tf.constant([1.5, 2.0]))), tf.strings.format("{}", tf.constant("a"))],
    "hashes": lambda tf: [tf.strings.to_hash_bucket_fast(["a", "bc", ""], 100), tf.strings.to_hash_bucket_strong(["a"], 100, [1, 2])],
    "ngrams": lambda tf: [tf.strings.ngrams(["a", "b", "c"], 2), tf.strings.ngrams(tf.ragged.constant([["a", "b"], ["c"]]), 2), tf.strings.ngrams(["a", "b"], [1, 2])],
    "operators": lambda tf: [tf.constant("a") + "b", tf.constant(["a", "b"]) == "a", tf.equal(["a"], ["b"]), tf.add(["a"], ["b"])],
    "ragged": lambda tf: [
        tf.ragged.constant([[1, 2], [], [3]]).to_tensor(), tf.ragged.constant([["a"], ["b", "c"]]).to_tensor("x"), tf.ragged.stack([[1], [2, 3]]),
        tf.ragged.range([2, 3]), tf.ragged.boolean_mask([[1, 2], [3, 4]], [[True, False], [True, True]]), tf.gather(["a", "b"], tf.ragged.constant([[0], [1, 0]])),
        tf.concat([tf.ragged.constant([[1], [2, 3]]), tf.ragged.constant([[4, 5], [6]])], axis=1),
    ],
    "lookup": lambda tf: [table(tf).lookup(tf.constant(["b", "x", "a"])), table(tf).lookup(tf.constant("a")), table(tf).size(), table(tf)[tf.constant(["a"])]],
    "lookup of numbers": lambda tf: table(tf).lookup(tf.constant([1])),
    "vocabulary": lambda tf: vocabulary(tf).lookup(tf.constant(["a", "b", "c", "d"])),
}  # fmt: skip


def plain(value):
    if isinstance(value, (list, tuple)) and not hasattr(value, "dtype"):
        return [one for item in value for one in plain(item)]
    if hasattr(value, "to_list"):
        return [
            [
                "ragged",
                as_dtype(value.dtype.name if hasattr(value.dtype, "name") else value.dtype).name,
                value.to_list(),
            ]
        ]
    if isinstance(value, StringTensor):
        return [["string", list(value.shape), np.asarray(value).tolist()]]
    array = value.detach().numpy() if isinstance(value, torch.Tensor) else value.numpy()
    if isinstance(array, bytes) or array.dtype == object:
        return [["string", list(np.shape(array)), np.asarray(array).tolist()]]
    return [[array.dtype.name, list(array.shape), array.tolist()]]


def answer(tf, case):
    try:
        return plain(CASES[case](tf))
    except Exception as error:
        return [["raises", type(error).__name__, None]]


@pytest.mark.parametrize("case", CASES)
def test_texts(case):
    assert answer(ours, case) == kept(answer, tensorflow, case)


def test_a_table_that_changes():
    changing = ours.lookup.experimental.MutableHashTable("string", "int64", -1)
    changing.insert(["a", "b"], [1, 2])
    changing.remove("a")
    assert changing.lookup(["a", "b"]).tolist() == [-1, 2]
    assert isinstance(changing.lookup(RaggedTensor.from_rows([["a"], ["b", "b"]])), RaggedTensor)


def test_a_table_of_a_file(tmp_path):
    (tmp_path / "words.txt").write_text("a\nb\n")
    initializer = ours.lookup.TextFileInitializer(
        tmp_path / "words.txt",
        "string",
        ours.lookup.TextFileIndex.WHOLE_LINE,
        "int64",
        ours.lookup.TextFileIndex.LINE_NUMBER,
    )
    assert ours.lookup.StaticHashTable(initializer, -1).lookup(["b", "c"]).tolist() == [1, -1]
