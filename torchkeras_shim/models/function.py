"""`Function`: what lies between symbolic tensors, as one computation."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.core import tree
from torchkeras_shim.core.operation import Operation
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.models.graph import Graph


class Function(Operation):
    """The computation of symbolic outputs from symbolic inputs, to be called on data. A `Model` that only computes.

    The inputs may be any tensors on the way to the outputs.

    Args:
        inputs: A `KerasTensor`, or a structure of them.
        outputs: A `KerasTensor`, or a structure of them.
        name: The name, unique by default.

    Raises:
        ValueError: If one of them is empty, or the outputs need a tensor that is not an input.

    Example:
        >>> import torch
        >>> import torchkeras_shim as keras
        >>> x = keras.KerasTensor((None, 2))
        >>> double = Function(x, keras.ops.add(x, x))
        >>> double(torch.ones(1, 2))
        tensor([[2., 2.]])
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None) -> None:
        super().__init__(name=name)
        for what, given in (("inputs", inputs), ("outputs", outputs)):
            if not tree.flatten(given):
                raise ValueError(f"`{what}` argument cannot be empty. Received:\ninputs={inputs}\noutputs={outputs}")
        self._graph = Graph(inputs, outputs)

    @property
    def operations(self) -> list[Any]:
        """The layers and functions between inputs and outputs."""
        return list(self._graph.operations)

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs in a flat list."""
        return list(self._graph.inputs)

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs in a flat list."""
        return list(self._graph.outputs)

    def call(self, inputs: Any) -> Any:
        """Computes the outputs.

        Raises:
            ValueError: If structure or shapes are not those of the symbolic inputs.
        """
        self._check(inputs)
        return self._graph.packed(self._graph(inputs))

    def compute_output_spec(self, inputs: Any) -> Any:
        """Returns the outputs as `KerasTensor`s for `KerasTensor` inputs."""
        self._check(inputs)
        if all(x.shape == own.shape for x, own in zip(tree.flatten(inputs), self.inputs, strict=True)):
            return tree.map_structure(lambda x: KerasTensor(x.shape, x.dtype), self._graph.output_structure)
        return super().compute_output_spec(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns the output shapes for input shapes, which come in a flat list where there are several inputs."""
        shapes = [input_shape] if len(self.inputs) == 1 else input_shape
        specs = [KerasTensor(shape, own.dtype) for shape, own in zip(shapes, self.inputs, strict=True)]
        inputs = tree.pack_sequence_as(self._graph.input_structure, specs)
        return tree.map_structure(lambda x: x.shape, self.compute_output_spec(inputs))

    def _check(self, inputs: Any) -> None:
        expected = self._graph.input_structure
        try:
            tree.assert_same_structure(inputs, expected)
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"Function was called with an invalid input structure. Expected input structure: {expected}\n"
                f"Received input structure: {inputs}"
            ) from error
        for x, own in zip(tree.flatten(inputs), self.inputs, strict=True):
            shape = tuple(x.shape)
            pairs = zip(shape, own.shape, strict=False)
            if len(shape) != len(own.shape) or any(a != b for a, b in pairs if a is not None and b is not None):
                raise ValueError(
                    f"Function was passed incompatible inputs. For input '{own.name}', expected shape {own.shape}, but "
                    f"received instead a tensor with shape {shape}."
                )
