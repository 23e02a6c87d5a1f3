"""Files made to harm: each is refused with an error that says so, and nothing is run, opened or allocated."""

from __future__ import annotations

import base64
import io
import json
import marshal
import os
import stat
import struct
import zipfile

import h5py
import numpy as np
import pytest

import torchkeras_shim as keras
from tests.unit.saving.hostile import CONFIG, WEIGHTS, model_of, rewrite, trained, warm_up, watched
from torchkeras_shim import layers
from torchkeras_shim.core import sharing, symbolic

CODE = base64.b64encode(marshal.dumps(compile("__import__('os').system('true')", "", "eval"))).decode()
LAMBDA = {"class_name": "__lambda__", "config": {"code": CODE, "defaults": None, "closure": None}}


def function(name, module="builtins"):
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def layer(class_name, config, module="keras.layers", registered_name=None):
    config = {"name": "evil", **config} if isinstance(config, dict) else config
    return {"module": module, "class_name": class_name, "config": config, "registered_name": registered_name}


@pytest.fixture(scope="module", autouse=True)
def ready(tmp_path_factory):
    warm_up(tmp_path_factory.mktemp("warm"))


@pytest.fixture(params=[".keras", ".h5"])
def path(request, tmp_path):
    path = str(tmp_path / f"model{request.param}")
    trained().save(path)
    return path


@pytest.fixture
def archive(tmp_path):
    path = str(tmp_path / "model.keras")
    trained().save(path)
    return path


def change_config(path, change):
    """Changes a model's config, and the config of what it was compiled with, in either format."""
    if path.endswith(".keras"):
        rewrite(path, lambda config: change(config, config["compile_config"]))
        return
    with h5py.File(path, "r+") as file:
        config, training = (json.loads(file.attrs[f"{kind}_config"]) for kind in ("model", "training"))
        change(config, training)
        file.attrs["model_config"], file.attrs["training_config"] = json.dumps(config), json.dumps(training)


def refused(path, match, error=ValueError, **kwargs):
    with watched(path), pytest.raises(error, match=match) as caught:
        keras.saving.load_model(path, **kwargs)
    return str(caught.value)


# Names that are to be called ----------------------------------------------------------------------------------------

GADGETS = {
    "class os.system": layer("system", {"command": "true"}, "os"),
    "class by registered name": layer("Dense2", {"units": 1}, None, "os>system"),
    "class of a library": layer("Popen", {"args": ["true"]}, "subprocess"),
    "keras function as class": layer("get_file", {"fname": "x", "origin": "http://127.0.0.1/"}, "keras.utils"),
    "keras model loader": layer("load_model", {"filepath": "/etc/passwd"}, "keras.models"),
    "activation os.system": layer("Dense", {"units": 1, "activation": function("system", "os")}),
    "activation eval": layer("Dense", {"units": 1, "activation": function("eval")}),
    "activation by name": layer("Dense", {"units": 1, "activation": "os.system"}),
    "lambda os.system": layer("Lambda", {"function": function("system", "os"), "arguments": {"command": "true"}}),
    "lambda get_file": layer("Lambda", {"function": function("get_file", "keras.utils"), "arguments": {}}),
    "lambda loader": layer("Lambda", {"function": function("load_model", "keras.saving")}),
    "guard first": layer("Lambda", {"function": function("enable_unsafe_deserialization", "keras.config")}),
    "guard first, as class": layer("enable_unsafe_deserialization", {}, "keras.config"),
    "initializer": layer("Dense", {"units": 1, "kernel_initializer": layer("system", {"command": "true"}, "os")}),
    "torch wrapper": layer("TorchModuleWrapper", {"module": "gASVAAAA"}),
    "saved model": layer("TFSMLayer", {"filepath": "/tmp", "call_endpoint": "serve"}),
}


@pytest.mark.parametrize("gadget", GADGETS)
def test_no_name_of_a_file_is_ever_called(path, gadget):
    change_config(path, lambda config, _: config["config"]["layers"].append(GADGETS[gadget]))
    message = refused(path, "Could not (locate|interpret)|must be a torch.nn|TFSMLayer runs a TensorFlow SavedModel")
    assert any(hint in message for hint in ("Did you mean", "custom_objects", "identifier", "must be", "cannot be"))


