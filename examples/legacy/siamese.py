"""Pairs of the same kind, by a siamese network of Keras 2: a distance in a `Lambda(output_shape=)`, a loss of `K`."""

import random

import numpy as np
from keras import backend as K
from keras.layers import Dense, Dropout, Flatten, Input, Lambda
from keras.models import Model
from keras.optimizers import RMSprop

np.random.seed(0)
random.seed(0)
num_classes, epochs = 4, 12


def euclidean_distance(vects):
    x, y = vects
    sum_square = K.sum(K.square(x - y), axis=1, keepdims=True)
    return K.sqrt(K.maximum(sum_square, K.epsilon()))


def eucl_dist_output_shape(shapes):
    shape1, shape2 = shapes
    return (shape1[0], 1)


def contrastive_loss(y_true, y_pred):
    margin = 1
    square_pred = K.square(y_pred)
    margin_square = K.square(K.maximum(margin - y_pred, 0))
    return K.mean(y_true * square_pred + (1 - y_true) * margin_square)


def create_pairs(x, digit_indices):
    pairs, labels = [], []
    n = min([len(digit_indices[d]) for d in range(num_classes)]) - 1
    for d in range(num_classes):
        for i in range(n):
            z1, z2 = digit_indices[d][i], digit_indices[d][i + 1]
            pairs += [[x[z1], x[z2]]]
            dn = (d + random.randrange(1, num_classes)) % num_classes
            z1, z2 = digit_indices[d][i], digit_indices[dn][i]
            pairs += [[x[z1], x[z2]]]
            labels += [1, 0]
    return np.array(pairs), np.array(labels).astype("float32")


def compute_accuracy(y_true, y_pred):
    pred = y_pred.ravel() < 0.5
    return np.mean(pred == y_true)


def accuracy(y_true, y_pred):
    return K.mean(K.equal(y_true, K.cast(y_pred < 0.5, y_true.dtype)))


def create_base_network(input_shape):
    input = Input(shape=input_shape)
    x = Flatten()(input)
    x = Dense(24, activation="relu")(x)
    x = Dropout(0.1)(x)
    x = Dense(8)(x)
    return Model(input, x)


centres = np.random.uniform(0, 1, (num_classes, 6, 4))
y = np.random.randint(0, num_classes, 400)
x = (centres[y] + np.random.normal(0, 0.2, (400, 6, 4))).astype("float32")
pairs, labels = create_pairs(x, [np.where(y == i)[0] for i in range(num_classes)])

base_network = create_base_network((6, 4))
input_a, input_b = Input(shape=(6, 4)), Input(shape=(6, 4))
distance = Lambda(euclidean_distance, output_shape=eucl_dist_output_shape)(
    [base_network(input_a), base_network(input_b)]
)
model = Model([input_a, input_b], distance)
model.compile(loss=contrastive_loss, optimizer=RMSprop(lr=0.005), metrics=[accuracy])
model.fit([pairs[:, 0], pairs[:, 1]], labels, batch_size=64, epochs=epochs, verbose=0)
predicted = model.predict([pairs[:, 0], pairs[:, 1]])
print("accuracy: %.3f" % compute_accuracy(labels, predicted))
