"""Models whose steps are their own, written once and run on both libraries.

The classes are in the style of Keras's guides for torch, so real Keras runs them on its torch backend, in a process of
its own: `python -m tests.parity.own_steps results.npz`. Noise comes as data, because random numbers differ.
"""

from __future__ import annotations

import sys

import numpy as np
import torch

EPOCHS, BATCH = 3, 8


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def apply_gradients(loss, weights, optimizer):
    """What every step of these does at its end."""
    loss.backward()
    gradients = [weight.value.grad for weight in weights]
    with torch.no_grad():
        optimizer.apply(gradients, weights)


def by_the_guide(k):
    """The compiled loss and metrics, updated by hand."""

    class Net(k.Model):
        def train_step(self, data):
            x, y = data
            self.zero_grad()
            y_pred = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred)
            apply_gradients(loss, list(self.trainable_weights), self.optimizer)
            return self.updated(loss, y, y_pred)

        def test_step(self, data):
            x, y = data
            y_pred = self(x, training=False)
            return self.updated(self.compute_loss(x=x, y=y, y_pred=y_pred), y, y_pred)

        def updated(self, loss, y, y_pred):
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss.detach())
                else:
                    metric.update_state(y, y_pred.detach())
            return {metric.name: metric.result() for metric in self.metrics if metric.name == "loss"}

    inputs = k.Input((4,))
    x = k.layers.Dense(6, activation="tanh", kernel_regularizer=k.regularizers.L2(0.01))(inputs)
    model = Net(inputs, k.layers.Dense(2)(k.layers.BatchNormalization(momentum=0.5)(x)))
    model.compile(k.optimizers.Adam(0.02), loss="mse", metrics=["mae"])
    return model, normal(36, 4), normal(36, 2, seed=1)


def own_trackers(k):
    """Nothing of `compile` but the optimizer; sample weights handled by hand; `apply_gradients` under its old name."""

    class Net(k.Model):
        def __init__(self):
            super().__init__()
            self.hidden, self.out = k.layers.Dense(5, activation="relu"), k.layers.Dense(2)
            self.loss_fn = k.losses.MeanSquaredError()
            self.loss_tracker = k.metrics.Mean(name="loss")
            self.mae = k.metrics.MeanAbsoluteError(name="mae")

        @property
        def metrics(self):
            return [self.loss_tracker, self.mae]

        def call(self, inputs):
            return self.out(self.hidden(inputs))

        def train_step(self, data):
            x, y, weights = data
            self.zero_grad()
            y_pred = self(x, training=True)
            loss = self.loss_fn(y, y_pred, sample_weight=weights)
            loss.backward()
            trainable = self.trainable_weights
            gradients = [weight.value.grad for weight in trainable]
            with torch.no_grad():
                self.optimizer.apply_gradients(zip(gradients, trainable, strict=True))
            return self.updated(loss, y, y_pred, weights)

        def test_step(self, data):
            x, y, weights = k.utils.unpack_x_y_sample_weight(data)
            y_pred = self(x, training=False)
            return self.updated(self.loss_fn(y, y_pred, sample_weight=weights), y, y_pred, weights)

        def updated(self, loss, y, y_pred, weights):
            self.loss_tracker.update_state(loss.detach())
            self.mae.update_state(y, y_pred.detach(), sample_weight=weights)
            return {"loss": self.loss_tracker.result(), "mae": self.mae.result()}

    model = Net()
    model.compile(optimizer=k.optimizers.SGD(0.05, momentum=0.9))
    weights = np.random.default_rng(2).uniform(0, 2, 36).astype("float32")
    return model, normal(36, 4), normal(36, 2, seed=1), weights


def own_loss(k):
    """`compute_loss` alone, with a tracker of its own."""

    class Net(k.Model):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.size_tracker = k.metrics.Mean(name="size")

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            size = k.ops.mean(k.ops.square(y_pred))
            self.size_tracker.update_state(size)
            return k.ops.mean(k.ops.abs(y_pred - y)) + 0.1 * size + k.ops.sum(self.losses)

        def reset_metrics(self):
            super().reset_metrics()
            self.size_tracker.reset_state()

        def get_metrics_result(self):
            return {**super().get_metrics_result(), "size": self.size_tracker.result()}

    inputs = k.Input((4,))
    x = k.layers.Dense(6, activation="tanh", activity_regularizer="l2")(inputs)
    model = Net(inputs, k.layers.Dense(2, bias_regularizer="l2")(x))
    model.compile(optimizer=k.optimizers.RMSprop(0.01))
    return model, normal(36, 4), normal(36, 2, seed=1)


