"""Reinforcement learning: a policy learns to balance a pole on a cart, by proximal policy optimization (PPO).

    python examples/reinforcement_learning.py [--epochs 30] [--device cuda]

The cart and the pole are a few lines of the script, many of them side by side. An episode ends when the pole falls, or
after 500 steps. On a CPU, in 5 seconds: an episode ends every 24 steps in the first epoch, and lasts 500
steps after the last.
"""

# %% Settings
import argparse

import numpy as np
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers, ops

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=30)
parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
options = parser.parse_args()
keras.utils.set_random_seed(0)
random = np.random.default_rng(0)


# %% The environment: carts that are pushed left or right, each with a pole hinged on it.
class CartPole:
    GRAVITY, CART, POLE, HALF, FORCE, SECONDS = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
    LIMIT = 500

    def __init__(self, count):
        self.state = random.uniform(-0.05, 0.05, (count, 4))
        self.steps = np.zeros(count, int)

    def step(self, actions):
        """Moves by a fiftieth of a second. Returns which poles fell, and which episodes were cut; both begin again."""
        _, speed, angle, turn = self.state.T
        sin, cos, mass = np.sin(angle), np.cos(angle), self.CART + self.POLE
        push = (np.where(actions, self.FORCE, -self.FORCE) + self.POLE * self.HALF * turn**2 * sin) / mass
        inertia = self.HALF * (4 / 3 - self.POLE * cos**2 / mass)
        turning = (self.GRAVITY * sin - cos * push) / inertia
        moving = push - self.POLE * self.HALF * turning * cos / mass
        self.state = self.state + self.SECONDS * np.stack([speed, moving, turn, turning], axis=1)
        self.steps += 1
        fell = (abs(self.state[:, 0]) > 2.4) | (abs(self.state[:, 2]) > np.radians(12))
        cut = (self.steps >= self.LIMIT) & ~fell
        return fell, cut

    def begin_again(self, over):
        self.state[over] = random.uniform(-0.05, 0.05, (over.sum(), 4))
        self.steps[over] = 0


# %% The model: one network says how likely each action is, another how long the pole will stay up.
def network(outputs):
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(64, activation="tanh"),
            layers.Dense(64, activation="tanh"),
            layers.Dense(outputs, kernel_initializer=keras.initializers.Orthogonal(0.01)),
        ]
    )


class ActorCritic(keras.Model):
    def __init__(self):
        super().__init__()
        self.actor, self.critic = network(2), network(1)

    def call(self, states):
        return {"action": self.actor(states), "value": self.critic(states)}


GAMMA, LAMBDA, CLIP = 0.99, 0.95, 0.2


def policy_loss(target, logits):
    """PPO's: better actions become likelier, but not by more than a fifth at a time. Plus a little for variety."""
    action, advantage, before = ops.cast(target[:, 0], "int32"), target[:, 1], target[:, 2]
    logs = ops.log_softmax(logits)
    now = ops.sum(ops.one_hot(action, 2) * logs, axis=1)
    ratio = ops.exp(now - before)
    gain = ops.minimum(ratio * advantage, ops.clip(ratio, 1 - CLIP, 1 + CLIP) * advantage)
    variety = -ops.sum(ops.exp(logs) * logs, axis=1)
    return -gain - 0.01 * variety


model = ActorCritic().to(options.device)
model.compile(
    keras.optimizers.Adam(2e-3, global_clipnorm=0.5),
    loss={"action": policy_loss, "value": "mse"},
    loss_weights={"action": 1.0, "value": 0.5},
)


# %% Playing and learning
def ask(states):
    outputs = model.predict_on_batch(states.astype("float32"))
    return outputs["action"], outputs["value"][:, 0]


def play(carts, steps):
    """Returns what was seen, done and told at each step, and whether episodes ended there; then the last values."""
    seen = []
    for _ in range(steps):
        states = carts.state
        logits, values = ask(states)
        logs = logits - np.logaddexp(logits[:, 0], logits[:, 1])[:, None]
        actions = (random.random(len(states)) < np.exp(logs[:, 1])).astype(int)
        fell, cut = carts.step(actions)
        rewards = np.ones(len(states))
        if cut.any():  # it would have gone on: what it was worth stands for the rest
            rewards[cut] += GAMMA * ask(carts.state)[1][cut]
        over = fell | cut
        carts.begin_again(over)
        seen.append((states, actions, logs[np.arange(len(actions)), actions], values, rewards, over))
    return [np.array(column) for column in zip(*seen, strict=True)], ask(carts.state)[1]


def advantages(values, rewards, over, last):
    """How much better each step turned out than was expected (generalized advantage estimation)."""
    result, later, following = np.zeros_like(rewards), 0.0, last
    for step in reversed(range(len(rewards))):
        goes_on = ~over[step]
        error = rewards[step] + GAMMA * following * goes_on - values[step]
        result[step] = later = error + GAMMA * LAMBDA * goes_on * later
        following = values[step]
    return result


def lasts(count=20):
    """How long episodes last if the likelier action is taken each time."""
    carts, ended = CartPole(count), np.zeros(count, int)
    while not ended.all():
        fell, cut = carts.step(ask(carts.state)[0].argmax(axis=1))
        ended[(fell | cut) & (ended == 0)] = carts.steps[(fell | cut) & (ended == 0)]
    return ended.mean()


carts = CartPole(32)
for epoch in range(options.epochs):
    (states, actions, logs, values, rewards, over), last = play(carts, 64)
    gains = advantages(values, rewards, over, last)
    returns = gains + values
    gains = (gains - gains.mean()) / (gains.std() + 1e-8)
    target = np.stack([actions, gains, logs], axis=-1).reshape(-1, 3).astype("float32")
    history = model.fit(
        states.reshape(-1, 4).astype("float32"),
        {"action": target, "value": returns.reshape(-1, 1).astype("float32")},
        batch_size=256,
        epochs=6,
        verbose=0,
    ).history
    if epoch % 5 == 0:
        print(f"epoch {epoch}: an episode ends every {over.size / max(over.sum(), 1):.0f} steps")

# %% The result
print(f"with the likelier action each time, an episode lasts {lasts():.0f} steps")
