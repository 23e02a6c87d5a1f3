"""A training loop by hand: `tf.data`, `tf.function`, metrics and a checkpoint."""

import tempfile

import numpy as np
import tensorflow as tf

tf.random.set_seed(0)
rng = np.random.default_rng(0)
x = rng.normal(size=(1200, 8)).astype("float32")
y = (x[:, :4].sum(1) > x[:, 4:].sum(1)).astype("int32")
train = tf.data.Dataset.from_tensor_slices((x[:1000], y[:1000])).shuffle(1000).batch(50)
test = tf.data.Dataset.from_tensor_slices((x[1000:], y[1000:])).batch(50)

model = tf.keras.Sequential([tf.keras.layers.Dense(16, activation="relu"), tf.keras.layers.Dense(2)])
loss_object = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = tf.keras.optimizers.Adam(0.01)
train_loss = tf.keras.metrics.Mean(name="train_loss")
test_accuracy = tf.keras.metrics.SparseCategoricalAccuracy(name="test_accuracy")


@tf.function
def train_step(features, labels):
    with tf.GradientTape() as tape:
        loss = loss_object(labels, model(features, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    train_loss(loss)


@tf.function
def test_step(features, labels):
    test_accuracy(labels, model(features, training=False))


folder = tempfile.mkdtemp()
checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer)
manager = tf.train.CheckpointManager(checkpoint, folder, max_to_keep=2)
for epoch in range(4):
    train_loss.reset_state()
    test_accuracy.reset_state()
    for features, labels in train:
        train_step(features, labels)
    for features, labels in test:
        test_step(features, labels)
    manager.save()
    tf.print("epoch", epoch + 1, "loss", train_loss.result(), "accuracy", test_accuracy.result() * 100)
print(f"accuracy: {float(test_accuracy.result()):.3f}")
print("kept:", len(manager.checkpoints))
