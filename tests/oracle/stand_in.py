"""The object that tests call `keras`: real Keras behind a counter, or nothing but what Keras once answered."""

from __future__ import annotations

import functools
import importlib
import inspect
import operator
import types

import numpy as np

from tests.oracle import values
from tests.oracle.tapes import stale, state

#: The names with two underscores that are looked up like any other. Python and numpy try many more.
SPECIAL = {"__name__", "__qualname__", "__module__", "__doc__", "__version__"}
#: What `isinstance` says of them.
PYTHON_S = {"class": type, "module": types.ModuleType, "function": types.FunctionType}
#: What is there without a test: modules, classes and functions, by path, as far as it has been looked at.
_statics = {}
#: The same as real objects, where Keras is at hand.
_real = {}


class KindOfStandIn(type):
    """The class of a stand-in's class: `type(theirs).from_config` and `type(theirs).__name__` are Keras's."""

    def __getattr__(cls, name):
        if name.startswith("__") and name != "__signature__":
            raise AttributeError(name)
        return getattr(static("class", cls._oracle_path), name)


class StandIn(metaclass=KindOfStandIn):
    """Stands in for one object of Keras's."""

    __slots__ = ("_oracle_kind", "_oracle_label", "_oracle_target")
    _oracle_path = "keras"

    def __getattr__(self, name):
        if self._oracle_kind is not None and not state.inside:
            return _fact_of(self._oracle_label, name)
        if name.startswith("__") and name not in SPECIAL and not state.inside:
            raise AttributeError(name)
        return _do(self, "get", name)

    def __call__(self, *args, **kwargs):
        if state.tape is None and not state.inside:
            return _at_import(self._oracle_label, args, kwargs)
        return _do(self, "call", *args, **kwargs)

    def __setattr__(self, name, value):
        _do(self, "set", name, value)

    @property
    def __class__(self):
        return PYTHON_S.get(self._oracle_kind) or type(self)

    def __dir__(self):
        if self._oracle_kind is None:
            return _do(self, "dir")
        return state.facts.get(f"dir({self._oracle_label})", lambda: _names(_real[self._oracle_label]))

    def __iter__(self):
        iterator = _do(self, "iter")
        if state.inside:
            yield from iterator
            return
        while True:
            found, item = _do(iterator, "next")
            if not found:
                return
            yield item

    def __mro_entries__(self, bases):
        real = _real.get(self._oracle_label)
        if not state.recording:
            return (Played,)
        return (real if state.inside else _recorded(real),)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(_do(self, "array", dtype if dtype is None else np.dtype(dtype).name))

    __hash__ = object.__hash__


for _name in ("__module__", "__doc__"):  # a class of ours has its own
    setattr(StandIn, _name, property(functools.partial(StandIn.__getattr__, name=_name)))


def _names(module):
    return sorted(name for name in dir(module) if not name.startswith("__"))


def _following(iterator):
    nothing = object()
    item = next(iterator, nothing)
    return (False, None) if item is nothing else (True, item)


ACTS = {
    "get": getattr, "set": setattr, "dir": lambda target: sorted(dir(target)),
    "call": lambda target, *args, **kwargs: target(*args, **kwargs),
    "iter": iter, "next": _following, "array": np.asarray,
    "instancecheck": lambda cls, value: isinstance(value, cls),
    "subclasscheck": lambda cls, other: issubclass(other, cls),
    "enter": lambda target: target.__enter__(), "exit": lambda target, *_: target.__exit__(None, None, None),
    "reversed": lambda target: list(reversed(target)),
    "delattr": delattr, "len": len, "bool": bool, "int": int, "float": float, "index": operator.index, "str": str,
    "repr": repr, "format": format, "contains": operator.contains, "getitem": operator.getitem,
    "setitem": operator.setitem, "delitem": operator.delitem, "neg": operator.neg, "abs": abs,
    "invert": operator.invert,
}  # fmt: skip
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    ACTS[_name] = getattr(operator, _name)


def _reflected(operation):
    return lambda target, other: operation(other, target)


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor"):
    _plain = _name.rstrip("_")
    ACTS[_plain] = getattr(operator, _name)
    ACTS[f"r{_plain}"] = _reflected(ACTS[_plain])


def _method(name):
    def method(self, *args):
        if name in ("eq", "ne") and self._oracle_kind and getattr(args[0], "_oracle_kind", None):
            return (self is args[0]) == (name == "eq")
        return _do(self, name, *(() if name == "exit" else args))

    method.__name__ = f"__{name}__"
    return method


for _name in ACTS.keys() - {"get", "set", "call", "iter", "next", "array", "dir"}:
    setattr(StandIn, f"__{_name}__", _method(_name))


def _do(stand_in, op, *args, **kwargs):
    """Asks the tape of the test at work; within Keras, the real object itself."""
    if state.inside:
        return ACTS[op](real(stand_in), *real(args), **real(kwargs))
    if state.tape is None:
        raise RuntimeError(f"Keras was asked ({op}) outside of any test: do it in a test or in a fixture.")
    return state.tape.step(stand_in, op, ACTS[op], args, kwargs)


# Stand-ins made and taken back ----------------------------------------------------------------------------------------


@functools.cache
def _class_of(path):
    return KindOfStandIn(path.rpartition(".")[2], (StandIn,), {"__slots__": (), "_oracle_path": path})


