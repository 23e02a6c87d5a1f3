"""Files that Keras 1, Keras 2 and tf.keras have written: they load, and compute and train as they did there."""

from __future__ import annotations

import functools
import io
import json
import pathlib
import tarfile
import zipfile

import h5py
import numpy as np
import pytest

import torchkeras_shim as keras
from torchkeras_shim import layers

DATA = pathlib.Path(__file__).parent / "data"
ERAS = sorted(path.name.removesuffix(".tar.xz") for path in DATA.glob("*.tar.xz"))
#: Whose rule is another one today: Keras 3's momentum of Nadam grows otherwise.
OTHER_RULES = ("optimizer_nadam", "optimizer_legacy_nadam")


@functools.cache
def content(era):
    with tarfile.open(DATA / f"{era}.tar.xz") as archive:
        return {member.name: archive.extractfile(member).read() for member in archive.getmembers()}


@functools.cache
def expected(era):
    with np.load(io.BytesIO(content(era)["expected.npz"])) as values:
        return dict(values)


def files(pattern):
    return [
        pytest.param(era, name, id=f"{era}-{name}")
        for era in ERAS
        for name in sorted(content(era))
        if pathlib.PurePath(name).match(pattern) and name not in ("version.json", "expected.npz")
    ]


def of(era, name, kind):
    values = expected(era)
    return [values[key] for key in sorted(values) if key.startswith(f"{name.partition('.')[0]}.{kind}")]


def path_to(tmp_path, era, name):
    path = tmp_path / name
    path.write_bytes(content(era)[name])
    return path


def check(model, era, name, tolerance=1e-5):
    inputs, outputs = of(era, name, "x"), of(era, name, "y")
    found = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    found = found if isinstance(found, list) else [found]
    assert [value.shape for value in found] == [value.shape for value in outputs]
    for value, want in zip(found, outputs, strict=True):
        np.testing.assert_allclose(value, want, rtol=tolerance, atol=5e-3 if "mixed" in name else tolerance)


@pytest.mark.parametrize(("era", "name"), [*files("*[!s].h5"), *files("*.keras")])
def test_models_predict_as_they_did(era, name, tmp_path):
    path = path_to(tmp_path, era, name)
    check(keras.saving.load_model(path), era, name)


@pytest.mark.parametrize(("era", "name"), files("*.json"))
def test_configs_take_the_weights_of_their_files(era, name, tmp_path):
    model = keras.models.model_from_json(content(era)[name].decode())
    weights = name.replace(".json", ".h5")
    model.load_weights(path_to(tmp_path, era, weights))
    check(model, era, weights)


@pytest.mark.parametrize(("era", "name"), files("*.weights.h5"))
def test_weights_alone(era, name, tmp_path):
    model = keras.saving.load_model(path_to(tmp_path, era, name.replace(".weights", "")))
    for weight in model.weights:
        weight.assign(np.zeros(weight.shape))
    model.load_weights(path_to(tmp_path, era, name))
    check(model, era, name)


def trained_further(path, era):
    model = keras.saving.load_model(path)
    for _ in range(3):
        model.train_on_batch(expected(era)["optimizers.x"], expected(era)["optimizers.y"])
    return model


def training_files():
    # Keras 2.2.4 on TensorFlow 1 updates weights while it still reads them: its own runs differ.
    found = [*files("optimizer_*.h5"), *files("optimizer_*.keras")]
    return [case for case in found if case.values[0] != "keras-2.2.4"]


@pytest.mark.parametrize(("era", "name"), training_files())
def test_training_goes_on_as_it_would_have(era, name, tmp_path):
    stem = name.partition(".")[0]
    model = trained_further(path_to(tmp_path, era, name), era)
    loose = stem in OTHER_RULES
    # Keras 2 added epsilon outside of the root of RMSprop, which small gradients notice.
    tolerance = 5e-3 if loose else 5e-4 if "rmsprop" in stem or "centered" in stem else 2e-5
    assert int(model.optimizer.iterations) == (6 if _counts_steps(era, stem) else 3)
    for weight, want in zip(model.weights, of(era, stem, "w"), strict=True):
        if not weight.trainable and era.startswith("keras-2.2"):
            continue  # BatchNormalization of Keras 2 itself took averages by another rule
        np.testing.assert_allclose(weight.numpy(), want, rtol=tolerance, atol=tolerance)


def _counts_steps(era, stem):
    if era.startswith("keras-"):  # these rules did not need to know
        return not any(rule in stem for rule in ("rmsprop", "adagrad", "adadelta"))
    return True


# hard_sigmoid --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["keras", "h5", "json"])
def test_saving_again_keeps_the_old_hard_sigmoid(ending, tmp_path):
    era, name = "tf.keras-2.15", "hard_sigmoid.h5"
    model = keras.saving.load_model(path_to(tmp_path, era, name))
    if ending == "json":
        again = keras.models.model_from_json(model.to_json())
        again.set_weights(model.get_weights())
    else:
        model.save(tmp_path / f"again.{ending}")
        again = keras.saving.load_model(tmp_path / f"again.{ending}")
    check(again, era, name)
    assert "legacy_hard_sigmoid" in again.to_json()


