"""Data sets of files as `tf.data` has them."""

from __future__ import annotations

import gzip
import zlib

import pytest

from tests.parity.oracle import imported, kept
from tests.parity.tensorflow.pipelines import answers, error_of
from torchkeras_shim.core.errors import DataLossError, InvalidArgumentError
from torchkeras_shim.data import pipeline
from torchkeras_shim.data.pipeline import Dataset

tf = imported("tensorflow")

TEXTS = {
    "ends": b"a\r\nb\n\nc",
    "last end": b"a\nb\n",
    "nothing": b"",
    "one": b"\xff\xfe no UTF-8\x00",
}
TABLE = b'a,b,c\n1,2.5,x\n3,,"y,z"\n-4,1e3,\n'
QUOTED = b'n;t\n1;"a ""b""\n c"\n2;\xe9\n'
RECORDS = [b"hello", b"", b"\0\xff" * 40]


class Names:
    """The functions of one library by the names of the other."""

    def __init__(self, module):
        of_tf = hasattr(module, "data")
        self.Dataset = module.data.Dataset if of_tf else Dataset
        for name in ("TextLineDataset", "TFRecordDataset", "FixedLengthRecordDataset"):
            setattr(self, name, getattr(module.data if of_tf else module, name))
        for name in ("CsvDataset", "make_csv_dataset"):
            setattr(self, name, getattr(module.data.experimental if of_tf else module, name))
        self.TFRecordWriter = module.io.TFRecordWriter if of_tf else module.TFRecordWriter
        self.dtype = (lambda name: getattr(module, name)) if of_tf else (lambda name: name)


def written(folder, **contents):
    paths = {}
    for name, content in contents.items():
        paths[name] = str(folder / name)
        (folder / name).write_bytes(content)
    return paths


def compare(case):
    ours = answers(case(Names(pipeline)))
    assert ours == kept(lambda module: answers(case(Names(module))), tf)


@pytest.mark.parametrize("name", TEXTS)
def test_lines(name, tmp_path):
    path = str(tmp_path / "text")
    (tmp_path / "text").write_bytes(TEXTS[name])
    compare(lambda n: n.TextLineDataset(path))


def test_lines_of_several_files(tmp_path):
    paths = list(written(tmp_path, a=b"1\n2\n3", b=b"4\n5", c=b"6").values())
    compare(lambda n: n.TextLineDataset(paths))
    compare(lambda n: n.TextLineDataset(n.Dataset.from_tensor_slices(paths)))
    compare(lambda n: n.TextLineDataset(paths, num_parallel_reads=2))
    compare(lambda n: n.Dataset.from_tensor_slices(paths).flat_map(n.TextLineDataset))
    packed = written(tmp_path, gz=gzip.compress(b"7\n8"), z=zlib.compress(b"9\n" * 40_000))
    compare(lambda n: n.TextLineDataset(packed["gz"], compression_type="GZIP"))
    compare(lambda n: n.TextLineDataset(packed["z"], compression_type="ZLIB").unique())
    listed = str(tmp_path / "[abc]")
    compare(lambda n: n.Dataset.list_files(listed, shuffle=False).map(lambda x: 1))


def test_pieces(tmp_path):
    path = written(tmp_path, bytes=b"HHabcdefF")["bytes"]
    compare(lambda n: n.FixedLengthRecordDataset(path, 3, header_bytes=2, footer_bytes=1))
    case = lambda n: list(n.FixedLengthRecordDataset(path, 4, header_bytes=2))  # noqa: E731
    message = kept(lambda module: error_of(case, Names(module))[1], tf)
    with pytest.raises(InvalidArgumentError) as caught:
        case(Names(pipeline))
    assert "has body length 7 bytes, which is not an exact multiple of the record length (4 bytes)" in message
    assert "has body length 7 bytes, which is not an exact multiple of the record length (4 bytes)" in str(caught.value)


@pytest.mark.parametrize("compression", [None, "GZIP", "ZLIB"])
def test_records(compression, tmp_path):
    ours = str(tmp_path / "ours")
    with pipeline.TFRecordWriter(ours, compression) as writer:
        for record in RECORDS:
            writer.write(record)
    compare(lambda n: n.TFRecordDataset(ours, compression_type=compression))

    def file_of_theirs(module):
        path = str(tmp_path / "theirs")
        with module.io.TFRecordWriter(path, compression) as writer:
            for record in RECORDS:
                writer.write(record)
        with open(path, "rb") as file:
            return file.read()

    content = kept(file_of_theirs, tf) if compression is None else None
    if content is not None:
        assert (tmp_path / "ours").read_bytes() == content


