"""A training loop of your own: Keras's layers, loss, metric and optimizer; torch's autograd.

pip install -e ".[examples]" && python examples/custom_training_loop.py
"""

import torch
from sklearn.datasets import load_digits

import torchkeras_shim as keras
from torchkeras_shim import layers

keras.utils.set_random_seed(0)

digits = load_digits()
x = keras.ops.convert_to_tensor(digits.data.astype("float32") / 16)
y = keras.ops.convert_to_tensor(digits.target)

model = keras.Sequential([layers.Dense(64, activation="relu"), layers.Dropout(0.2), layers.Dense(10)])
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
accuracy = keras.metrics.SparseCategoricalAccuracy()
optimizer = keras.optimizers.Adam(learning_rate=3e-3)

batch_size = 32
for epoch in range(5):
    accuracy.reset_state()
    for index in torch.randperm(len(x), device=x.device).split(batch_size):
        # `training=True` switches Dropout on: a bare call of a Keras model is inference.
        logits = model(x[index], training=True)
        loss = loss_fn(y[index], logits)

        model.zero_grad()
        loss.backward()
        weights = model.trainable_weights
        gradients = [weight.grad for weight in weights]
        with torch.no_grad():
            optimizer.apply(gradients, weights)
            accuracy.update_state(y[index], logits)
    print(
        f"epoch {epoch + 1}: loss of the last batch {float(loss.detach()):.4f}, accuracy {float(accuracy.result()):.4f}"
    )
