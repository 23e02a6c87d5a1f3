"""Models of every layer, and what real Keras makes of their JSON.

`python -m tests.parity.json_models ours.json theirs.json` runs real Keras in a process of its own, on its torch
backend: configs are the same on all of them.
"""

from __future__ import annotations

import functools
import json
import sys

import numpy as np

from tests.parity.layer_cases import CASES, MERGES, MORE_CASES


def one_layer(name, arguments, shape):
    """A functional model of one layer, with a name of its own."""

    def make(k):
        dtype = "int32" if name in ("Embedding", "CategoryEncoding") else "float32"
        inputs = k.Input(batch_shape=shape, dtype=dtype, name="x")
        return k.Model(inputs, getattr(k.layers, name)(**arguments, name="it")(inputs), name="one")

    return make


def merging(name, arguments, shapes):
    def make(k):
        inputs = [k.Input(batch_shape=shape, name=f"x{index}") for index, shape in enumerate(shapes)]
        return k.Model(inputs, getattr(k.layers, name)(**arguments, name="it")(inputs), name="merged")

    return make


def recurrent(layer_of, shape=(5, 4)):
    """A model of a layer that needs others, or that returns its state."""

    def make(k):
        inputs = k.Input(shape, name="x")
        return k.Model(inputs, layer_of(k)(inputs), name="recurrent")

    return make


def attention(name, **arguments):
    def make(k):
        query, value = k.Input((4, 6), name="query"), k.Input((5, 6), name="value")
        layer = getattr(k.layers, name)(**arguments, name="it")
        heads = name in ("MultiHeadAttention", "GroupQueryAttention")
        return k.Model([query, value], layer(query, value) if heads else layer([query, value]), name="attending")

    return make


def embedding_and_back(k):
    tokens = k.Input((4,), dtype="int32", name="tokens")
    embedding = k.layers.ReversibleEmbedding(6, 3, name="it")
    x = k.layers.Dense(3, name="dense")(embedding(tokens))
    return k.Model(tokens, embedding(x, reverse=True), name="reversible")


def many_cells(k):
    cells = [k.layers.LSTMCell(3), k.layers.GRUCell(4), k.layers.SimpleRNNCell(2)]
    return k.layers.RNN(k.layers.StackedRNNCells(cells), return_state=True, name="it")


def normalized(k):
    return k.layers.SpectralNormalization(k.layers.Dense(3, name="inner"), power_iterations=2, name="it")


def adapted(k):
    mean, variance = np.arange(4.0, dtype="float32"), np.full(4, 2.0, "float32")
    return k.layers.Normalization(mean=mean, variance=variance, name="it")


@functools.cache
def own_classes(k):
    """A layer and a model of a user's, with configs, registered with a library."""

    @k.saving.register_keras_serializable(package="json")
    class Scale(k.layers.Layer):
        def __init__(self, factor, inner=None, **kwargs):
            super().__init__(**kwargs)
            self.factor, self.inner = factor, inner

        def build(self, input_shape):
            self.weight = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="weight")
            if self.inner is not None and not self.inner.built:
                self.inner.build(input_shape)

        def call(self, inputs, training=False):
            inputs = inputs * self.weight * self.factor
            return inputs if self.inner is None else self.inner(inputs)

        def get_config(self):
            inner = k.saving.serialize_keras_object(self.inner)
            return {**super().get_config(), "factor": self.factor, "inner": inner}

        @classmethod
        def from_config(cls, config):
            return cls(**{**config, "inner": k.saving.deserialize_keras_object(config["inner"])})

    @k.saving.register_keras_serializable(package="json")
    class Net(k.Model):
        def __init__(self, widths, **kwargs):
            super().__init__(**kwargs)
            self.widths = list(widths)
            self.stack = [k.layers.Dense(width, activation="relu", name=f"dense_{width}") for width in widths]

        def build(self, input_shape):
            for layer in self.stack:
                layer.build(input_shape)
                input_shape = (*input_shape[:-1], layer.units)

        def call(self, inputs):
            for layer in self.stack:
                inputs = layer(inputs)
            return inputs

        def get_config(self):
            return {**super().get_config(), "widths": self.widths}

    return Scale, Net


def own_layers(k):
    scale, _ = own_classes(k)
    inputs = k.Input((4,), name="x")
    x = scale(2.0, k.layers.Dense(3, name="inner"), name="outer")(inputs)
    return k.Model(inputs, scale(0.5, name="last")(x), name="own_layers")


def own_model(k):
    model = own_classes(k)[1]([3, 2], name="net")
    model.build((None, 4))
    return model


def own_model_in_a_graph(k):
    inputs = k.Input((4,), name="x")
    x = own_classes(k)[1]([3, 5], name="net")(inputs)
    return k.Model(inputs, [x, k.layers.Dense(1, name="head")(x)], name="around")


def sequential(k):
    inner = k.Sequential([k.layers.Dense(3, name="a"), k.layers.BatchNormalization(name="b")], name="inner")
    return k.Sequential([k.Input((5, 4), name="x"), inner, k.layers.Flatten(name="c")], name="outer")


