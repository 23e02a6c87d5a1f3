"""A regression of tf.keras in TensorFlow 1: `Adam(lr=, decay=)`, `compat.v1`, weights by prefix, `fit_generator`."""

import os
import tempfile

import numpy as np
import tensorflow as tf
from tensorflow.keras import backend as K
from tensorflow.python.keras.layers import BatchNormalization, Dense, LeakyReLU

np.random.seed(5)
x = np.random.rand(256, 3).astype("float32")
y = (x[:, :1] * 2 - x[:, 1:2] + 0.5).astype("float32")


def r2(y_true, y_pred):
    residual = K.sum(K.square(y_true - y_pred))
    total = K.sum(K.square(y_true - K.mean(y_true)))
    return 1 - residual / (total + K.epsilon())


def build():
    model = tf.keras.Sequential(
        [
            tf.keras.layers.Dense(16, input_shape=(3,), kernel_initializer=tf.keras.initializers.he_normal()),
            LeakyReLU(alpha=0.1),
            BatchNormalization(axis=-1, fused=False),
            Dense(1),
        ]
    )
    optimizer = tf.keras.optimizers.Adam(lr=0.05, decay=0.01)
    model.compile(loss=tf.losses.mean_squared_error, optimizer=optimizer, metrics=[r2, "mae"])
    return model


def batches():
    while True:
        for start in range(0, 256, 32):
            yield x[start : start + 32], y[start : start + 32]


model = build()
history = model.fit_generator(batches(), steps_per_epoch=8, epochs=20, verbose=0)
print("r2: %.3f" % history.history["r2"][-1])
folder = tempfile.mkdtemp()
model.save_weights(os.path.join(folder, "weights.h5"))
again = build()
again.load_weights(os.path.join(folder, "weights.h5"))
print("difference: %.7f" % np.abs(again.predict(x) - model.predict(x)).max())
