"""The functions of `keras.backend` before Keras 3: symbolic tensors, their functions, updates and phases."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np
import torch

from torchkeras_shim import backend, layers, models, ops
from torchkeras_shim.backend import image_data_format, set_image_data_format
from torchkeras_shim.compat import stand_ins
from torchkeras_shim.compat.legacy import once
from torchkeras_shim.compat.legacy.backend import get_value
from torchkeras_shim.compat.legacy.gradients import gradients
from torchkeras_shim.compat.legacy.symbolic_shapes import tensor
from torchkeras_shim.core import naming
from torchkeras_shim.core.naming import name_scope
from torchkeras_shim.core.symbolic import KerasTensor, is_symbolic
from torchkeras_shim.core.torch_private import call_impl
from torchkeras_shim.core.turns import Open
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.layers.called import thread


class Phase(int):
    """What `learning_phase()` returns: 0 or 1; in the inputs of `function` it says whether the model trains."""


_phase: Phase | None = None


def learning_phase() -> Phase:
    """The phase, 0 to predict and 1 to train: what was set; else, inside of a layer's `call`, that of the layer."""
    if _phase is not None:
        return _phase
    frame = sys._getframe(1)
    while frame is not None and frame.f_code is not call_impl:
        frame = frame.f_back  # type: ignore[assignment]
    return Phase(frame is not None and frame.f_locals["self"].training)


def set_learning_phase(value: int) -> None:
    """Sets what `learning_phase` returns, the mode of the functions that `function` makes, and that of bare calls."""
    global _phase
    if value not in (0, 1):
        raise ValueError(f"Expected learning phase to be 0 or 1. Received: value={value}")
    _phase = Phase(value)
    stand_ins.change(_phase_calls, _leave_calls)


#: What `set_learning_phase` put another method in the place of.
_calls: list[tuple[type, Any]] = []


def _phase_calls() -> None:
    for cls in (layers.Layer, models.Model):
        _calls.append((cls, cls.__call__))
        cls.__call__ = _phased(cls.__call__)  # type: ignore[method-assign]


def _leave_calls() -> None:
    global _phase
    _phase = None
    while _calls:
        cls, call = _calls.pop()
        cls.__call__ = call  # type: ignore[method-assign]


