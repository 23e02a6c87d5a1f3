"""Translation with attention: digits in words to digits, with masks and a loss that leaves out padding."""

import random

import numpy as np
import tensorflow as tf
import tensorflow.keras.layers as layers

random.seed(0)
np.random.seed(0)
tf.random.set_seed(0)
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def pair():
    digits = [random.randrange(10) for _ in range(random.randrange(2, 5))]
    return " ".join(WORDS[digit] for digit in digits), "[START] " + " ".join(map(str, digits)) + " [END]"


sources, targets = zip(*[pair() for _ in range(1500)])
source_text = layers.TextVectorization(standardize=None, output_mode="int")
target_text = layers.TextVectorization(standardize=None, output_mode="int")
source_text.adapt(sources)
target_text.adapt(targets)


def process(source, target):
    target = target_text(target)
    return (source_text(source), target[:, :-1]), target[:, 1:]


dataset = tf.data.Dataset.from_tensor_slices((list(sources), list(targets))).shuffle(1500).batch(50)
dataset = dataset.map(process, tf.data.AUTOTUNE)


class Translator(tf.keras.Model):
    def __init__(self, source_size, target_size, units=48):
        super().__init__()
        self.source_embedding = layers.Embedding(source_size, units, mask_zero=True)
        self.encoder = layers.Bidirectional(layers.GRU(units, return_sequences=True), merge_mode="sum")
        self.target_embedding = layers.Embedding(target_size, units, mask_zero=True)
        self.decoder = layers.GRU(units, return_sequences=True)
        self.attention = layers.MultiHeadAttention(num_heads=1, key_dim=units)
        self.normalization = layers.LayerNormalization()
        self.output_layer = layers.Dense(target_size)

    def call(self, inputs):
        source, target = inputs
        context = self.encoder(self.source_embedding(source))
        x = self.decoder(self.target_embedding(target))
        attended = self.attention(query=x, value=context)
        return self.output_layer(self.normalization(x + attended))


def masked_loss(y_true, y_pred):
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")(y_true, y_pred)
    mask = tf.cast(y_true != 0, loss.dtype)
    return tf.reduce_sum(loss * mask) / tf.reduce_sum(mask)


def masked_accuracy(y_true, y_pred):
    y_pred = tf.cast(tf.argmax(y_pred, axis=-1), y_true.dtype)
    match, mask = tf.cast(y_true == y_pred, tf.float32), tf.cast(y_true != 0, tf.float32)
    return tf.reduce_sum(match * mask) / tf.reduce_sum(mask)


model = Translator(source_text.vocabulary_size(), target_text.vocabulary_size())
model.compile(optimizer=tf.keras.optimizers.Adam(0.01), loss=masked_loss, metrics=[masked_accuracy])
history = model.fit(dataset, epochs=5, verbose=0).history
print(f"accuracy: {history['masked_accuracy'][-1]:.3f}")
