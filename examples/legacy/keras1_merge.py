"""Two branches of Keras 1 brought together: `merge(mode=)` of tensors and of models, `Model(input=, output=)`."""

import numpy as np

np.random.seed(7)

from keras import backend as K
from keras.layers import Dense, Input, merge
from keras.models import Model, Sequential

x1 = np.random.randn(500, 4)
x2 = np.random.randn(500, 4)
y = (np.sum(x1 * x2, axis=1, keepdims=True) > 0).astype("float32")

first, second = Input(shape=(4,)), Input(shape=(4,))
left, right = Dense(16, activation="tanh")(first), Dense(16, activation="tanh")(second)
product = merge([left, right], mode="mul")
everything = merge([left, right, product], mode="concat", concat_axis=-1)
model = Model(input=[first, second], output=Dense(1, activation="sigmoid")(everything))
model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
model.optimizer.lr = 0.02
history = model.fit([x1, x2], y, nb_epoch=12, batch_size=32, validation_split=0.2, verbose=0)
print("functional: %.3f" % history.history["acc"][-1])

left_branch = Sequential()
left_branch.add(Dense(16, input_dim=4, activation="tanh"))
right_branch = Sequential()
right_branch.add(Dense(16, input_dim=4, activation="tanh"))
merged = merge([left_branch.output, right_branch.output], mode="mul", name="both")
output = Dense(output_dim=1, activation="sigmoid", init="uniform", name="answer")(merged)
joined = Model(input=[left_branch.input, right_branch.input], output=output)
joined.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
joined.optimizer.lr = 0.02
joined.fit([x1, x2], {"answer": y}, nb_epoch=12, batch_size=32, verbose=0)
print("branches: %.3f" % joined.evaluate([x1, x2], y, verbose=0)[1])
print("merged: %s" % (K.int_shape(joined.get_layer("both").output),))