DAMAGES = {
    "cut": (lambda data: data[:-1], "truncated record at"),
    "changed": (lambda data: data[:13] + b"x" + data[14:], "corrupted record at"),
    "changed length": (lambda data: b"\x06" + data[1:], "corrupted record at 0"),
    "huge": (lambda data: b"\xff" * 40, "corrupted record at 0"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_records(name, tmp_path):
    damage, begins = DAMAGES[name]
    path = str(tmp_path / "records")
    with pipeline.TFRecordWriter(path) as writer:
        writer.write(b"hello")
        writer.write(b"")
    with open(path, "rb") as file:
        content = damage(file.read())
    (tmp_path / "records").write_bytes(content)
    case = lambda n: list(n.TFRecordDataset(path))  # noqa: E731
    said = kept(lambda module: [error_of(case, Names(module))[0], begins in error_of(case, Names(module))[1]], tf)
    assert said == ["DataLossError", True]
    with pytest.raises(DataLossError, match=begins):
        case(Names(pipeline))


def test_missing_files():
    for make in (lambda n: n.TextLineDataset("/nonexistent"), lambda n: n.TFRecordDataset("/nonexistent")):
        assert (
            kept(lambda module, make=make: error_of(lambda n: list(make(n)), Names(module))[0], tf) == "NotFoundError"
        )
        with pytest.raises(FileNotFoundError, match="/nonexistent"):
            list(make(Names(pipeline)))


CSV = {
    "defaults": lambda n, p: n.CsvDataset(p, [n.dtype("int32"), 0.5, ""], header=True),
    "selected": lambda n, p: n.CsvDataset(
        p, [n.dtype("int64"), n.dtype("string")], header=True, select_cols=[0, 2]
    ).take(2),
    "header as a row": lambda n, p: n.CsvDataset(p, [n.dtype("string")] * 3).take(1),
    "made": lambda n, p: n.make_csv_dataset(p, 2, label_name="c", num_epochs=1, shuffle=False),
    "made of some": lambda n, p: n.make_csv_dataset(
        p, 2, num_epochs=2, shuffle=False, select_columns=["a", "c"], column_defaults=[0, "-"]
    ),
    "made without end": lambda n, p: n.make_csv_dataset(p, 2, shuffle=False).take(3),
    "made with names": lambda n, p: n.make_csv_dataset(
        p, 3, column_names=["x", "y", "z"], num_epochs=1, shuffle=False, na_value="1e3"
    ),
}


@pytest.mark.parametrize("name", CSV)
def test_tables(name, tmp_path):
    path = written(tmp_path, table=TABLE)["table"]
    compare(lambda n: CSV[name](n, path))


def test_quoted_tables(tmp_path):
    path = written(tmp_path, table=QUOTED)["table"]
    compare(lambda n: n.CsvDataset(path, [n.dtype("int32"), n.dtype("string")], header=True, field_delim=";"))


CSV_ERRORS = {
    "required": (lambda n, p: n.CsvDataset(p, [n.dtype("int32")] * 3, header=True, select_cols=[0, 1, 2]), "Field 1 "),
    "empty": (
        lambda n, p: n.CsvDataset(p, [n.dtype("int32"), n.dtype("float32"), n.dtype("string")], header=True),
        "Field 1 is required but missing in record!",
    ),
    "too many": (
        lambda n, p: n.CsvDataset(p, [n.dtype("int32")], header=True),
        "Expect 1 fields but have more in record",
    ),
    "label": (
        lambda n, p: n.make_csv_dataset(p, 2, label_name="q"),
        "`label_name` provided must be one of the columns: ['a', 'b', 'c']. Received: q.",
    ),
}


@pytest.mark.parametrize("name", CSV_ERRORS)
def test_tables_that_do_not_fit(name, tmp_path):
    make, begins = CSV_ERRORS[name]
    path = written(tmp_path, table=TABLE)["table"]
    case = lambda n: list(make(n, path))  # noqa: E731
    assert kept(lambda module: begins in error_of(case, Names(module))[1], tf)
    with pytest.raises(ValueError) as caught:
        case(Names(pipeline))
    assert begins in str(caught.value)