def built_later(k):
    model = k.Sequential([k.layers.Dense(3, name="a"), k.layers.Dropout(0.5, name="b")], name="later")
    model.build((None, 4))
    return model


def shared_and_nested(k):
    left, right = k.Input((4,), name="left"), k.Input((4,), name="right")
    stem_input = k.Input((4,), name="stem_input")
    stem = k.Model(stem_input, k.layers.Dense(3, activation="tanh", name="dense")(stem_input), name="stem")
    a, b = stem(left), stem(right)
    both = k.layers.Concatenate(name="both")([a, b, k.ops.abs(a - b) * 2.0])
    outputs = {"same": k.layers.Dense(1, "sigmoid", name="same")(both), "first": a[:, :2]}
    return k.Model({"left": left, "right": right}, outputs, name="twins")


def compiled(k):
    model = k.Sequential([k.Input((4,), name="x"), k.layers.Dense(1, name="a")], name="compiled")
    model.compile(k.optimizers.SGD(0.1, momentum=0.5), "mse", metrics=["mae"])
    return model


MODELS = {
    make.__name__.replace("_", " "): make
    for make in (own_layers, own_model, own_model_in_a_graph, sequential, built_later, shared_and_nested, compiled)
}
SPECIAL = {
    "SimpleRNN": recurrent(lambda k: k.layers.SimpleRNN(3, activation="relu", name="it")),
    "LSTM": recurrent(lambda k: k.layers.LSTM(3, return_sequences=True, return_state=True, dropout=0.1, name="it")),
    "GRU": recurrent(lambda k: k.layers.GRU(3, reset_after=False, go_backwards=True, name="it")),
    "RNN": recurrent(lambda k: k.layers.RNN(k.layers.LSTMCell(3), unroll=False, name="it")),
    "LSTMCell": recurrent(lambda k: k.layers.RNN(k.layers.LSTMCell(3, unit_forget_bias=False), name="it")),
    "GRUCell": recurrent(lambda k: k.layers.RNN(k.layers.GRUCell(3, reset_after=False), name="it")),
    "SimpleRNNCell": recurrent(lambda k: k.layers.RNN(k.layers.SimpleRNNCell(3), name="it")),
    "StackedRNNCells": recurrent(many_cells),
    "Bidirectional": recurrent(
        lambda k: k.layers.Bidirectional(
            k.layers.LSTM(3), merge_mode="sum", backward_layer=k.layers.GRU(3, go_backwards=True), name="it"
        )
    ),
    "TimeDistributed": recurrent(lambda k: k.layers.TimeDistributed(k.layers.Dense(2, "relu"), name="it")),
    "ConvLSTM1D": recurrent(lambda k: k.layers.ConvLSTM1D(2, 3, padding="same", name="it"), (5, 6, 3)),
    "ConvLSTM2D": recurrent(lambda k: k.layers.ConvLSTM2D(2, 3, strides=2, padding="same", name="it"), (3, 6, 5, 3)),
    "ConvLSTM3D": recurrent(lambda k: k.layers.ConvLSTM3D(2, 2, padding="same", name="it"), (3, 4, 3, 2, 2)),
    "SpectralNormalization": recurrent(normalized),
    "Normalization": recurrent(adapted),
    "ReversibleEmbedding": embedding_and_back,
    "Attention": attention("Attention", use_scale=True, score_mode="concat"),
    "AdditiveAttention": attention("AdditiveAttention", use_scale=False),
    "MultiHeadAttention": attention("MultiHeadAttention", num_heads=2, key_dim=3, value_dim=2, output_shape=5),
    "GroupQueryAttention": attention(
        "GroupQueryAttention", head_dim=3, num_query_heads=4, num_key_value_heads=2, use_bias=False
    ),
}
#: No config can hold them, or they are no layers to be used as they are.
WITHOUT = {"Lambda", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "TFSMLayer", "Layer", "Wrapper", "InputLayer"}

EVERY = {**SPECIAL, **MODELS}
for _name, _arguments, _shape in MERGES:
    EVERY.setdefault(_name, merging(_name, _arguments, [(None, *one[1:]) for one in _shape]))
for _name, _arguments, _shape in sorted((*CASES, *MORE_CASES), key=lambda case: -len(case[1])):
    EVERY.setdefault(_name, one_layer(_name, _arguments, (None, *_shape[1:])))  # the case that says the most


def judgement(keras, text):
    """What Keras makes of a model of ours, and writes of it."""
    read = keras.models.model_from_json(text)
    return {
        "json": json.loads(read.to_json()),
        "shapes": [list(weight.shape) for weight in read.weights if weight.dtype not in ("uint32", "int64")],
        "layers": [layer.name for layer in read.layers],
    }


if __name__ == "__main__":
    import keras

    own_classes(keras)
    with open(sys.argv[1]) as file:
        given = json.load(file)
    found = {}
    for name, text in given.items():
        try:
            found[name] = judgement(keras, text)
        except Exception as error:
            found[name] = {"error": f"{type(error).__name__}: {error}"}
    with open(sys.argv[2], "w") as file:
        json.dump(found, file)
