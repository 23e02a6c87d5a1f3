"""Arguments that no layer can be made with are refused where they are given, by name."""

import inspect

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from tests.every_layer import EVERY_LAYER
from torchkeras_shim import layers

REFUSED = {
    "filters": (lambda value: layers.Conv2D(value, 3), ["3", 2.5, True, -1, 0, None, float("nan")]),
    "filters of a transposed one": (lambda value: layers.Conv1DTranspose(value, 3), ["3", 2.5, True, 0]),
    "groups": (lambda value: layers.Conv2D(4, 3, groups=value), ["2", 0, 1.5]),
    "depth_multiplier": (lambda value: layers.DepthwiseConv2D(3, depth_multiplier=value), ["2", 0, 1.5]),
    "filters of a ConvLSTM": (lambda value: layers.ConvLSTM2D(value, 3), ["3", 2.5, True, 0]),
    "units": (layers.Dense, ["3", 2.5, True, -1, 0, None]),
    "units of an LSTM": (layers.LSTM, ["a", 2.5, True, 0, None]),
    "units of a GRU": (layers.GRU, ["a", 2.5, True, 0, None]),
    "units of a SimpleRNN": (layers.SimpleRNN, ["a", 2.5, True, 0, None]),
    "dropout": (lambda value: layers.LSTM(2, dropout=value), ["a", None]),
    "rate": (layers.Dropout, ["a", None, True, 1.5, -0.1, float("nan")]),
    "rate of channels": (layers.SpatialDropout1D, ["a", 1.5]),
    "rate of noise": (layers.GaussianDropout, ["a", None, 1.5]),
    "n": (layers.RepeatVector, ["3", 2.5, True, 0]),
    "trainable": (lambda value: layers.Dense(1, trainable=value), [5, "a", None]),
}
CASES = [(name, value) for name, (_, values) in REFUSED.items() for value in values]

