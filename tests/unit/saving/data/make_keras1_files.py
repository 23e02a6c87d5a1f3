"""Makes files of Keras 1 and what its models predict; see README.md for the versions.

Run as `python make_keras1_files.py <archive>`.
"""

import json
import os
import sys
import tarfile
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
import theano.ifelse  # noqa: F401  # Keras 1 does not import it itself
from keras import layers
from keras.models import Model, Sequential

random = np.random.RandomState(0)
EXPECTED = {}
FOLDER = tempfile.mkdtemp()


def normal(*shape):
    return random.standard_normal(shape).astype("float32")


def put(name, model, *inputs, **kwargs):
    if not kwargs.get("trained"):
        model.set_weights(
            [normal(*w.shape) * 0.5 if w.ndim > 1 else np.abs(normal(*w.shape)) + 0.1 for w in model.get_weights()]
        )
    model.save(os.path.join(FOLDER, name + ".h5"))
    with open(os.path.join(FOLDER, name + ".json"), "w") as file:
        file.write(model.to_json())
    predicted = model.predict(list(inputs) if len(inputs) > 1 else inputs[0])
    for index, value in enumerate(predicted if isinstance(predicted, list) else [predicted]):
        EXPECTED[f"{name}.y{index}"] = value
    for index, value in enumerate(inputs):
        EXPECTED[f"{name}.x{index}"] = value


def dense():
    put(
        "dense",
        Sequential(
            [
                layers.Dense(4, input_dim=3, init="uniform", W_regularizer="l2", W_constraint="maxnorm"),
                layers.Activation("relu"),
                layers.Dropout(0.5),
                layers.BatchNormalization(),
                layers.Dense(3, activation="hard_sigmoid", bias=False),
                layers.LeakyReLU(0.1),
                layers.GaussianNoise(0.1),
                layers.ELU(0.5),
                layers.Reshape((3, 1)),
                layers.Permute((2, 1)),
                layers.Reshape((3,)),
                layers.RepeatVector(2),
                layers.TimeDistributed(layers.Dense(2)),
                layers.Flatten(),
            ]
        ),
        normal(4, 3),
    )
    put(
        "other_dense",
        Sequential(
            [
                layers.Highway(input_dim=3, activation="tanh"),
                layers.MaxoutDense(2, nb_feature=3),
                layers.PReLU(),
                layers.ThresholdedReLU(0.1),
                layers.ParametricSoftplus(),
                layers.SReLU(),
            ]
        ),
        normal(4, 3),
    )


def convolutions(ordering, border):
    shape = (2, 6, 5) if ordering == "th" else (6, 5, 2)
    put(
        "convolution_" + ordering,
        Sequential(
            [
                layers.ZeroPadding2D((1, 2), input_shape=shape, dim_ordering=ordering),
                layers.Convolution2D(3, 3, 3, border_mode=border, activation="relu", dim_ordering=ordering),
                layers.BatchNormalization(axis=1 if ordering == "th" else -1),
                layers.MaxPooling2D((2, 2), dim_ordering=ordering),
                layers.AtrousConvolution2D(2, 3, 3, atrous_rate=(2, 1), border_mode="same", dim_ordering=ordering),
                layers.SpatialDropout2D(0.1, dim_ordering=ordering),
                layers.UpSampling2D((2, 1), dim_ordering=ordering),
                layers.AveragePooling2D((2, 1), strides=(1, 1), dim_ordering=ordering),
                layers.Cropping2D(((1, 0), (0, 1)), dim_ordering=ordering),
                layers.Flatten(),
                layers.Dense(2, activation="softmax"),
            ]
        ),
        normal(2, *shape),
    )
    deconvolved = (None, 3, 7, 6) if ordering == "th" else (None, 7, 6, 3)
    shape = (2, 6, 5) if ordering == "th" else (6, 5, 2)
    put(
        "deconvolution_" + ordering,
        Sequential(
            [
                layers.Deconvolution2D(
                    3, 2, 2, deconvolved, input_shape=shape, dim_ordering=ordering, border_mode="valid"
                )
            ]
        ),
        normal(2, *shape),
    )


def one_dimension():
    put(
        "text",
        Sequential(
            [
                layers.Embedding(7, 4, input_length=6),
                layers.Convolution1D(3, 2, border_mode="valid", activation="tanh", subsample_length=1),
                layers.MaxPooling1D(2),
                layers.GlobalMaxPooling1D(),
                layers.Dense(2),
            ]
        ),
        random.randint(0, 7, (3, 6)),
    )


