"""A table in a CSV file with few positive rows: columns by name, an initial bias and class weights."""

import os
import tempfile

import numpy as np
import tensorflow as tf

tf.random.set_seed(0)
rng = np.random.default_rng(0)
path = os.path.join(tempfile.mkdtemp(), "table.csv")
amount, age = rng.normal(size=1500), rng.normal(size=1500)
kind = rng.choice(["a", "b", "c"], 1500)
fraud = (amount + age + (kind == "c") > 2.4).astype(int)
with open(path, "w") as file:
    file.write("amount,age,kind,fraud\n")
    file.writelines(f"{a:.4f},{g:.4f},{k},{f}\n" for a, g, k, f in zip(amount, age, kind, fraud))

lines = tf.data.TextLineDataset(path).skip(1)
table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "b", "c"], [0, 1, 2]), default_value=-1)


def parse(line):
    amount, age, kind, fraud = tf.io.decode_csv(line, [0.0, 0.0, "", 0])
    return tf.concat([tf.stack([amount, age]), tf.one_hot(table.lookup(kind), 3)], axis=0), fraud


dataset = lines.map(parse).cache()
positive, total = int(fraud.sum()), len(fraud)
bias = tf.keras.initializers.Constant(float(np.log(positive / (total - positive))))
model = tf.keras.Sequential(
    [
        tf.keras.layers.Dense(16, activation="relu"),
        tf.keras.layers.Dense(1, activation="sigmoid", bias_initializer=bias),
    ]
)
metrics = [tf.keras.metrics.Recall(name="recall"), tf.keras.metrics.AUC(name="auc")]
model.compile(tf.keras.optimizers.Adam(0.01), tf.keras.losses.BinaryCrossentropy(), metrics=metrics)
weights = {0: total / (2.0 * (total - positive)), 1: total / (2.0 * positive)}
model.fit(dataset.shuffle(1500).batch(64), epochs=4, class_weight=weights, verbose=0)
result = model.evaluate(dataset.batch(256), verbose=0, return_dict=True)
print(f"positive: {positive} of {total}; recall: {result['recall']:.2f}; auc: {result['auc']:.3f}")