def own_metrics(k):
    """`compute_metrics` alone, beside the compiled ones."""

    class Net(k.Model):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.distance = k.metrics.MeanAbsoluteError(name="distance")

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            results = dict(super().compute_metrics(x, y, y_pred, sample_weight))
            self.distance.update_state(y, 2.0 * y_pred, sample_weight)
            return {**results, "distance": self.distance.result()}

    inputs = k.Input((4,))
    model = Net(inputs, k.layers.Dense(2)(k.layers.Dense(6, activation="tanh")(inputs)))
    model.compile(k.optimizers.SGD(0.05), loss="mse", metrics=["mae"])
    return model, normal(36, 4), normal(36, 2, seed=1)


def own_predictions(k):
    """`predict_step` alone; a class is predicted instead of its scores."""

    class Net(k.Model):
        def predict_step(self, data):
            scores = self(data[0] if isinstance(data, tuple) else data, training=False)
            return {"kind": k.ops.argmax(scores, axis=-1), "share": k.ops.softmax(scores)}

    inputs = k.Input((4,))
    model = Net(inputs, k.layers.Dense(3)(inputs))
    model.compile("sgd", loss=k.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model, normal(36, 4), np.random.default_rng(1).integers(0, 3, 36)


def around_super(k):
    """A `train_step` and a `test_step` that change the batch and leave the rest to the library."""

    class Net(k.Model):
        def train_step(self, data):
            x, y, sample_weight = k.utils.unpack_x_y_sample_weight(data)
            return super().train_step((x + 0.5, y, sample_weight))

        def test_step(self, data):
            x, y, sample_weight = k.utils.unpack_x_y_sample_weight(data)
            logs = super().test_step((x + 0.5, y, sample_weight))
            return {**logs, "double": 2 * logs["loss"]}

    inputs = k.Input((4,))
    x = k.layers.Dense(6, activation="tanh", activity_regularizer="l2")(inputs)
    model = Net(inputs, k.layers.Dense(2, kernel_regularizer="l1")(x))
    model.compile(k.optimizers.SGD(0.05), loss="mse", metrics=["mae"], weighted_metrics=["mse"])
    weights = np.random.default_rng(2).uniform(0, 2, 36).astype("float32")
    return model, normal(36, 4), normal(36, 2, seed=1), weights


def vae(k):
    """The divergence by `add_loss` in a layer, the parts of the loss in `Mean` trackers."""

    class Divergence(k.layers.Layer):
        def call(self, inputs):
            mean, log_variance = inputs
            parts = -0.5 * (1 + log_variance - k.ops.square(mean) - k.ops.exp(log_variance))
            self.add_loss(0.1 * k.ops.mean(k.ops.sum(parts, axis=1)))
            return mean

    class VAE(k.Model):
        def __init__(self):
            super().__init__()
            self.hidden = k.layers.Dense(8, activation="relu")
            self.mean, self.log_variance = k.layers.Dense(2), k.layers.Dense(2)
            self.divergence = Divergence()
            self.decoder = k.Sequential([k.layers.Dense(8, activation="relu"), k.layers.Dense(6, activation="sigmoid")])
            self.trackers = {name: k.metrics.Mean(name=name) for name in ("loss", "image", "divergence_loss")}

        @property
        def metrics(self):
            return list(self.trackers.values())

        def call(self, inputs):
            images, noise = inputs
            hidden = self.hidden(images)
            mean, log_variance = self.mean(hidden), self.log_variance(hidden)
            return self.decoder(self.divergence([mean, log_variance]) + k.ops.exp(0.5 * log_variance) * noise)

        def measure(self, data, training):
            rebuilt = self(data, training=training)
            image = k.ops.mean(k.ops.sum(k.losses.binary_crossentropy(data[0][..., None], rebuilt[..., None]), axis=1))
            divergence = sum(self.losses)
            return image + divergence, image, divergence

        def updated(self, losses):
            for tracker, loss in zip(self.metrics, losses, strict=True):
                tracker.update_state(loss.detach())
            return {metric.name: metric.result() for metric in self.metrics}

        def train_step(self, data):
            self.zero_grad()
            losses = self.measure(data[0], training=True)
            apply_gradients(losses[0], self.trainable_weights, self.optimizer)
            return self.updated(losses)

        def test_step(self, data):
            return self.updated(self.measure(data[0], training=False))

    model = VAE()
    model.compile(optimizer=k.optimizers.Adam(0.01))
    images = np.random.default_rng(3).uniform(size=(36, 6)).astype("float32")
    return model, (images, normal(36, 2, seed=4)), np.zeros(36, "float32")


def gan(k):
    """Two optimizers, a `compile` of its own, and weights of one half that the other half's step leaves alone."""

    class GAN(k.Model):
        def __init__(self, generator, discriminator):
            super().__init__()
            self.generator, self.discriminator = generator, discriminator
            self.d_tracker, self.g_tracker = k.metrics.Mean(name="d_loss"), k.metrics.Mean(name="g_loss")

        def compile(self, d_optimizer, g_optimizer, loss_fn):
            super().compile()
            self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn

        @property
        def metrics(self):
            return [self.d_tracker, self.g_tracker]

        def call(self, inputs):
            return self.discriminator(self.generator(inputs[1]))

        def train_step(self, data):
            real, noise = data[0]
            ones, zeros = k.ops.ones((real.shape[0], 1)), k.ops.zeros((real.shape[0], 1))
            self.zero_grad()
            both = k.ops.concatenate([real, self.generator(noise, training=True).detach()])
            d_loss = self.loss_fn(k.ops.concatenate([ones, zeros]), self.discriminator(both, training=True))
            apply_gradients(d_loss, self.discriminator.trainable_weights, self.d_optimizer)
            self.zero_grad()
            guesses = self.discriminator(self.generator(noise, training=True), training=True)
            g_loss = self.loss_fn(ones, guesses)
            apply_gradients(g_loss, self.generator.trainable_weights, self.g_optimizer)
            self.d_tracker.update_state(d_loss.detach())
            self.g_tracker.update_state(g_loss.detach())
            return {"d_loss": self.d_tracker.result(), "g_loss": self.g_tracker.result()}

        def test_step(self, data):
            guesses = self(data[0], training=False)
            self.g_tracker.update_state(self.loss_fn(k.ops.ones_like(guesses), guesses))
            return {"g_loss": self.g_tracker.result()}

    generator = k.Sequential([k.Input((3,)), k.layers.Dense(6, activation="relu"), k.layers.Dense(2)])
    discriminator = k.Sequential([k.Input((2,)), k.layers.Dense(6), k.layers.LeakyReLU(), k.layers.Dense(1)])
    model = GAN(generator, discriminator)
    adam = [k.optimizers.Adam(0.01, beta_1=0.5) for _ in range(2)]
    model.compile(*adam, loss_fn=k.losses.BinaryCrossentropy(from_logits=True))
    return model, (normal(36, 2), normal(36, 3, seed=5)), np.zeros(36, "float32")


def autoencoder(k):
    """A nested encoder and decoder, trained to take away noise, which is to make no difference to what is encoded."""

    class Denoiser(k.Model):
        def __init__(self):
            super().__init__()
            self.encoder = k.Sequential([k.layers.Dense(4, activation="tanh"), k.layers.LayerNormalization()])
            self.decoder = k.Sequential([k.layers.Dense(6)])

        def call(self, inputs):
            return self.decoder(self.encoder(inputs))

        def train_step(self, data):
            noisy, clean = data
            self.zero_grad()
            loss = self.compute_loss(y=clean, y_pred=self(noisy, training=True))
            loss = loss + 0.1 * k.ops.mean(k.ops.abs(self.encoder(noisy) - self.encoder(clean)))
            apply_gradients(loss, self.trainable_variables, self.optimizer)
            return {"error": loss.detach()}

        def test_step(self, data):
            _, clean = data
            return {"error": self.compute_loss(y=clean, y_pred=self(clean, training=False))}

    model = Denoiser()
    model.compile(optimizer=k.optimizers.AdamW(0.01, weight_decay=0.02), loss="mse")
    images = normal(36, 6)
    return model, images + 0.1 * normal(36, 6, seed=6), images


def contrastive(k):
    """Two views of each sample; the matching view is to be found among all others."""

    class Contrastive(k.Model):
        def __init__(self, temperature=0.3):
            super().__init__()
            self.temperature = temperature
            self.encoder = k.Sequential([k.layers.Dense(8, activation="relu"), k.layers.Dense(4)], name="encoder")
            self.projection = k.layers.Dense(3, name="projection")
            self.loss_tracker = k.metrics.Mean(name="c_loss")
            self.accuracy = k.metrics.SparseCategoricalAccuracy(name="c_acc")

        @property
        def metrics(self):
            return [self.loss_tracker, self.accuracy]

        def call(self, inputs):
            views = [k.ops.normalize(self.projection(self.encoder(view)), axis=1) for view in inputs]
            return k.ops.matmul(views[0], k.ops.transpose(views[1])) / self.temperature

        def measure(self, similarities):
            labels = k.ops.arange(similarities.shape[0])
            both = [similarities, k.ops.transpose(similarities)]
            losses = [k.losses.sparse_categorical_crossentropy(labels, way, from_logits=True) for way in both]
            for way in both:
                self.accuracy.update_state(labels, way.detach())
            return k.ops.mean(losses[0] + losses[1]) / 2

        def train_step(self, data):
            self.zero_grad()
            loss = self.measure(self(data[0], training=True))
            apply_gradients(loss, self.trainable_weights, self.optimizer)
            return self.updated(loss.detach())

        def test_step(self, data):
            return self.updated(self.measure(self(data[0], training=False)))

        def updated(self, loss):
            self.loss_tracker.update_state(loss)
            return {metric.name: metric.result() for metric in self.metrics}

    base = normal(32, 5)
    views = tuple(base + 0.1 * normal(32, 5, seed=seed) for seed in (7, 8))
    model = Contrastive()
    model.compile(optimizer=k.optimizers.Adam(0.02))
    return model, views, np.zeros(32, "float32")


CASES = {
    case.__name__: case
    for case in (
        by_the_guide,
        own_trackers,
        own_loss,
        own_metrics,
        own_predictions,
        around_super,
        vae,
        gan,
        autoencoder,
        contrastive,
    )
}


def results(k, name):
    """Trains a case from weights drawn by numpy and returns all that can be seen of it, as arrays by name."""
    model, x, y, *sample_weight = CASES[name](k)
    model(tuple(part[:BATCH] for part in x) if isinstance(x, tuple) else x[:BATCH])
    rng = np.random.default_rng(9)
    start = [rng.normal(scale=0.4, size=tuple(weight.shape)).astype("float32") for weight in model.weights]
    model.set_weights([abs(value) if value.ndim == 1 else value for value in start])  # variances among the vectors
    weights = sample_weight[0] if sample_weight else None
    fit = {"epochs": EPOCHS, "batch_size": BATCH, "shuffle": False, "verbose": 0}
    history = model.fit(x, y, sample_weight=weights, validation_data=(x, y, *sample_weight), **fit).history
    found = {f"history of {key}": np.array(values, "float32") for key, values in history.items()}
    scores = model.evaluate(x, y, batch_size=BATCH, sample_weight=weights, verbose=0, return_dict=True)
    found.update({f"evaluated {key}": np.array(value, "float32") for key, value in scores.items()})
    predictions = model.predict(x, batch_size=len(y), verbose=0)
    predictions = predictions if isinstance(predictions, dict) else {"": predictions}
    found.update({f"predicted {key}": value for key, value in predictions.items()})
    found.update({f"weight {index}": weight for index, weight in enumerate(model.get_weights())})
    return found


if __name__ == "__main__":
    import keras

    every = {f"{name}: {key}": value for name in CASES for key, value in results(keras, name).items()}
    np.savez(sys.argv[1], **every)
