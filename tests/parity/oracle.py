"""Real Keras, the judge of every parity test: what it once said is kept in files, and is asked anew on demand.

`keras` stands in for it: it is used like the real one. With `--against-keras` the real one answers, on JAX unless
KERAS_BACKEND says otherwise (on torch Keras itself is wrong in places), and with `--renew` its answers are kept.
What is asked in the folder `tensorflow` is kept as Keras answers on TensorFlow.
"""

from __future__ import annotations

import os

import numpy as np
import torch
import torch._dynamo  # before TensorFlow: loaded after it, torch's compiler aborts the process

from tests.oracle.stand_in import imported, is_stand_in, kept

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__all__ = ["assert_close", "imported", "keras", "kept", "to_numpy"]

keras = imported("keras")


def to_numpy(value):
    """A numpy array from a tensor of ours or of Keras's backend."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy()
    if is_stand_in(value):
        return np.asarray(value)
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value)


def assert_close(ours, theirs, rtol=1e-5, atol=1e-6, message=""):
    """Compares a value of ours with Keras's."""
    np.testing.assert_allclose(to_numpy(ours), to_numpy(theirs), rtol=rtol, atol=atol, err_msg=message)
