"""Names of `tf` for what Keras has: initializers, losses, metrics, optimizers."""

from __future__ import annotations

from torchkeras_shim import initializers, losses, metrics, optimizers
from torchkeras_shim.compat.tf.api import NAMES

for _room, _module in {
    "initializers": initializers,
    "losses": losses,
    "metrics": metrics,
    "optimizers": optimizers,
}.items():
    for _name in _module.__all__:
        NAMES[f"{_room}.{_name}"] = getattr(_module, _name)
for _name, _cls in {
    "random_normal_initializer": initializers.RandomNormal,
    "random_uniform_initializer": initializers.RandomUniform,
    "constant_initializer": initializers.Constant,
    "zeros_initializer": initializers.Zeros,
    "ones_initializer": initializers.Ones,
}.items():
    NAMES[_name] = _cls
