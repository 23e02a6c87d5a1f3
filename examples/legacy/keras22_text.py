"""Comments, kind or not, by a recurrent network of Keras 2.2: `Tokenizer`, `pad_sequences`, `acc`, `val_acc`."""

import numpy as np
from keras.callbacks import EarlyStopping, ModelCheckpoint
from keras.layers import LSTM, Dense, Embedding, SpatialDropout1D
from keras.models import Sequential
from keras.preprocessing.sequence import pad_sequences
from keras.preprocessing.text import Tokenizer
from keras.utils.np_utils import to_categorical
from numpy.random import seed

seed(1)

kind, unkind = ["lovely", "great", "warm", "happy"], ["dull", "awful", "cold", "sad"]
other = ["the", "film", "was", "a", "story", "about", "people", "and", "so", "it", "is"]


def comment(label):
    words = list(np.random.choice(other, np.random.randint(3, 9)))
    words += list(np.random.choice(kind if label else unkind, 2))
    np.random.shuffle(words)
    return " ".join(words).capitalize() + np.random.choice([".", "!", "!!", " ..."])


labels = np.random.randint(0, 2, 400)
texts = [comment(label) for label in labels]

tokenizer = Tokenizer(num_words=30, lower=True, oov_token="<unk>")
tokenizer.fit_on_texts(texts)
sequences = tokenizer.texts_to_sequences(texts)
word_index = tokenizer.word_index
print("Found %s unique tokens." % len(word_index))
data = pad_sequences(sequences, maxlen=10)
targets = to_categorical(labels)

model = Sequential()
model.add(Embedding(len(word_index) + 1, 8, input_length=10))
model.add(SpatialDropout1D(0.1))
model.add(LSTM(8, dropout=0.1, recurrent_dropout=0.1, recurrent_activation="hard_sigmoid"))
model.add(Dense(2, activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["acc"])

history = model.fit(
    data,
    targets,
    epochs=8,
    batch_size=16,
    validation_split=0.2,
    verbose=0,
    callbacks=[
        EarlyStopping(monitor="val_acc", patience=3),
        ModelCheckpoint("best_text_model.h5", monitor="val_acc", save_best_only=True),
    ],
)
print("accuracy: %.3f, validation: %.3f" % (history.history["acc"][-1], max(history.history["val_acc"])))
new = pad_sequences(tokenizer.texts_to_sequences(["A lovely and warm story!", "The film was so sad, awful"]), maxlen=10)
print("predicted:", model.predict_classes(new).tolist())
print("bag of words:", tokenizer.texts_to_matrix(["so so sad"], mode="count").sum())
