"""Reviews of films, good or bad: from a folder of texts to a model that takes texts, and is one file.

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


# A folder of texts: one folder for each class in it, one file for each text.
reviews = tempfile.mkdtemp()
for number in range(1200):
    kind = ["bad", "good"][number % 2]
    os.makedirs(os.path.join(reviews, kind), exist_ok=True)
    with open(os.path.join(reviews, kind, f"{number}.txt"), "w") as file:
        file.write(review(kind == "good"))
train, held = keras.utils.text_dataset_from_directory(
    reviews, label_mode="binary", batch_size=16, validation_split=0.2, subset="both", seed=0, verbose=False
)
print("classes:", train.class_names)

# The vocabulary is learned from the texts for training alone. Pairs of words are tokens, too: "not dull" is one.
vectorizer = layers.TextVectorization(max_tokens=500, ngrams=2, output_sequence_length=40)
vectorizer.adapt(train.map(lambda text, label: text))
print("most frequent:", vectorizer.get_vocabulary()[2:8])
texts, _ = next(iter(train))
print(texts.decode()[0], "->", vectorizer(texts)[0, :6].tolist())

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
model.fit(train, epochs=epochs, verbose=0)
print(f"accuracy on new texts: {model.evaluate(held, verbose=0)[1]:.2f}")

# The file holds the vocabulary; what it gives takes texts, too.
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "reviews.keras")
    model.save(path)
    loaded = keras.saving.load_model(path)
    asked = np.array(["The story was really not dull", "A boring film with awful actors"])
    print("good:", (loaded.predict(asked, verbose=0)[:, 0] > 0.5).tolist())
    print("loaded predicts the same:", np.allclose(loaded.predict(asked, verbose=0), model.predict(asked, verbose=0)))
