"""`Operation`: computations without weights that users write."""

import pytest
import torch

import torchkeras_shim as keras


@keras.saving.register_keras_serializable("test_operation")
class Scale(keras.Operation):
    def __init__(self, factor, name=None):
        super().__init__(name=name)
        self.factor = factor

    def call(self, x):
        return x * self.factor


@pytest.fixture
def model():
    x = keras.Input((4,))
    return keras.Model(x, keras.layers.Dense(2)(keras.ops.relu(Scale(3.0, name="scale")(x))))


def test_it_is_a_part_of_functional_models(model, tmp_path, capsys):
    x = torch.randn(3, 4)
    assert [one.name for one in model.operations][1:] == ["scale", "relu", "dense"]
    assert [layer.name for layer in model.layers][1:] == ["dense"]
    torch.testing.assert_close(model(x), model.layers[-1]((x * 3).relu()))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    torch.testing.assert_close(again(x), model(x))
    assert again.operations[1].factor == 3.0
    assert keras.models.clone_model(model).operations[1].name == "scale"
    model.summary()
    assert "scale (Scale)" in capsys.readouterr().out


def test_layers_and_recorded_functions_are_operations(model):
    assert all(isinstance(one, keras.Operation) for one in model.operations)
    assert issubclass(keras.Layer, keras.Operation)
    assert not isinstance(torch.nn.Linear(1, 1), keras.Operation)


def test_symbolic_and_plain_calls():
    scale = Scale(2)
    with pytest.raises(ValueError, match="has never been called and thus has no defined input"):
        _ = scale.input
    outputs = scale(keras.KerasTensor((None, 3)))
    assert isinstance(outputs, keras.KerasTensor)
    assert scale.output is outputs
    assert scale.input.shape == (None, 3)
    assert scale(5) == 10


def test_configs():
    assert Scale.from_config(Scale(2, name="s").get_config()).get_config() == {"name": "s", "factor": 2}
    with pytest.raises(NotImplementedError, match=r"must override `get_config\(\)`"):
        Scale(object()).get_config()
    with pytest.raises(NotImplementedError, match=r"does not have a `call\(\)` method"):
        keras.Operation()(1)
