"""Digits by a convolutional network, as Keras 1 said it: `Convolution2D(8, 3, 3)`, `border_mode`, `nb_epoch`."""

from __future__ import print_function

import numpy as np

np.random.seed(1337)

from keras.layers.convolutional import Convolution2D, MaxPooling2D
from keras.layers.core import Activation, Dense, Dropout, Flatten
from keras.models import Sequential
from keras.utils import np_utils

nb_classes, nb_epoch, batch_size = 3, 8, 32
img_rows, img_cols = 10, 10


def load_data(count):
    """Bars across, bars upright, and squares, in noise."""
    labels = np.random.randint(0, nb_classes, count)
    pictures = np.random.uniform(0, 90, (count, img_rows, img_cols))
    for picture, label in zip(pictures, labels):
        row, column = np.random.randint(0, 6, 2)
        if label == 0:
            picture[row] += 150
        elif label == 1:
            picture[:, column] += 150
        else:
            picture[row : row + 4, column : column + 4] += 150
    return pictures, labels


X_train, y_train = load_data(600)
X_test, y_test = load_data(200)
X_train = X_train.reshape(X_train.shape[0], img_rows, img_cols, 1).astype("float32") / 255
X_test = X_test.reshape(X_test.shape[0], img_rows, img_cols, 1).astype("float32") / 255
Y_train = np_utils.to_categorical(y_train, nb_classes)
Y_test = np_utils.to_categorical(y_test, nb_classes)

model = Sequential()
model.add(Convolution2D(8, 3, 3, border_mode="same", dim_ordering="tf", input_shape=(img_rows, img_cols, 1)))
model.add(Activation("relu"))
model.add(Convolution2D(8, 3, 3, init="he_normal", subsample=(2, 2)))
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(2, 2), dim_ordering="tf"))
model.add(Dropout(p=0.1))
model.add(Flatten())
model.add(Dense(output_dim=32, W_regularizer="l2"))
model.add(Activation("relu"))
model.add(Dense(nb_classes))
model.add(Activation("softmax"))
model.compile(loss="categorical_crossentropy", optimizer="adadelta", metrics=["accuracy"])
model.optimizer.lr = 1.0

history = model.fit(
    X_train, Y_train, batch_size=batch_size, nb_epoch=nb_epoch, verbose=0, validation_data=(X_test, Y_test)
)
score = model.evaluate(X_test, Y_test, verbose=0)
print("validation: %.3f" % history.history["val_acc"][-1])
print("accuracy: %.3f" % score[1])
print("classes right: %.3f" % np.mean(model.predict_classes(X_test, verbose=0) == y_test))