NAN = float("nan")
NOT_POSITIVE = ["3", None, True, -1, 0, 2.5, NAN, [], b"3"]
NOT_A_SIZE = ["3", True, -1, 0, 2.5, NAN, [], ["2", "2"], [2.5, 2], [1, 1, 1, 1], b"3"]
NOT_AN_AMOUNT = ["3", None, True, -1, 2.5, NAN, [], ["2", "2"], [1, 1, 1, 1]]
NOT_A_NUMBER = ["0.5", True, [0.5], {}, b"3"]
NOT_A_RATE = [*NOT_A_NUMBER, None, -0.1, 1.5, NAN]
NOT_NUMERIC = ["x", None, [], {}, ["a"]]
NOT_AN_AXIS = ["1", True, 1.5, NAN, {}]
NOT_A_SHAPE = ["23", 2.5, NAN, ["2", "3"], [2.5, 2], {}]
POSITIVE = ["units", "filters", "input_dim", "output_dim", "n", "num_heads", "key_dim", "head_dim", "num_query_heads"]
POSITIVE += ["num_bins", "num_tokens", "num_key_value_heads", "power_iterations", "depth_multiplier"]
SIZES = ["kernel_size", "strides", "dilation_rate", "pool_size", "size", "output_size"]
#: What no public layer takes, by the name of the argument; real Keras refuses it too, at the latest when it is called,
#: but for bools, which count as numbers there, and for rates of attention, which it looks at while training.
WRONG = {
    **dict.fromkeys(POSITIVE, NOT_POSITIVE),
    **dict.fromkeys(SIZES, NOT_A_SIZE),
    **dict.fromkeys(("cropping", "output_padding"), NOT_AN_AMOUNT),
    **dict.fromkeys(("rate", "stddev"), NOT_A_RATE),
    **{name: [*NOT_A_NUMBER, None] for name in ("dropout", "recurrent_dropout", "epsilon", "momentum", "alpha")},
    **{name: [*NOT_A_NUMBER, -1] for name in ("max_value", "negative_slope", "threshold")},
    **dict.fromkeys(("mask_value", "scale", "offset"), NOT_NUMERIC),
    **dict.fromkeys(("axis", "shared_axes"), NOT_AN_AXIS),
    **dict.fromkeys(("target_shape", "dims", "output_shape"), NOT_A_SHAPE),
    **dict.fromkeys(("height", "width", "max_number"), NOT_POSITIVE),
    **{key: ["a", True, 1.5, NAN, [], [0.1], {}, b"3"] for key in ("factor", "x_factor", "y_factor", "height_factor")},
    "width_factor": ["a", True, -1.5, NAN, [], [0.1, 0.2, 0.3]],
    "value_range": ["a", None, 3, (1, 1), (2, 1), (1,), ("a", "b")],
    "fill_value": NOT_A_NUMBER,
    "fill_mode": ["black", None, 3],
    "mode": ["sideways", None, 3],
    "bounding_box_format": ["xyzw", 3, True],
    "groups": ["2", None, True, 0, -2, 2.5, NAN, []],
    "value_dim": ["3", True, 0, -1, 2.5],
    "attention_axes": ["1", 1.5, ["1"]],
    "seed": ["3", 2.5, NAN, [1], {}],
    "noise_shape": ["3", 3, ["1"], [0, 1], [1.5, 1]],
    "trainable": ["yes", 1, None],
    "name": [5, True, ["a"]],
}
LAYER = {"layer": keras.layers.Dense(1)}
LEAST = {
    "Bidirectional": {"layer": keras.layers.LSTM(1)},
    "CategoryEncoding": {"num_tokens": 3},
    "Discretization": {"num_bins": 3},
    "Dot": {"axes": 1},
    "EinsumDense": {"equation": "ab,bc->ac", "output_shape": 3},
    "Embedding": {"input_dim": 3, "output_dim": 2},
    layers.GroupQueryAttention.__name__: {"head_dim": 2, "num_query_heads": 2, "num_key_value_heads": 2},
    "GaussianNoise": {"stddev": 0.5},
    "HashedCrossing": {"num_bins": 3},
    "Hashing": {"num_bins": 3},
    "MultiHeadAttention": {"num_heads": 2, "key_dim": 3},
    "Permute": {"dims": (2, 1)},
    "RNN": {"cell": keras.layers.LSTMCell(1)},
    "RepeatVector": {"n": 2},
    "Rescaling": {"scale": 2.0},
    **{key: {"height": 2, "width": 3} for key in ("CenterCrop", "RandomCrop", "Resizing")},
    "MaxNumBoundingBoxes": {"max_number": 3},
    **{f"Random{name}": {"factor": 0.1} for name in ("Brightness", "Contrast", "Hue", "Saturation", "Sharpness")},
    "RandomColorDegeneration": {"factor": 0.1},
    "Pipeline": {"layers": [layers.RandomInvert()]},
    "RandomPosterization": {"factor": 3},
    "RandomRotation": {"factor": 0.1},
    "RandomTranslation": {"height_factor": 0.1, "width_factor": 0.1},
    "RandomZoom": {"height_factor": 0.1},
    "Reshape": {"target_shape": (2, 2)},
    "ReversibleEmbedding": {"input_dim": 3, "output_dim": 2},
    "SpectralNormalization": LAYER,
    "StackedRNNCells": {"cells": [keras.layers.LSTMCell(1)]},
    "TimeDistributed": LAYER,
    "Wrapper": LAYER,
}
#: Arguments that mean something else in one class: whether there is a scale, and what a function returns.
APART_FROM_RULE = {(name, "scale") for name in ("BatchNormalization", "GroupNormalization", "LayerNormalization")}
COMMON = {
    "activation": "relu",
    "pool_size": 2,
    "units": 3,
    "filters": 4,
    "kernel_size": 2,
    "rate": 0.5,
    "output_size": 2,
}
#: Layers that run other frameworks' code are refused as such; models and `Layer` take no numbers.
APART = {"FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper", "InputLayer", "Lambda"}


def wrong_arguments():
    for layer in {found: None for found in vars(layers).values() if inspect.isclass(found)}:
        if not issubclass(layer, layers.Layer) or layer.__name__ in APART:
            continue
        takes = inspect.signature(layer.__init__).parameters
        common = {"trainable", "name"} if "kwargs" in takes else set()
        for argument in sorted({*takes, *common} & set(WRONG)):
            if (layer.__name__, argument) not in APART_FROM_RULE:
                for value in WRONG[argument]:
                    if not is_taken(layer.__name__, argument, value):
                        yield pytest.param(layer, argument, value, id=f"{layer.__name__}-{argument}-{value!r}")


