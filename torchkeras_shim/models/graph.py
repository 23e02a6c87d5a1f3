"""The graph of a functional model: found from its symbolic outputs, run as straight-line code.

The graph is written out as the Python function that a person would write by hand, one line per layer, and that
function is what runs: nothing is looked up, sorted or dispatched per call. `Graph.code` is that text.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.core import dtypes, tree
from torchkeras_shim.core.open_tapes import as_source
from torchkeras_shim.core.symbolic import KerasTensor, Node, RecordedFunction, is_symbolic
from torchkeras_shim.core.text import STRING
from torchkeras_shim.layers import InputLayer
from torchkeras_shim.layers.input_spec import DeclaredInput, InputSpec
from torchkeras_shim.models.inputs import InputStructure
from torchkeras_shim.models.joined import Joined, pairs_in
from torchkeras_shim.models.topology import sorted_from

#: Values of which equal ones get one name.
_PLAIN = (int, str, bool, type(None))
_LONGEST_HINT = 40
_LARGEST_HINT = 10**9
#: How deep lists in arguments may be; Python reads 100 parentheses inside one another.
_DEEPEST = 50


class Graph:
    """The nodes between symbolic inputs and outputs.

    Args:
        inputs: A `KerasTensor`, or a structure of them.
        outputs: A `KerasTensor`, or a structure of them.

    Raises:
        ValueError: If the outputs need a tensor that is not an input, or two operations have the same name.
    """

    def __init__(self, inputs: Any, outputs: Any) -> None:
        self.input_structure, self.output_structure = inputs, outputs
        self.inputs: list[KerasTensor] = _symbolic_leaves(inputs, "inputs")
        self.outputs: list[KerasTensor] = _symbolic_leaves(outputs, "outputs")
        if len({id(tensor) for tensor in self.inputs}) != len(self.inputs):
            raise ValueError(f"All `inputs` of a model must be different tensors. Received: inputs={inputs}")
        self.nodes, self.operations = sorted_from(self.inputs, outputs)
        self.input_layers = [_input_layer_of(tensor) for tensor in self.inputs]
        found = set(map(id, self.operations))
        self.operations = [*[layer for layer in self.input_layers if id(layer) not in found], *self.operations]
        _check_names(self.operations)
        self._given = InputStructure(inputs, self.input_names, [layer.optional for layer in self.input_layers])
        self._run: Callable[..., Any] | None = None
        self._watched: dict[int, tuple[KerasTensor, Callable[[Any], Any]]] = {}
        self.code = ""

    def __getstate__(self) -> dict[str, Any]:
        """Leaves the compiled function out of copies: it is bound to the original's layers."""
        return {**self.__dict__, "_run": None, "_watched": {}}

    def watch(self, watched: list[tuple[KerasTensor, Callable[[Any], Any]]]) -> None:
        """Has functions see the values of tensors in every run, instead of those that did before.

        Args:
            watched: Tensors that come from the inputs, on the way to the outputs or aside from it, and for each of them
                a function, which returns the value to go on with.

        Raises:
            ValueError: If one of the tensors needs a tensor that is not an input.
        """
        sorted_from(self.inputs, [tensor for tensor, _ in watched])
        self._watched = {id(tensor): (tensor, function) for tensor, function in watched}
        self._run = None

    @property
    def is_watched(self) -> bool:
        """Whether functions see values in passing."""
        return bool(self._watched)

    @property
    def layers(self) -> list[Any]:
        """The layers in Keras's order: by depth from the inputs, then by the order of traversal."""
        return [operation for operation in self.operations if isinstance(operation, torch.nn.Module)]

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return [layer.name for layer in self.input_layers]

    @property
    def output_names(self) -> list[str]:
        """The names of the operations that make the outputs."""
        return [_name_of(tensor) for tensor in self.outputs]

    def input_specs(self) -> list[InputSpec]:
        """What the inputs must look like; a missing or surplus last axis of size 1 is fine, as in Keras."""
        keys = tree.flatten_with_path(self.input_structure)
        by_key = isinstance(self.input_structure, dict) and len(self.input_structure) == len(self.inputs)
        return [
            InputSpec(
                shape=(None, *tensor.shape[1:]),
                allow_last_axis_squeeze=True,
                name=path[0] if by_key else layer.name,
                optional=layer.optional,
            )
            for tensor, (path, _), layer in zip(self.inputs, keys, self.input_layers, strict=True)
        ]

    @property
    def runner(self) -> Callable[..., Any]:
        """The function that the graph was written out as; it takes the flat inputs one by one."""
        return self._run or self.compile()

    def __call__(self, inputs: Any) -> Any:
        """Runs the graph."""
        run = self._run or self.compile()
        if type(inputs) is torch.Tensor and len(self.inputs) == 1:
            return run(inputs)
        return run(*self.flatten_inputs(inputs))

    def flatten_inputs(self, inputs: Any) -> list[Any]:
        """Returns given inputs in the order of the graph's, by name where they have names."""
        return self._given.flatten(inputs)

    def declares(self, inputs: Any) -> bool:
        """Returns whether symbolic inputs have the declared shapes and types; of data the batch's size is not known."""
        return all(map(_is_declared, self.flatten_inputs(inputs), self.inputs))

    def new_outputs(self) -> Any:
        """Returns symbolic tensors of another call that are like the declared outputs."""
        return tree.map_structure(lambda own: KerasTensor(own.shape, own.dtype), self.output_structure)

    def packed(self, outputs: Any) -> Any:
        """Returns outputs of a call on data in the declared structure."""
        structure = self.output_structure
        return outputs if self.unpacked(structure) is structure else type(structure)([outputs])

    def unpacked(self, outputs: Any) -> Any:
        """Returns outputs in the structure of a call on data: of a list or tuple of one output that output alone."""
        return outputs[0] if isinstance(outputs, (list, tuple)) and len(outputs) == 1 else outputs

    def compile(self) -> Callable[..., Any]:
        """Writes the graph out as a Python function and returns it."""
        writer = _Writer()
        names = [writer.name(tensor) for tensor in self.inputs]
        for index, (name, tensor, layer) in enumerate(zip(names, self.inputs, self.input_layers, strict=True)):
            writer.standardize(name, tensor, self._given.declared[index], layer.optional)
            writer.show(tensor, self._watched)
        nodes = self.nodes
        if self._watched:
            nodes, _ = sorted_from(self.inputs, [*self.outputs, *(tensor for tensor, _ in self._watched.values())])
        last_use, returned = _last_uses(nodes), set(map(id, self.outputs))
        sources = returned & {id(tensor) for node in nodes for tensor in node.input_tensors}
        pairs = pairs_in(nodes, returned | set(self._watched))
        done: set[int] = set()
        for index, node in enumerate(nodes):
            pair = pairs.get(id(node))
            if pair is not None:
                writer.call_joined(node, *pair)
                done.add(id(pair[0]))
            elif id(node) not in done:
                writer.call(node)
            for tensor in node.outputs:
                writer.show(tensor, self._watched)
                if id(tensor) in sources:
                    writer.pass_through(as_source, "as_source", tensor)
            writer.forget([tensor for tensor in last_use.get(index, []) if id(tensor) not in returned])
        self.code = writer.function(names, self.unpacked(self.output_structure))
        self._run = writer.build(self.code)
        return self._run

    def follow_weights(self, dtype: str) -> None:
        """Takes and returns floats of another type from now on."""
        for tensor in (*self.inputs, *(output for node in self.nodes for output in node.outputs)):
            tensor.become(dtype)
        self._run = None


