"""The modules that scripts get for `keras` and `tensorflow`, inside one process."""

import importlib
import sys

import numpy as np
import pytest
import torch

import torchkeras_shim
from torchkeras_shim import compat

PROVIDER = f"provided by torchkeras_shim {torchkeras_shim.__version__} on PyTorch"


@pytest.mark.usefixtures("installed")
class TestImports:
    def test_keras(self):
        import keras
        from keras import activations
        from keras.activations import relu

        assert relu is torchkeras_shim.activations.relu
        assert keras.activations is activations
        assert keras.Variable is torchkeras_shim.Variable
        assert keras.device is torchkeras_shim.device

    def test_tensorflow_keras(self):
        import tensorflow as tf
        import tensorflow.keras.activations as short
        from tensorflow import keras
        from tensorflow.keras.activations import relu

        assert relu is torchkeras_shim.activations.relu
        assert tf.keras is keras
        assert tf.keras.activations is short

    def test_applications(self):
        import tensorflow as tf
        from keras.applications import ResNet50
        from keras.applications.mobilenet_v2 import MobileNetV2, preprocess_input
        from tensorflow.keras.applications import imagenet_utils
        from tensorflow.keras.applications.resnet50 import ResNet50 as FromItsModule

        assert ResNet50 is FromItsModule is torchkeras_shim.applications.ResNet50
        assert preprocess_input is torchkeras_shim.applications.mobilenet_v2.preprocess_input
        assert imagenet_utils.decode_predictions is torchkeras_shim.applications.imagenet_utils.decode_predictions
        model = tf.keras.applications.MobileNet(weights=None, include_top=False, alpha=0.25, input_shape=(32, 32, 3))
        assert MobileNetV2 is tf.keras.applications.MobileNetV2
        assert isinstance(model, tf.keras.Model)
        assert model.layers[1].name == "conv1"

    def test_preprocessing(self):
        from keras.preprocessing.image import load_img
        from tensorflow.keras.preprocessing import image
        from tensorflow.keras.preprocessing.sequence import pad_sequences

        assert load_img is image.load_img is torchkeras_shim.utils.load_img
        assert pad_sequences is torchkeras_shim.utils.pad_sequences

    def test_datasets_from_files(self):
        import tensorflow as tf
        from keras.datasets import imdb
        from keras.utils import get_file
        from tensorflow.keras.preprocessing import image_dataset_from_directory, text_dataset_from_directory

        assert image_dataset_from_directory is tf.keras.utils.image_dataset_from_directory
        assert text_dataset_from_directory is torchkeras_shim.utils.text_dataset_from_directory
        assert get_file is tf.keras.utils.get_file
        assert imdb.load_data.__wrapped__ is torchkeras_shim.datasets.imdb.load_data  # it takes nb_words=, too

    def test_modules_say_what_they_are(self):
        for name in ("keras", "keras.activations", "tensorflow", "tensorflow.nn", "tensorflow.keras.activations"):
            assert repr(importlib.import_module(name)) == f"<module {name!r} {PROVIDER}>"

    def test_versions_are_those_of_the_api(self):
        import keras
        import tensorflow as tf

        assert keras.__version__ == keras.version() == tf.keras.__version__ == compat.KERAS_VERSION
        assert tf.__version__ == compat.TENSORFLOW_VERSION
        assert torchkeras_shim.version() == torchkeras_shim.__version__ != compat.KERAS_VERSION

    def test_star_import_and_dir(self):
        names: dict = {}
        exec("from keras.activations import *", names)
        assert names["gelu"] is torchkeras_shim.activations.gelu

        import keras
        import tensorflow as tf

        assert set(torchkeras_shim.__all__) <= set(dir(keras))
        assert {"__version__", "keras", "nn", "constant", "math"} <= set(dir(tf))

    def test_a_patched_name_stays_in_the_stand_in(self, monkeypatch):
        import keras

        original = torchkeras_shim.activations.relu
        monkeypatch.setattr(keras.activations, "relu", abs)
        assert keras.activations.relu is abs
        assert torchkeras_shim.activations.relu is original

    def test_dropped_loss_names_live_on_in_both_roots(self):
        import keras
        import tensorflow as tf

        assert tf.keras.losses.mse is keras.losses.mse is torchkeras_shim.losses.mean_squared_error
        assert not hasattr(torchkeras_shim.losses, "mse")