TAKES_RANGES_IN_ANY_ORDER = {"AutoContrast", "Equalization", "Solarization"} | {
    f"Random{name}" for name in ("Brightness", "ColorDegeneration", "Posterization", "Saturation", "Sharpness")
}
TAKES_NONE = {("Softmax", "axis"), ("Normalization", "axis"), ("Hashing", "mask_value")}


def is_taken(name, argument, value):
    """Returns whether a value that the rule for the argument's name would refuse is one for this class."""
    if value is None:
        return (name, argument) in TAKES_NONE or argument in {"max_value", "output_padding"}
    if (argument, value) == ("value_range", (2, 1)):
        return name in TAKES_RANGES_IN_ANY_ORDER
    if (name, argument) == ("Hashing", "mask_value"):
        return value == "x"
    return name == "MultiHeadAttention" and argument == "output_shape" and value == {}  # as none, in Keras too


@pytest.mark.parametrize(("layer", "argument", "value"), list(wrong_arguments()))
def test_no_layer_takes_what_it_cannot_be(layer, argument, value):
    takes = inspect.signature(layer.__init__).parameters
    least = {key: value for key, value in COMMON.items() if key in takes and takes[key].default is inspect._empty}
    least.update(LEAST.get(layer.__name__, {}))
    layer(**least)
    with pytest.raises((ValueError, TypeError, NotImplementedError)) as caught:
        layer(**{**least, argument: value})
    assert argument in str(caught.value)
    assert "eceived" in str(caught.value)


@pytest.mark.parametrize(("name", "value"), CASES, ids=str)
def test_what_cannot_be_is_refused(name, value):
    with pytest.raises((ValueError, TypeError), match=name.split()[0]) as caught:
        REFUSED[name][0](value)
    assert repr(value) in str(caught.value) or str(value) in str(caught.value)


def test_integers_of_numpy_are_integers():
    assert layers.Conv2D(np.int64(3), 3).filters == 3
    assert layers.LSTM(np.int32(3)).units == 3
    assert layers.Dropout(np.float32(0.5)).rate == 0.5
    assert layers.Dropout(0.5, noise_shape=(np.int64(2), None)).noise_shape == (2, None)
    assert type(keras.regularizers.L2(np.float32(0.5)).l2) is float
    assert layers.MaxPooling2D(np.array(2)).pool_size == (2, 2)
    assert layers.Conv2D(np.array(3), (np.int64(3), 2)).kernel_size == (3, 2)
    assert layers.Concatenate(axis=np.array(1)).axis == 1
    assert layers.PReLU(shared_axes=np.int64(1)).shared_axes == [1]
    assert layers.ELU(np.array(0.5))(torch.ones(1)) == 1


def test_softmax_over_everything_and_initializers_by_default():
    assert layers.Softmax(axis=None)(torch.zeros(2, 2)).tolist() == [[0.25, 0.25], [0.25, 0.25]]
    assert layers.LSTM(2, kernel_initializer=None)(torch.zeros(1, 3, 4)).shape == (1, 2)


def test_a_recurrent_layer_on_a_last_step_says_what_to_write():
    with pytest.raises(ValueError, match="expected ndim=3, found ndim=2") as caught:
        keras.Sequential([keras.Input((5, 3)), layers.LSTM(4), layers.LSTM(4)])
    assert "return_sequences=True" in str(caught.value)


def test_a_call_without_a_result_is_named():
    class Forgetful(layers.Layer):
        def call(self, x):
            x + 1.0

    with pytest.raises(ValueError, match=r"'forgetful'.*Its `call` returned None"):
        keras.Sequential([keras.Input((5,)), Forgetful(name="forgetful")])


