"""Reviews of films, good or bad: from plain texts to a model that takes texts, and is one file.

python examples/text_classification.py [epochs]
"""

import os
import sys
import tempfile

import numpy as np

import torchkeras_shim as keras
from torchkeras_shim import layers

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 8
keras.utils.set_random_seed(0)
random = np.random.default_rng(0)

# Texts that the script makes itself. A "not" turns the word behind it round, so that words alone do not decide.
GOOD, BAD = ["great", "moving", "brilliant", "funny"], ["dull", "awful", "boring", "clumsy"]
FILLERS = ["the", "film", "was", "actors", "and", "a", "story", "with", "music", "quite", "really"]


def review(good):
    words = list(random.choice(FILLERS, random.integers(6, 20)))
    for _ in range(3):
        turned = random.random() < 0.3
        word = str(random.choice(GOOD if good != turned else BAD))
        words.insert(random.integers(len(words)), f"not {word}" if turned else word)
    return " ".join(words).capitalize() + "!"


labels = random.integers(0, 2, 1200).astype("float32")
texts = np.array([review(bool(label)) for label in labels])
train, held = slice(0, 1000), slice(1000, None)

# The vocabulary is learned from the texts for training alone. Pairs of words are tokens, too: "not dull" is one.
vectorizer = layers.TextVectorization(max_tokens=500, ngrams=2, output_sequence_length=40)
vectorizer.adapt(texts[train])
print("most frequent:", vectorizer.get_vocabulary()[2:8])
print(texts[0], "->", vectorizer(texts[:1])[0, :6].tolist())

model = keras.Sequential(
    [
        keras.Input((1,), dtype="string"),
        vectorizer,
        layers.Embedding(500, 16, mask_zero=True),
        layers.GlobalAveragePooling1D(),
        layers.Dense(16, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
model.fit(texts[train], labels[train], epochs=epochs, batch_size=16, verbose=0)
print(f"accuracy on new texts: {model.evaluate(texts[held], labels[held], verbose=0)[1]:.2f}")

# The file holds the vocabulary; what it gives takes texts, too.
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "reviews.keras")
    model.save(path)
    loaded = keras.saving.load_model(path)
    asked = np.array(["The story was really not dull", "A boring film with awful actors"])
    print("good:", (loaded.predict(asked, verbose=0)[:, 0] > 0.5).tolist())
    print("loaded predicts the same:", np.allclose(loaded.predict(asked, verbose=0), model.predict(asked, verbose=0)))
