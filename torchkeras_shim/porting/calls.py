"""Calls in a script: old classes, functions, methods and keywords as those of today."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import libcst as cst

from torchkeras_shim import callbacks
from torchkeras_shim.compat.legacy import keywords, logs, methods, old_layers, old_optimizers
from torchkeras_shim.models import Model
from torchkeras_shim.optimizers import Optimizer
from torchkeras_shim.porting.arguments import Arguments, Written, translate, written
from torchkeras_shim.porting.names import Today
from torchkeras_shim.porting.source import Source

#: Returns how a script says a path of today: `"keras.layers.Dense"`.
Naming = Callable[[str], str]


class RefusedError(Exception):
    """A call cannot be written with the spellings of today; the text says why, and what to do."""


def keyword_rules(found: Today) -> tuple[frozenset[str], Callable[[dict[str, Any]], dict[str, Any]]] | None:
    """Returns the keywords of a class or function, and what translates old ones; `None` if it had no others."""
    name = getattr(found.value, "__name__", "")
    if isinstance(found.value, type) and issubclass(found.value, Optimizer):
        return keywords.keywords_of(found.value) | {"decay"}, old_optimizers.of_optimizer
    if found.value in keywords.layer_classes():
        return keywords.keywords_of(found.value) | keywords.UNNAMED, keywords.of_layer(name)
    if name in keywords.RENAMED or name in keywords.IGNORED:
        return keywords.keywords_of(found.value), keywords.by_table(name)
    return None


def rewrite_keywords(found: Today, arguments: Arguments, name_of: Naming) -> list[str]:
    """Gives the arguments of a call of a class or function of today their names and values of today.

    Args:
        found: The class or function.
        arguments: The arguments.
        name_of: Returns how the script says a path of today.

    Returns:
        What was changed: `"output_dim="`.

    Raises:
        RefusedError: If an old argument has no counterpart.
    """
    rules = keyword_rules(found)
    changed = [] if rules is None else _translated(arguments, *rules)
    if isinstance(found.value, type) and issubclass(found.value, Optimizer):
        changed += _decay(found.value, arguments, name_of)
    if isinstance(found.value, type) and issubclass(found.value, callbacks.Callback):
        changed += _monitor(arguments)
    return changed


def _translated(arguments: Arguments, known: Any, of_today: Any) -> list[str]:
    if "weights" in arguments.keywords and "weights" not in known:
        raise RefusedError("call `layer.set_weights(...)` once the layer is built, instead of `weights=`.")
    try:
        return [f"{name}=" for name in translate(arguments, known, of_today)]
    except (ValueError, TypeError) as error:
        raise RefusedError(str(error)) from error


def _decay(cls: type, arguments: Arguments, name_of: Naming) -> list[str]:
    """Writes the decay of an optimizer of Keras 2 as the schedule that it was, and leaves out an epsilon of `None`."""
    epsilon, arg = arguments.keywords.get("epsilon"), arguments.keywords.get("decay")
    changed = []
    if epsilon is not None and arguments.value(epsilon) is None:
        arguments.remove(epsilon)
        changed.append("epsilon=")
    if arg is None:
        return changed
    changed.append("decay=")
    value = arguments.value(arg)
    arguments.remove(arg)
    if not isinstance(value, Written) and not value:
        return changed
    rate = arguments.keywords.get("learning_rate") or arguments.keywords.get("lr")
    rate = arguments.positional[0] if arguments.positional else rate
    default = inspect.signature(cls).parameters["learning_rate"].default
    text = written(default if rate is None else arguments.value(rate))
    schedule = f"{name_of('optimizers.schedules.InverseTimeDecay')}({text}, decay_steps=1, decay_rate={written(value)})"
    if rate is None:
        arguments.add(f"learning_rate={schedule}")
    else:
        arguments.write(rate, schedule if rate.keyword is None else f"learning_rate={schedule}")
    return changed


def _monitor(arguments: Arguments) -> list[str]:
    """Gives what a callback looks at its name of today."""
    arg = arguments.keywords.get("monitor") or (arguments.positional[0] if arguments.positional else None)
    value = None if arg is None else arguments.value(arg)
    if arg is None or not isinstance(value, str) or value not in logs.TODAY:
        return []
    text = written(logs.TODAY[value], arguments.quote)
    arguments.write(arg, text if arg.keyword is None else f"monitor={text}")
    return [f'"{value}"']


def old_layer(name: str, arguments: Arguments) -> tuple[str, list[str]] | None:
    """Rewrites the arguments of a call of a layer that Keras 3 does not have, where one of today does the same.

    Args:
        name: The class.
        arguments: The arguments.

    Returns:
        The path of the class or function of today, and what was changed of the arguments; `None` if there is none.

    Raises:
        RefusedError: If the arguments have no counterpart.
    """
    if name == "merge":
        return _merge(arguments)
    old = old_layers.NAMES.get(name)
    if not isinstance(old, type) or "make" not in old.__dict__:
        return None  # a layer of its own
    base = old.__mro__[1]
    path = f"layers.{base.__name__}"
    if name == "ThresholdedReLU":
        if arguments.positional:
            arguments.rename(arguments.positional[0], "threshold")
            return path, ["theta"]
        if not arguments.keywords:
            arguments.add("threshold=1.0")
    changed = _kernel(base, arguments) if "onvolution" in name else []
    rules = keyword_rules(Today(path, base))
    return path, changed + ([] if rules is None else _translated(arguments, *rules))


def _kernel(base: type, arguments: Arguments) -> list[str]:
    """Joins the sizes of a kernel, which were arguments of their own."""
    rank = next(int(digit) for digit in base.__name__ if digit.isdigit())
    sizes = arguments.positional[1 : 1 + rank]
    if rank == 1 or len(sizes) != rank or not all(type(arguments.value(size)) is int for size in sizes):
        return []
    arguments.join(sizes)
    rest = arguments.positional[1 + rank :]
    for arg, name in zip(rest, old_layers.AFTER_SIZES, strict=False):
        arguments.rename(arg, name)
    if rest:
        raise RefusedError("write what follows the sizes of the kernel with its name of today, such as `activation=`.")
    return ["the sizes of the kernel"]


def _merge(arguments: Arguments) -> tuple[str, list[str]] | None:
    mode_arg = arguments.keywords.get("mode") or (arguments.positional[1] if len(arguments.positional) > 1 else None)
    mode = "sum" if mode_arg is None else arguments.value(mode_arg)
    if not isinstance(mode, str) or mode not in old_layers.MODES or mode in ("cos", "dot"):
        raise RefusedError("write `keras.layers.dot(tensors, axes)` or `keras.layers.Lambda(function)(tensors)`.")
    if mode_arg is not None:
        arguments.remove(mode_arg)
    axis = arguments.keywords.get("concat_axis")
    if axis is not None:
        if mode == "concat":
            arguments.rename(axis, "axis")
        else:
            arguments.remove(axis)
    if len(arguments.positional) > 2 or not {*arguments.keywords} <= {"inputs", "mode", "concat_axis", "name"}:
        raise RefusedError("write the arguments of today's function, such as `axis=`.")
    return f"layers.{old_layers.MODES[mode].__name__.lower()}", ["mode="]


def method(name: str, owner: type | None, arguments: Arguments) -> tuple[str, list[str]] | None:
    """Rewrites the arguments of a call of a method.

    Args:
        name: The method.
        owner: What it is a method of, as far as that is known.
        arguments: The arguments.

    Returns:
        The name of the method of today, and what was changed of the arguments; `None` if it is not an old one.

    Raises:
        RefusedError: If nothing of today does the same.
    """
    if name == "reset_states":
        if owner is Model:
            raise RefusedError("call `layer.reset_state()` for each stateful layer of `model.layers`.")
        return "reset_state", []
    if name == "predict_classes":
        raise RefusedError("write `model.predict(x).argmax(axis=-1)`, or `model.predict(x) > 0.5` for one output.")
    new, first = methods.TODAY.get(name, (name, ""))
    if new not in ("fit", "evaluate", "predict", "compile") or owner not in (None, Model):
        return None
    changed = _old_method(name, new, first, arguments) if name in methods.TODAY else []
    table = keywords.by_table("compile" if new == "compile" else "fit")
    changed += _translated(arguments, keywords.keywords_of(getattr(Model, new)) | {first}, table)
    return (new, changed) if changed or new != name else None


def _old_method(name: str, new: str, first: str, arguments: Arguments) -> list[str]:
    """Gives positional arguments of an old method their names, since today's has others in these places."""
    for gone in ("samples_per_epoch", "nb_val_samples"):
        if gone in arguments.keywords:
            raise RefusedError(f"`{gone}` counted samples: write how many batches there are, `steps_per_epoch=`.")
    if first in arguments.keywords:
        arguments.rename(arguments.keywords[first], "x")
    parameters = list(inspect.signature(methods.MODEL[name]).parameters)[1:]
    same = list(inspect.signature(getattr(Model, new)).parameters)[1:]
    changed = [f"{first}="] if first in arguments.keywords else []
    for index, arg in enumerate(arguments.positional):
        if index and (index >= len(same) or same[index] != parameters[index]):
            arguments.rename(arg, parameters[index])
            changed.append(parameters[index])
    return changed


def result_key(node: cst.Subscript) -> str | None:
    """Returns the old key in `history.history["acc"]`, or `None` if it is not an old one."""
    key = _key(node)
    return str(key.evaluated_value) if key is not None and key.evaluated_value in logs.TODAY else None


def rewrite_result(source: Source, node: cst.Subscript) -> None:
    """Gives the key in `history.history["acc"]` its name of today."""
    key = _key(node)
    if key is not None:
        source.replace(key, f"{key.prefix}{key.quote}{logs.TODAY[str(key.evaluated_value)]}{key.quote}")


def _key(node: cst.Subscript) -> cst.SimpleString | None:
    if len(node.slice) != 1 or not isinstance(node.slice[0].slice, cst.Index):
        return None
    key = node.slice[0].slice.value
    return key if isinstance(key, cst.SimpleString) else None
