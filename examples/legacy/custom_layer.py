"""A layer and callbacks of one's own, as Keras 2.0 had them: `self.add_weight(name=..., shape=...)`, `logs["acc"]`."""

import numpy as np
from keras import backend as K
from keras import callbacks, initializers, regularizers
from keras.engine.topology import InputSpec, Layer
from keras.layers import LSTM, Dense, Embedding
from keras.models import Sequential, load_model

np.random.seed(0)


class Attention(Layer):
    """The mean of the steps, weighted by what they say."""

    def __init__(self, W_regularizer=None, bias=True, **kwargs):
        self.init = initializers.get("glorot_uniform")
        self.W_regularizer = regularizers.get(W_regularizer)
        self.bias = bias
        self.supports_masking = True
        super(Attention, self).__init__(**kwargs)

    def build(self, input_shape):
        assert len(input_shape) == 3
        self.input_spec = [InputSpec(ndim=3)]
        self.W = self.add_weight(
            (input_shape[-1],), initializer="one", name="{}_W".format(self.name), regularizer=self.W_regularizer
        )
        self.V = self.add_weight("{}_V".format(self.name), (input_shape[-1], input_shape[-1]), initializer=self.init)
        if self.bias:
            self.b = self.add_weight(shape=(input_shape[1],), initializer="zero", name="{}_b".format(self.name))
        super(Attention, self).build(input_shape)

    def compute_mask(self, input, input_mask=None):
        return None

    def call(self, x, mask=None):
        eij = K.squeeze(K.dot(K.tanh(K.dot(x, self.V)), K.expand_dims(self.W)), axis=-1)
        if self.bias:
            eij += self.b
        a = K.exp(eij)
        if mask is not None:
            a *= K.cast(mask, K.floatx())
        a /= K.cast(K.sum(a, axis=1, keepdims=True) + K.epsilon(), K.floatx())
        return K.sum(x * K.expand_dims(a), axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])

    def get_config(self):
        return dict(super(Attention, self).get_config(), bias=self.bias)


class StopAt(callbacks.Callback):
    """Ends training once it is good enough."""

    def on_train_begin(self, logs={}):
        self.seen = []

    def on_batch_end(self, batch, logs={}):
        self.last = logs.get("loss")

    def on_epoch_end(self, epoch, logs={}):
        self.seen.append(logs["acc"])
        if logs.get("acc") > 0.95:
            self.model.stop_training = True


x = np.random.randint(1, 12, (400, 8))
x[:, 6:] = 0
y = (x == 3).any(axis=1).astype("float32")

model = Sequential()
model.add(Embedding(12, 8, input_length=8, mask_zero=True))
model.add(LSTM(8, return_sequences=True, implementation=1))
model.add(Attention(W_regularizer="l2", name="attention"))
model.add(Dense(1, activation="sigmoid"))
model.compile(loss="binary_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
model.optimizer.lr = 0.02
stop = StopAt()
model.fit(x, y, batch_size=20, epochs=25, verbose=0, callbacks=[stop])
print("accuracy: %.3f after %d epochs of at most 25" % (stop.seen[-1], len(stop.seen)))

model.save("attention_model.h5")
again = load_model("attention_model.h5", custom_objects={"Attention": Attention})
print("difference: %.7f" % np.abs(again.predict(x) - model.predict(x)).max())
