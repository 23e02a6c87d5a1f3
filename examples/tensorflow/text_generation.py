"""A text continued word by word: `TextVectorization`, a GRU, and draws from its predictions."""

import tensorflow as tf

tf.random.set_seed(0)
TEXT = "the cat sat on the mat and the dog sat on the log . " * 40

vectorize = tf.keras.layers.TextVectorization(standardize="lower", split="whitespace")
vectorize.adapt([TEXT])
vocabulary = vectorize.get_vocabulary()
ids = tf.cast(vectorize([TEXT])[0], tf.int64)
sequences = tf.data.Dataset.from_tensor_slices(ids).batch(9, drop_remainder=True)
dataset = sequences.map(lambda chunk: (chunk[:-1], chunk[1:])).shuffle(100).batch(8, drop_remainder=True)


class Writer(tf.keras.Model):
    def __init__(self, size):
        super().__init__()
        self.embedding = tf.keras.layers.Embedding(size, 16)
        self.gru = tf.keras.layers.GRU(32, return_sequences=True, return_state=True)
        self.dense = tf.keras.layers.Dense(size)

    def call(self, inputs, states=None, return_state=False, training=False):
        x = self.embedding(inputs, training=training)
        x, states = self.gru(x, initial_state=states, training=training)
        x = self.dense(x, training=training)
        return (x, states) if return_state else x


model = Writer(len(vocabulary))
model.compile(tf.keras.optimizers.Adam(0.02), tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
losses = model.fit(dataset, epochs=8, verbose=0).history["loss"]
print(f"loss: {losses[0]:.2f} -> {losses[-1]:.2f}")

word, states, written = tf.constant([[vocabulary.index("the")]]), None, ["the"]
for _ in range(12):
    logits, states = model(word, states=states, return_state=True)
    word = tf.random.categorical(logits[:, -1, :] / 0.3, num_samples=1)
    written.append(vocabulary[int(word[0, 0])])
print(" ".join(written))
