"""What a network dreams of, in Keras 2: `K.gradients` and `K.function`, and gradient ascent in numpy."""

import numpy as np
from keras import backend as K
from keras.layers import Conv2D, Input, MaxPooling2D
from keras.models import Model

np.random.seed(0)
K.set_learning_phase(0)

inputs = Input(shape=(None, None, 3))
x = Conv2D(6, (3, 3), activation="relu", padding="same", name="mixed1")(inputs)
x = MaxPooling2D((2, 2))(x)
x = Conv2D(8, (3, 3), activation="relu", padding="same", name="mixed2")(x)
model = Model(inputs, x)
for layer in model.layers:
    if layer.get_weights():
        layer.set_weights([np.random.normal(0, 0.3, w.shape) for w in layer.get_weights()])
dream = model.input

layer_dict = dict([(layer.name, layer) for layer in model.layers])
loss = K.variable(0.0)
for layer_name, coeff in {"mixed1": 0.2, "mixed2": 2.0}.items():
    activation = layer_dict[layer_name].output
    scaling = K.prod(K.cast(K.shape(activation), "float32"))
    loss = loss + coeff * K.sum(K.square(activation[:, 2:-2, 2:-2, :])) / scaling

grads = K.gradients(loss, dream)[0]
grads /= K.maximum(K.mean(K.abs(grads)), K.epsilon())
fetch_loss_and_grads = K.function([dream], [loss, grads])


def eval_loss_and_grads(x):
    outs = fetch_loss_and_grads([x])
    return outs[0], outs[1]


def gradient_ascent(x, iterations, step, max_loss=None):
    for i in range(iterations):
        loss_value, grad_values = eval_loss_and_grads(x)
        if max_loss is not None and loss_value > max_loss:
            break
        x += step * grad_values
    return x


img = np.random.uniform(-0.1, 0.1, (1, 16, 16, 3))
before = eval_loss_and_grads(img)[0]
for size in (16, 20):
    img = np.pad(img, ((0, 0), (0, size - img.shape[1]), (0, size - img.shape[2]), (0, 0)), mode="edge")
    img = gradient_ascent(img, iterations=10, step=0.02, max_loss=100.0)
print("loss: %.4f -> %.4f" % (before, eval_loss_and_grads(img)[0]))
print("dream: %s" % (img.shape,))