def _last_uses(nodes: list[Node]) -> dict[int, list[KerasTensor]]:
    """Which tensors no node after a given one needs: their memory can go."""
    last: dict[int, tuple[int, KerasTensor]] = {}
    for index, node in enumerate(nodes):
        for tensor in node.input_tensors:
            last[id(tensor)] = (index, tensor)
    uses: dict[int, list[KerasTensor]] = {}
    for index, tensor in last.values():
        uses.setdefault(index, []).append(tensor)
    return uses


class _Writer:
    """Collects the lines of the function and the objects that they name.

    The text consists of names that are made here and of punctuation. Whatever comes from elsewhere, layers' names,
    keywords, texts and numbers, is an object that the text names: a config must not become source.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.namespace: dict[str, Any] = {"flatten": tree.flatten}
        self._names: dict[int, str] = {}
        self._bound: dict[Any, str] = {}

    def name(self, tensor: KerasTensor) -> str:
        """Returns the variable of a tensor."""
        return self._names.setdefault(id(tensor), f"x{len(self._names)}")

    def bind(self, value: Any, hint: Any = "") -> str:
        """Returns a name for an object that the lines refer to: a number, and what a reader would look for."""
        plain = type(value) in _PLAIN
        key = (type(value), value) if plain else id(value)
        if key not in self._bound:
            readable = re.sub(r"[^0-9A-Za-z_]+", "_", str(hint)[:_LONGEST_HINT]).strip("_")
            name = f"{'c' if plain else 'o'}{len(self._bound)}" + (f"_{readable}" if readable else "")
            self._bound[key] = name
            self.namespace[name] = value  # held here, so that no other object gets the same id
        return self._bound[key]

    def standardize(self, name: str, tensor: KerasTensor, declared: DeclaredInput, optional: bool) -> None:
        """Casts an input to its declared type and gives it its declared rank."""
        rank = self.render(tensor.ndim)
        guard = f"{name} is not None and " if optional else ""
        if tensor.dtype != STRING:
            dtype = self.bind(dtypes.to_torch_dtype(tensor.dtype), tensor.dtype)
            self.lines.append(f"if {guard}{name}.dtype is not {dtype}: {name} = {name}.to({dtype})")
        self.lines.append(f"if {guard}{name}.ndim != {rank}: {name} = {self.bind(declared.aligned, 'aligned')}({name})")

    def render(self, value: Any, depth: int = 0) -> str:
        """Returns an argument as source text."""
        if isinstance(value, KerasTensor):
            return self.name(value)
        if type(value) not in (list, tuple, dict) and not is_symbolic(value):
            return self.bind(value, _shown(value))
        if depth > _DEEPEST:
            raise ValueError(f"Arguments of layers may be nested {_DEEPEST} deep. Received: deeper ones.")
        if isinstance(value, dict):
            entries = (f"{self.bind(key, _shown(key))}: {self.render(item, depth + 1)}" for key, item in value.items())
            return f"{{{', '.join(entries)}}}"
        items = [self.render(item, depth + 1) for item in value]
        if isinstance(value, list):
            return f"[{', '.join(items)}]"
        named = self.bind(type(value), "named") if hasattr(value, "_fields") else ""
        return f"{named}({''.join(f'{item}, ' for item in items)})"

    def call(self, node: Node) -> None:
        """Writes the line of one node."""
        operation = node.operation
        target = operation.function if isinstance(operation, RecordedFunction) else operation
        arguments = [self.render(argument) for argument in node.args]
        if node.kwargs:
            arguments.append(f"**{self.render(dict(node.kwargs))}")
        source = f"{self.bind(target, operation.name)}({', '.join(arguments)})"
        structure = node.output_structure
        if isinstance(structure, KerasTensor):
            self.lines.append(f"{self.name(structure)} = {source}")
            return
        leaves = tree.flatten(structure)
        targets = ", ".join(self.name(leaf) if isinstance(leaf, KerasTensor) else "_" for leaf in leaves)
        self.lines.append(f"{targets}{',' if len(leaves) == 1 else ''} = flatten({source})")

    def call_joined(self, node: Node, follower: Node, pair: Joined) -> None:
        """Writes the line of a node and the one behind it."""
        given, made = self.render(node.args[0]), self.name(follower.outputs[0])
        self.lines.append(f"{made} = {self.bind(pair, pair.name)}({given})")

    def show(self, tensor: KerasTensor, watched: dict[int, tuple[KerasTensor, Callable[[Any], Any]]]) -> None:
        """Writes a line that shows a value to who watches it."""
        if id(tensor) in watched:
            self.pass_through(watched[id(tensor)][1], "watch", tensor)

    def pass_through(self, function: Callable[[Any], Any], hint: str, tensor: KerasTensor) -> None:
        """Writes a line that replaces a value by what a function makes of it."""
        name = self.name(tensor)
        self.lines.append(f"{name} = {self.bind(function, hint)}({name})")

    def forget(self, tensors: list[KerasTensor]) -> None:
        """Lets the memory of tensors go that are not needed any more."""
        if tensors:
            self.lines.append(f"{' = '.join(self.name(tensor) for tensor in tensors)} = None")

    def function(self, names: list[str], outputs: Any) -> str:
        """Returns the whole text."""
        body = [*self.lines, f"return {self.render(outputs)}"]
        return f"def run({', '.join(names)}):\n" + "\n".join(f"    {line}" for line in body) + "\n"

    def build(self, code: str) -> Callable[..., Any]:
        """Returns the function of the text; the objects it names are its globals."""
        exec(compile(code, "<functional model>", "exec"), self.namespace)
        run: Callable[..., Any] = self.namespace["run"]
        return run


def _shown(value: Any) -> str:
    """Returns what the name of a constant tells a reader of its value."""
    if type(value) is int:
        return f"{'minus' * (value < 0)}{abs(value)}" if abs(value) < _LARGEST_HINT else ""
    return str(value) if type(value) in _PLAIN else ""


def _is_declared(given: Any, own: KerasTensor) -> bool:
    if not isinstance(given, KerasTensor) or given.dtype != own.dtype or given.ndim != own.ndim:
        return False
    return given.shape in (own.shape, (None, *own.shape[1:]))


def _symbolic_leaves(structure: Any, what: str) -> list[KerasTensor]:
    leaves = tree.flatten(structure)
    for leaf in leaves:
        if not isinstance(leaf, KerasTensor):
            raise ValueError(
                f"All `{what}` values must be KerasTensors. Received: {what}={structure} including invalid value "
                f"{leaf} of type {type(leaf)}"
            )
    if not leaves:
        raise ValueError(
            f"`{what}` argument cannot be empty. Received: {what}={structure}. Write `Model(inputs, outputs)` with at "
            "least one tensor in each."
        )
    return leaves


def _name_of(tensor: KerasTensor) -> str:
    history = tensor._keras_history
    while history and getattr(history.operation, "hands_first_input_on", False):
        tensor = history.operation._inbound_nodes[history.node_index].input_tensors[0]
        history = tensor._keras_history
    return str(history.operation.name) if history else tensor.name


def _input_layer_of(tensor: KerasTensor) -> InputLayer:
    """Returns the `InputLayer` of an input, a new one for a tensor from the middle of another graph."""
    history = tensor._keras_history
    if history is not None and isinstance(history.operation, InputLayer):
        return history.operation
    return InputLayer(batch_shape=tensor.shape, dtype=tensor.dtype)


def _check_names(operations: list[Any]) -> None:
    for name, count in Counter(operation.name for operation in operations).items():
        if count > 1:
            raise ValueError(
                f'The name "{name}" is used {count} times in the model. All operation names should be unique.'
            )


def takes_graph(model_class: type) -> bool:
    """Returns whether the constructor of a class takes symbolic inputs and outputs, or hands on whatever it gets."""
    spec = inspect.getfullargspec(model_class.__init__)  # type: ignore[misc]
    return spec.args[1:4] == ["inputs", "outputs", "name"] or (spec.varargs is not None and spec.varkw is not None)


def graph_is_given(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Returns whether a model's constructor got symbolic inputs and outputs."""
    return (bool(args) and is_symbolic(args[:2])) or "outputs" in kwargs


def graph_arguments(*args: Any, **kwargs: Any) -> tuple[Any, Any, dict[str, Any]]:
    """Returns the inputs and outputs that a model's constructor got, and its other arguments.

    Raises:
        TypeError: If one of the two is missing.
    """
    names = ("inputs", "outputs", "name")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    missing = [name for name in names[:2] if name not in given]
    if missing:
        raise TypeError(f"A functional model needs `inputs` and `outputs`. `{missing[0]}` is missing.")
    return given.pop("inputs"), given.pop("outputs"), given
