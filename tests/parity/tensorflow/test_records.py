# ruff: noqa: E501
"""`tf.io` and `tf.train.Example`: the bytes, values and errors of TensorFlow's."""

import numpy as np
import pytest
import torch

from tests.parity.oracle import imported, kept
from tests.parity.tensorflow.ours import tf as ours
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.core.text import StringTensor

tensorflow = imported("tensorflow")


def feature(tf, **values):
    def one(value):
        if isinstance(value[0], bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=value))
        if isinstance(value[0], float):
            return tf.train.Feature(float_list=tf.train.FloatList(value=value))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=value))

    return tf.train.Features(feature={key: one(value) for key, value in values.items()})


def example(tf, **values):
    return tf.train.Example(features=feature(tf, **values)).SerializeToString()


def sequence(tf):
    lists = tf.train.FeatureLists(
        feature_list={"s": tf.train.FeatureList(feature=[feature(tf, a=[n, n]).feature["a"] for n in (1, 2)])}
    )
    return tf.train.SequenceExample(context=feature(tf, c=[5]), feature_lists=lists).SerializeToString()


def fixed(tf, shape, dtype, default=None):
    return tf.io.FixedLenFeature(shape, dtype, default)


CASES = {
    "bytes of examples": lambda tf: [example(tf, a=[1, -1, 300]), example(tf, b=[b"x", b"\xff"]), example(tf, c=[1.5, -2.0]), sequence(tf)],
    "one": lambda tf: tf.io.parse_single_example(example(tf, a=[7], b=[b"x", b"yz"], c=[0.5]), {"a": fixed(tf, [], tf.int64), "b": fixed(tf, [2], tf.string), "c": fixed(tf, [1], tf.float32)}),
    "defaults": lambda tf: tf.io.parse_single_example(example(tf, a=[7]), {"b": fixed(tf, [], tf.string, "none"), "c": fixed(tf, [2], tf.float32, [1.0, 2.0])}),
    "a batch": lambda tf: tf.io.parse_example([example(tf, a=[1, 2], b=[b"x"]), example(tf, a=[3, 4], b=[b"y"])], {"a": fixed(tf, [2], tf.int64), "b": fixed(tf, [], tf.string)}),
    "missing": lambda tf: tf.io.parse_single_example(example(tf, a=[7]), {"b": fixed(tf, [], tf.int64)}),
    "another type": lambda tf: tf.io.parse_single_example(example(tf, a=[7]), {"a": fixed(tf, [], tf.string)}),
    "another number": lambda tf: tf.io.parse_single_example(example(tf, a=[7, 8]), {"a": fixed(tf, [3], tf.int64)}),
    "sequences of any length": lambda tf: tf.io.parse_single_example(example(tf, a=[1, 2, 3, 4]), {"a": tf.io.FixedLenSequenceFeature([2], tf.int64, allow_missing=True)}),
    "a record of sequences": lambda tf: list(tf.io.parse_single_sequence_example(sequence(tf), {"c": fixed(tf, [], tf.int64)}, {"s": tf.io.FixedLenSequenceFeature([2], tf.int64)})),
    "decode_raw": lambda tf: [tf.io.decode_raw(b"\x01\x00\x02\x00", tf.uint8), tf.io.decode_raw([b"\x01\x00\x02\x00"], tf.int16), tf.io.decode_raw(b"\x00\x01", tf.int16, little_endian=False)],
    "decode_raw of a rest": lambda tf: tf.io.decode_raw(b"\x01\x00\x02", tf.int16),
    "decode_csv": lambda tf: tf.io.decode_csv(["1,2.5,a", '3,,"b,c"'], [[0], [9.5], [""]]),
    "decode_csv of one": lambda tf: tf.io.decode_csv("1;x", [tf.constant([], tf.int32), tf.constant(["d"])], field_delim=";"),
    "decode_csv selected": lambda tf: tf.io.decode_csv("1,2,3", [[0], [0]], select_cols=[0, 2]),
    "decode_csv missing": lambda tf: tf.io.decode_csv(",1", [tf.constant([], tf.int32), [0]]),
    "decode_csv of a word": lambda tf: tf.io.decode_csv("x", [[0]]),
    "decode_csv of other counts": lambda tf: tf.io.decode_csv("1,2,3", [[0], [0]]),
    "base64": lambda tf: [tf.io.encode_base64(["abcd", "a"]), tf.io.decode_base64(tf.io.encode_base64("a?>"))],
    "tensors": lambda tf: [tf.io.parse_tensor(tf.io.serialize_tensor(tf.constant([[1.5]])), tf.float32)],
    "no file": lambda tf: tf.io.read_file("/nowhere/at/all"),
}  # fmt: skip


