"""`keras.src` in the zero-change mode: what packages written for Keras import from its inside."""

import importlib
import io

import numpy as np
import pytest
import torch

import torchkeras_shim
from torchkeras_shim.compat.legacy import inside, inside_names

pytestmark = pytest.mark.usefixtures("installed")

# A name that packages import from a file of the inside, and the public name that it is.
IMPORTS = [
    ("activations.activations.relu", "activations.relu"),
    ("applications.imagenet_utils.decode_predictions", "applications.imagenet_utils.decode_predictions"),
    ("applications.resnet.ResNet50", "applications.ResNet50"),
    ("backend.KerasTensor", "KerasTensor"),
    ("backend.backend", "backend.backend"),
    ("backend.cast", "ops.cast"),
    ("backend.common.keras_tensor.KerasTensor", "KerasTensor"),
    ("backend.common.variables.KerasVariable", "Variable"),
    ("backend.config.floatx", "backend.floatx"),
    ("backend.convert_to_tensor", "ops.convert_to_tensor"),
    ("backend.nn.relu", "ops.relu"),
    ("backend.numpy.mean", "ops.mean"),
    ("backend.random.normal", "random.normal"),
    ("backend.standardize_dtype", "backend.standardize_dtype"),
    ("callbacks.Callback", "callbacks.Callback"),
    ("callbacks.early_stopping.EarlyStopping", "callbacks.EarlyStopping"),
    ("dtype_policies.dtype_policy.DTypePolicy", "DTypePolicy"),
    ("engine.input_layer.Input", "layers.Input"),
    ("initializers.random_initializers.GlorotUniform", "initializers.GlorotUniform"),
    ("layers.Dense", "layers.Dense"),
    ("layers.attention.multi_head_attention.MultiHeadAttention", "layers.MultiHeadAttention"),
    ("layers.core.dense.Dense", "layers.Dense"),
    ("layers.core.input_layer.InputLayer", "layers.InputLayer"),
    ("layers.input_spec.InputSpec", "layers.InputSpec"),
    ("layers.layer.Layer", "layers.Layer"),
    ("layers.merging.add.add", "layers.add"),
    ("layers.regularization.spatial_dropout.SpatialDropout1D", "layers.SpatialDropout1D"),
    ("losses.losses.MeanSquaredError", "losses.MeanSquaredError"),
    ("metrics.reduction_metrics.MeanMetricWrapper", "metrics.MeanMetricWrapper"),
    ("models.Sequential", "Sequential"),
    ("models.model.Model", "Model"),
    ("ops.matmul", "ops.matmul"),
    ("ops.numpy.mean", "ops.mean"),
    ("optimizers.adam.Adam", "optimizers.Adam"),
    ("optimizers.schedules.learning_rate_schedule.CosineDecay", "optimizers.schedules.CosineDecay"),
    ("random.seed_generator.SeedGenerator", "random.SeedGenerator"),
    ("saving.object_registration.register_keras_serializable", "saving.register_keras_serializable"),
    ("saving.saving_api.load_model", "saving.load_model"),
    ("saving.serialization_lib.deserialize_keras_object", "saving.deserialize_keras_object"),
    ("trainers.data_adapters.data_adapter_utils.unpack_x_y_sample_weight", "utils.unpack_x_y_sample_weight"),
    ("tree.tree_api.map_structure", "tree.map_structure"),
    ("utils.numerical_utils.to_categorical", "utils.to_categorical"),
    ("utils.progbar.Progbar", "utils.Progbar"),
    ("utils.sequence_utils.pad_sequences", "utils.pad_sequences"),
]


def _get(root, path):
    for name in path.split("."):
        root = getattr(root, name)
    return root


@pytest.mark.parametrize(("path", "public"), IMPORTS, ids=[path for path, _ in IMPORTS])
def test_a_name_is_the_public_one(path, public):
    module, _, name = path.rpartition(".")
    found = {}
    exec(f"from keras.src.{module} import {name} as value", found)
    assert found["value"] is _get(importlib.import_module("keras"), public)


@pytest.mark.parametrize("path", sorted({*inside.ROOMS, *inside_names.OWN}))
def test_every_listed_part_is_there(path):
    module = importlib.import_module(f"keras.src.{path}")
    for name, value in inside_names.of(path).items():
        assert getattr(module, name) is value
    assert module is _get(importlib.import_module("keras.src"), path)


