"""Texts of different lengths, good or bad: a transformer's encoder, from strings, with padding masked.

    python examples/text_transformer.py [--epochs 8] [--train 2000] [--device cuda]

The reviews are made by the script; each has a good word and a bad one, and the later one decides.
On a CPU, in 8 seconds: accuracy on new texts 0.996; the same network without places of words 0.498 (`--no-places`).
"""

# %% Settings
import argparse

import numpy as np
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers, ops

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=8)
parser.add_argument("--train", type=int, default=2000, help="how many texts to train on")
parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
parser.add_argument("--no-places", action="store_true", help="without the places of words")
options = parser.parse_args()
keras.utils.set_random_seed(0)

# %% The data
GOOD, BAD = ["great", "moving", "brilliant", "funny"], ["dull", "awful", "boring", "clumsy"]
FILLERS = ["the", "film", "was", "actors", "and", "a", "story", "with", "music", "quite", "really"]
LENGTH = 32


def reviews(count, seed):
    random = np.random.default_rng(seed)
    texts, labels = [], np.arange(count) % 2
    for good in labels:
        words = list(random.choice(FILLERS, random.integers(6, 20)))
        first, second = sorted(random.choice(len(words), 2, replace=False))
        words[first] = random.choice(BAD if good else GOOD)
        words[second] = random.choice(GOOD if good else BAD)
        texts.append(" ".join(words).capitalize() + "!")
    return np.array(texts), labels


x_train, y_train = reviews(options.train, seed=1)
x_test, y_test = reviews(500, seed=2)
print(x_train[0], "->", y_train[0])

vectorizer = layers.TextVectorization(output_sequence_length=LENGTH)
vectorizer.adapt(x_train)
words = vectorizer.vocabulary_size()


# %% The model
class TokensAndPlaces(layers.Layer):
    """Embeds words and where they stand. What is padding is masked for the layers behind."""

    def __init__(self, words, width):
        super().__init__()
        self.words = layers.Embedding(words, width, mask_zero=True)
        self.places = layers.Embedding(LENGTH, width)

    def call(self, tokens):
        x = self.words(tokens)
        return x if options.no_places else x + self.places(ops.arange(LENGTH))

    def compute_mask(self, tokens, previous=None):
        return self.words.compute_mask(tokens)


def encoder(x, width, heads):
    attended = layers.MultiHeadAttention(heads, width // heads, dropout=0.1)(x, x)
    x = layers.LayerNormalization()(layers.Add()([x, attended]))
    wide = layers.Dense(2 * width, activation="gelu")(x)
    return layers.LayerNormalization()(layers.Add()([x, layers.Dense(width)(wide)]))


tokens = keras.Input((LENGTH,), dtype="int64")
x = TokensAndPlaces(words, 32)(tokens)
for _ in range(2):
    x = encoder(x, width=32, heads=4)
x = layers.GlobalAveragePooling1D()(x)  # of the words that are there: the mask has come this far
outputs = layers.Dense(1, activation="sigmoid")(x)
model = keras.Model(tokens, outputs).to(options.device)

# %% Training: texts become numbers once, before it.
model.compile(keras.optimizers.Adam(2e-3), "binary_crossentropy", metrics=["accuracy"])
history = model.fit(vectorizer(x_train), y_train, batch_size=32, epochs=options.epochs, verbose=2)

# %% The result: with the vectorizer in front, a model of texts.
texts = keras.Input((1,), dtype="string")
whole = keras.Model(texts, model(vectorizer(texts)))
predicted = whole.predict(x_test, verbose=0)[:, 0] > 0.5
print(f"accuracy on new texts: {np.mean(predicted == y_test):.3f}")
for text in ["The film was dull and the actors great", "The actors great and the film was dull"]:
    print(f"  {text}: {whole.predict(np.array([text]), verbose=0)[0, 0]:.2f}")