def _phased(call: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the `__call__` of layers that takes the phase that was set, where nobody else says or has said."""

    @functools.wraps(call)
    def called(self: Any, *args: Any, **kwargs: Any) -> Any:
        is_bare = _phase is not None and not thread.depth and not Open.turns and kwargs.get("training") is None
        if is_bare and not is_symbolic([args, kwargs]):
            kwargs["training"] = bool(_phase)
        return call(self, *args, **kwargs)

    return called


def clear_session(free_memory: bool = True) -> None:
    """Forgets global state, and with it the phase that was set."""
    global _phase
    _phase = None
    backend.clear_session(free_memory)


@contextmanager
def learning_phase_scope(value: int) -> Iterator[None]:
    """Sets the phase for a `with` block."""
    global _phase
    before = _phase
    set_learning_phase(value)
    try:
        yield
    finally:
        _phase = before


def in_train_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """`x` in training, else `alt`."""
    chosen = x if (learning_phase() if training is None else training) else alt
    return chosen() if callable(chosen) else chosen


def in_test_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """`alt` in training, else `x`."""
    return in_train_phase(alt, x, learning_phase() if training is None else training)


def placeholder(
    shape: Any = None,
    ndim: int | None = None,
    dtype: Any = None,
    sparse: bool = False,
    name: Any = None,
    ragged: bool = False,
) -> Any:
    """A symbolic tensor; its first size is that of the batch."""
    sizes = tuple(shape) if shape is not None else (None,) * (ndim or 0)
    return layers.Input(batch_shape=sizes, dtype=dtype, sparse=sparse, ragged=ragged, name=name)


class Update:
    """A change of variables that a function of `K.function(updates=)` makes.

    Args:
        values: The symbolic tensors that it needs.
        apply: Makes it, given their values.
    """

    def __init__(self, values: Sequence[Any], apply: Callable[[list[Any]], Any]) -> None:
        self.values, self.apply = list(values), apply


def update(x: Any, new_x: Any) -> Any:
    """Gives a variable a value: at once, or for `K.function(updates=)` if the value is symbolic."""
    if isinstance(new_x, KerasTensor):
        return Update([new_x], lambda values: x.assign(values[0]))
    return x.assign(new_x)


def update_add(x: Any, increment: Any) -> Any:
    """Adds to a variable."""
    if isinstance(increment, KerasTensor):
        return Update([increment], lambda values: x.assign(x + values[0]))
    return x.assign(x + increment)


def update_sub(x: Any, decrement: Any) -> Any:
    """Subtracts from a variable."""
    return update_add(x, ops.negative(tensor(decrement)))


def moving_average_update(x: Any, value: Any, momentum: float) -> Any:
    """Moves a variable towards a value."""
    if isinstance(value, KerasTensor):
        return Update([value], lambda values: moving_average_update(x, values[0], momentum))
    return x.assign(x * momentum + tensor(value) * (1.0 - momentum))


def function(inputs: Any, outputs: Any, updates: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """A function of arrays that computes symbolic outputs from symbolic inputs.

    Args:
        inputs: Symbolic tensors; `K.learning_phase()` among them stands for the mode.
        outputs: Symbolic tensors, or variables.
        updates: What `K.update` and `optimizer.get_updates` return, or pairs of a variable and a symbolic tensor: what
            the function changes once the outputs are computed.
        name: Without effect.
        **kwargs: Of a session; refused.
    """
    if kwargs:
        raise ValueError(f"K.function() got arguments of a session, which is not there: {sorted(kwargs)}")
    given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    wanted = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    several = isinstance(outputs, (list, tuple))
    changes = [_as_update(one) for one in updates or ()]
    needed = [*wanted, *(value for change in changes for value in change.values)]
    symbolic = [one for one in needed if isinstance(one, KerasTensor)]
    model = models.Model([one for one in given if not isinstance(one, int)], symbolic) if symbolic else None

    def run(values: Any) -> Any:
        values = list(values) if isinstance(inputs, (list, tuple)) else [values]
        if len(values) != len(given):
            raise ValueError(f"The function takes a list of {len(given)} arrays. Received: {len(values)}")
        training, arrays = bool(_phase), []
        for one, value in zip(given, values, strict=True):
            if isinstance(one, int):
                training = bool(value)
            else:
                arrays.append(ops.convert_to_tensor(value, dtype=one.dtype))
        with torch.no_grad():
            computed = iter(_listed(model(arrays, training=training)) if model is not None else ())
            found = [next(computed) if isinstance(one, KerasTensor) else one for one in needed]
            arrays = [get_value(value) for value in found[: len(wanted)]]
            rest = iter(found[len(wanted) :])
            for change in changes:
                change.apply([next(rest) for _ in change.values])
        return arrays if several else arrays[0]

    return run


def _listed(found: Any) -> list[Any]:
    return list(found) if isinstance(found, (list, tuple)) else [found]


def _as_update(given: Any) -> Update:
    if isinstance(given, Update):
        return given
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], KerasTensor):
        found: Update = update(*given)
        return found
    raise ValueError(
        f"K.function(updates=...) was given {given!r}, which is not symbolic: it is one value, computed when the line "
        "ran. Compute the new value from symbolic tensors, or change the variable after each call of the function."
    )


def get_updates(self: Any, *args: Any, **kwargs: Any) -> list[Update]:
    """What an optimizer changes to lower a symbolic loss, for `K.function(updates=)`.

    It takes `(loss, params)`, as in Keras 2, or `(params, constraints, loss)`, as in Keras 1.
    """
    once.say("optimizer.get_updates(loss, params)", "model.fit(...)` or a `tf.GradientTape` loop")
    names = ("params", "constraints", "loss") if len(args) == 3 else ("loss", "params")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    loss, params = given["loss"], given["params"]
    if isinstance(params, KerasTensor):  # the order of some versions between
        loss, params = params, loss
    found = [
        (gradient, param)
        for gradient, param in zip(gradients(loss, params), params, strict=True)
        if gradient is not None
    ]
    if not found:
        raise ValueError("No gradients provided for any variable: the loss was not computed from these `params`.")

    def apply(values: list[Any]) -> None:
        self.apply_gradients(zip(values, [param for _, param in found], strict=True))

    return [Update([gradient for gradient, _ in found], apply)]


def print_tensor(x: Any, message: str = "", summarize: int = 3) -> Any:
    """Prints a tensor, and returns it; a symbolic one is printed when the model runs."""
    if isinstance(x, KerasTensor):
        return _Print(message, summarize)(x)
    print(message, np.array2string(get_value(tensor(x)), threshold=2 * summarize, edgeitems=summarize))
    return x


class _Print(layers.Layer):
    """Prints what it is called on."""

    def __init__(self, message: str, summarize: int) -> None:
        super().__init__(name=naming.uniquify("print_tensor"))
        self._words = (message, summarize)

    def compute_output_spec(self, inputs: Any) -> Any:
        return KerasTensor(inputs.shape, inputs.dtype)

    def call(self, inputs: Any) -> Any:
        return print_tensor(inputs, *self._words)


def image_dim_ordering() -> str:
    """The order of the axes of pictures, in the words of Keras 1."""
    return "th" if image_data_format() == "channels_first" else "tf"


def set_image_dim_ordering(dim_ordering: str) -> None:
    """Sets it."""
    if dim_ordering not in ("tf", "th"):
        raise ValueError(f"Unknown dim_ordering: {dim_ordering}. Expected 'tf' or 'th'.")
    once.say("K.set_image_dim_ordering()", "keras.config.set_image_data_format()")
    set_image_data_format("channels_first" if dim_ordering == "th" else "channels_last")


def is_tensor(x: Any) -> bool:
    """Whether it is a tensor, with a value or without."""
    return isinstance(x, (torch.Tensor, KerasTensor))


def is_variable(x: Any) -> bool:
    """Whether it is a variable."""
    return isinstance(x, Variable)


def is_placeholder(x: Any) -> bool:
    """Whether it is a symbolic tensor that nothing computes."""
    if not isinstance(x, KerasTensor):
        return False
    history = x._keras_history
    return history is None or isinstance(history.operation, layers.InputLayer)


def is_sparse(tensor: Any) -> bool:
    """Whether it is a sparse tensor."""
    return isinstance(tensor, torch.Tensor) and tensor.is_sparse


def to_dense(tensor: Any) -> Any:
    """A sparse tensor with its zeros; another one as it is."""
    return tensor.to_dense() if is_sparse(tensor) else tensor


def reset_uids() -> None:
    """Has the numbers of `get_uid` and of automatic names begin again."""
    naming.reset_uids()


def manual_variable_initialization(value: bool) -> None:
    """Without effect: variables have a value from the beginning."""
    once.say("K.manual_variable_initialization()", "")


def get_session(op_input_list: Any = ()) -> NoReturn:
    """Refuses: there are no sessions.

    Raises:
        RuntimeError: Always.
    """
    raise RuntimeError(
        "K.get_session() is not supported: nothing here runs in sessions. `session.run(x)` is `K.get_value(x)` of "
        "variables and tensors, and `K.function([inputs], [outputs])([arrays])` of symbolic ones; an initializer is "
        "not needed."
    )


def set_session(session: Any) -> NoReturn:
    """Refuses: there are no sessions.

    Raises:
        RuntimeError: Always.
    """
    raise RuntimeError(
        "K.set_session() is not supported: nothing here runs in sessions. Leave the line out; torch takes as much of a "
        "GPU's memory as it needs (`allow_growth`), and CUDA_VISIBLE_DEVICES chooses the GPU."
    )


class _Experimental:
    """`K.experimental`: which generator layers draw from."""

    @staticmethod
    def is_tf_random_generator_enabled() -> bool:
        """Whether layers draw from generators of their own: always."""
        return True

    @staticmethod
    def enable_tf_random_generator() -> None:
        """Has them do what they do."""

    @staticmethod
    def disable_tf_random_generator() -> NoReturn:
        """Refuses.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError(
            "K.experimental.disable_tf_random_generator() is not supported: layers always draw from generators. "
            "For repeatable numbers call `keras.utils.set_random_seed(seed)`."
        )


#: The functions, by name.
NAMES: dict[str, Any] = {
    "experimental": _Experimental,
    **{
        one.__name__: one
        for one in (
            clear_session, learning_phase, set_learning_phase, learning_phase_scope, in_train_phase, in_test_phase,
            placeholder, update, update_add, update_sub, moving_average_update, function, gradients, print_tensor,
            image_dim_ordering, set_image_dim_ordering, is_tensor, is_variable, is_placeholder, is_sparse, to_dense,
            reset_uids, name_scope, manual_variable_initialization, get_session, set_session,
        )
    },
}  # fmt: skip
