"""Kills a process at each point of a save where something outside of it changes: `python -m tests.unit.saving.killing`.

For each point a child starts to save a model of twos over a model of ones, and is killed right before it. What is left
must load, whole, as one or the other; what stays behind must vanish with the next save.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # forked children hang in the barriers of a parent with more threads

import signal
import sys

import torch

import torchkeras_shim as keras
from torchkeras_shim.core import atomic
from torchkeras_shim.saving import hdf5

_POINTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate")


def model_of(value: float) -> keras.Sequential:
    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(30), keras.layers.Dense(5)])
    model.compile("sgd", "mse")
    for weight in model.weights:
        weight.assign(torch.full_like(weight, value))
    return model


def save(model: keras.Sequential, path: str) -> None:
    if path.endswith(".weights.json"):
        model.save_weights(path, max_shard_size=3 / 1024**2)
    elif path.endswith((".weights.h5", ".safetensors")):
        model.save_weights(path)
    elif path.endswith((".keras", ".h5")):
        model.save(path)
    else:
        model.save(path, zipped=False)


def load(path: str) -> float:
    """Returns the number that all weights are."""
    if path.endswith((".weights.json", ".weights.h5", ".safetensors")):
        model = model_of(-1.0)
        model.load_weights(path)
    else:
        model = keras.saving.load_model(path)
    (value,) = {value for weight in model.get_weights() for value in weight.flatten().tolist()}
    return value


def arm(point: int) -> None:
    """Lets the process be killed at the point of that number."""
    left = point

    def passed(event: str = "open", *_: object) -> None:
        nonlocal left
        if event in _POINTS:
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(lambda event, args: passed(event))
    for module, name in ((os, "fsync"), (hdf5, "write"), (atomic, "_exchange")):
        setattr(module, name, _after(passed, getattr(module, name)))


def _after(passed, function):
    def wrapped(*args, **kwargs):
        passed()
        return function(*args, **kwargs)

    return wrapped


def main(path: str) -> None:
    old, new = model_of(1.0), model_of(2.0)
    save(old, path)
    folder = os.path.dirname(path)
    clean = len(os.listdir(folder))
    seen = []
    for point in range(1000):
        child = os.fork()
        if not child:
            arm(point)
            save(new, path)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        seen.append(load(path))
        assert seen[-1] in (1.0, 2.0)
        if not os.WIFSIGNALED(status):
            break
        if seen[-1] == 2.0:
            save(old, path)
            assert len(os.listdir(folder)) == clean, os.listdir(folder)
    assert status == 0
    assert seen[-1] == 2.0
    assert len(os.listdir(folder)) == clean, os.listdir(folder)
    print(f"killed at {point} points: {seen.count(1.0)} old, {seen.count(2.0)} new")


if __name__ == "__main__":
    if "--without-exchange" in sys.argv:
        atomic._exchange = lambda one, other: False
    main(sys.argv[1])
