"""One table of compiled models with data, for the training loops of source files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

import torchkeras_shim as keras

L = keras.layers
O = keras.optimizers  # noqa: E741


def _compiled(model: Any, optimizer: Any = "adam", loss: Any = "mse", **options: Any) -> Any:
    model.compile(optimizer, loss, **options)
    return model


def _stack(shape: tuple[Any, ...], *layers: Any, dtype: str = "float32") -> Any:
    return keras.Sequential([keras.Input(shape, dtype=dtype), *layers])


def _dense(optimizer: Any, **options: Any) -> Callable[[], Any]:
    return lambda: _compiled(_stack((4,), L.Dense(8, activation="tanh"), L.Dense(1)), optimizer(), **options)


def _cnn(**options: Any) -> Any:
    model = _stack(
        (8, 8, 2),
        L.Conv2D(4, 3, padding="same", strides=2, activation="relu"),
        L.BatchNormalization(),
        L.MaxPooling2D(),
        L.Flatten(),
        L.Dense(3, activation="softmax"),
    )
    return _compiled(model, O.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"], **options)


def _residual() -> Any:
    inputs = keras.Input((6, 6, 3))
    first = L.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    x = L.BatchNormalization()(L.Conv2D(4, 3, padding="same", kernel_regularizer="l2")(first))
    x = L.GlobalAveragePooling2D()(L.ReLU()(L.Add()([x, first])))
    model = keras.Model(inputs, L.Dense(3)(x))
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    return _compiled(model, O.SGD(0.05, momentum=0.9), loss, metrics=["accuracy", "mse"])


def _recurrent(*layers: Any) -> Callable[[], Any]:
    return lambda: _compiled(
        _stack((5, 3), *(layer() for layer in layers), L.Dense(1, activation="sigmoid")),
        O.RMSprop(0.01),
        "binary_crossentropy",
        metrics=["accuracy"],
    )


def _text() -> Any:
    model = _stack((6,), L.Embedding(9, 4, mask_zero=True), L.LSTM(3), L.Dense(1, activation="sigmoid"), dtype="int32")
    return _compiled(model, O.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])


def _transformer() -> Any:
    inputs = keras.Input((5, 8))
    x = L.LayerNormalization()(inputs + L.MultiHeadAttention(2, 4)(inputs, inputs, use_causal_mask=True))
    x = L.LayerNormalization()(x + L.Dense(8)(L.Dense(16, activation="gelu")(x)))
    model = keras.Model(inputs, L.Dense(4)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    rate = O.schedules.CosineDecay(0.0, 8, warmup_target=0.01, warmup_steps=2)
    optimizer = O.AdamW(rate, weight_decay=0.01, global_clipnorm=1.0)
    return _compiled(model, optimizer, loss, metrics=["sparse_categorical_accuracy"])


def _several() -> Any:
    a, b = keras.Input((4,), name="a"), keras.Input((3,), name="b")
    x = L.Concatenate()([L.Dense(5, activation="relu")(a), L.Dense(5, activation="elu")(b)])
    outputs = {"price": L.Dense(1, name="price")(x), "kind": L.Dense(3, activation="softmax", name="kind")(x)}
    return _compiled(
        keras.Model([a, b], outputs),
        O.Nadam(0.01),
        {"price": "huber", "kind": "categorical_crossentropy"},
        loss_weights={"price": 0.5, "kind": 2.0},
        metrics={"price": [keras.metrics.RootMeanSquaredError()], "kind": ["accuracy"]},
    )


def _siamese() -> Any:
    tower = _stack((4,), L.Dense(6, activation="relu"), L.Dense(3))
    a, b = keras.Input((4,)), keras.Input((4,))
    distance = L.Dense(1)(L.Subtract()([tower(a), tower(b)]))
    return _compiled(keras.Model([a, b], distance), O.SGD(0.05, momentum=0.9, nesterov=True))


def _nested() -> Any:
    inner = keras.Input((4,))
    encoder = keras.Model(inner, [L.Dense(3, activation="relu")(inner), L.Dense(2)(inner)], name="encoder")
    outer = keras.Input((4,))
    one, other = encoder(outer)
    return _compiled(keras.Model(outer, [L.Dense(1)(one), other]), O.Adamax(0.01), ["mse", "mae"])


#: `name -> compiled model`; ten steps of each are made here and by its file.
TRAINED: dict[str, Callable[[], Any]] = {
    "cnn": _cnn,
    "residual": _residual,
    "lstm": _recurrent(lambda: L.LSTM(4)),
    "gru": _recurrent(lambda: L.GRU(4, return_sequences=True), lambda: L.GRU(3, reset_after=True)),
    "bidirectional": _recurrent(lambda: L.Bidirectional(L.LSTM(3)), lambda: L.Reshape((2, 3)), lambda: L.SimpleRNN(2)),
    "text": _text,
    "transformer": _transformer,
    "several": _several,
    "siamese": _siamese,
    "nested": _nested,
    "sgd": _dense(lambda: O.SGD(0.1, weight_decay=0.01, clipvalue=0.5)),
    "sgd_schedule": _dense(lambda: O.SGD(O.schedules.ExponentialDecay(0.1, 3, 0.5), momentum=0.9)),
    "adam_amsgrad": _dense(
        lambda: O.Adam(O.schedules.PiecewiseConstantDecay([3, 6], [0.01, 0.02, 0.005]), amsgrad=True)
    ),
    "rmsprop": _dense(lambda: O.RMSprop(0.01, momentum=0.5, centered=True, clipnorm=0.1), loss="mae"),
    "adagrad": _dense(lambda: O.Adagrad(0.1), loss="log_cosh", metrics=["mse", "mape"]),
    "adadelta": _dense(lambda: O.Adadelta(1.0, weight_decay=0.01)),
    "nadam_decay": _dense(lambda: O.Nadam(O.schedules.InverseTimeDecay(0.02, 4, 0.5, True), weight_decay=0.1)),
    "lion": _dense(lambda: O.Lion(O.schedules.CosineDecayRestarts(0.01, 3, alpha=0.1))),
    "polynomial": _dense(lambda: O.SGD(O.schedules.PolynomialDecay(0.1, 4, 0.01, 2.0, cycle=True))),
    "torchs_own": lambda: _compiled(
        _stack((4,), torch.nn.Linear(4, 3), torch.nn.ReLU(), L.Dense(2)), torch.optim.Adam, torch.nn.CrossEntropyLoss()
    ),
}


def batches(model: Any, steps: int = 10, size: int = 8) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Returns inputs and targets for some steps: the last batch is smaller."""
    generator = torch.Generator().manual_seed(0)
    samples = steps * size - 3
    inputs = []
    for spec in model.inputs:
        shape = (samples, *spec.shape[1:])
        whole = spec.dtype.startswith("int")
        inputs.append(
            torch.randint(9, shape, generator=generator) if whole else torch.randn(shape, generator=generator)
        )
    targets = []
    losses = keras.tree.flatten(model.loss)
    for index, spec in enumerate(keras.tree.flatten(model.outputs)):
        loss = losses[index] if len(losses) > 1 else losses[0]
        kind = loss if isinstance(loss, str) else type(loss).__name__
        shape = (samples, *spec.shape[1:])
        classes = torch.randint(shape[-1], shape[:-1], generator=generator)
        if kind in ("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy", "CrossEntropyLoss"):
            targets.append(classes)
        elif kind in ("categorical_crossentropy", "CategoricalCrossentropy"):
            targets.append(torch.nn.functional.one_hot(classes, shape[-1]).float())
        elif kind == "binary_crossentropy":
            targets.append(torch.randint(2, shape, generator=generator).float())
        else:
            targets.append(torch.randn(shape, generator=generator))
    return inputs, targets
