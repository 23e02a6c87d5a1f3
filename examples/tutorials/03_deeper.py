"""A deeper network of more than half a million weights, with the loss as an object.

python -m torchkeras_shim examples/tutorials/03_deeper.py
"""

import tensorflow as tf
from tensorflow import keras
from tensorflow.keras.layers import Dense, Flatten

(x_train, y_train), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()
x_train, x_test = x_train / 255.0, x_test / 255.0

model = keras.Sequential()
model.add(Flatten(input_shape=(28, 28)))
model.add(Dense(512, activation="relu"))
model.add(Dense(256, activation="relu"))
model.add(Dense(10, activation="softmax"))

model.compile(optimizer="adam", loss=tf.keras.losses.SparseCategoricalCrossentropy(), metrics=["accuracy"])
model.summary()

history = model.fit(x_train, y_train, epochs=2, batch_size=64, validation_data=(x_test, y_test))
print("accuracy after each epoch:", [round(value, 3) for value in history.history["val_accuracy"]])
