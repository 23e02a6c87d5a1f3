"""Makes files of one version of Keras 2 and what its models predict; see README.md for the versions.

Run as `python make_keras2_files.py <module of Keras> <archive>`, such as `tensorflow.keras keras-2.15.tar.xz`.
"""

import importlib
import json
import os
import sys
import tarfile
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np

keras = importlib.import_module(sys.argv[1])
layers = keras.layers
FULL_VERSION = getattr(keras, "__version__", None) or importlib.import_module("keras").__version__
VERSION = tuple(int(part) for part in FULL_VERSION.split("-")[0].split(".")[:2])
TF = sys.argv[1] != "keras" or VERSION > (2, 3)
NATIVE = VERSION >= (2, 12)  # has the `.keras` format
random = np.random.RandomState(0)
EXPECTED = {}
FOLDER = tempfile.mkdtemp()


def normal(*shape):
    return random.standard_normal(shape).astype("float32")


def randomize(model):
    """Gives every weight another value, so that nothing is right by chance."""
    model.set_weights([np.abs(normal(*w.shape)) * 0.5 + 0.1 if w.ndim else w for w in model.get_weights()])
    for layer in model.layers:
        kernels = [normal(*w.shape) * 0.5 if w.ndim > 1 else w for w in layer.get_weights()]
        layer.set_weights(kernels)


def put(name, model, *inputs, **kwargs):
    if not kwargs.get("trained"):
        randomize(model)
    formats = kwargs.get("formats", ("h5", "json", "keras"))
    if "h5" in formats:
        model.save(os.path.join(FOLDER, name + ".h5"))
    if "keras" in formats and NATIVE:
        model.save(os.path.join(FOLDER, name + ".keras"), save_format="keras")
    if "json" in formats:
        with open(os.path.join(FOLDER, name + ".json"), "w") as file:
            file.write(model.to_json())
    if "weights" in formats and NATIVE:
        model.save_weights(os.path.join(FOLDER, name + ".weights.h5"))
    predicted = model.predict(list(inputs) if len(inputs) > 1 else inputs[0])
    for index, value in enumerate(predicted if isinstance(predicted, list) else [predicted]):
        EXPECTED[f"{name}.y{index}"] = value
    for index, value in enumerate(inputs):
        EXPECTED[f"{name}.x{index}"] = value


def sequential(*members):
    return keras.Sequential(list(members)) if TF else keras.models.Sequential(list(members))


Input, Model = layers.Input, keras.models.Model


def recurrent():
    put("lstm", sequential(layers.LSTM(4, recurrent_activation="hard_sigmoid", input_shape=(5, 3))), normal(2, 5, 3))
    put("gru", sequential(layers.GRU(3, input_shape=(5, 2))), normal(2, 5, 2))
    inner = layers.LSTM(3, return_sequences=True, recurrent_activation="hard_sigmoid")
    put("bidirectional", sequential(layers.Bidirectional(inner, input_shape=(4, 2))), normal(2, 4, 2))
    put(
        "conv_lstm",
        sequential(layers.ConvLSTM2D(2, 3, padding="same", input_shape=(2, 4, 4, 1))),
        normal(1, 2, 4, 4, 1),
        formats=("h5",),
    )
    put(
        "stateful",
        sequential(layers.LSTM(3, stateful=True, batch_input_shape=(2, 4, 2)), layers.Dense(1)),
        normal(2, 4, 2),
        formats=("h5",),
    )
    source, target = Input((3, 2), name="source"), Input((4, 2), name="target")
    _, hidden, carry = layers.LSTM(4, return_state=True, name="encoder")(source)
    decoded = layers.LSTM(4, return_sequences=True, name="decoder")(target, initial_state=[hidden, carry])
    put("sequence_to_sequence", Model([source, target], decoded), normal(2, 3, 2), normal(2, 4, 2))


