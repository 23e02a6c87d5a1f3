"""A layer's weights: creation, order, freezing, reading and writing. One half of `Layer`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim import constraints, initializers, regularizers
from torchkeras_shim.core import dtypes, naming, sharded
from torchkeras_shim.core.seeding import SeedGenerator, SeedState
from torchkeras_shim.core.torch_private import is_persistent
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.distribution.strategies import placed
from torchkeras_shim.layers import arguments, calling, tracking
from torchkeras_shim.layers.tracking import Container


class StructureVersion:
    """Counts changes that a prepared training step must hear of: new weights, freezing, moved weights."""

    value = 0

    @classmethod
    def bump(cls) -> None:
        """Records one change."""
        cls.value += 1


class HasWeights(torch.nn.Module):
    """Weights under Keras's names on top of torch's parameters and buffers."""

    name: str
    built: bool
    _trainable: bool

    def add_weight(
        self,
        shape: Sequence[int] | int | None = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Creates a weight: a torch parameter, or a buffer where `trainable=False`.

        Args:
            shape: The shape; `()` by default.
            initializer: A name, function or `Initializer`; Glorot uniform for floats, zeros for integers by default.
            dtype: The type; the layer's `variable_dtype` by default.
            trainable: Whether training changes it by gradients.
            autocast: Whether `call` sees it in the compute type where the layer's dtype policy is a mixed one.
            regularizer: A penalty that training adds to the loss.
            constraint: A projection that the optimizer applies after each update.
            aggregation: How replicas combine the weight; only `"none"` and `"mean"` are supported.
            overwrite_with_gradient: Whether the optimizer puts the gradient in the place of the value.
            name: The weight's name.

        Returns:
            The variable, already registered with the layer.

        Raises:
            ValueError: If an option is not supported, or the layer is already built.
        """
        if isinstance(shape, str):
            raise ValueError(
                f"The first argument of `add_weight()` is the shape. Received: shape={shape!r}. The name is a keyword "
                f"argument: self.add_weight(shape=(...), name={shape!r})"
            )
        if aggregation not in ("none", "mean", None):
            raise ValueError(f"`add_weight` supports only aggregation='none' or 'mean'. Received: {aggregation=}")
        if self.built and not self.__dict__.get("_building"):
            raise ValueError(
                "You cannot add new elements of state (variables or sub-layers) to a layer that is already built: "
                f"layer '{self.name}' wants the weight {name!r}. All state must be created in the `__init__()` method "
                "or in the `build()` method. Write\n"
                "    def build(self, input_shape):\n        self.w = self.add_weight(...)"
            )
        type_name = dtypes.standardize_dtype(dtype if dtype is not None else self.variable_dtype)
        if initializer is None:
            initializer = "glorot_uniform" if dtypes.is_float(type_name) else "zeros"
        sizes = (shape,) if isinstance(shape, int) else tuple(shape or ())
        if None in sizes:
            raise ValueError(
                "Shapes used to initialize variables must be fully-defined (no `None` dimensions). "
                f"Received: shape={sizes} for weight {name!r} of layer '{self.name}'. Take sizes from the last axes of "
                "the input, `input_shape[-1]`: the batch is not known."
            )
        name = name if name is not None else naming.auto_name("Variable")
        initializer = arguments.known(self, "initializer", initializers, initializer)
        with calling.scope_of(self):
            variable = Variable(initializer, sizes, type_name, trainable, name=name)
        variable._autocast = bool(autocast)
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.overwrite_with_gradient = overwrite_with_gradient
        variable.requires_grad_(variable.requires_grad and self._trainable)
        variable = placed(variable)
        self._register_variable(self._free_key(name), variable, automatic=True)
        return variable

    def add_variable(self, *args: Any, **kwargs: Any) -> Variable:
        """Creates a weight: `add_weight` by another name, with the same arguments."""
        return self.add_weight(*args, **kwargs)

    @property
    def variable_dtype(self) -> str:
        """The type of new weights."""
        return "float32"

    def _free_key(self, name: str) -> str:
        key = name.replace(".", "_").replace("/", "_") or "variable"
        if key not in self._parameters and key not in self._buffers and not hasattr(self, key):
            return key
        index = 1
        while hasattr(self, f"{key}_{index}"):
            index += 1
        return f"{key}_{index}"

    def _register_variable(self, key: str, variable: Variable, automatic: bool = False) -> None:
        """Enters a variable under one key of torch's tables, and takes away the key that `add_weight` made up."""
        keys: dict[int, str] = self.__dict__.setdefault("_automatic_keys", {})
        previous = keys.pop(id(variable), None)
        if previous is not None and previous != key:
            self._parameters.pop(previous, None)
            self._buffers.pop(previous, None)
        self.__dict__.pop(key, None)
        if variable._trainable:
            self.register_parameter(key, variable)
        else:
            self.register_buffer(key, variable)
        if automatic:
            keys[id(variable)] = key
        StructureVersion.bump()

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        """Moves or casts the layer; buffers stay `Variable`s, which torch would turn into plain tensors.

        Raises:
            NotImplementedError: If a weight that is cut over processes would have to move or change its type.
        """
        parts = {
            table: {key: weight for key, weight in entries.items() if sharded.is_sharded(weight)}
            for table, entries in (("_parameters", self._parameters), ("_buffers", self._buffers))
        }
        for weight in (weight for entries in parts.values() for weight in entries.values()):
            _refuse_move(self, weight, fn)
        for table, entries in parts.items():
            self.__dict__[table].update(dict.fromkeys(entries))
        try:
            return self._apply_to_whole(fn, recurse)
        finally:
            for table, entries in parts.items():
                self.__dict__[table].update(entries)

    def _apply_to_whole(self, fn: Any, recurse: bool) -> Any:
        before = {key: value for key, value in self._buffers.items() if isinstance(value, Variable)}
        result = super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for key, old in before.items():
            new = self._buffers[key]
            if new is not None and not isinstance(new, Variable):
                self._buffers[key] = Variable.wrap(new, like=old)
        StructureVersion.bump()
        return result

    # Reading --------------------------------------------------------------------------------------------------------

    @property
    def variables(self) -> list[Any]:
        """All weights, and the states of the random generators of the layer and of those inside it."""
        return module_variables(self)

    @property
    def weights(self) -> list[Any]:
        """All weights in Keras's order: the layer's own trainable ones, its other ones, then those of its layers."""
        return module_weights(self)

    @property
    def trainable_variables(self) -> list[Any]:
        """The weights that training changes by gradients."""
        return self.trainable_weights

    @property
    def trainable_weights(self) -> list[Any]:
        """The weights that training changes by gradients."""
        return [weight for weight in self.weights if weight.requires_grad]

    @property
    def non_trainable_variables(self) -> list[Any]:
        """Frozen weights, statistics, and the states of random generators."""
        return [variable for variable in self.variables if not variable.requires_grad]

    @property
    def non_trainable_weights(self) -> list[Any]:
        """Frozen weights and statistics."""
        return [weight for weight in self.weights if not weight.requires_grad]

    def get_weights(self) -> list[np.ndarray[Any, Any]]:
        """Returns copies of all weights as numpy arrays, in the order of `weights`."""
        return [_to_numpy(weight) for weight in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Overwrites all weights.

        Args:
            weights: Arrays in the order of `weights`, of their shapes.

        Raises:
            ValueError: If number or shapes differ; no weight has been changed then.
        """
        own = self.weights
        if len(own) != len(weights):
            raise ValueError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of length "
                f"{len(weights)}, but the layer was expecting {len(own)} weights: "
                f"{[_describe(weight) for weight in own]}."
            )
        values = [
            value.detach() if isinstance(value, torch.Tensor) else torch.as_tensor(np.array(value)) for value in weights
        ]
        for weight, value in zip(own, values, strict=True):
            if weight.shape != value.shape:
                raise ValueError(
                    f"Layer '{self.name}' weight {_describe(weight)} is not compatible with the provided weight of "
                    f"shape {tuple(value.shape)}."
                )
        with torch.no_grad():
            for weight, value in zip(own, values, strict=True):
                sharded.write(weight, value)

    def _filed_tensors(self) -> list[torch.Tensor]:
        """Returns what the layer has in files, in their order."""
        return own_tensors(self)

    def save_own_variables(self, store: Any) -> None:
        """Writes the layer's own weights into a mapping, under `"0"`, `"1"`, ...: trainable ones first.

        Override it, and `load_own_variables`, to save more or in another way; the weights of layers inside are not
        part of it.

        Args:
            store: The mapping.

        Example:
            >>> import torchkeras_shim as keras
            >>> layer, store = keras.layers.Dense(2), {}
            >>> layer.build((None, 3))
            >>> layer.save_own_variables(store)
            >>> {key: value.shape for key, value in store.items()}
            {'0': (3, 2), '1': (2,)}
        """
        for index, weight in enumerate(self._filed_tensors()):
            # numpy has no bfloat16
            store[str(index)] = sharded.whole(weight).detach() if weight.dtype == torch.bfloat16 else _to_numpy(weight)

    def load_own_variables(self, store: Any) -> None:
        """Reads the layer's own weights from what `save_own_variables` has written.

        Args:
            store: A mapping of arrays.

        Raises:
            ValueError: If their number or shapes differ; no weight has been changed then.
        """
        own = self._filed_tensors()
        found = sorted(store.keys())
        if found != sorted(str(index) for index in range(len(own))):
            if not own and not self.built:
                raise ValueError(
                    f"Layer '{self.name}' was never built and thus it doesn't have any variables. However the weights "
                    f"file lists {len(found)} variables for this layer. Implement `build()`, or call the layer on some "
                    "data before loading."
                )
            raise ValueError(
                f"Layer '{self.name}' expected {len(own)} variables, but received {len(found)} variables during "
                f"loading. Expected: {[_describe(weight) for weight in own]}. Received: {found}"
            )
        values = []
        for index, weight in enumerate(own):
            value = store[str(index)]
            values.append(value.detach() if isinstance(value, torch.Tensor) else torch.as_tensor(np.array(value)))
            if values[-1].shape != weight.shape:
                raise ValueError(
                    f"Layer '{self.name}': the shape of the target variable and of the value in the file must "
                    f"match. Expected: {_describe(weight)}. Received: {tuple(values[-1].shape)}"
                )
        with torch.no_grad():
            for weight, value in zip(own, values, strict=True):
                sharded.write(weight, value)

    def count_params(self) -> int:
        """Returns the number of scalars in all weights.

        Raises:
            ValueError: If the layer is not built.
        """
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't built. "
                "You can build it manually via: `layer.build(input_shape)`."
            )
        return sum(weight.numel() for weight in self.weights)

    # Freezing -------------------------------------------------------------------------------------------------------

    @property
    def trainable(self) -> bool:
        """Whether training changes the layer. Setting it reaches every layer and module inside."""
        return bool(self.__dict__.get("_trainable", True))

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = bool(value)
        self.__dict__["_trainable"] = value
        for parameter in self._parameters.values():
            if parameter is not None and parameter.is_floating_point():
                parameter.requires_grad_(value and getattr(parameter, "_trainable", True))
        for child in self._modules.values():
            if child is not None:
                freeze(child, value)
        StructureVersion.bump()


def _refuse_move(layer: Any, weight: Any, fn: Any) -> None:
    """Raises if a function of tensors would move or cast a weight that is cut over processes."""
    with torch.no_grad():
        made = fn(torch.empty(0, dtype=weight.dtype, device=weight.device))
    if (made.dtype, made.device.type) != (weight.dtype, weight.device.type):
        raise NotImplementedError(
            f"Layer '{layer.name}': the weight '{getattr(weight, 'path', '')}' is cut over processes and stays as it "
            f"is. Received: a change from {weight.dtype} on {weight.device} to {made.dtype} on {made.device}. Set the "
            "type before the model is made, by `keras.config.set_dtype_policy(...)` or `dtype=`."
        )


def freeze(module: torch.nn.Module, trainable: bool) -> None:
    """Makes a module of either kind trainable or not, with everything inside it."""
    if isinstance(module, HasWeights):
        module.trainable = trainable
        return
    for parameter in module._parameters.values():
        if parameter is not None and parameter.is_floating_point():
            parameter.requires_grad_(trainable and getattr(parameter, "_trainable", True))
    for child in module._modules.values():
        if child is not None:
            freeze(child, trainable)


def module_weights(module: torch.nn.Module) -> list[Any]:
    """Returns the weights of any module in Keras's order, each once.

    Parameters and buffers of floats count, and whatever `add_weight` made. Counters of raw torch modules
    (`num_batches_tracked`) do not: they are no weights in Keras's sense.
    """
    return [variable for variable in module_variables(module) if not isinstance(variable, SeedState)]


def module_variables(module: torch.nn.Module) -> list[Any]:
    """Returns the weights of any module, and after those of each layer the states of its own random generators."""
    seen: set[int] = set()
    weights: list[Any] = []

    def add(tensor: Any) -> None:
        if tensor is not None and id(tensor) not in seen:
            seen.add(id(tensor))
            weights.append(tensor)

    def visit(current: torch.nn.Module) -> None:
        for parameter in current._parameters.values():
            add(parameter)
        for key, buffer in current._buffers.items():
            if isinstance(buffer, Variable) or (
                buffer is not None and buffer.is_floating_point() and is_persistent(current, key)
            ):
                add(buffer)
        for value in tracking.attributes_of(current):
            if isinstance(value, SeedGenerator):
                add(value.state)
        for child in current._modules.values():
            if child is not None:
                visit(child)

    visit(module)
    return weights


def own_tensors(layer: torch.nn.Module) -> list[torch.Tensor]:
    """Returns a layer's own weights, without those of the layers in it: trainable ones first."""
    parameters, buffers = _own(layer)
    return [*parameters, *buffers]


def _own(module: torch.nn.Module) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Returns a layer's own parameters and buffers, those in its lists and dicts included, each once."""
    parameters = {id(p): p for p in module._parameters.values() if p is not None}
    buffers = {
        id(b): b
        for key, b in module._buffers.items()
        if b is not None and (isinstance(b, Variable) or is_persistent(module, key))
    }
    for child in module._modules.values():
        if isinstance(child, Container):
            for found, table in zip(_own(child), (parameters, buffers), strict=True):
                table.update((id(tensor), tensor) for tensor in found)  # type: ignore[attr-defined]
    return list(parameters.values()), list(buffers.values())


def _to_numpy(weight: torch.Tensor) -> np.ndarray[Any, Any]:
    tensor = sharded.whole(weight).detach()
    if tensor.dtype == torch.bfloat16:  # numpy has no such type
        tensor = tensor.float()
    return np.array(tensor.numpy(force=True))


def _describe(weight: torch.Tensor) -> str:
    return f"{getattr(weight, 'path', 'weight')} of shape {tuple(weight.shape)}"