def recurrent():
    for mode in ("cpu", "gpu"):
        put(
            "lstm_" + mode,
            Sequential([layers.LSTM(4, input_shape=(5, 3), consume_less=mode, return_sequences=True), layers.LSTM(2)]),
            normal(2, 5, 3),
        )
    put("gru", Sequential([layers.GRU(4, input_shape=(5, 3), inner_activation="sigmoid")]), normal(2, 5, 3))
    put("simple", Sequential([layers.SimpleRNN(4, input_dim=3, input_length=5, dropout_W=0.1)]), normal(2, 5, 3))
    inner = layers.LSTM(3, return_sequences=True)
    put("bidirectional", Sequential([layers.Bidirectional(inner, input_shape=(4, 2))]), normal(2, 4, 2))
    stateful = layers.LSTM(3, batch_input_shape=(2, 4, 2), stateful=True)
    put("stateful", Sequential([stateful]), normal(2, 4, 2))


def merges():
    for mode in ("concat", "sum", "mul", "ave", "max", "dot", "cos"):
        a, b = layers.Input((3,), name="a"), layers.Input((3,), name="b")
        x, y = layers.Dense(3, name="left")(a), layers.Dense(3, name="right")(b)
        merged = layers.merge([x, y], mode=mode, concat_axis=-1, dot_axes=1, name="merged")
        put("merge_" + mode, Model(input=[a, b], output=merged), normal(2, 3), normal(2, 3))
    left, right = Sequential([layers.Dense(3, input_dim=4)]), Sequential([layers.Dense(3, input_dim=2)])
    both = Sequential([layers.Merge([left, right], mode="concat"), layers.Dense(2)])
    put("merged_sequential", both, normal(2, 4), normal(2, 2))
    inner = Sequential([layers.Convolution1D(2, 2, input_shape=(4, 3)), layers.GRU(2)])
    x = layers.Input((4, 3))
    put("nested", Model(x, layers.Dense(1)(inner(x))), normal(2, 4, 3))
    a, b = layers.Input((3,)), layers.Input((3,))
    shared = layers.Dense(2)
    put("shared", Model([a, b], [shared(a), shared(b)]), normal(2, 3), normal(2, 3))


def optimizer_files():
    x, y = normal(8, 3), normal(8, 2)
    EXPECTED["optimizers.x"], EXPECTED["optimizers.y"] = x, y
    optimizers = keras.optimizers
    for name, optimizer in {
        "momentum": optimizers.SGD(lr=0.05, momentum=0.9, decay=0.1),
        "adam": optimizers.Adam(lr=0.01),
        "rmsprop": optimizers.RMSprop(lr=0.01),
        "adagrad": optimizers.Adagrad(lr=0.05),
        "adadelta": optimizers.Adadelta(),
        "nadam": optimizers.Nadam(lr=0.01),
        "adamax": optimizers.Adamax(lr=0.01),
    }.items():
        model = Sequential([layers.Dense(3, activation="tanh", input_dim=3), layers.Dense(2)])
        model.compile(optimizer, "mse", metrics=["accuracy"])
        for _ in range(3):
            model.train_on_batch(x, y)
        put("optimizer_" + name, model, x, trained=True)
        for _ in range(3):
            model.train_on_batch(x, y)
        for index, value in enumerate(model.get_weights()):
            EXPECTED[f"optimizer_{name}.w{index}"] = value


def pack():
    np.savez(os.path.join(FOLDER, "expected.npz"), **EXPECTED)
    with open(os.path.join(FOLDER, "version.json"), "w") as file:
        json.dump({"module": "keras", "version": keras.__version__, "backend": keras.backend.backend()}, file)
    with tarfile.open(sys.argv[1], "w:xz") as archive:  # one stream: the headers of HDF5 are alike
        for name in sorted(os.listdir(FOLDER)):
            archive.add(os.path.join(FOLDER, name), name)
    print(sys.argv[1], os.path.getsize(sys.argv[1]), len(os.listdir(FOLDER)))


dense()
convolutions("th", "valid")
convolutions("tf", "same")
one_dimension()
recurrent()
merges()
optimizer_files()
pack()