def activations():
    x = Input((3,))
    y = layers.Dense(4, activation="hard_sigmoid")(x)
    put("hard_sigmoid", Model(x, layers.Activation("hard_sigmoid")(y)), normal(3, 3) * 3)
    put(
        "advanced_activations",
        sequential(
            layers.Dense(4, input_shape=(3,)),
            layers.LeakyReLU(),
            layers.Dense(4),
            layers.LeakyReLU(alpha=0.05),
            layers.ELU(alpha=0.7),
            layers.ReLU(max_value=2.0, negative_slope=0.1, threshold=0.3),
            layers.PReLU(),
            layers.Softmax(),
        ),
        normal(3, 3) * 3,
    )


def convolutions():
    put(
        "convolutions",
        sequential(
            layers.ZeroPadding2D(1, input_shape=(5, 5, 2)),
            layers.Conv2D(3, 3, activation="relu", use_bias=False),
            layers.BatchNormalization(),
            layers.SeparableConv2D(2, 3, padding="same"),
            layers.DepthwiseConv2D(3, padding="same", depthwise_initializer="he_normal"),
            layers.UpSampling2D(2),
            layers.MaxPooling2D(2),
            layers.Conv2DTranspose(2, 3, kernel_regularizer=keras.regularizers.l2(0.01)),
            layers.SpatialDropout2D(0.5),
            layers.Flatten(),
            layers.Dense(2, activation="softmax"),
        ),
        normal(2, 5, 5, 2),
    )


def graphs():
    inner = sequential(layers.Dense(3, input_shape=(4,), name="inner_dense"), layers.BatchNormalization(name="norm"))
    x = Input((4,))
    put("sequential_in_functional", Model(x, layers.Dense(1)(inner(x))), normal(2, 4))
    a, b = Input((4,), name="a"), Input((4,), name="b")
    i = Input((4,))
    tower = Model(i, layers.Dense(2, name="tower_dense")(i), name="tower")
    put("shared_model", Model([a, b], [tower(a), tower(b)]), normal(2, 4), normal(2, 4))
    a, b = Input((3,), name="first"), Input((3,), name="second")
    shared = layers.Dense(3, name="shared")
    x, y = shared(a), shared(b)
    joined = layers.Concatenate()([layers.Add()([x, y]), layers.Multiply()([x, y]), layers.Dot(1)([x, y])])
    put("shared_layer", Model([a, b], [joined, shared(x)]), normal(2, 3), normal(2, 3))
    steps = layers.TimeDistributed(layers.Dense(2), input_shape=(3, 4))
    put("time_distributed", sequential(steps, layers.GlobalAveragePooling1D()), normal(2, 3, 4))
    ids = layers.Embedding(5, 3, input_length=4, mask_zero=True)
    put("embedding", sequential(ids, layers.LSTM(2)), random.randint(0, 5, (2, 4)).astype("float32"))


def modern():
    """What only tf.keras 2 has."""
    x = Input((5, 8), name="queries")
    attended = layers.MultiHeadAttention(2, 4)(x, x)
    normalized = layers.LayerNormalization()(layers.Add()([attended, x]))
    put("attention", Model(x, normalized), normal(2, 5, 8), formats=("h5", "json", "keras", "weights"))
    x = Input((5, 8))
    cut = x[:, 1:3]
    y = (cut * 2.0 + 1.0) / 4.0 - cut
    put("operators", Model(x, y), normal(2, 5, 8))
    x, m = Input((4, 3), name="x"), Input((4,), dtype="bool", name="mask")
    put("mask_argument", Model([x, m], layers.LSTM(2)(x, mask=m)), normal(2, 4, 3), normal(2, 4) > 0)
    put("mixed", sequential(layers.Dense(2, dtype="mixed_float16", input_shape=(4,))), normal(2, 4))
    if hasattr(layers, "SpectralNormalization") and sys.argv[1] != "tf_keras":  # broken there
        x = layers.SpectralNormalization(layers.Dense(3), input_shape=(4,))
        put("spectral", sequential(x), normal(2, 4), formats=("h5", "weights"))


