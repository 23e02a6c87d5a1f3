"""A policy that learns where to go, in Keras 2.0: `K.placeholder`, `get_updates`, `K.function(updates=)`."""

import numpy as np
from keras import backend as K
from keras.layers import Dense, Input
from keras.models import Model
from keras.optimizers import Adam

np.random.seed(1)


class Agent(object):
    """Learns which of three moves to make at which of five places."""

    def __init__(self):
        self.model = self._build_model()
        self.train = self._build_train_function()

    def _build_model(self):
        state = Input(shape=(5,))
        hidden = Dense(16, activation="relu")(state)
        return Model(inputs=state, outputs=Dense(3, activation="softmax")(hidden))

    def _build_train_function(self):
        action = K.placeholder(shape=(None, 3), name="action")
        reward = K.placeholder(shape=(None,), name="reward")
        action_prob = K.sum(action * self.model.output, axis=1)
        loss = -K.mean(K.log(action_prob + 1e-10) * reward)
        updates = Adam(lr=0.02).get_updates(params=self.model.trainable_weights, loss=loss)
        return K.function([self.model.input, action, reward], [loss], updates=updates)

    def act(self, states):
        probabilities = self.model.predict(states, batch_size=len(states))
        return np.array([np.random.choice(3, p=p / p.sum()) for p in probabilities.astype("float64")])


agent = Agent()
means = []
for episode in range(60):
    places = np.random.randint(0, 5, 64)
    states = np.eye(5)[places]
    moves = agent.act(states)
    rewards = -np.abs(places + moves - 1 - 2).astype("float32")
    means.append(rewards.mean())
    agent.train([states, np.eye(3)[moves], rewards - rewards.mean()])
print("reward: %.3f -> %.3f" % (np.mean(means[:5]), np.mean(means[-5:])))
print("moves: %s" % agent.model.predict(np.eye(5)).argmax(axis=1).tolist())
