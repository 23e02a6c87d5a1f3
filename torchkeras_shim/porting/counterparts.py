"""Functions of TensorFlow and of `keras.backend` that `keras.ops` has, and how their arguments become those of it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import torchkeras_shim
from torchkeras_shim.compat.legacy import backend
from torchkeras_shim.compat.legacy import names as old_names
from torchkeras_shim.compat.tf import names as tensorflow
from torchkeras_shim.porting.arguments import Arguments, written

_SAME = (
    "abs add argmax argmin broadcast_to cast cos cosh divide einsum equal exp expand_dims eye floor greater "
    "greater_equal less less_equal linspace logical_and logical_not logical_or matmul maximum minimum multiply "
    "negative not_equal one_hot ones ones_like reshape round shape sigmoid sign sin sinh sqrt square squeeze stack "
    "stop_gradient subtract tan tanh tensordot tile transpose where zeros zeros_like"
)
_MATH = (
    "abs add argmax argmin cos cosh divide equal exp floor greater greater_equal less less_equal logical_and "
    "logical_not logical_or maximum minimum multiply negative not_equal round sigmoid sign sin sinh sqrt square "
    "subtract tan tanh ceil erf expm1 log log1p mod reciprocal rsqrt softplus top_k"
)
_NN = "elu gelu leaky_relu log_softmax relu relu6 selu sigmoid silu softmax softplus softsign swish tanh"
#: The function of this library that is a function of TensorFlow, by the paths below both.
TENSORFLOW: dict[str, str] = {
    **{name: f"ops.{name}" for name in _SAME.split()},
    **{
        f"math.{name}": f"ops.{name}"
        for name in [*_SAME.split(), *_MATH.split()]
        if f"math.{name}" in tensorflow.load()
    },
    **{f"nn.{name}": f"ops.{name}" for name in _NN.split()},
    **{f"reduce_{name}": f"ops.{name}" for name in ("all", "any", "max", "mean", "min", "prod", "sum", "logsumexp")},
    **{f"math.reduce_{name}": f"ops.{name}" for name in ("max", "mean", "min", "prod", "std", "sum", "variance")},
    "clip_by_value": "ops.clip",
    "concat": "ops.concatenate",
    "constant": "ops.convert_to_tensor",
    "convert_to_tensor": "ops.convert_to_tensor",
    "math.pow": "ops.power",
    "math.reduce_variance": "ops.var",
    "pow": "ops.power",
    "random.normal": "random.normal",
    "range": "ops.arange",
    "random.set_seed": "utils.set_random_seed",
    "random.uniform": "random.uniform",
    "reverse": "ops.flip",
}
#: What an argument that is left out means, if its default does not say it.
_DEFAULTS = {name: {"axis": 0} for name in ("argmax", "argmin", "math.argmax", "math.argmin")}
#: How many arguments there must be for the function to be the same.
_LEAST = {"where": 3}
_OF_BACKEND = (
    "argmax argmin binary_crossentropy cast categorical_crossentropy clip concatenate cumprod cumsum dot expand_dims "
    "one_hot ones_like relu reshape round shape stop_gradient tile zeros_like"
)
#: The same for the functions of `keras.backend` that are not functions of `keras.ops` under their own or another name.
BACKEND: dict[str, str] = {
    **{name: f"ops.{new}" for name, new in backend.SAME.items()},
    **{name: f"ops.{name}" for name in _OF_BACKEND.split()},
    "eval": "ops.convert_to_numpy",
    "get_value": "ops.convert_to_numpy",
    "random_normal": "random.normal",
    "random_uniform": "random.uniform",
    "variable": "Variable",
}
#: Functions of `keras.backend` that are written in another way today. `<...>` is a path of this library.
TEMPLATES: dict[str, str] = {
    "constant": "<ops.convert_to_tensor>({}, dtype=<backend.floatx>())",
    "flatten": "<ops.reshape>({}, (-1,))",
    "gather": "<ops.take>({}, {}, axis=0)",
    "int_shape": "tuple({}.shape)",
    "set_value": "{}.assign({})",
    "sqrt": "<ops.sqrt>(<ops.maximum>({}, 0.0))",
}


_REQUIRED = inspect.Parameter.empty


class Counterpart(NamedTuple):
    """A function of this library in the place of another.

    Attributes:
        path: Where it is, below this library.
        old: The other one, as the zero-change mode has it.
        new: The function.
        defaults: What arguments that are left out mean, if their defaults do not say it.
        least: How many arguments there must be.
    """

    path: str
    old: Callable[..., Any]
    new: Callable[..., Any]
    defaults: dict[str, Any] = {}
    least: int = 0


@functools.cache
def of_tensorflow(path: str) -> Counterpart | None:
    """Returns what does what a function of TensorFlow does, or `None`.

    Example:
        >>> of_tensorflow("reduce_mean").path, of_tensorflow("while_loop")
        ('ops.mean', None)
    """
    found = TENSORFLOW.get(path)
    if found is None:
        return None
    return Counterpart(found, tensorflow.find(path), _at(found), _DEFAULTS.get(path, {}), _LEAST.get(path, 0))


@functools.cache
def of_backend(name: str) -> Counterpart | None:
    """Returns what does what a function of `keras.backend` did, or `None`.

    Example:
        >>> of_backend("permute_dimensions").path, of_backend("gradients")
        ('ops.transpose', None)
    """
    found = BACKEND.get(name)
    return None if found is None else Counterpart(found, old_names.OWN["backend"][name], _at(found))


def _at(path: str) -> Any:
    return functools.reduce(getattr, path.split("."), torchkeras_shim)


def fits(counterpart: Counterpart, arguments: Arguments) -> bool:
    """Returns whether a call can be written with the counterpart; `adapt` writes it.

    A function has to take each argument under its name, or in its place; and what is left out has to mean the same.
    """
    return not arguments.has_stars and _plan(counterpart, arguments) is not None


def adapt(counterpart: Counterpart, arguments: Arguments) -> None:
    """Writes the arguments of a call that `fits` as the counterpart takes them."""
    plan = _plan(counterpart, arguments)
    if plan is None:
        raise ValueError(f"the arguments do not fit {counterpart.path}")
    for name, new in plan.renamed.items():
        if new is None:
            arguments.remove(arguments.keywords[name])
        elif new != name:
            arguments.rename(arguments.keywords[name], new)
    for name, value in plan.added.items():
        arguments.add(f"{name}={written(value)}")


class _Plan(NamedTuple):
    renamed: dict[str, str | None]
    added: dict[str, Any]


def _plan(counterpart: Counterpart, arguments: Arguments) -> _Plan | None:
    old, new = _parameters(counterpart.old), _parameters(counterpart.new)
    is_open = any(arguments.value(arg) is None for arg in arguments.positional) and counterpart.path == "ops.clip"
    if len(arguments.all) < counterpart.least or is_open:
        return None
    if old is None or new is None:
        return _unchanged(arguments, new or {})
    pairs = pair(old, new)
    count = len(arguments.positional)
    if count > len(old) or any(pairs[name] != other for name, other in list(zip(old, new, strict=False))[:count]):
        return None
    renamed = {name: pairs.get(name) for name in arguments.keywords}
    if any(other is None and name != "name" for name, other in renamed.items()):
        return None
    given = {*list(old)[:count], *arguments.keywords}
    defaults = {name: value for name, value in {**old, **counterpart.defaults}.items() if name not in given}
    added = {other: defaults[name] for name, other in pairs.items() if other and _matters(name, other, defaults, new)}
    if any(not isinstance(value, (bool, int, float, str)) for value in added.values()):
        return None
    return _Plan(renamed, added)


def _matters(name: str, other: str, defaults: dict[str, Any], new: dict[str, Any]) -> bool:
    """Returns whether an argument that is left out has to be written out: it means something else today."""
    if name not in defaults or defaults[name] in (_REQUIRED, None) or defaults[name] == new[other]:
        return False
    return not (name == "dtype" and new[other] is None)


def _unchanged(arguments: Arguments, new: dict[str, Any]) -> _Plan | None:
    """Returns the plan of a function that says no names: those that the counterpart has are the same."""
    renamed = {name: name if name in new else None for name in arguments.keywords}
    return _Plan(renamed, {}) if all(other or name == "name" for name, other in renamed.items()) else None


def pair(old: dict[str, Any], new: dict[str, Any]) -> dict[str, str | None]:
    """Returns the parameter of a new function for each one of an old: that of its name, else that in its place.

    Args:
        old: The defaults of the old function's parameters, by name.
        new: The same of the new function.

    Example:
        >>> pair({"input_tensor": 0, "axis": None, "name": None}, {"x": 0, "axis": None, "keepdims": False})
        {'input_tensor': 'x', 'axis': 'axis', 'name': None}
    """
    pairs: dict[str, str | None] = {}
    for index, name in enumerate(old):
        place = list(new)[index] if index < len(new) else None
        # Further on, what is in the same place is the same thing if it is a tensor, or has the same default.
        alike = place is not None and (
            index < 2 or place.startswith("x") or (old[name] == new[place] and old[name] is not None)
        )
        if name in new:
            pairs[name] = name
        else:
            pairs[name] = place if name != "name" and alike and place not in old else None
    return pairs


def _parameters(function: Callable[..., Any]) -> dict[str, Any] | None:
    """Returns the defaults of a function's parameters by name, or `None` if it does not say them."""
    parameters = inspect.signature(function).parameters.values()
    if any(one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in parameters):
        return None
    return {one.name: one.default for one in parameters}