@pytest.mark.usefixtures("installed")
class TestMissing:
    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("tf.lite", r"module 'tensorflow' \(provided by .*\) has no attribute 'lite'.*model.export"),
            ("tf.maths", r"has no attribute 'maths'.*tf.math"),
            ("tf.nn.conv9d", r"module 'tensorflow.nn' .* has no attribute 'conv9d'"),
            ("tf.keras.layrs", r"module 'tensorflow.keras' .*'layrs'. Did you mean 'layers'"),
            ("keras.quantizers", r"module 'keras' .*Keras has it, this version of torchkeras_shim does not yet"),
            ("keras.activations.rellu", r"Did you mean 'relu'"),
            ("keras.activations.torch", r"has no attribute 'torch'"),
            ("keras.activations.functions", r"has no attribute 'functions'"),
            ("keras.core", r"has no attribute 'core'"),
        ],
    )
    def test_attribute(self, line, message):
        import keras
        import tensorflow as tf

        with pytest.raises(AttributeError, match=message):
            eval(line, {"keras": keras, "tf": tf})

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            (
                "import keras.src.layers.core.denser",
                r"'keras.src.layers.core.denser'.*inside of keras.*from keras.layers import Dense",
            ),
            ("from keras.src.inside import layers", r"inside of keras.*from keras import layers"),
            ("import tensorflow.python.training", r"inside of tensorflow"),
            ("from tensorflow import lite", r"cannot import 'lite' from 'tensorflow'.*model.export"),
            ("import tensorflow.lite", r"model.export"),
            ("from keras.activations import rellu", r"Did you mean 'relu'"),
            ("import keras.core.tree", r"has no attribute 'core'"),
        ],
    )
    def test_import(self, line, message):
        with pytest.raises(ImportError, match=message):
            exec(line, {})

    def test_a_pickle_of_an_unknown_part_says_so(self):
        import pickle

        with pytest.raises(ImportError, match="inside of keras"):
            pickle.loads(b"ckeras.src.models.sequence\nSequential\n.")


class TestInstall:
    def test_twice_is_once(self, clean):
        compat.install()
        compat.install()
        assert compat.is_installed()
        compat.uninstall()
        assert not compat.is_installed()

    def test_uninstall_gives_the_names_back(self, clean):
        compat.install()
        import keras  # noqa: F401
        import tensorflow.keras.activations  # noqa: F401

        compat.uninstall()
        assert not [name for name in sys.modules if name.split(".")[0] in ("keras", "tensorflow")]

    @pytest.mark.parametrize("name", ["keras", "tensorflow"])
    def test_too_late(self, clean, monkeypatch, name):
        real = type(sys)(name)
        real.__file__ = "/site-packages/real/__init__.py"
        monkeypatch.setitem(sys.modules, name, real)
        with pytest.raises(
            RuntimeError, match=f"'{name}' is already imported, from /site-packages/real.*before the first"
        ):
            compat.install()
        assert not compat.is_installed()

    def test_what_a_program_holds_still_works_after_uninstall(self, installed):
        import keras
        import tensorflow as tf

        own = torch.Tensor.__dict__.get("__array_function__"), torch.Tensor.numpy
        compat.uninstall()
        plain = torch.Tensor.__dict__.get("__array_function__"), torch.Tensor.numpy
        assert plain != own
        assert issubclass(tf.errors.InvalidArgumentError, tf.errors.OpError)
        assert tf.keras.layers.Dense is keras.layers.Dense is torchkeras_shim.layers.Dense
        assert keras.optimizers.legacy.Adam
        assert (torch.Tensor.__dict__.get("__array_function__"), torch.Tensor.numpy) == plain
        with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
            tf.nothing  # noqa: B018 - the access is the test
        assert "tensorflow.errors" not in sys.modules

    def test_tensorboard_does_not_take_the_stand_in_for_tensorflow(self, installed):
        lazy = pytest.importorskip("tensorboard.compat")
        assert "torchkeras_shim" not in repr(lazy.tf.errors)
        compat.uninstall()
        assert "tensorboard.compat.notf" not in sys.modules
        assert issubclass(lazy.tf.errors.NotFoundError, lazy.tf.errors.OpError)