def plain(value):
    if isinstance(value, dict):
        return [one for key in sorted(value) for one in plain(value[key])]
    if isinstance(value, (list, tuple)) and not hasattr(value, "dtype"):
        return [one for item in value for one in plain(item)]
    if isinstance(value, bytes):
        return [["bytes", [], value]]
    if isinstance(value, StringTensor):
        return [["string", list(value.shape), np.asarray(value).tolist()]]
    array = value.detach().numpy() if isinstance(value, torch.Tensor) else value.numpy()
    if isinstance(array, bytes) or array.dtype == object:
        return [["string", list(np.shape(array)), np.asarray(array).tolist()]]
    return [[as_dtype(array.dtype).name, list(array.shape), array.tolist()]]


def answer(tf, case):
    try:
        return plain(CASES[case](tf))
    except Exception as error:
        return [["raises", type(error).__name__, None]]


@pytest.mark.parametrize("case", CASES)
def test_records(case):
    assert answer(ours, case) == kept(answer, tensorflow, case)


def test_lists_of_any_length_are_sparse_or_ragged():
    data = [example(ours, a=[1]), example(ours, a=[2, 3])]
    sparse = ours.io.parse_example(data, {"a": ours.io.VarLenFeature(ours.int64)})["a"]
    assert (sparse.indices.tolist(), sparse.values.tolist()) == ([[0, 0], [1, 0], [1, 1]], [1, 2, 3])
    ragged = ours.io.parse_example(data, {"a": ours.io.RaggedFeature(ours.int64)})["a"]
    assert ragged.to_list() == [[1], [2, 3]]
    one = ours.io.parse_single_example(data[1], {"a": ours.io.VarLenFeature(ours.int64)})["a"]
    assert (one.indices.tolist(), one.values.tolist()) == ([[0], [1]], [2, 3])


@pytest.mark.parametrize("data", [b"\x0a\xff\xff", b"\x0a\x7f", b"\xff" * 20, b"\x0b"])
def test_what_is_damaged_is_refused(data):
    with pytest.raises(ours.errors.InvalidArgumentError, match="Could not parse"):
        ours.io.parse_single_example(data, {"a": ours.io.FixedLenFeature([], ours.int64)})


def test_messages_round_trip():
    made = ours.train.Example(features=feature(ours, a=[1, -5], b=[b"x"], c=[0.5]))
    again = ours.train.Example.FromString(made.SerializeToString())
    assert again == made
    assert again.features.feature["a"].int64_list.value == [1, -5]
    assert again.features.feature["b"].WhichOneof("kind") == "bytes_list"
    with pytest.raises(TypeError, match="encode"):
        ours.train.BytesList(value=["text"])


def test_files(tmp_path):
    path = str(tmp_path / "folder" / "a.txt")
    ours.io.write_file(path, "text")
    assert ours.io.read_file(path).numpy() == b"text"
    assert ours.io.gfile.exists(path)
    assert ours.io.gfile.listdir(str(tmp_path)) == ["folder"]
    assert ours.io.matching_files(str(tmp_path / "*" / "*.txt")).decode() == [path]
    with ours.io.gfile.GFile(path) as file:
        assert file.read() == "text"
    ours.io.gfile.rmtree(str(tmp_path / "folder"))
    assert not ours.io.gfile.exists(path)
