"""Weights files: what is kept, what is refused, and that nothing is ever half done."""

from __future__ import annotations

import os
import pathlib
import tracemalloc

import h5py
import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers, saving
from torchkeras_shim.core.atomic import replacing


def model_of(*units, inputs=3):
    return keras.Sequential([keras.Input((inputs,)), *(layers.Dense(n) for n in units)])


def with_torch():
    return keras.Sequential(
        [
            keras.Input((3,)),
            torch.nn.Linear(3, 4),
            torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4)),
            layers.Dense(2),
            torch.nn.Linear(2, 2),
        ]
    )


def fill(model, value):
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.fill_(value)
    return model


def is_filled(model, value):
    return all(bool((tensor == value).all()) for tensor in model.state_dict().values())


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "model.weights.h5")


# What is kept -------------------------------------------------------------------------------------------------------


def test_torch_modules_keep_their_whole_state_dict(path):
    fill(with_torch(), 3).save_weights(path)
    with h5py.File(path) as file:
        assert sorted(file["layers"]) == ["dense", "linear", "linear_1", "sequential"]
        assert sorted(file["layers/linear/vars"]) == ["bias", "weight"]
        assert "1.num_batches_tracked" in file["layers/sequential/vars"]
    model = fill(with_torch(), 1)
    model.load_weights(path)
    assert is_filled(model, 3)


def test_layers_inside_a_torch_module_are_kept_with_it(path):
    class Mixed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = layers.Dense(2)
            self.parts = torch.nn.ModuleDict({"a/b": torch.nn.Linear(2, 2)})

        def forward(self, x):
            return self.parts["a/b"](self.inner(x))

    def make():
        model = keras.Sequential([Mixed()])
        model(torch.ones(2, 3))
        return model

    fill(make(), 2).save_weights(path)
    model = fill(make(), 1)
    model.load_weights(path)
    assert is_filled(model, 2)
    with h5py.File(path) as file:
        assert sorted(file["layers/mixed/vars"]) == [
            "inner.bias",
            "inner.kernel",
            "parts.a%2Fb.bias",
            "parts.a%2Fb.weight",
        ]