def test_a_variable_takes_the_name_of_an_initializer():
    variable = keras.Variable("ones", shape=(2, 3), dtype="float32")
    np.testing.assert_array_equal(variable.numpy(), np.ones((2, 3)))
    with pytest.raises(ValueError, match="shape"):
        keras.Variable("ones")


def test_a_variable_takes_keras_arguments_in_keras_order():
    variable = keras.Variable(
        lambda shape, dtype: np.ones(shape, dtype), (2,), "int32", False, False, "mean", "auto", "n"
    )
    assert (variable.dtype, variable.name, variable.trainable) == (torch.int32, "n", False)
    with pytest.raises(ValueError, match="aggregation='sum'"):
        keras.Variable(1.0, aggregation="sum")
    with pytest.raises(ValueError, match="synchronization='on_read'"):
        keras.Variable(1.0, synchronization="on_read")


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ([1, 2], torch.int32),
        (3, torch.int32),
        ([2**40], torch.int64),
        (np.ones(2, "int64"), torch.int64),
        ([1, 2.5], torch.float32),
        ([True], torch.bool),
    ],
)
def test_the_type_of_a_variable_is_that_of_keras_on_tensorflow(value, dtype):
    assert keras.Variable(value).dtype is dtype


def test_symbolic_tensors_take_keras_arguments_in_keras_order():
    assert keras.KerasTensor((2, 3), "int32", False, None, True, "n").name == "n"
    with pytest.raises(ValueError, match="record_history=False"):
        keras.KerasTensor((2,), record_history=False)


def test_two_tensors_into_a_layer_of_one_input():
    message = r'Layer "d" expects 1 input\(s\), but it received 2 input tensors.*of shape \(1, 4\)'
    with pytest.raises(ValueError, match=message):
        layers.Dense(2, name="d")([torch.ones(1, 4)] * 2)


@pytest.mark.parametrize("array", [np.array([["a"]]), np.array([[None]], dtype=object)], ids=["text", "objects"])
def test_arrays_without_numbers_are_refused_by_the_layer(array):
    with pytest.raises(TypeError, match=r"layer 'd'.*arrays of numbers.*astype"):
        layers.Dense(2, name="d")(array)


KINDS = ("activation", "initializer", "regularizer", "constraint")
MADE_OF_OTHERS = (
    layers.Wrapper,
    layers.Bidirectional,
    layers.TimeDistributed,
    layers.RNN,
    layers.Pipeline,
    layers.TorchModuleWrapper,
    layers.IntegerLookup,  # its types are fixed, whatever `dtype` says
)
NOT_KNOWN = ["nope", 3, {"class_name": "Nope", "config": {}}, ["a"]]


def named_things():
    """What each layer takes by name, apart from what its members take."""
    for make, _ in {type(make()).__name__: (make, shapes) for make, shapes in EVERY_LAYER.values()}.values():
        layer = make()
        if isinstance(layer, layers.Layer) and not isinstance(layer, MADE_OF_OTHERS):
            yield from (
                pytest.param(layer, key, id=f"{type(layer).__name__}-{key}")
                for key in layer.get_config()
                if key == "dtype" or key.endswith(KINDS)
            )


@pytest.mark.parametrize(("layer", "argument"), list(named_things()))
def test_what_is_not_known_by_name_is_refused_by_layer_and_argument(layer, argument):
    cls, config = type(layer), layer.get_config()
    for value in NOT_KNOWN:
        with pytest.raises(ValueError, match=rf"Argument `{argument}` of \w*{cls.__name__[:3]}\w*"):
            cls(**{**config, argument: value})


def test_weights_of_unknown_initializers_name_their_layer():
    class Own(layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight((2,), initializer="nope")

    with pytest.raises(ValueError, match="Argument `initializer` of Own"):
        Own().build((2,))


def test_errors_of_ones_own_classes_keep_their_place():
    class OwnInitializer(keras.initializers.Initializer):
        def __init__(self, scale):
            raise ValueError("Own words.")

    known = keras.saving.custom_object_scope({"OwnInitializer": OwnInitializer})
    with known, pytest.raises(ValueError, match=r"^Own words\.$"):
        layers.Dense(2, kernel_initializer={"class_name": "OwnInitializer", "config": {"scale": 1}})
