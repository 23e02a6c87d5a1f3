"""Deep Q-learning of a walk along a corridor: an update of chosen actions with one-hot masks."""

import random

import numpy as np
import tensorflow as tf
from tensorflow import keras

random.seed(0)
np.random.seed(0)
tf.random.set_seed(0)
LENGTH = 6


def create_q_model():
    return keras.Sequential([keras.layers.Dense(24, activation="relu"), keras.layers.Dense(2, activation="linear")])


def state_of(place):
    return np.eye(LENGTH, dtype="float32")[place]


model, target_model = create_q_model(), create_q_model()
model(np.zeros((1, LENGTH), "float32")), target_model(np.zeros((1, LENGTH), "float32"))
target_model.set_weights(model.get_weights())
optimizer = keras.optimizers.Adam(learning_rate=0.01, clipnorm=1.0)
loss_function = keras.losses.Huber()
memory, steps = [], 0
for episode in range(40):
    place = 0
    for _ in range(20):
        if random.random() < max(0.1, 1 - episode / 20):
            action = random.randrange(2)
        else:
            state_tensor = tf.expand_dims(tf.convert_to_tensor(state_of(place)), 0)
            action = tf.argmax(model(state_tensor, training=False)[0]).numpy()
        following = min(max(place + (1 if action else -1), 0), LENGTH - 1)
        done = following == LENGTH - 1
        memory.append((state_of(place), action, float(done), state_of(following), float(done)))
        place = following
        steps += 1
        if len(memory) >= 32 and steps % 2 == 0:
            states, actions, rewards, nexts, dones = map(np.array, zip(*random.sample(memory, 32)))
            future = tf.reduce_max(target_model(nexts), axis=1)
            updated = rewards + 0.9 * future * (1 - dones)
            masks = tf.one_hot(actions, 2)
            with tf.GradientTape() as tape:
                q_action = tf.reduce_sum(tf.multiply(model(states), masks), axis=1)
                loss = loss_function(updated, q_action)
            grads = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(grads, model.trainable_variables))
        if steps % 40 == 0:
            target_model.set_weights(model.get_weights())
        if done:
            break
policy = tf.argmax(model(np.eye(LENGTH, dtype="float32")[:-1]), axis=1).numpy()
print("policy:", policy.tolist())
