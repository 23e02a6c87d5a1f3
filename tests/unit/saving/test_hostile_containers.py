"""Containers made to harm: none takes more memory or time than its size gives reason for."""

from __future__ import annotations

import json
import os
import struct
import zipfile
import zlib

import h5py
import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from tests import warm
from tests.unit.saving.hostile import model_of, rewrite, trained
from torchkeras_shim.saving import KerasFileEditor
from torchkeras_shim.saving.errors import DamagedFileError

MEGABYTE = 1 << 20


# Attacks on HDF5 ----------------------------------------------------------------------------------------------------


def texts_counted_often(path):
    """Three thousand names are one text of a megabyte."""
    with h5py.File(path, "w") as file:
        file.attrs["long"] = "y" * MEGABYTE
        file.attrs["layer_names"] = np.array(["x"] * 3000, dtype=h5py.string_dtype())
    with open(path, "rb") as source:
        data = bytearray(source.read())
    starts = [at for at in range(len(data)) if data[at : at + 5] == b"GCOL\x01"]
    for start in starts:
        at = data.find(struct.pack("<IQ", MEGABYTE, start))
        if at >= 0:
            long = data[at : at + 16]
    for start in starts:
        at = data.find(struct.pack("<IQ", 1, start))
        while at >= 0:
            data[at : at + 16] = long
            at = data.find(struct.pack("<IQ", 1, start))
    with open(path, "wb") as target:
        target.write(data)


def one_layer_under_many_names(path):
    with h5py.File(path, "w") as file:
        layer = file.create_group("a")
        layer["w"] = np.ones(3, "f4")
        layer.attrs["weight_names"] = np.full(30_000, b"w")
        file.attrs["layer_names"] = np.full(30_000, b"a")


def graph_of_groups(path):
    """Two ways from each group to the next."""
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = np.ones((3, 4), "f4")
        current = file["layers"]
        for index in range(40):
            group = file.create_group(f"hidden/{index}")
            current["a"] = current["b"] = group
            current = group
        current["vars/0"] = np.ones(3)
        del file["hidden"]


def array_under_many_names(path):
    with h5py.File(path, "w") as file:
        group = file.create_group("layers/dense/vars")
        group["0"] = np.ones(MEGABYTE // 4, "f4")
        for index in range(1, 1000):
            group[str(index)] = group["0"]


def group_in_itself(path):
    with h5py.File(path, "w") as file:
        group = file.create_group("layers/dense/vars")
        group["0"] = np.ones((3, 4), "f4")
        file["layers/dense/again"] = file["layers"]


def deep_groups(path):
    with h5py.File(path, "w") as file:
        group = file
        for _ in range(3000):
            group = group.create_group("g")
        group["0"] = np.ones(3)


def array(path, **kwargs):
    file = h5py.File(path, "w")
    return file, file.create_dataset("layers/dense/vars/0", **kwargs)


def gzip_that_unpacks_to_more(path):
    file, dataset = array(path, shape=(1024,), dtype="f4", chunks=(1024,), compression="gzip")
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(bytes(MEGABYTE)) for _ in range(900)) + packer.flush()
    dataset.id.write_direct_chunk((0,), packed)
    file.close()


def pieces_of_one_number(path):
    file, dataset = array(path, shape=(200_000_000,), dtype="i1", chunks=(1,))
    dataset[:1000] = 1
    file.close()
    with open(path, "ab") as target:
        target.write(bytes(MEGABYTE))


def huge_piece(path):
    file, dataset = array(path, shape=(100,), dtype="f4", chunks=(1 << 28,), maxshape=(None,))
    dataset[:] = 1
    file.close()