@pytest.mark.parametrize("key", ["loss", "metrics", "optimizer"])
def test_nor_is_one_that_training_needs(path, key):
    def change(_, training):
        target = layer("system", {"command": "true"}, "os")
        training["optimizer_config" if "optimizer_config" in training and key == "optimizer" else key] = target

    change_config(path, change)
    refused(path, "Could not locate class 'system'")


def test_the_model_itself_is_none(path):
    def change(config, _):
        config.update(class_name="system", module="os", registered_name=None)

    change_config(path, change)
    refused(path, "Could not locate class 'system'")


def test_something_else_than_a_model(path):
    def change(config, _):
        config.clear()
        config.update(class_name="GlorotUniform", module="keras.initializers", config={"seed": 1})

    change_config(path, change)
    refused(path, "describes no model but a GlorotUniform")


# Code inside the file -----------------------------------------------------------------------------------------------

LAMBDAS = {
    "layer": layer("Lambda", {"function": LAMBDA}),
    "mask": layer("Lambda", {"function": function("relu"), "mask": LAMBDA}),
    "activation": layer("Dense", {"units": 1, "activation": LAMBDA}),
    "nested": layer("Sequential", {"name": "inner", "layers": [layer("Lambda", {"function": LAMBDA})]}, "keras"),
    "older form": layer("Lambda", {"function": [CODE, None, None], "function_type": "lambda"}),
}


@pytest.mark.parametrize("kwargs", [{}, {"safe_mode": None}, {"safe_mode": True}, {"compile": False}])
@pytest.mark.parametrize("place", LAMBDAS)
def test_code_is_never_run(path, place, kwargs):
    change_config(path, lambda config, _: config["config"]["layers"].append(LAMBDAS[place]))
    refused(path, "ambda", **kwargs)


def test_code_that_tells_a_shape_is_left_out(path):
    change_config(
        path,
        lambda config, _: config["config"]["layers"].append(
            layer("Lambda", {"function": function("relu"), "output_shape": LAMBDA})
        ),
    )
    with watched(path):
        model = keras.models.load_model(path)  # the function itself tells the shape
    assert model.output_shape == (None, 2)


def test_code_is_never_run_for_training(path):
    change_config(path, lambda _, training: training.update(loss=LAMBDA))
    refused(path, "__lambda__")


def test_no_guard_can_be_switched_off(path):
    for value in (False, 0):
        refused(path, "`safe_mode=False` is not supported", safe_mode=value)
    with pytest.raises(ValueError, match="never run"):
        keras.config.enable_unsafe_deserialization()
    refused(path, "`safe_mode=False` is not supported", safe_mode=False)


@pytest.mark.parametrize(
    "way",
    [
        lambda config: keras.models.model_from_json(json.dumps(config)),
        lambda config: keras.saving.deserialize_keras_object(config),
        lambda config: keras.Sequential.from_config(config["config"]),
        lambda config: keras.layers.deserialize(config),
    ],
)
def test_every_way_in_has_the_guard(way):
    config = json.loads(model_of(2).to_json())
    config["config"]["layers"].append(LAMBDAS["layer"])
    with watched("none"), pytest.raises(ValueError, match="never executed"):
        way(config)
    config["config"]["layers"][-1] = GADGETS["lambda os.system"]
    with watched("none"), pytest.raises(ValueError, match="Could not locate"):
        way(config)


# Other files --------------------------------------------------------------------------------------------------------


def change_weights(path, change):
    """Changes the HDF5 file, that inside of an archive too."""
    if path.endswith(".h5"):
        with h5py.File(path, "r+") as file:
            change(file, file["model_weights"])
        return
    with zipfile.ZipFile(path) as source:
        data = io.BytesIO(source.read(WEIGHTS))
    with h5py.File(data, "r+") as file:
        change(file, file["layers"])
    rewrite(path, members={WEIGHTS: data.getvalue()})