def test_the_new_hard_sigmoid_stays_what_it_is(tmp_path):
    model = keras.Sequential([keras.Input((1,)), layers.Activation("hard_sigmoid")])
    for ending in ("keras", "h5"):
        model.save(tmp_path / f"new.{ending}")
        again = keras.saving.load_model(tmp_path / f"new.{ending}")
        np.testing.assert_allclose(again.predict(np.array([[2.7]]), verbose=0), 2.7 / 6 + 0.5, rtol=1e-6)


def test_a_hard_sigmoid_of_the_users_own_is_used(tmp_path):
    path = path_to(tmp_path, "tf.keras-2.15", "hard_sigmoid.h5")
    model = keras.saving.load_model(path, custom_objects={"hard_sigmoid": lambda x: x * 0.0})
    assert not np.any(model.predict(np.ones((1, 3)), verbose=0))


# What a file is, not what it is called -------------------------------------------------------------------------------


def test_a_zip_archive_called_h5_and_the_reverse(tmp_path):
    era = "tf.keras-2.15"
    for name, other in (("lstm.keras", "zip.h5"), ("lstm.h5", "hdf5.keras")):
        path = tmp_path / other
        path.write_bytes(content(era)[name])
        model = keras.saving.load_model(path)
        check(model, era, name)
        model.set_weights([weight * 0 for weight in model.get_weights()])
        model.load_weights(path)
        check(model, era, name)


def test_weights_in_hdf5_called_keras_and_in_a_zip_called_weights_h5(tmp_path):
    era, name = "tf.keras-2.15", "attention.weights.h5"
    model = keras.saving.load_model(path_to(tmp_path, era, "attention.keras"))
    for source, target in ((name, "weights.keras"), ("attention.keras", "zip.weights.h5")):
        model.set_weights([weight * 0 for weight in model.get_weights()])
        (tmp_path / target).write_bytes(content(era)[source])
        model.load_weights(tmp_path / target)
        check(model, era, name)


# Other spellings -----------------------------------------------------------------------------------------------------


def test_a_stack_whose_config_is_a_list(tmp_path):
    config = json.loads(content("tf.keras-2.15")["lstm.json"])
    config["config"] = [layer for layer in config["config"]["layers"] if layer["class_name"] != "InputLayer"]
    model = keras.models.model_from_json(json.dumps(config))
    model.load_weights(path_to(tmp_path, "tf.keras-2.15", "lstm.h5"))
    check(model, "tf.keras-2.15", "lstm.h5")


def test_a_function_of_tensorflow_without_counterpart_is_named():
    text = content("tf.keras-2.15")["operations.json"].decode().replace('"math.square"', '"math.bessel_i0"')
    with pytest.raises(ValueError, match=r"'tf.math.square' calls TensorFlow's function `tf.math.bessel_i0`"):
        keras.models.model_from_json(text)


def _layer(class_name, name, inputs, **config):
    nodes = [[[inputs, 0, 0, {}]]] if inputs else []
    return {"class_name": class_name, "name": name, "config": {"name": name, **config}, "inbound_nodes": nodes}


def test_losses_and_metrics_of_symbolic_tensors_go_behind_the_output():
    """As tf.keras writes `model.add_loss(tensor)` and `model.add_metric(tensor, name="s")`."""
    ones = {"kernel_initializer": "ones", "bias_initializer": "zeros"}
    square, mean, total = (_layer("TFOpLambda", f"tf.math.{name}", "", function=f"math.{name}")
                           for name in ("square", "reduce_mean", "reduce_sum"))  # fmt: skip
    square["inbound_nodes"] = [["h", 0, 0, {"name": None}]]
    mean["inbound_nodes"] = [["tf.math.square", 0, 0, {"axis": None, "keepdims": False}]]
    total["inbound_nodes"] = [["h", 0, 0, {"axis": -1, "keepdims": False}]]
    entries = [
        _layer("InputLayer", "x", None, batch_input_shape=[None, 3], dtype="float32"),
        _layer("Dense", "h", "x", units=2, **ones),
        _layer("Dense", "o", "h", units=1, **ones),
        *(square, mean, _layer("AddLoss", "add_loss", "tf.math.reduce_mean", unconditional=False)),
        *(total, _layer("AddMetric", "add_metric", "tf.math.reduce_sum", aggregation="mean", metric_name="s")),
    ]
    config = {"name": "model", "layers": entries, "input_layers": [["x", 0, 0]], "output_layers": [["o", 0, 0]]}
    text = json.dumps({"class_name": "Functional", "config": config, "keras_version": "2.15.0"})
    model = keras.models.model_from_json(text)
    model.compile("sgd", "mse")
    found = model.evaluate(np.ones((4, 3)), np.zeros((4, 1)), verbose=0, return_dict=True)
    assert found == {"loss": 45.0, "s": 6.0}
    assert model.output_names == ["o"]