@pytest.mark.parametrize("root", ["keras.api", "keras._tf_keras.keras"])
def test_other_roots_of_the_public_names(root):
    found = {}
    exec(f"from {root}.layers import Dense\nfrom {root} import models\nimport {root}.optimizers", found)
    assert found["Dense"] is torchkeras_shim.layers.Dense
    assert found["models"].Model is torchkeras_shim.Model


def test_a_part_says_near_names():
    with pytest.raises(ImportError, match=r"from keras\.layers import LayerNormalization"):
        importlib.import_module("keras.src.layers.normalization.layer_normalisation")
    with pytest.raises(ImportError, match=r"from tensorflow\.keras\.optimizers import Adam"):
        exec("from tensorflow.keras.src.optimizers.adam import Adem")


def test_a_model_in_an_open_file():
    from keras.src.saving import saving_lib

    model = torchkeras_shim.Sequential([torchkeras_shim.Input((3,)), torchkeras_shim.layers.Dense(2)])
    model.compile("sgd", "mse")
    file = io.BytesIO()
    saving_lib.save_model(model, file)
    loaded = saving_lib.load_model(io.BytesIO(file.getvalue()))
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])
    assert loaded.loss == "mse"
    assert saving_lib.load_model(io.BytesIO(file.getvalue()), compile=False).optimizer is None
    with pytest.raises(ValueError, match="weights_format"):
        saving_lib.save_model(model, file, weights_format="npz")


def test_a_store_keeps_arrays_by_path(tmp_path):
    from keras.src.saving.saving_lib import H5IOStore

    path = tmp_path / "a.lora.h5"
    with H5IOStore(path, mode="w") as store:
        store.make("lora")["rank"] = 4
        store.make("lora/0")["a"] = torch.ones(2, dtype=torch.bfloat16)
    with H5IOStore(path) as store:
        assert int(store.get("lora")["rank"][()]) == 4
        assert list(store.get("lora/0")) == ["a"]
        assert store.get("lora/0")["a"].dtype == torch.bfloat16
        assert len(store.get("lora/1")) == 0
        with pytest.raises(KeyError):
            store.get("lora/0")["b"]


def test_what_is_being_read_is_not_trusted(tmp_path):
    from keras.src.saving import serialization_lib

    seen = []

    class Asking(torchkeras_shim.layers.Identity):
        @classmethod
        def from_config(cls, config):
            seen.append(serialization_lib.in_safe_mode())
            return cls(**config)

    model = torchkeras_shim.Sequential([torchkeras_shim.Input((3,)), Asking()])
    model.save(tmp_path / "m.keras")
    torchkeras_shim.saving.load_model(tmp_path / "m.keras", custom_objects={"Asking": Asking})
    assert seen == [True]
    assert serialization_lib.in_safe_mode() is None
    with serialization_lib.SafeModeScope(False):
        assert serialization_lib.in_safe_mode() is False


def test_attributes_that_are_not_tracked():
    from keras.src.utils.tracking import no_automatic_dependency_tracking

    class Holder(torchkeras_shim.layers.Layer):
        def __init__(self):
            super().__init__()
            self.tracked = [torchkeras_shim.layers.Dense(2)]
            self.keep([torchkeras_shim.layers.Dense(2)])

        @no_automatic_dependency_tracking
        def keep(self, layers):
            self.kept = layers

    holder = Holder()
    assert type(holder) is Holder
    assert type(holder.kept) is list
    assert [len(list(module.children())) for module in holder.children()] == [1]