def _new(cls, kind, label, target):
    made = object.__new__(cls)
    object.__setattr__(made, "_oracle_kind", kind)
    object.__setattr__(made, "_oracle_label", label)
    object.__setattr__(made, "_oracle_target", target)
    return made


def make(path, label, target):
    """A stand-in of an object of the class with that path."""
    return _new(_class_of(path), None, label, target)


def static(kind, path):
    """The one stand-in of a module, a class or a function."""
    if path not in _statics:
        _statics[path] = _new(StandIn, kind, path, None)
    return _statics[path]


def is_stand_in(value):
    return issubclass(type(value), StandIn)


def label(value):
    """How a question names a stand-in, a class of them, or a class of the test's own that descends from Keras's."""
    if is_stand_in(value):
        return value._oracle_label
    if isinstance(value, KindOfStandIn):
        return value._oracle_path
    return None


def real(value):
    """What stands behind: the real object, also within lists, tuples and dictionaries."""
    if is_stand_in(value):
        return value._oracle_target if value._oracle_kind is None else _real[value._oracle_label]
    if isinstance(value, KindOfStandIn):
        return _real[value._oracle_path]
    if type(value) in (list, tuple):
        return type(value)(real(item) for item in value)
    if type(value) is dict:
        return {key: real(item) for key, item in value.items()}
    return value


def path_of_type(cls):
    path = f"{cls.__module__}.{cls.__qualname__}"
    _real.setdefault(path, cls)
    return path


def as_static(value):
    """Kind and path of a module, a class or a function; nothing for other objects."""
    if isinstance(value, types.ModuleType):
        kind, path = "module", value.__name__
    elif isinstance(value, type):
        kind, path = "class", f"{value.__module__}.{value.__qualname__}"
    elif isinstance(value, types.FunctionType) and _found(f"{value.__module__}.{value.__qualname__}") is value:
        kind, path = "function", f"{value.__module__}.{value.__qualname__}"
    else:
        return None
    _real[path] = value
    return kind, path


def _found(path):
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None


def imported(name):
    """A module of Keras's or of its backend's, by its whole name, or nothing where there is none."""
    if state.recording and name not in _real:
        _real[name] = importlib.import_module(name)
    return static("module", name)


# What holds without a test --------------------------------------------------------------------------------------------


def _fact_of(path, name):
    """An attribute of a module, a class or a function."""
    if name.startswith("__") and name not in SPECIAL | {"__signature__"}:
        raise AttributeError(name)
    if name in ("__module__", "__doc__") and state.tape is None:
        return __name__ if name == "__module__" else None  # doctest asks it of all that a file of tests has imported
    kind, *rest = state.facts.get(f"{path}.{name}", lambda: _look(path, name))
    if kind == "absent":
        raise AttributeError(rest[0])
    return values.read(rest[0], _read_fact) if kind == "value" else static(kind, *rest)


def _read_fact(data):
    return static(*data[1:])


def _look(path, name):
    try:
        value = inspect.signature(_real[path]) if name == "__signature__" else getattr(_real[path], name)
    except (AttributeError, ValueError) as error:
        return ["absent", str(error)]
    named = as_static(value)
    if named is not None:
        return list(named)
    try:
        return ["value", values.write(value, _write_fact)]
    except TypeError:
        _real[f"{path}.{name}"] = value
        return ["object", f"{path}.{name}"]


def _write_fact(value):
    named = as_static(value)
    if named is None:
        raise TypeError(value)
    return ["static", *named]


def _at_import(path, args, kwargs):
    if args or kwargs:
        raise RuntimeError(f"{path} was called with arguments outside of any test: do it in a test or in a fixture.")
    found = state.facts.get(f"{path}()", lambda: ["value", values.write(_real[path](), _write_fact)])
    return values.read(found[1], _read_fact)


# Classes of a test's own that descend from Keras's --------------------------------------------------------------------


class KindPlayed(type):
    """Of such a class nothing is run when answers are played: an instance is a stand-in."""

    def __call__(cls, *args, **kwargs):
        return state.tape.step(f"class {cls.__name__}", "call", None, args, kwargs)


class Played(metaclass=KindPlayed):
    pass


@functools.cache
def _recorded(base):
    """A class between the real one and the test's own, which makes instances stand-ins."""

    def construct(cls, *args, **kwargs):
        def act(_, *args, **kwargs):
            return type(base).__call__(cls, *args, **kwargs)

        if state.inside:
            return act(None, *args, **kwargs)
        return state.tape.step(f"class {cls.__name__}", "call", act, args, kwargs)

    kind = type("Recorded", (type(base),), {"__call__": construct})
    return kind(base.__name__, (base,), {"__module__": base.__module__})


def missing(path):
    """Ends what asked for a fact that is not kept."""
    stale(state.tape.key if state.tape else "tests/parity", f"What {path} is in Keras is not kept.")


def kept(function, *args, **kwargs):
    """What a function of the test's own finds with Keras, kept as one answer: a plain value, arrays, or an error.

    For what stand-ins cannot show: printed text, warnings, classes whose methods have effects outside of them. The
    function runs only where real Keras is asked; within it the stand-ins among its arguments are the real objects.
    """
    name = getattr(function, "__qualname__", type(function).__name__)
    return state.tape.step(f"kept {name}", "call", lambda _, *a, **k: function(*a, **k), args, kwargs)


def reset():
    """Real Keras as it is in a new process: no automatic names given, no random number drawn."""
    keras = _real["keras"]
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(0)
