"""A forecast by windows of a series: `Dataset.window` and an LSTM."""

import numpy as np
import tensorflow as tf

tf.random.set_seed(0)
time = np.arange(600, dtype="float32")
series = np.sin(time / 8) + 0.1 * np.random.default_rng(0).normal(size=600).astype("float32")
WINDOW, SPLIT = 16, 480


def windowed_dataset(series, window_size, batch_size, shuffle_buffer):
    dataset = tf.data.Dataset.from_tensor_slices(tf.expand_dims(series, axis=-1))
    dataset = dataset.window(window_size + 1, shift=1, drop_remainder=True)
    dataset = dataset.flat_map(lambda window: window.batch(window_size + 1))
    dataset = dataset.shuffle(shuffle_buffer).map(lambda window: (window[:-1], window[-1]))
    return dataset.batch(batch_size).prefetch(1)


model = tf.keras.models.Sequential(
    [tf.keras.layers.Input((WINDOW, 1)), tf.keras.layers.LSTM(16), tf.keras.layers.Dense(1)]
)
model.compile(loss=tf.keras.losses.Huber(), optimizer=tf.keras.optimizers.Adam(0.01), metrics=["mae"])
model.fit(windowed_dataset(series[:SPLIT], WINDOW, 32, 500), epochs=5, verbose=0)
test = windowed_dataset(series[SPLIT:], WINDOW, 32, 1)
print(f"mae: {model.evaluate(test, verbose=0)[1]:.3f}")
