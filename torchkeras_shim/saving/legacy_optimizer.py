"""The state of optimizers in `.h5` files: that of Keras 1 and 2, of tf.keras in two layouts, and of Keras 3."""

from __future__ import annotations

import re
from typing import Any

import h5py
import torch

from torchkeras_shim.core import sharded
from torchkeras_shim.saving import hdf5

#: What tf.keras calls a kind of state, by class where it matters, and what the end of its name is today.
_KINDS = {
    "m": "momentum",
    "v": "velocity",
    "u": "norm",
    "vhat": "velocity_hat",
    "momentum": "momentum",
    "velocity": "velocity",
    "rms": "velocity",
    "mg": "average_gradient",
    "average_gradient": "average_gradient",
    "accumulator": "accumulator",
    "linear": "linear",
    "accum_grad": "accumulated_grad",
    "accum_var": "accumulated_delta_var",
    "accumulated_grad": "accumulated_grad",
    "accumulated_delta_var": "accumulated_delta_var",
    "average": "average",
}
#: The kinds of state of Keras 1 and 2 in their order: the files say nothing but numbers.
_UNNAMED = {
    "SGD": ("momentum",),
    "RMSprop": ("velocity",),
    "Adagrad": ("accumulator",),
    "Adadelta": ("accumulated_grad", "accumulated_delta_var"),
    "Adam": ("momentum", "velocity", "velocity_hat"),
    "Adamax": ("momentum", "norm"),
    "Nadam": ("momentum", "velocity"),
}
_STEP = re.compile(r"(^|/)(iter|iterations|iteration)(:0|_\d+:0)?$")
_AT_THE_END = re.compile(r"^.+/(?P<kind>m|v|vhat|momentum|rms|mg|accumulator|linear|accum_grad|accum_var)(_\d+)?:0$")
_IN_FRONT = re.compile(r"^[^/]+/(?P<kind>m|v|u|vhat|momentum|velocity|average_gradient|accumulator|linear|"
                       r"accumulated_grad|accumulated_delta_var|average)/.+:0$")  # fmt: skip

State = dict[str, list[h5py.Dataset]]


def restore(optimizer: Any, names: list[str], arrays: list[h5py.Dataset]) -> bool:
    """Gives an optimizer the state that a file of an older Keras holds.

    Args:
        optimizer: The optimizer; it must be built.
        names: What the file calls the arrays.
        arrays: The arrays.

    Returns:
        Whether all of its state was found, in the right shapes. If not, nothing is changed.
    """
    copies: list[tuple[torch.Tensor, h5py.Dataset]] = []
    slots = _slots(optimizer)
    steps, state = _sort(type(optimizer).__name__, names, arrays, max(map(len, slots.values()), default=0))
    for kind, variables in slots.items():
        saved = state.get(kind, [])
        if [tuple(variable.shape) for variable in variables] != [array.shape for array in saved]:
            return False
        copies += zip(variables, saved, strict=True)
    for array in (*([] if steps is None else [steps]), *(array for _, array in copies)):
        hdf5.verify(array)
    count = int(hdf5.read(steps)) if steps is not None else 0
    with torch.no_grad():
        for variable, array in copies:
            sharded.write(variable, hdf5.read(array))
    optimizer.resume(count)
    return True


def _slots(optimizer: Any) -> dict[str, list[torch.Tensor]]:
    """Returns the variables of each kind of state, in the order of the model's weights."""
    found: dict[str, list[torch.Tensor]] = {}
    kinds = sorted(set(_KINDS.values()), key=len, reverse=True)
    for variable in optimizer.slots:
        kind = next((kind for kind in kinds if variable.name.endswith(f"_{kind}")), None)
        found.setdefault(kind or variable.name, []).append(variable)
    return found


def _sort(optimizer: str, names: list[str], arrays: list[h5py.Dataset], each: int) -> tuple[h5py.Dataset | None, State]:
    """Returns the step count, if there is one, and the arrays of each kind of state."""
    steps: h5py.Dataset | None = None
    state: State = {}
    unnamed: list[h5py.Dataset] = []
    for name, array in zip(names, arrays, strict=True):
        match = _IN_FRONT.match(name) or _AT_THE_END.match(name)
        if array.shape == () and (_STEP.search(name) or (not unnamed and steps is None and not match)):
            steps = steps if steps is not None else array
        elif match and optimizer == "Adamax" and match["kind"] == "v":
            state.setdefault("norm", []).append(array)
        elif match:
            state.setdefault(_KINDS[match["kind"]], []).append(array)
        elif array.shape != ():
            unnamed.append(array)
    if unnamed and not state:
        state = _by_position(optimizer, unnamed, each)
    return steps, state


def _by_position(optimizer: str, arrays: list[h5py.Dataset], each: int) -> State:
    kinds = _UNNAMED.get(optimizer, ())
    if optimizer == "Adam" and len(arrays) == 2 * each:
        kinds = kinds[:2]  # before Keras 2.1 there was no room for AMSGrad
    if not each or len(arrays) != len(kinds) * each:
        return {}
    return {kind: arrays[index * each : (index + 1) * each] for index, kind in enumerate(kinds)}