def operations():
    import tensorflow as tf

    x = Input((4, 3))
    y = tf.nn.relu(x) + tf.math.square(x) * tf.exp(-x)
    y = tf.concat([tf.reduce_mean(y, axis=1, keepdims=True), tf.reduce_sum(x, axis=1, keepdims=True)], axis=-1)
    y = tf.squeeze(tf.expand_dims(tf.transpose(tf.reshape(y, (-1, 3, 2)), perm=[0, 2, 1]), -1), axis=-1)
    put("operations", Model(x, tf.clip_by_value(tf.maximum(y, 0.1), 0.0, 3.0)), normal(2, 4, 3))


def optimizer_files():
    found = {
        "sgd": lambda o: o.SGD(0.05),
        "momentum": lambda o: o.SGD(0.05, momentum=0.9),
        "nesterov": lambda o: o.SGD(0.05, momentum=0.9, nesterov=True),
        "adam": lambda o: o.Adam(0.01),
        "amsgrad": lambda o: o.Adam(0.01, amsgrad=True),
        "rmsprop": lambda o: o.RMSprop(0.01),
        "adagrad": lambda o: o.Adagrad(0.05),
        "adadelta": lambda o: o.Adadelta(1.0),
        "nadam": lambda o: o.Nadam(0.01),
        "adamax": lambda o: o.Adamax(0.01),
    }
    if TF:
        found["centered"] = lambda o: o.RMSprop(0.01, momentum=0.5, centered=True)
        found["ftrl"] = lambda o: o.Ftrl(0.05, l1_regularization_strength=0.001)
    if TF and hasattr(keras.optimizers, "AdamW"):
        found["adamw"] = lambda o: o.AdamW(0.01)
    sources = {"": keras.optimizers}
    if NATIVE:
        sources["legacy_"] = keras.optimizers.legacy
    if not TF or VERSION < (2, 11):
        found["decay"] = lambda o: o.SGD(lr=0.05, momentum=0.9, decay=0.1)
    x, y = normal(8, 3), normal(8, 2)
    EXPECTED["optimizers.x"], EXPECTED["optimizers.y"] = x, y
    for prefix, source in sources.items():
        for name, make in found.items():
            if prefix and name == "adamw":
                continue
            go_on(prefix + name, make(source), x, y, prefix)
    if NATIVE:
        go_on("legacy_decay", keras.optimizers.legacy.SGD(0.05, momentum=0.9, decay=0.1), x, y, "legacy_")


def go_on(name, optimizer, x, y, prefix):
    """Saves a model in the middle of its training, and the weights that it would have had three steps later."""
    model = sequential(
        layers.Dense(3, activation="tanh", input_shape=(3,)), layers.BatchNormalization(), layers.Dense(2)
    )
    model.compile(optimizer, "mse")
    for _ in range(3):
        model.train_on_batch(x, y)
    formats = ("h5", "keras") if not prefix and name in ("adam", "sgd") else ("h5",)
    put("optimizer_" + name, model, x, trained=True, formats=formats)
    for _ in range(3):
        model.train_on_batch(x, y)
    for index, value in enumerate(model.get_weights()):
        EXPECTED[f"optimizer_{name}.w{index}"] = value


def pack():
    np.savez(os.path.join(FOLDER, "expected.npz"), **EXPECTED)
    with open(os.path.join(FOLDER, "version.json"), "w") as file:
        json.dump({"module": sys.argv[1], "version": FULL_VERSION}, file)
    with tarfile.open(sys.argv[2], "w:xz") as archive:  # one stream: the headers of HDF5 are alike
        for name in sorted(os.listdir(FOLDER)):
            archive.add(os.path.join(FOLDER, name), name)
    print(sys.argv[2], os.path.getsize(sys.argv[2]), len(os.listdir(FOLDER)))


recurrent()
activations()
convolutions()
graphs()
if TF and VERSION >= (2, 4):
    modern()
    operations()
if VERSION == (2, 12):  # took every name but that of a folder for HDF5
    hdf5 = sequential(layers.Dense(2, activation="hard_sigmoid", input_shape=(3,)))
    put("hdf5_inside", hdf5, normal(2, 3), formats=())
    hdf5.save(os.path.join(FOLDER, "hdf5_inside.keras"))
optimizer_files()
pack()