@pytest.mark.usefixtures("installed")
class TestActivationsOfTensorFlow:
    # TensorFlow 2.21's results for [-2, -0.5, 0, 0.5, 3].
    X = (-2.0, -0.5, 0.0, 0.5, 3.0)
    EXPECTED = {
        "elu": [-0.86466, -0.39347, 0.0, 0.5, 3.0],
        "gelu": [-0.0455, -0.15427, 0.0, 0.34573, 2.99595],
        "leaky_relu": [-0.4, -0.1, 0.0, 0.5, 3.0],
        "log_softmax": [-5.15598, -3.65598, -3.15598, -2.65598, -0.15598],
        "relu": [0.0, 0.0, 0.0, 0.5, 3.0],
        "relu6": [0.0, 0.0, 0.0, 0.5, 3.0],
        "selu": [-1.52017, -0.69176, 0.0, 0.52535, 3.1521],
        "sigmoid": [0.1192, 0.37754, 0.5, 0.62246, 0.95257],
        "silu": [-0.23841, -0.18877, 0.0, 0.31123, 2.85772],
        "softmax": [0.00576, 0.02584, 0.0426, 0.07023, 0.85557],
        "softplus": [0.12693, 0.47408, 0.69315, 0.97408, 3.04859],
        "softsign": [-0.66667, -0.33333, 0.0, 0.33333, 0.75],
        "swish": [-0.23841, -0.18877, 0.0, 0.31123, 2.85772],
        "tanh": [-0.96403, -0.46212, 0.0, 0.46212, 0.99505],
    }

    def test_all_are_here(self):
        import tensorflow as tf

        assert set(self.EXPECTED) <= set(dir(tf.nn))

    @pytest.mark.parametrize("name", sorted(EXPECTED))
    @pytest.mark.parametrize("kind", [list, np.float32, torch.tensor])
    def test_value(self, name, kind):
        import tensorflow as tf

        x = {list: list(self.X), np.float32: np.array(self.X, "float32"), torch.tensor: torch.tensor(self.X)}[kind]
        result = getattr(tf.nn, name)(x)
        np.testing.assert_allclose(result.numpy(), self.EXPECTED[name], atol=1e-5)
        symbolic = getattr(tf.nn, name)(torchkeras_shim.KerasTensor((None, 5)))
        assert symbolic.shape == (None, 5)

    def test_arguments_are_those_of_tensorflow(self):
        import tensorflow as tf

        x = torch.tensor([[-1.0, 2.0], [3.0, 4.0]])
        np.testing.assert_allclose(tf.nn.leaky_relu(features=x, alpha=0.5, name="n")[0], [-0.5, 2.0])
        np.testing.assert_allclose(tf.nn.softmax(logits=x, axis=0).sum(0), [1.0, 1.0], rtol=1e-6)
        np.testing.assert_allclose(tf.nn.swish(x, beta=2.0)[1], [3 / (1 + np.exp(-6)), 4 / (1 + np.exp(-8))], rtol=1e-5)
        expected = torch.nn.functional.gelu(x, approximate="tanh")
        np.testing.assert_allclose(tf.nn.gelu(x, approximate=True), expected, rtol=1e-4)

    @pytest.mark.parametrize("name", sorted(EXPECTED))
    def test_saved_as_that_of_keras(self, name):
        import keras
        import tensorflow as tf

        config = keras.activations.serialize(getattr(tf.nn, name))
        assert config == {"swish": "silu"}.get(name, name)
        assert keras.activations.deserialize(config) is getattr(keras.activations, name)

    @pytest.mark.parametrize("name", sorted(EXPECTED))
    def test_as_the_activation_of_a_layer(self, name):
        import tensorflow as tf

        layer = tf.keras.layers.Dense(4, activation=getattr(tf.nn, name))
        x = torch.randn(3, 5)
        outputs = layer(x)
        config = layer.get_config()
        assert config["activation"] == getattr(torchkeras_shim.activations, name).__name__
        twin = torchkeras_shim.layers.Dense.from_config(config)
        twin.build((None, 5))
        twin.set_weights(layer.get_weights())
        np.testing.assert_array_equal(outputs.detach(), twin(x).detach())

    @pytest.mark.parametrize("name", ["softmax", "sigmoid"])
    def test_leaves_the_logits_for_the_loss(self, name):
        import tensorflow as tf

        layer = tf.keras.layers.Dense(4, activation=getattr(tf.nn, name))
        x = torch.randn(3, 5)
        linear = tf.keras.layers.Dense(4)
        linear.build((None, 5))
        layer.build((None, 5))
        linear.set_weights(layer.get_weights())
        np.testing.assert_allclose(layer(x)._keras_logits.detach(), linear(x).detach(), rtol=1e-6)


class TestNotebooks:
    """What IPython does for `%load_ext torchkeras_shim`: it calls the module's function with its shell."""

    def test_the_extension_installs_and_undoes(self, clean):
        torchkeras_shim.load_ipython_extension(object())
        import keras

        assert keras.layers.Dense is torchkeras_shim.layers.Dense
        assert compat.is_installed()
        torchkeras_shim.unload_ipython_extension(object())
        assert not compat.is_installed()
        assert "keras" not in sys.modules

    def test_it_comes_too_late_after_the_real_one(self, clean, monkeypatch):
        monkeypatch.setitem(sys.modules, "keras", type(sys)("keras"))
        with pytest.raises(RuntimeError, match="already imported"):
            torchkeras_shim.load_ipython_extension(object())

    def test_its_names_are_not_those_of_keras(self):
        assert "load_ipython_extension" not in dir(torchkeras_shim)
