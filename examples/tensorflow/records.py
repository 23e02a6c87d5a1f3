"""A round trip through TFRecord files, and a model that is trained from them."""

import os
import tempfile

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(0)
path = os.path.join(tempfile.mkdtemp(), "images.tfrecord")


def _bytes_feature(value):
    if isinstance(value, type(tf.constant(0))):
        value = value.numpy()
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _int64_feature(value):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


with tf.io.TFRecordWriter(path) as writer:
    for number in range(200):
        label = number % 2
        image = (rng.random((8, 8, 1)) * 100 + 120 * label).astype("uint8")
        feature = {"image": _bytes_feature(tf.io.encode_png(image).numpy()), "label": _int64_feature(label)}
        writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())

description = {"image": tf.io.FixedLenFeature([], tf.string), "label": tf.io.FixedLenFeature([], tf.int64)}


def parse(record):
    example = tf.io.parse_single_example(record, description)
    image = tf.image.convert_image_dtype(tf.io.decode_png(example["image"], channels=1), tf.float32)
    return tf.image.resize(image, [4, 4]), example["label"]


dataset = tf.data.TFRecordDataset(path).map(parse, num_parallel_calls=tf.data.AUTOTUNE).shuffle(200).batch(20)
model = tf.keras.Sequential([tf.keras.layers.Flatten(), tf.keras.layers.Dense(1, activation="sigmoid")])
model.compile(tf.keras.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
history = model.fit(dataset, epochs=5, verbose=0).history
print(f"accuracy: {history['accuracy'][-1]:.3f}")