def first_array(group):
    found = []
    group.visititems(lambda name, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
    return found[0].parent, found[0].name.split("/")[-1], found[0].shape


def external_link(file, group):
    parent, name, _ = first_array(group)
    del parent[name]
    parent[name] = h5py.ExternalLink("/etc/passwd", "/secret")


def soft_link(file, group):
    parent, name, shape = first_array(group)
    del parent[name]
    file["elsewhere"] = np.ones(shape, "float32")
    parent[name] = h5py.SoftLink("/elsewhere")


def external_storage(file, group):
    parent, name, shape = first_array(group)
    del parent[name]
    parent.create_dataset(name, shape, "float32", external=[("/etc/hostname", 0, 4 * int(np.prod(shape)))])


def virtual_storage(file, group):
    parent, name, shape = first_array(group)
    del parent[name]
    layout = h5py.VirtualLayout(shape, "float32")
    layout[...] = h5py.VirtualSource("/etc/hostname", "secret", shape)
    parent.create_virtual_dataset(name, layout)


def linked_group(file, group):
    name = group.name
    file.move(name, "/moved")
    file[name] = h5py.ExternalLink("/tmp/other.h5", "/")


def references(file, group):
    parent, name, shape = first_array(group)
    del parent[name]
    parent.create_dataset(name, shape, h5py.ref_dtype)


def shape_bomb(file, group):
    parent, name, _ = first_array(group)
    del parent[name]
    parent.create_dataset(name, (1 << 20, 1 << 20), "float32", chunks=(1 << 10, 1 << 10), compression="gzip")


LINKS = [external_link, soft_link, external_storage, virtual_storage, linked_group, references]


@pytest.mark.parametrize("attack", LINKS)
def test_files_that_reach_out(path, attack):
    change_weights(path, attack)
    refused(path, "Not allowed")
    model = model_of(4, 2)
    before = model.get_weights()
    with watched(path), pytest.raises(ValueError, match="Not allowed"):
        model.load_weights(path, skip_mismatch=True)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_attributes_must_be_texts(tmp_path):
    path = str(tmp_path / "model.h5")
    trained().save(path)
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = np.ones(3)
    refused(path, "is not text")
    with h5py.File(path, "r+") as file:
        file["model_weights"].attrs["layer_names"] = np.ones(3)
    with pytest.raises(ValueError, match="is not a list of names"):
        model_of(4, 2).load_weights(path)


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_a_folder_with_links(tmp_path, name):
    path = tmp_path / "model"
    model_of(2).save(str(path), zipped=False)
    os.rename(path / name, tmp_path / "moved")
    os.symlink(tmp_path / "moved", path / name)
    refused(str(path), "is a link")


# Memory -------------------------------------------------------------------------------------------------------------


def test_a_declared_shape_allocates_nothing(path):
    change_weights(path, shape_bomb)
    refused(path, "Expected|expects shape|Shape mismatch")


BOMBS = {
    "layer": lambda config, training: config["config"]["layers"][1]["config"].update(units=10**11),
    "adapter": lambda config, training: config["config"]["layers"][1]["config"].update(lora_rank=10**11),
    "input": lambda config, training: config["config"]["layers"][0]["config"].update(batch_shape=[None, 10**15]),
    "array": lambda config, training: config["config"]["layers"][1]["config"].update(
        activation={"class_name": "__numpy__", "config": {"value": "a", "dtype": "U100000000"}}
    ),
    "list": lambda config, training: training.update(
        metrics=[{"module": "keras.metrics", "class_name": "AUC", "config": {"num_thresholds": 10**12}}]
    ),
    "json": lambda config, training: config["config"].update(rest=[{}] * 1_000_001),
    "many layers": lambda config, training: config["config"]["layers"].extend(
        layer("Dense", {"units": 10_000, "name": f"bomb{index}"}) for index in range(2000)
    ),
}


LARGE = {
    "zero padding": (layers.ZeroPadding1D, ((1, 1),), {"padding": [200_000_000, 0]}, (None, 200_000_001, 1)),
    "up-sampling": (layers.UpSampling2D, ((2, 2, 1),), {"size": [20_000, 20_000]}, (None, 40_000, 40_000, 1)),
    "up-sampling by interpolation": (
        layers.UpSampling2D,
        ((2, 2, 1),),
        {"size": [20_000, 20_000], "interpolation": "bilinear"},
        (None, 40_000, 40_000, 1),
    ),
    "transposed convolution": (
        layers.Conv2DTranspose,
        ((2, 2, 1),),
        {"filters": 1, "kernel_size": [1, 1], "strides": [20_000, 20_000]},
        (None, 40_000, 40_000, 1),
    ),
    "repetition": (layers.RepeatVector, ((4,),), {"n": 10**9}, (None, 10**9, 4)),
}


class Allocated(BaseException):
    """Not an Exception, which looking for shapes would take for one of the layer's own."""


@pytest.fixture
def no_large_results(monkeypatch):
    """Ends the test where a layer or an operation is run on zeros, other than of few elements."""
    infer = symbolic.infer

    def watched_infer(function, args, kwargs, device=None):
        if device is None:
            device = "cpu" if symbolic.is_small(args, kwargs) else "meta"
        if str(device) != "meta":
            raise Allocated(function)
        return infer(function, args, kwargs, device)

    monkeypatch.setattr(symbolic, "infer", watched_infer)


@pytest.mark.parametrize("name", LARGE)
def test_large_results_are_inferred_without_memory(name, no_large_results):
    cls, shapes, config, expected = LARGE[name]
    x = keras.Input(*shapes)
    assert cls.from_config(config)(x).shape == expected


@pytest.mark.parametrize("name", LARGE)
def test_small_ones_are_run_on_zeros(name, no_large_results):
    """What the test above forbids is what usually happens, so that it can fail."""
    cls, shapes, config, _ = LARGE[name]
    small = {key: 2 if key == "n" else value for key, value in config.items()}
    small.update({key: [1, 1] for key in ("padding", "size", "strides") if key in config})
    with pytest.raises(Allocated):
        cls.from_config(small)(keras.Input(*shapes))


def test_the_products_of_two_tensors_are_too(no_large_results):
    x = keras.Input((20_000, 1))
    assert symbolic.is_small((x, x), {})
    with sharing.reading():
        assert not symbolic.is_small((x, x), {})
        assert keras.ops.add(x, keras.KerasTensor((None, 1, 20_000))).shape == (None, 20_000, 20_000)
        assert layers.Dot(axes=2)([x, x]).shape == (None, 20_000, 20_000)


CALLS = {
    "a constant": ("Pad", {"pad_width": [[0, 10**10]]}, [[1.0, 2.0]]),
    "one-hot of a constant": ("OneHot", {"num_classes": 10**11}, [3]),
    "a loop": ("WhileLoop", {"cond": function("relu"), "body": function("relu")}, [1.0]),
}


@pytest.mark.parametrize("name", CALLS)
def test_operations_are_not_run_while_a_model_loads(name):
    class_name, config, argument = CALLS[name]
    x = keras.Input((1,), name="x")
    text = keras.Model(x, keras.ops.add(x, 1.0)).to_json()
    config_of_model = json.loads(text)
    config_of_model["config"]["layers"].append(
        {
            "module": "keras.src.ops.nn",
            "class_name": class_name,
            "config": {"name": "bomb", **config},
            "registered_name": class_name,
            "name": "bomb",
            "inbound_nodes": [{"args": [argument], "kwargs": {}}],
        }
    )
    with pytest.raises(ValueError, match=r"on constants or functions|Could not locate"):
        keras.models.model_from_json(json.dumps(config_of_model))


COMPILED = {
    "options of a compiler": ("jit_compile", {"options": {"cpp.march": "native; touch /tmp/hurt"}}),
    "a backend": ("jit_compile", {"backend": "inductor"}),
    "a strategy by name": ("jit_compile", "captured"),
    "steps": ("steps_per_execution", 10**12),
    "no steps": ("steps_per_execution", -1),
    "a text as a flag": ("run_eagerly", "yes"),
    "weights": ("loss_weights", ["heavy"]),
    "a field nobody knows": ("backend_options", {"march": "native"}),
}


@pytest.mark.parametrize("name", COMPILED)
def test_a_file_says_what_keras_writes_of_compile_and_no_more(archive, name):
    key, value = COMPILED[name]
    change_config(archive, lambda _, training: training.update({key: value}))
    refused(archive, f"compile config of model .*{key}")


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_config_cannot_ask_for_any_amount(path, bomb):
    change_config(path, BOMBS[bomb])
    refused(path, "Not allowed|Expected an array of numbers|expected axis -1 of input shape")


def test_deeply_nested_configs(archive):
    rewrite(
        archive, members={CONFIG: b'{"class_name": "Sequential", "config": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"}
    )
    refused(archive, "cannot be read|nested too deeply")


def test_a_config_without_end(archive):
    rewrite(archive, members={CONFIG: b" " * (70 << 20)}, compression=zipfile.ZIP_DEFLATED)
    refused(archive, "declares 73400320 bytes")


def test_a_stored_config_without_end(archive):
    rewrite(archive, members={CONFIG: b" " * (65 << 20)})
    refused(archive, "is longer than")


def test_weights_without_end(archive):
    rewrite(archive, members={WEIGHTS: bytes(40 << 20)}, compression=zipfile.ZIP_DEFLATED)
    refused(archive, "declares 41943040 bytes, but only")


def test_a_size_that_lies(archive):
    """The archive says that a megabyte of zeros is ten bytes long."""
    rewrite(archive, members={WEIGHTS: bytes(1 << 20)}, compression=zipfile.ZIP_DEFLATED)
    with open(archive, "rb") as file:
        data = bytearray(file.read())
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(WEIGHTS.encode()))
    data[at + 24 : at + 28] = struct.pack("<I", 10)
    with open(archive, "wb") as file:
        file.write(data)
    refused(archive, "is not a whole `.keras` file|cannot be opened", error=(ValueError, OSError))


# Members of the archive ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../evil.py", "assets/../../evil.py", "/etc/evil", "C:\\evil", "a\\..\\evil", "assets/..", "c:evil"]
)
def test_members_that_lead_out(archive, name):
    rewrite(archive, members={name: b"x"})
    refused(archive, "leads out of the archive")
    assert os.listdir(os.path.dirname(archive)) == ["model.keras"]


