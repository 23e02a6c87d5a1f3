"""`keras.distribution`: more than one process, and what lies on which.

Start the script by `torchrun --nproc-per-node 2 script.py`: `fit` then trains data-parallel by itself.
"""

from torchkeras_shim.distribution.devices import get_device_count, list_devices
from torchkeras_shim.distribution.fully_sharded import FullySharded
from torchkeras_shim.distribution.layouts import DeviceMesh, LayoutMap, TensorLayout
from torchkeras_shim.distribution.model_parallel import ModelParallel
from torchkeras_shim.distribution.processes import initialize
from torchkeras_shim.distribution.strategies import (
    DataParallel,
    Distribution,
    distribution,
    get_distribution,
    set_distribution,
)
from torchkeras_shim.distribution.tensors import distribute_tensor

__all__ = [
    "DataParallel",
    "DeviceMesh",
    "Distribution",
    "FullySharded",
    "LayoutMap",
    "ModelParallel",
    "TensorLayout",
    "distribute_tensor",
    "distribution",
    "get_device_count",
    "get_distribution",
    "initialize",
    "list_devices",
    "set_distribution",
]
