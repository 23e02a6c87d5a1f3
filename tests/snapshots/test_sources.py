"""What `model.to_torch_source()` writes, kept as files that can be read."""

from __future__ import annotations

import torchkeras_shim as keras
from torchkeras_shim import layers


def test_classifier_of_images(snapshot):
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(8, 3, strides=2, padding="same", activation="relu", name="stem"),
            layers.BatchNormalization(name="norm"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(),
            layers.Dropout(0.5, name="drop"),
            layers.Dense(10, activation="softmax", kernel_regularizer="l2", name="scores"),
        ],
        name="digits",
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    callbacks = [
        keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau(patience=2),
        keras.callbacks.ModelCheckpoint("best.keras", save_best_only=True),
    ]
    snapshot("digits", model.to_torch_source(callbacks=callbacks), "sources", "py")


def test_reader_of_text(snapshot):
    words = keras.Input((None,), dtype="int32", name="words")
    x = layers.Embedding(1000, 16, mask_zero=True, name="embedding")(words)
    x = layers.LayerNormalization(name="norm")(x + layers.MultiHeadAttention(2, 8, name="attention")(x, x))
    x = layers.Bidirectional(layers.GRU(8), name="reader")(x)
    model = keras.Model(words, layers.Dense(1, name="answer")(x), name="text_reader")
    rate = keras.optimizers.schedules.CosineDecay(0.0, 1000, warmup_target=1e-3, warmup_steps=100)
    optimizer = keras.optimizers.AdamW(rate, global_clipnorm=1.0)
    model.compile(optimizer, keras.losses.BinaryCrossentropy(from_logits=True))
    snapshot("text_reader", model.to_torch_source(), "sources", "py")