def test_functions_of_the_inside():
    from keras.src.api_export import keras_export
    from keras.src.backend import (
        any_symbolic_tensors,
        compute_output_spec,
        get_keras_mask,
        set_keras_mask,
        standardize_shape,
    )
    from keras.src.utils.argument_validation import standardize_tuple
    from keras.src.utils.backend_utils import in_grain_data_pipeline, in_tf_graph

    @keras_export("keras.layers.Mine")
    class Mine:
        pass

    assert Mine.__name__ == "Mine"
    assert not in_grain_data_pipeline()
    assert not in_tf_graph()
    symbolic = torchkeras_shim.Input((3,))
    assert any_symbolic_tensors((symbolic, 1))
    assert any_symbolic_tensors(kwargs={"x": [symbolic]})
    assert not any_symbolic_tensors((1,), {"y": 2})
    assert compute_output_spec(torchkeras_shim.ops.expand_dims, symbolic, axis=1).shape == (None, 1, 3)
    x = torch.ones(2, 3)
    assert get_keras_mask(x) is None
    set_keras_mask(x, [True, False])
    assert get_keras_mask(x).tolist() == [True, False]
    assert standardize_shape([2, None]) == (2, None)
    assert standardize_tuple(3, 2, "kernel_size") == (3, 3)
    for shape in (None, "a", 3, (-1, 2), (2.5,)):
        with pytest.raises(ValueError, match="shape"):
            standardize_shape(shape)
    for size in ((3,), "a", -1, None, (1, "a"), 0):
        with pytest.raises(ValueError, match="The `kernel_size` argument must be a tuple of 2 integers"):
            standardize_tuple(size, 2, "kernel_size")
    assert standardize_tuple((0, 1), 2, "padding", allow_zero=True) == (0, 1)


def test_layers_in_a_layer():
    import keras

    class Holder(keras.Model):
        def __init__(self):
            super().__init__(name="holder")
            self.a = keras.layers.Dense(2, name="a")
            inner = keras.Sequential([keras.layers.Dense(1, name="c"), keras.layers.ReLU(name="d")], name="b")
            self.b = {"x": [inner, self.a]}

    holder = Holder()
    # As Keras 3.15.1 says.
    assert [layer.name for layer in holder._flatten_layers()] == ["holder", "a", "b", "c", "d"]
    assert [layer.name for layer in holder._flatten_layers(include_self=False, recursive=False)] == ["a", "b"]
    assert [layer.name for layer in holder._layers] == ["a", "b"]

    class Own(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self._layers = [keras.layers.Dense(2, name="mine")]

    assert [layer.name for layer in Own()._layers] == ["mine"]
    assert [layer.name for layer in Own()._flatten_layers(include_self=False)] == ["mine"]


def test_a_symbolic_tensor_is_not_ragged():
    symbolic = torchkeras_shim.Input((3,))
    assert symbolic.ragged is False
    assert symbolic.sparse is False


@pytest.mark.parametrize("shape", [{"a": [2, 3], "b": [2]}, [[2, 3], [2]], {"a": [[2, 3], [4]], "b": [2]}, [2, 3]])
def test_the_shape_of_a_build_config_keeps_its_structure(shape):
    seen = []

    class Asking(torchkeras_shim.layers.Identity):
        def build(self, input_shape):
            seen.append(input_shape)

    Asking().build_from_config({"input_shape": shape})
    assert seen == [tuple(shape) if shape == [2, 3] else shape]


@pytest.mark.parametrize(("shape", "axes"), [((2, 3, 4), None), ((2, 3, 5, 4), None), ((2, 3, 5, 4), (2,))])
def test_equations_of_attention(shape, axes):
    """KerasHub's layers and tests compute with them."""
    keras = importlib.import_module("keras")
    layer = keras.layers.MultiHeadAttention(2, 3, attention_axes=axes)
    with pytest.raises(AttributeError, match="no attribute '_dot_product_equation'"):
        _ = layer._dot_product_equation
    x = torch.randn(shape)
    expected = layer(x, x)
    query = layer._query_dense(x) * layer._inverse_sqrt_key_dim
    scores = torch.einsum(layer._dot_product_equation, layer._key_dense(x), query)
    attended = len(axes or shape[1:-1])
    scores = scores.flatten(-attended).softmax(-1).reshape(scores.shape)
    heads = torch.einsum(layer._combine_equation, scores, layer._value_dense(x))
    torch.testing.assert_close(layer._output_dense(heads), expected)
    assert (layer._num_heads, layer._key_dim, layer._value_dim) == (2, 3, 3)


def test_structures_of_functional_models():
    keras = importlib.import_module("keras")
    x = {"a": keras.Input((3,)), "b": keras.Input((3,))}
    model = keras.Model(x, keras.layers.Add()([x["a"], x["b"]]))
    assert sorted(model._inputs_struct) == ["a", "b"]
    assert model._outputs_struct is model.output