def test_links_as_members(archive):
    with zipfile.ZipFile(archive, "a") as target:
        info = zipfile.ZipInfo("assets/link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        target.writestr(info, "/etc/passwd")
    refused(archive, "has a link as member")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name(archive):
    with zipfile.ZipFile(archive, "a") as target:
        target.writestr(CONFIG, "{}")
    refused(archive, "has two members 'config.json'")


def test_encrypted_members(archive):
    with open(archive, "rb") as file:
        data = bytearray(file.read())
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1
    with open(archive, "wb") as file:
        file.write(data)
    refused(archive, "encrypted member")


def test_further_members_are_never_opened(archive):
    rewrite(archive, members={"assets/nested.keras": b"PK", "evil.py": b"raise SystemExit", "a.pkl": b"cos\nsystem\n"})
    with watched(archive):
        model = keras.saving.load_model(archive)
    assert model.predict(np.ones((1, 3)), verbose=0).shape == (1, 2)
    assert os.listdir(os.path.dirname(archive)) == ["model.keras"]


def test_pickled_weights_are_not_read(archive):
    rewrite(archive, members={WEIGHTS: None, "model.weights.npz": b"PK"})
    refused(archive, "numpy format are not supported")


def test_names_never_become_paths(path, tmp_path):
    change_config(path, lambda config, _: config["config"]["layers"][1]["config"].update(name="../../evil"))
    before = sorted(os.listdir(tmp_path))
    with watched(path):
        model = keras.saving.load_model(path)
    assert model.layers[0].name == "../../evil"
    again = str(tmp_path / f"again.{path.rpartition('.')[2]}")
    model.save(again)
    assert sorted(os.listdir(tmp_path)) == sorted([*before, os.path.basename(again)])
    assert keras.saving.load_model(again).layers[0].name == "../../evil"


def test_the_good_file_loads_unwatched_and_watched(path):
    with watched(path):
        model = keras.saving.load_model(path)
    assert model.optimizer.iterations == 1