def fill_values(path):
    with h5py.File(path, "w") as file:
        for index in range(1000):
            file.create_dataset(f"layers/dense/vars/{index}", shape=(MEGABYTE // 4,), dtype="f4", fillvalue=7)


def scale_offset(path):
    array(path, data=np.ones((3, 4), "i4"), chunks=(3, 4), scaleoffset=0)[0].close()


def gzip_twice(path):
    with h5py.File(path, "w") as file:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((3, 4))
        properties.set_deflate(9)
        properties.set_deflate(9)
        space = h5py.h5s.create_simple((3, 4))
        group = file.create_group("layers/dense/vars")
        h5py.h5d.create(group.id, b"0", h5py.h5t.IEEE_F32LE, space, properties)


def compound(path):
    array(path, data=np.zeros((3, 4), [("a", "f4"), ("b", "f4")]))[0].close()


def texts(path):
    array(path, data=np.array(["x"] * 12, object).reshape(3, 4), dtype=h5py.string_dtype())[0].close()


def compound_attribute(path):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.zeros(1000, [("a", "f4"), ("b", "f4")])


def blocks_inside_one_another(path):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array(["x"] * 10, dtype=h5py.string_dtype())
    with open(path, "ab") as target:
        for _ in range(100_000):
            target.write(b"GCOL\x01\0\0\0" + struct.pack("<Q", 16) + struct.pack("<QQ", 1, 0))
            target.write(b"GCOL\x01\0\0\0" + struct.pack("<Q", 1 << 40))


ATTACKS = [
    texts_counted_often,
    one_layer_under_many_names,
    graph_of_groups,
    array_under_many_names,
    group_in_itself,
    deep_groups,
    gzip_that_unpacks_to_more,
    pieces_of_one_number,
    huge_piece,
    fill_values,
    scale_offset,
    gzip_twice,
    compound,
    texts,
    compound_attribute,
    blocks_inside_one_another,
]


# Attacks on archives ------------------------------------------------------------------------------------------------


def members(path, change, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path) as source:
        contents = {name: source.read(name) for name in source.namelist()}
    with zipfile.ZipFile(path, "w", method) as target:
        for name, data in contents.items():
            target.writestr(name, data)
        change(target)


def members_over_one_another(path):
    """A thousand entries of the directory lead to one member."""
    data = os.urandom(MEGABYTE)

    def change(target):
        target.writestr("assets/0", data)
        for index in range(1, 1000):
            info = zipfile.ZipInfo(f"assets/{index}")
            first = target.getinfo("assets/0")
            info.CRC, info.file_size, info.compress_size = first.CRC, first.file_size, first.compress_size
            info.header_offset = first.header_offset
            target.filelist.append(info)

    members(path, change)


def unknown_compression(path):
    members(path, lambda target: None, zipfile.ZIP_LZMA)


def huge_size(path):
    """A size of eight exabytes, in the 64-bit field."""

    def change(target):
        info = target.getinfo("model.weights.h5")
        info.file_size = info.compress_size = 1 << 62

    members(path, change)


def texts_of_nothing(path):
    members(path, lambda target: target.writestr("assets/big", bytes(40 << 20), zipfile.ZIP_DEFLATED))


def text_model(path, nested=False, output_mode="int", **arguments):
    """A model of text whose config asks for something huge; nested ones are run for their shapes."""
    text = keras.Input((1,), dtype="string")
    weights = [1.0] if output_mode == "tf_idf" else None
    layer = keras.layers.TextVectorization(vocabulary=["a"], idf_weights=weights, output_mode=output_mode, name="text")
    model = keras.Model(text, layer(text))
    if nested:
        outer = keras.Input(batch_shape=(2, 1), dtype="string")  # another shape: it is run to find its own
        model = keras.Model(outer, model(outer))
    model.save(path)
    rewrite(path, lambda config: _change(config, "text", arguments))


def _change(config, name, arguments):
    if isinstance(config, dict):
        if config.get("name") == name and "ngrams" in config:
            config.update(arguments)
        for value in config.values():
            _change(value, name, arguments)
    elif isinstance(config, list):
        for value in config:
            _change(value, name, arguments)


def huge_vectors(path):
    text_model(path, nested=True, output_mode="multi_hot", max_tokens=10**9, pad_to_max_tokens=True)


def huge_rows(path):
    text_model(path, nested=True, output_sequence_length=10**9)


def huge_weights(path):
    text_model(path, output_mode="tf_idf", max_tokens=10**9, pad_to_max_tokens=True)


ZIPS = [members_over_one_another, unknown_compression, huge_size, huge_vectors, huge_rows, huge_weights]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What loading each of them ends with."""
    folder = tmp_path_factory.mktemp("hostile")
    paths = {}
    for attack in ATTACKS:
        path = str(folder / f"{attack.__name__}.weights.h5")
        attack(path)
        other = str(folder / f"{attack.__name__}.h5")
        os.link(path, other)  # some are large
        paths |= {os.path.basename(one): one for one in (path, other)}
    for attack in ZIPS:
        path = str(folder / f"{attack.__name__}.keras")
        trained().save(path)
        attack(path)
        paths[os.path.basename(path)] = path
    result = warm.run("-m", "tests.unit.saving.limited", *paths.values(), timeout=250)
    assert result.returncode == 0, result.stderr[-2000:]
    return dict(line.split(" ", 1) for line in result.stdout.splitlines())


@pytest.mark.parametrize(
    "name",
    [
        *(f"{one.__name__}{end}" for one in ATTACKS for end in (".weights.h5", ".h5")),
        *(f"{z.__name__}.keras" for z in ZIPS),
    ],
)
def test_containers(name, outcomes):
    assert outcomes[name].startswith(("UnsafeFileError", "DamagedFileError", "OtherFileError", "ValueError")), outcomes[
        name
    ]


# Paths --------------------------------------------------------------------------------------------------------------

ENDINGS = [".keras", ".h5", ".weights.h5", ".weights.json", ".safetensors"]


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "missing"])
def test_paths_that_are_not_files(kind, tmp_path):
    paths = []
    for ending in ENDINGS:
        path = str(tmp_path / f"{kind}{ending}")
        paths.append(path)
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "device":
            os.symlink("/dev/zero", path)
        elif kind == "folder":
            os.mkdir(path)
    result = warm.run("-m", "tests.unit.saving.limited", *paths)
    expected = {"folder": "IsADirectoryError", "missing": "MissingFileError"}.get(kind, "OtherFileError")
    for line in result.stdout.splitlines():
        if kind == "folder" and line.startswith(("folder.keras ", "folder.h5 ")):
            assert "holds no `config.json`" in line
        else:
            assert line.split(" ", 1)[1].startswith(expected), line
    assert len(result.stdout.splitlines()) == len(ENDINGS)


def test_a_pipe_among_shards(tmp_path):
    path = tmp_path / "m.weights.json"
    os.mkfifo(tmp_path / "pipe.weights.h5")
    path.write_text(json.dumps({"weight_map": {"/layers/dense/vars": "pipe.weights.h5"}}))
    with pytest.raises(ValueError, match="does not lie beside"):
        model_of(4, 2).load_weights(path)


def test_the_editor_and_broken_groups(tmp_path):
    path = str(tmp_path / "m.weights.h5")
    trained().save_weights(path)
    with open(path, "rb") as file:
        data = file.read()
    assert b"SNOD" in data
    with open(path, "wb") as file:
        file.write(data.replace(b"SNOD", b"DONS"))
    with pytest.raises(DamagedFileError, match=r"m\.weights\.h5"):
        KerasFileEditor(path)


@pytest.mark.parametrize("text", [b"{", b"[" * 100_000, b"\xff"])
@pytest.mark.parametrize("member", ["config.json", "metadata.json"])
def test_the_editor_and_broken_texts(member, text, tmp_path):
    path = str(tmp_path / "m.keras")
    trained().save(path)
    rewrite(path, members={member: text})
    with pytest.raises(DamagedFileError, match=r"m\.keras"):
        KerasFileEditor(path)


def test_the_editor_and_metadata_of_another_kind(tmp_path):
    path = str(tmp_path / "m.keras")
    trained().save(path)
    rewrite(path, members={"metadata.json": b"[1]"})
    assert KerasFileEditor(path).metadata == [1]


def test_safetensors_of_complex_numbers(tmp_path):
    """Nothing is changed where one tensor of several does not fit."""
    package = pytest.importorskip("safetensors.torch")
    model = model_of(4, 2)
    tensors = {key: value.detach().clone() for key, value in model.state_dict().items()}
    last = list(tensors)[-1]
    tensors = {key: value + 1 for key, value in tensors.items()}
    tensors[last] = tensors[last].to(torch.complex64)
    path = str(tmp_path / "m.safetensors")
    package.save_file(tensors, path)
    before = model.get_weights()
    with pytest.raises(ValueError, match="is of type C64"):
        model.load_weights(path)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    with pytest.warns(UserWarning, match="left out"):
        model.load_weights(path, skip_mismatch=True)
    assert np.array_equal(before[-1], model.get_weights()[-1])
    assert np.array_equal(before[0] + 1, model.get_weights()[0])
