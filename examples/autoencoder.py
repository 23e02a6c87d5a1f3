"""A denoising autoencoder: two models in one, trained on pairs of noisy and clean digits, then used one by one.

pip install -e ".[examples]" && python examples/autoencoder.py [epochs]
"""

import sys

import numpy as np
from sklearn.datasets import load_digits

import torchkeras_shim as keras
from torchkeras_shim import layers

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
keras.utils.set_random_seed(0)


class Autoencoder(keras.Model):
    """The encoder keeps 12 numbers of an image, the decoder draws it from them."""

    def __init__(self, width=12, **kwargs):
        super().__init__(**kwargs)
        self.encoder = keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
                layers.Flatten(),
                layers.Dense(width, name="code"),
            ],
            name="encoder",
        )
        self.decoder = keras.Sequential(
            [
                keras.Input((width,)),
                layers.Dense(4 * 4 * 16, activation="relu"),
                layers.Reshape((4, 4, 16)),
                layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu"),
                layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
            ],
            name="decoder",
        )

    def call(self, inputs):
        return self.decoder(self.encoder(inputs))


class Noise(keras.utils.PyDataset):
    """Batches of noisy images and the clean ones: other noise in every epoch."""

    def __init__(self, images, batch_size=64, **kwargs):
        super().__init__(**kwargs)
        self.images = images
        self.batch_size = batch_size
        self.random = np.random.default_rng(0)

    def __len__(self):
        return len(self.images) // self.batch_size

    def __getitem__(self, index):
        clean = self.images[index * self.batch_size : (index + 1) * self.batch_size]
        return noisy(clean, self.random), clean


def noisy(images, random):
    return np.clip(images + random.normal(0, 0.4, images.shape), 0, 1).astype("float32")


images = (load_digits().images / 16).astype("float32")[..., None]
train, test = images[:1500], images[1500:]
damaged = noisy(test, np.random.default_rng(1))

model = Autoencoder()
model.compile(keras.optimizers.Adam(3e-3), loss="binary_crossentropy", metrics=["mae"])
model.fit(Noise(train), epochs=epochs, verbose=0, validation_data=(damaged, test))
model.summary(expand_nested=True)

restored = model.predict(damaged, verbose=0)
before, after = (np.abs(pictures - test).mean() for pictures in (damaged, restored))
print(f"mean error of the noisy images {before:.3f}, of the restored ones {after:.3f}")
print("codes:", model.encoder.predict(test, verbose=0).shape, "drawn:", model.decoder(np.zeros((1, 12))).shape)

for row in range(8):
    pictures = (damaged[0], restored[0], test[0])
    print("   ".join("".join(" .:*#"[min(int(value * 5), 4)] * 2 for value in image[row, :, 0]) for image in pictures))