def test_a_layer_in_two_places_is_kept_once(path):
    class Twice(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = layers.Dense(3)
            self.second = self.first
            self.stack = [self.first]

        def call(self, inputs):
            return self.second(self.first(inputs))

    model = Twice()
    model(torch.ones(2, 3))
    model.save_weights(path)
    found = []
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    assert found == ["first/vars/0", "first/vars/1"]


def test_weights_in_lists_and_buffers_belong_to_their_layer(path):
    class Holder(keras.Layer):
        def __init__(self):
            super().__init__()
            self.parts = [keras.Variable([1.0]), keras.Variable([2.0], trainable=False)]
            self.register_buffer("count", torch.tensor(5))
            self.register_buffer("scratch", torch.tensor(9), persistent=False)
            self.built = True

        def call(self, inputs):
            return inputs * self.parts[0]

    model = keras.Sequential([keras.Input((3,)), Holder()])
    model.save_weights(path)
    with h5py.File(path) as file:
        values = {key: dataset[()].tolist() for key, dataset in file["layers/holder/vars"].items()}
    assert values == {"0": [1.0], "1": 5, "2": [2.0]}
    again = keras.Sequential([keras.Input((3,)), Holder()])
    fill(again, 0).load_weights(path)
    assert again.layers[0].count.item() == 5
    assert again.layers[0].parts[1].item() == 2.0


def test_a_layer_may_save_in_its_own_way(path):
    class Own(layers.Dense):
        def save_own_variables(self, store):
            store["everything"] = np.concatenate([self.kernel.numpy().ravel(), self.bias.numpy()])

        def load_own_variables(self, store):
            self.kernel.assign(store["everything"][:6].reshape(3, 2))
            self.bias.assign(store["everything"][6:])

    make = lambda: keras.Sequential([keras.Input((3,)), Own(2)])  # noqa: E731
    fill(make(), 4).save_weights(path)
    model = fill(make(), 0)
    model.load_weights(path)
    assert is_filled(model, 4)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_layer_may_save_more_than_its_weights(path, dtype):
    class More(layers.Dense):
        extra = 0

        def save_own_variables(self, store):
            super().save_own_variables(store)
            assert sorted(store.keys()) == ["0", "1"]
            store["extra"] = np.array(self.extra)

        def load_own_variables(self, store):
            values = dict(store.items())
            self.extra = int(values.pop("extra"))
            super().load_own_variables(values)

    make = lambda: keras.Sequential([keras.Input((3,)), More(2, dtype=dtype)])  # noqa: E731
    source = fill(make(), 4)
    source.layers[0].extra = 7
    source.save_weights(path)
    with h5py.File(path) as file:
        assert set(file["layers/more/vars"]) == {"0", "1", "extra"}
    model = fill(make(), 0)
    model.load_weights(path)
    assert is_filled(model, 4)
    assert model.layers[0].extra == 7


def test_what_a_layer_loads_itself_must_fit():
    layer = layers.Dense(2, name="scores")
    with pytest.raises(ValueError, match=r"Layer 'scores' was never built.*lists 1 variables"):
        layer.load_own_variables({"0": np.ones(2)})
    layer.build((None, 3))
    with pytest.raises(ValueError, match="Layer 'scores' expected 2 variables, but received 1 variables"):
        layer.load_own_variables({"0": np.ones(2)})
    before = layer.get_weights()
    with pytest.raises(ValueError, match=r"shape of the target.*must match.*Received: \(3,\)"):
        layer.load_own_variables({"0": np.ones((3, 2)), "1": np.ones(3)})
    assert all(np.array_equal(a, b) for a, b in zip(before, layer.get_weights(), strict=True))
    layer.load_own_variables({"0": np.ones((3, 2)), "1": np.ones(2)})
    assert layer.get_weights()[0].sum() == 6


def test_the_state_of_a_torch_optimizer_is_kept(path):
    def trained(steps):
        model = model_of(2)
        model.compile(torch.optim.Adam(model.parameters(), lr=0.1), "mse")
        for _ in range(steps):
            model.train_on_batch(np.ones((4, 3), "float32"), np.ones((4, 2), "float32"))
        return model

    model, other = trained(3), trained(1)
    model.save_weights(path)
    other.load_weights(path)
    for theirs, ours in zip(
        model.optimizer.optimizer.state.values(), other.optimizer.optimizer.state.values(), strict=True
    ):
        assert theirs.keys() == ours.keys()
        assert all(torch.equal(torch.as_tensor(theirs[key]), torch.as_tensor(ours[key])) for key in theirs)


def test_paths_may_be_path_objects(tmp_path):
    fill(model_of(2), 1).save_weights(tmp_path / "a.weights.h5")
    model = fill(model_of(2), 2)
    model.load_weights(tmp_path / "a.weights.h5")
    assert is_filled(model, 1)


# Nothing is half done -----------------------------------------------------------------------------------------------


def test_an_interrupted_save_leaves_the_previous_file(path, monkeypatch):
    fill(model_of(2), 1).save_weights(path)
    before = pathlib.Path(path).read_bytes()
    calls = []

    def write(group, name, value):
        calls.append(name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        group[name] = value.detach().numpy()

    monkeypatch.setattr(saving.hdf5, "write", write)
    with pytest.raises(KeyboardInterrupt):
        fill(model_of(2), 2).save_weights(path)
    assert pathlib.Path(path).read_bytes() == before
    assert os.listdir(os.path.dirname(path)) == ["model.weights.h5"]


def test_a_link_is_followed_and_stays(tmp_path, path):
    link = tmp_path / "link.weights.h5"
    link.symlink_to(path)
    model_of(2).save_weights(link)
    assert link.is_symlink()
    assert os.path.getsize(path) > 0


def test_the_file_gets_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "plain").write_text("")
    with replacing(str(tmp_path / "new")) as temporary, open(temporary, "w"):
        pass
    assert os.stat(tmp_path / "new").st_mode == os.stat(tmp_path / "plain").st_mode


def test_what_does_not_fit_changes_nothing(path):
    fill(model_of(4, 5, 6), 1).save_weights(path)
    model = fill(model_of(4, 5, 7), 2)
    with pytest.raises(ValueError) as error:
        model.load_weights(path)
    assert is_filled(model, 2)
    message = str(error.value)
    name = model.layers[2].name
    assert f"Expected: (5, 7) for '{model.layers[2].kernel.path}'. Found: (5, 6)" in message
    assert f"[\"Layer '{name}'\"]" in message
    assert "A total of 1 objects could not be loaded" in message


def test_a_failing_layer_gets_its_weights_back(path):
    class Failing(layers.Dense):
        def load_own_variables(self, store):
            self.kernel.assign(store["0"])
            raise RuntimeError("no more")

    fill(keras.Sequential([keras.Input((3,)), layers.Dense(2), Failing(2)]), 1).save_weights(path)
    model = fill(keras.Sequential([keras.Input((3,)), layers.Dense(2), Failing(2)]), 2)
    with pytest.raises(RuntimeError, match="no more"):
        model.load_weights(path)
    assert is_filled(model, 2)


def test_the_rest_can_be_loaded(path):
    fill(model_of(4, 5, 6), 1).save_weights(path)
    model = fill(model_of(4, 5, 7), 2)
    with pytest.warns(UserWarning, match="A total of 1 objects could not be loaded"):
        model.load_weights(path, skip_mismatch=True)
    assert is_filled(model.layers[0], 1)
    assert is_filled(model.layers[1], 1)
    assert is_filled(model.layers[2], 2)


def test_weights_without_a_place_are_reported(path):
    model_of(4, 5).save_weights(path)
    with pytest.warns(UserWarning, match="holds 2 weights that the model has no place for.*/layers/dense_1/vars/0"):
        model_of(4).load_weights(path)


def test_torch_modules_of_other_shapes_are_refused(path):
    fill(with_torch(), 1).save_weights(path)
    other = keras.Sequential([keras.Input((3,)), torch.nn.Linear(3, 5)])
    with pytest.raises(ValueError, match=r"Module Linear: .*Expected: \(5, 3\) for 'weight'. Found: \(4, 3\)"):
        other.load_weights(path)


# What is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".pt", ".pth", ".weights", ""])
def test_other_endings_are_refused(tmp_path, ending):
    path = str(tmp_path / "model") + ending
    model = model_of(2)
    for action in (model.save_weights, model.load_weights):
        with pytest.raises(ValueError, match=r"must end in `\.weights\.h5`|File format not supported") as error:
            action(path)
        assert ("state_dict" in str(error.value)) == (ending in (".pt", ".pth"))
    assert os.listdir(tmp_path) == []


def test_weights_alone_are_no_keras_file(tmp_path):
    with pytest.raises(ValueError, match=r"write `model\.save\(path\)`"):
        model_of(2).save_weights(tmp_path / "model.keras")


def test_remote_paths_are_refused():
    with pytest.raises(ValueError, match="Only local files are supported"):
        model_of(2).save_weights("gs://bucket/model.weights.h5")


def test_what_is_not_built_is_refused(path):
    model_of(2).save_weights(path)
    unbuilt = keras.Sequential([layers.Dense(2)])
    with pytest.raises(ValueError, match="You are saving a model that has not yet been built"):
        unbuilt.save_weights(path)
    with pytest.raises(ValueError, match="You are loading weights into a model that has not yet been built"):
        unbuilt.load_weights(path)


def test_a_missing_file_and_one_of_another_kind(path):
    with pytest.raises(FileNotFoundError, match="There is no such weights file"):
        model_of(2).load_weights(path)
    with open(path, "w") as file:
        file.write("text")
    with pytest.raises(OSError, match="cannot be opened as an HDF5 file"):
        model_of(2).load_weights(path)


@pytest.mark.parametrize(("answers", "overwritten"), [(["y"], True), (["n"], False), (["?", "Y "], True), ([], None)])
def test_overwriting_is_asked_for(path, monkeypatch, answers, overwritten):
    def answer(question):
        if not answers:
            raise EOFError
        return answers.pop(0)

    monkeypatch.setattr("builtins.input", answer)
    fill(model_of(2), 1).save_weights(path, overwrite=False)
    if overwritten is None:
        with pytest.raises(FileExistsError, match="overwrite=True"):
            model_of(2).save_weights(path, overwrite=False)
        return
    fill(model_of(2), 2).save_weights(path, overwrite=False)
    model = model_of(2)
    model.load_weights(path)
    assert is_filled(model, 2 if overwritten else 1)


def replace_array(path, make):
    with h5py.File(path, "r+") as file:
        group = file["layers/dense/vars"]
        del group["0"]
        make(file, group)


def external_link(file, group):
    group["0"] = h5py.ExternalLink("other.h5", "/secret")


def soft_link(file, group):
    file["elsewhere"] = np.ones((3, 2), "float32")
    group["0"] = h5py.SoftLink("/elsewhere")


def external_storage(file, group):
    group.create_dataset("0", (3, 2), "float32", external=[("/etc/hostname", 0, 24)])


def virtual_storage(file, group):
    layout = h5py.VirtualLayout((3, 2), "float32")
    layout[:] = h5py.VirtualSource("other.h5", "secret", (3, 2))
    group.create_virtual_dataset("0", layout)


def text(file, group):
    group["0"] = ["text"] * 3


ATTACKS = [external_link, soft_link, external_storage, virtual_storage, text]


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("skip_mismatch", [False, True])
def test_files_that_reach_out_are_refused(path, attack, skip_mismatch):
    model_of(2).save_weights(path)
    replace_array(path, attack)
    model = fill(model_of(2), 7)
    with pytest.raises(ValueError, match="Not allowed"):
        model.load_weights(path, skip_mismatch=skip_mismatch)
    assert is_filled(model, 7)


@pytest.mark.parametrize("link", [h5py.SoftLink("/elsewhere"), h5py.ExternalLink("other.h5", "/")])
def test_linked_groups_are_refused(path, link):
    model_of(2).save_weights(path)
    with h5py.File(path, "r+") as file:
        file.move("layers", "elsewhere")
        file["layers"] = link
    with pytest.raises(ValueError, match="Not allowed"):
        model_of(2).load_weights(path)


def test_a_declared_size_alone_allocates_nothing(path):
    class Trusting(layers.Dense):
        def load_own_variables(self, store):
            raise AssertionError("it was read")

    keras.Sequential([keras.Input((3,)), Trusting(2)]).save_weights(path)
    with h5py.File(path, "r+") as file:
        group = file["layers/trusting/vars"]
        group.create_dataset("2", (1 << 40,), "float32", chunks=(1 << 16,), compression="gzip", fillvalue=1)
    with pytest.raises(ValueError, match=r"declares 4398046511104 bytes, but the file holds only 0 of them"):
        keras.Sequential([keras.Input((3,)), Trusting(2)]).load_weights(path)


def test_a_state_dict_with_more_than_tensors_is_refused(path):
    class Extra(torch.nn.Linear):
        def get_extra_state(self):
            return {"a": 1}

        def set_extra_state(self, state):
            pass

    with pytest.raises(ValueError, match="keeps '_extra_state' of type dict"):
        keras.Sequential([keras.Input((3,)), Extra(3, 2)]).save_weights(path)
    assert not os.path.exists(path)


def test_the_public_names():
    for name in saving.__all__:
        assert getattr(keras.saving, name) is getattr(saving, name)


def test_reading_needs_one_copy_of_the_largest_weight(tmp_path):
    model = keras.Sequential([keras.Input((1000,)), *[keras.layers.Dense(1000) for _ in range(3)]])
    model.save_weights(tmp_path / "m.weights.h5")
    tracemalloc.start()
    try:
        model.load_weights(tmp_path / "m.weights.h5")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 4_000_000 < peak < 5_000_000
