"""`Sequential`: a stack of layers, torch modules and functions."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import torch

from torchkeras_shim.core import dtypes, naming, symbolic, tree, turns
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.core.text import STRING
from torchkeras_shim.layers import InputLayer, InputSpec, Lambda, calling
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.explaining import explain
from torchkeras_shim.layers.inference import infer_output
from torchkeras_shim.layers.masks import carrying
from torchkeras_shim.layers.weights import StructureVersion
from torchkeras_shim.models import members, sequential_config
from torchkeras_shim.models.inputs import InputStructure
from torchkeras_shim.models.model import Model


@LAYERS.register()
class Sequential(Model, torch.nn.Sequential):
    """A stack of layers, each called on what the one before returned.

    Keras layers, `torch.nn` modules, modules of your own and plain functions are members on equal terms. Without an
    `Input` the model is built at the first batch, or by `build(input_shape)`.

    Args:
        layers: The members, an `Input` first if the shape is known.
        trainable: Whether training changes the weights.
        name: The name.

    Raises:
        ValueError: If two layers have the same name, or something in the list cannot be called.

    Example:
        >>> model = Sequential([torch.nn.Flatten(), torch.nn.Linear(784, 128), torch.relu, torch.nn.Linear(128, 10)])
        >>> model(torch.zeros(2, 28, 28)).shape
        torch.Size([2, 10])
    """

    _treats_samples_alone = True  # if its members do
    _raw_names: dict[str, str]
    _given: InputStructure
    _specs: list[Any] | None
    _explicit_input: KerasTensor | None
    _leaves_types_to_members = True
    _reserved_layers = (
        "`Sequential.layers` attribute is reserved and should not be used. "
        "Use `add()` and `pop()` to change the layers in this model."
    )

    def __init__(self, layers: Iterable[Any] | None = None, trainable: bool = True, name: str | None = None) -> None:
        if isinstance(layers, torch.nn.Module) or not isinstance(trainable, bool):
            raise TypeError(
                "Sequential takes its layers as one list: write `Sequential([a, b, c])`, not `Sequential(a, b, c)`."
            )
        super().__init__(name=name)
        self.__dict__["_raw_names"] = {}
        self.__dict__["_specs"] = None  # the symbolic tensors between the layers, input first, once the shape is known
        self.__dict__["_explicit_input"] = None
        taken: dict[str, Any] = {}
        for layer in layers or ():
            self._add(layer, taken, rebuild=True)
        if not trainable:
            self.trainable = False

    # The stack ------------------------------------------------------------------------------------------------------

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Appends a layer, a torch module, a function, or an `Input` in the first place.

        Args:
            layer: What to append.
            rebuild: Whether to build it at once where the input shape is known.

        Raises:
            ValueError: If it cannot be called, a layer of that name is already there, or an `Input` comes late.
        """
        self._add(layer, dict(self.named_layers()), rebuild)

    def _add(self, layer: Any, taken: dict[str, Any], rebuild: bool) -> None:
        """Appends a layer whose name must not be that of another one in `taken`, and enters it there."""
        if isinstance(layer, (KerasTensor, InputLayer)):
            self._add_input(layer)
            return
        if not isinstance(layer, torch.nn.Module):
            if not callable(layer) or isinstance(layer, type):
                raise ValueError(
                    "Only instances of `keras.Layer` can be added to a Sequential model, or of `torch.nn.Module`, and "
                    f"functions. Received: {layer!r} (of type {type(layer)})."
                )
            function_name = getattr(layer, "__name__", "")
            layer = Lambda(layer, name=naming.uniquify(function_name) if function_name.isidentifier() else None)
        name = getattr(layer, "name", None) if isinstance(layer, Layer) else None
        if name is None:
            name = self._raw_names[str(len(self._modules))] = naming.auto_name(type(layer).__name__)
        elif taken.get(name, layer) is not layer:
            raise ValueError(
                "All layers added to a Sequential model should have unique names. "
                f"Name '{name}' is already the name of a layer in this model. "
                "Update the `name` argument to pass a unique name."
            )
        taken[name] = layer
        if not self._modules and self._explicit_input is None:
            self._adopt_input_of(layer)
        turns.adopt(layer, self.training)
        self.add_module(str(len(self._modules)), layer)
        self._changed()
        if rebuild and self._specs is not None:
            self._extend_specs()
        else:
            self.__dict__["built"] = False

    def _add_input(self, given: Any) -> None:
        if self._modules or self._explicit_input is not None:
            raise ValueError(
                f"Sequential model '{self.name}' has already been configured to use input shape {self.input_shape}. "
                f"You cannot add a different Input layer to it."
                if self._specs is not None
                else "An `Input` must come first in a Sequential model. Write `Sequential([Input(shape), ...])`."
            )
        tensor = given.output if isinstance(given, InputLayer) else given
        self.__dict__["_explicit_input"] = tensor
        self._start_specs(tensor)

    def _adopt_input_of(self, layer: torch.nn.Module) -> None:
        """Takes the input shape from `input_shape=` of the first layer, or from a first layer that is a built model."""
        shape = layer.__dict__.get("_input_shape_argument")
        if shape is not None:
            self._add_input(InputLayer(batch_shape=shape, dtype=layer.compute_dtype))
        elif isinstance(layer, Model):
            inner = layer._declared_input()
            if inner is not None:
                self._add_input(InputLayer(batch_shape=inner.shape, dtype=inner.dtype))

    def _declared_input(self) -> KerasTensor | None:
        return self._explicit_input if self._modules else None

    def pop(self, rebuild: bool = True) -> Any:  # type: ignore[override]  # torch's takes an index
        """Takes the last layer away and returns it.

        Args:
            rebuild: Whether the rest counts as built, for the known shape. If not, it is built at the next call.

        Raises:
            TypeError: If there is not a layer.
        """
        if not self._modules:
            raise TypeError("There are no layers in the model.")
        key, layer = self._modules.popitem()
        self._raw_names.pop(key, None)
        if self._specs is not None:
            del self._specs[len(self._modules) + 1 :]
        built = self.built
        self._changed()
        self.__dict__["built"] = built and rebuild and bool(self._modules)
        return layer

    def _changed(self) -> None:
        """Lets everything that depends on the list of layers be found again."""
        StructureVersion.bump()
        self.__dict__["_seen_ndim"] = self.__dict__["_adders_seen"] = -1
        if self._specs is None:
            self.__dict__["built"] = False
            self.__dict__["_build_shape"] = None

    def named_layers(self) -> list[tuple[str, Any]]:
        """Returns the layers with their names; torch modules are named after their class."""
        return self._named(self._modules.items())

    def _named(self, members: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
        names = self._raw_names
        return [(names.get(key) or str(module.name), module) for key, module in members]

    def __bool__(self) -> bool:
        return True  # an empty stack is a model all the same

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, torch.nn.Module) and not isinstance(getattr(type(self), name, None), property):
            if not any(value is module for module in self._modules.values()):
                raise ValueError(
                    f"Sequential model '{self.name}': setting the attribute `{name}` to a layer would add it to the "
                    f"stack. Write `model.add({name})` to add it, or subclass `Model` to hold layers beside the stack."
                )
            self.__dict__[name] = value  # another name for a member
            return
        super().__setattr__(name, value)

    # Building -------------------------------------------------------------------------------------------------------

    def build(self, input_shape: Any = None) -> None:
        """Builds every layer for an input shape, the batch included.

        Args:
            input_shape: The shape, `None` for unknown sizes. Of several shapes, in a list or dict, nothing is built:
                each layer then is when it is called.

        Raises:
            ValueError: If there are no layers, or the model was built for another shape.
        """
        if not self._modules:
            raise ValueError(
                f"Sequential model {self.name} cannot be built because it has no layers. Call `model.add(layer)`."
            )
        if self._specs is None:
            if input_shape is None:
                raise ValueError("You must provide an `input_shape` argument.")
            if _are_several(input_shape):
                return
            self._start_specs(KerasTensor(tuple(input_shape), self._natural_dtype() or "float32"))
        elif input_shape is not None and not _compatible(self._specs[0].shape, tuple(input_shape)):
            raise ValueError(
                f"Sequential model '{self.name}' has already been configured to use input shape {self.input_shape}. "
                f"You cannot build it with input_shape {input_shape}"
            )
        self._extend_specs()

    def _start_specs(self, spec: KerasTensor) -> None:
        source = spec._keras_history.operation if spec._keras_history else spec
        self.__dict__["_specs"], self.__dict__["_given"] = [spec], InputStructure(spec, [source.name], [False])
        self.__dict__["_build_shape"] = spec.shape
        known = self._explicit_input is not None or self._natural_dtype() is not None
        self.__dict__["_input_cast"] = dtypes.to_torch_dtype(spec.dtype) if known and spec.dtype != STRING else None
        if self._explicit_input is not None:
            self.__dict__["_declared"] = self._given.declared[0]
            self.__dict__["input_spec"] = InputSpec(shape=(None, *spec.shape[1:]), allow_last_axis_squeeze=True)

    def _extend_specs(self) -> None:
        """Builds the layers whose output is not known yet, one after the other.

        A layer that says it cannot tell its output's shape ends this: what comes after it is built when it runs.
        """
        with calling.building(self):
            specs = self._known_specs("input shape")
            new = list(islice(reversed(self._modules.items()), len(self._modules) + 1 - len(specs)))
            for name, layer in reversed(self._named(new)):
                try:
                    outputs = _output_of(name, layer, specs[-1])
                except NotImplementedError:
                    self.__dict__["_specs"] = specs[:1] if self._explicit_input is not None else None
                    break
                specs.append(layer._unpacked(outputs) if isinstance(layer, Model) else outputs)
        self.__dict__["built"] = True

    def _natural_dtype(self) -> str | None:
        """The type that the first layer wants its input in; `None` where any type will do."""
        for layer in self._modules.values():
            if isinstance(layer, Layer):
                return layer.compute_dtype if layer.autocast or layer.compute_dtype == STRING else None
            if isinstance(layer, (torch.nn.Embedding, torch.nn.EmbeddingBag)):
                return "int64"
            parameter = next((p for p in layer.parameters() if p.is_floating_point()), None)
            if parameter is not None:
                return str(parameter.dtype).removeprefix("torch.")
        return None

    def compute_output_spec(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Returns the output as a `KerasTensor`; builds the model, computes nothing."""
        inputs = self._standardized(inputs)
        if self._specs is None and not _are_several(inputs):
            # The first data decide: integers for a raw torch embedding stay what they are.
            natural = self._natural_dtype()
            self._start_specs(KerasTensor(inputs.shape, natural or inputs.dtype))
            self._extend_specs()
        return super().compute_output_spec(inputs, *args, **kwargs)

    def _follow_weights(self, dtype: str) -> None:
        super()._follow_weights(dtype)
        for spec in tree.flatten([self._explicit_input, self._specs]):
            if spec is not None:
                source = spec._keras_history.operation if spec._keras_history else None
                if isinstance(source, InputLayer):
                    source._follow_weights(dtype)
                spec.become(dtype)

    # Running --------------------------------------------------------------------------------------------------------

    def _standardized(self, inputs: Any) -> Any:
        """Takes the one input out of a list, a tuple, or, where it was declared, a dict by its name."""
        if not isinstance(inputs, (list, tuple, dict)):
            return inputs
        if self._specs is not None:
            return self._given.flatten(inputs)[0]
        return inputs[0] if len(inputs) == 1 and not isinstance(inputs, dict) else inputs

    forward = torch.nn.Sequential.forward  # torch's own loop over the members: nothing of this package in between

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Runs the layers one after the other; Keras's name of `forward`."""
        return torch.nn.Sequential.forward(self, carrying(inputs, mask))  # type: ignore[no-untyped-call]

    def failing_member(self, args: tuple[Any, ...]) -> tuple[str, Any, tuple[Any, ...]]:
        """Finds out, for an error message, which member failed on which input: runs them on meta one by one."""
        x = KerasTensor(tuple(args[0].shape), args[0].dtype) if isinstance(args[0], torch.Tensor) else args[0]
        for name, member in self.named_layers():
            try:
                outputs = infer_output(member, x)
            except Exception:
                return name, member, (x,)
            x = outputs
        return self.name, self, args

    def __getattr__(self, name: str) -> Any:
        """Finds layers and weights; a property without a value says why, which torch would hide."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            own = getattr(type(self), name, None)
            if isinstance(own, property) and own.fget is not None:
                return own.fget(self)
            raise

    # Shapes ---------------------------------------------------------------------------------------------------------

    def _known_specs(self, what: str) -> list[Any]:
        if self._specs is None or (what.startswith("output") and len(self._specs) <= len(self._modules)):
            raise AttributeError(
                f"Sequential model '{self.name}' has no defined {what} yet. Give it an `Input(shape)` as the first "
                "layer, call `model.build(input_shape)`, or call it on data."
            )
        return self._specs

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """The shape of the input, the batch included."""
        return self._known_specs("input shape")[0].shape  # type: ignore[no-any-return]

    @property
    def output_shape(self) -> Any:
        """The shape of the output, the batch included; a list if there are several."""
        shapes = [tensor.shape for tensor in tree.flatten(self._known_specs("output shape")[-1])]
        return shapes[0] if len(shapes) == 1 else shapes

    @property
    def input(self) -> KerasTensor:
        """The symbolic input."""
        spec: KerasTensor = self._known_specs("input")[0]
        return spec

    @property
    def output(self) -> Any:
        """The symbolic output."""
        return self._known_specs("output")[-1]

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic input, in a list."""
        return [self._known_specs("inputs")[0]]

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic output, in a list."""
        return tree.flatten(self._known_specs("outputs")[-1])

    @property
    def output_names(self) -> list[str] | None:
        """The name of the last layer, which is that of the output."""
        return [name for name, _ in self.named_layers()][-1:] or None

    @property
    def input_dtype(self) -> str:
        """The type of the input."""
        return self._specs[0].dtype if self._specs is not None else self.compute_dtype

    # Config ---------------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Returns the layers' configs.

        Raises:
            NotImplementedError: If a member is a torch module, which has no config.
        """
        return sequential_config.stack_to_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """Rebuilds a model from `get_config()`, or a config of Keras 1 or 2; the weights are new."""
        return sequential_config.stack_from_config(cls, config, custom_objects)


def _output_of(name: str, layer: Any, inputs: Any) -> Any:
    """Returns the symbolic output of a member, which is built for it; its errors say which one it is."""
    if isinstance(layer, Layer):
        try:
            return layer(inputs)
        except TypeError:
            members.check_takes_one(layer)
            raise
    try:
        outputs = infer_output(layer, inputs)
    except (RuntimeError, IndexError) as error:
        explain(layer, (inputs,), error, name)
        raise
    symbolic.Node(layer, (inputs,), {}, outputs)
    return outputs


def _are_several(given: Any) -> bool:
    """Returns whether data, or a shape, are several inputs."""
    return isinstance(given, dict) or (isinstance(given, (list, tuple)) and any(map(_is_no_size, given)))


def _is_no_size(size: Any) -> bool:
    return size is not None and not isinstance(size, int) and not hasattr(size, "__index__")


def _compatible(known: tuple[int | None, ...], given: tuple[int | None, ...]) -> bool:
    return len(known) == len(given) and all(
        a is None or b is None or a == b for a, b in zip(known[1:], given[1:], strict=True)
    )