def test_unknown_metrics_are_refused_at_load(tmp_path):
    path = path_to(tmp_path, "tf.keras-2.15", "optimizer_adam.h5")
    with h5py.File(path, "r+") as file:
        training = json.loads(file.attrs["training_config"])
        file.attrs["training_config"] = json.dumps({**training, "metrics": ["my_metric"]})
    with pytest.raises(ValueError, match=r"Unknown metric function: 'my_metric'.*custom_objects="):
        keras.saving.load_model(path)

    def my_metric(y_true, y_pred):
        return y_pred

    assert keras.saving.load_model(path, custom_objects={"my_metric": my_metric}).compiled
    assert not keras.saving.load_model(path, compile=False).compiled


def test_the_users_own_errors_stay_theirs(tmp_path):
    class Broken(layers.Layer):
        def __init__(self, units, **kwargs):
            raise LookupError("my own mistake")

    model = keras.Sequential([keras.Input((2,)), layers.Dense(1, name="mine")])
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as source, zipfile.ZipFile(tmp_path / "own.keras", "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, data.replace(b'"Dense"', b'"Broken"') if name == "config.json" else data)
    with pytest.raises(LookupError, match="my own mistake"):
        keras.saving.load_model(tmp_path / "own.keras", custom_objects={"Broken": Broken})


# Lambdas -------------------------------------------------------------------------------------------------------------


def with_lambda(name="twice"):
    return keras.Sequential([keras.Input((2,)), layers.Lambda(lambda x: x * 2, name=name), layers.Dense(1)])


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_lambda_is_saved_by_the_name_of_its_layer(ending, tmp_path):
    model = with_lambda()
    model.save(tmp_path / f"model.{ending}")
    with pytest.raises(ValueError, match=r"custom_objects=\{'twice': \.\.\.\}"):
        keras.saving.load_model(tmp_path / f"model.{ending}")
    again = keras.saving.load_model(tmp_path / f"model.{ending}", custom_objects={"twice": lambda x: x * 2})
    np.testing.assert_array_equal(again.predict(np.ones((1, 2)), verbose=0), model.predict(np.ones((1, 2)), verbose=0))


def test_a_lambda_never_takes_the_name_of_another_function(tmp_path):
    with pytest.raises(ValueError, match="'relu' is a function or class of Keras"):
        with_lambda("relu").save(tmp_path / "model.keras")


def test_a_model_with_a_lambda_is_cloned():
    clone = keras.models.clone_model(with_lambda())
    np.testing.assert_array_equal(clone.layers[0](np.ones((1, 2))), [[2, 2]])


@pytest.mark.parametrize(
    "code",
    [["4wEAAAAAAAAA", None, None], {"class_name": "__lambda__", "config": {"code": "4wEAAAAAAAAA"}}],
    ids=["Keras 2", "Keras 3"],
)
def test_byte_code_is_refused_without_showing_it_and_replaced_by_name(code):
    config = {"name": "lambda_1", "function": code, "arguments": {}}
    with pytest.raises(ValueError, match=r"custom_objects=\{'lambda_1': \.\.\.\}") as caught:
        layers.Lambda.from_config(config)
    assert "4wEA" not in str(caught.value)
    layer = layers.Lambda.from_config(config, custom_objects={"lambda_1": lambda x: x + 1})
    np.testing.assert_array_equal(layer(np.ones(1)), [2])


def test_a_lambda_that_is_not_handed_over_is_asked_for(tmp_path):
    keras.Sequential([keras.Input((2,)), layers.Lambda(lambda x: x * 2, name="twice")]).save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match=r"arbitrary code execution.*custom_objects=\{'twice': \.\.\.\}"):
        keras.models.load_model(tmp_path / "m.keras")
    model = keras.models.load_model(tmp_path / "m.keras", custom_objects={"twice": lambda x: x * 2})
    np.testing.assert_array_equal(model(np.ones((1, 2))), [[2, 2]])
    config = {"name": "other", "function": {"class_name": "function", "config": "nowhere", "registered_name": None}}
    with pytest.raises(ValueError, match="Could not locate function 'nowhere'"):
        layers.Lambda.from_config(config)


def test_a_checkpoint_finds_out_first_whether_the_model_can_be_saved(tmp_path):
    import torch

    model = keras.Sequential([keras.Input((2,)), torch.nn.Linear(2, 1)])
    model.compile("sgd", "mse")
    before = model.get_weights()
    with pytest.raises(NotImplementedError, match="has no config"):
        model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0, callbacks=[
            keras.callbacks.ModelCheckpoint(tmp_path / "model.keras")])  # fmt: skip
    np.testing.assert_array_equal(before[0], model.get_weights()[0])
