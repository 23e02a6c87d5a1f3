"""A stateful recurrent network of Keras 2.2: one epoch at a time, `reset_states` between two passes."""

import numpy as np
from keras import backend as K
from keras.layers import LSTM, Dense
from keras.models import Sequential

np.random.seed(3)
batch_size, length = 1, 60
wave = np.sin(np.arange(length + 1) / 3.0).astype("float32")
x = wave[:-1].reshape(length, 1, 1)
y = wave[1:].reshape(length, 1)

model = Sequential()
model.add(LSTM(8, batch_input_shape=(batch_size, 1, 1), stateful=True, return_sequences=True))
model.add(LSTM(8, stateful=True))
model.add(Dense(1))
model.compile(loss="mean_squared_error", optimizer="adam")

K.set_value(model.optimizer.lr, 0.01)

losses = []
for epoch in range(12):
    history = model.fit(x, y, epochs=1, batch_size=batch_size, verbose=0, shuffle=False)
    losses.append(history.history["loss"][0])
    model.reset_states()
print("loss: %.4f -> %.4f" % (losses[0], losses[-1]))

first = model.predict(x, batch_size=batch_size)
carried = model.predict(x, batch_size=batch_size)
model.reset_states()
again = model.predict(x, batch_size=batch_size)
print("carried: %.5f, again: %.5f" % (np.abs(carried - first).max(), np.abs(again - first).max()))
