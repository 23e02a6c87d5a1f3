"""`EinsumDense`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from torchkeras_shim import activations, constraints, initializers, regularizers
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.initializers.scaling import with_axes
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.activated import Activated
from torchkeras_shim.layers.arguments import refuse_quantization
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.input_spec import InputSpec
from torchkeras_shim.layers.low_rank import LowRank

#: The three forms of equations: without "...", with it on the left, with it on the right.
_FORMS = (
    re.compile(r"()([a-zA-Z]+)(),([a-zA-Z]+)->([a-zA-Z]+)$"),
    re.compile(r"(\.\.\.)([a-zA-Z]+)(),([a-zA-Z]+)->\.\.\.([a-zA-Z]+)$"),
    re.compile(r"()([a-zA-Z]{2,})(\.\.\.),([a-zA-Z]+)->([a-zA-Z]+)\.\.\.$"),
)


class _Plan(NamedTuple):
    """What an equation means for inputs of a shape."""

    kernel: tuple[int, ...]
    bias: tuple[int, ...] | None
    input_axes: list[int]
    output_axes: list[int]
    contracted: int  # how many last axes of the inputs one matrix product sums over; 0 where it takes an einsum


@LAYERS.register()
class EinsumDense(LowRank, Activated):
    """A dense layer between any axes: `activation(einsum(equation, inputs, kernel) + bias)`.

    Where the equation sums over the last axes of the inputs and the first of the kernel, in order, it is one matrix
    product, bias included.

    Args:
        equation: The equation, such as `"abc,cd->abd"`, `"...x,xy->...y"` or `"ab...,bc->ac..."`.
        output_shape: The output's shape without the batch and what `...` stands for; `None` for what the input says.
        activation: The activation, none by default.
        bias_axes: The letters of the output axes that have a bias, such as `"d"`; none by default.
        kernel_initializer: How the kernel starts.
        bias_initializer: How the bias starts.
        kernel_regularizer: A penalty on the kernel.
        bias_regularizer: A penalty on the bias.
        kernel_constraint: A projection of the kernel after each update.
        bias_constraint: A projection of the bias after each update.
        lora_rank: If given, the kernel is frozen, and a product of two weights that have this length in common is added
            to it and trained: LoRA, see `enable_lora`.
        lora_alpha: The strength of that addition, `lora_rank` by default: it is multiplied by `lora_alpha / lora_rank`.
        gptq_unpacked_column_size: Not supported, must be `None`.
        quantization_config: Not supported, must be `None`.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If equation, shapes and bias do not fit.

    Example:
        >>> EinsumDense("abc,cde->abde", output_shape=(None, 2, 5), bias_axes="de")(torch.ones(1, 3, 4)).shape
        torch.Size([1, 3, 2, 5])
    """

    kernel: Variable
    bias: Variable | None

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        gptq_unpacked_column_size: int | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        unpacked = gptq_unpacked_column_size
        refuse_quantization("EinsumDense", unpacked if quantization_config is None else quantization_config)
        super().__init__(lora_rank=lora_rank, lora_alpha=lora_alpha, **kwargs)
        if not isinstance(equation, str):
            raise arguments.refusal(self, "equation", equation, "an equation such as 'ab,bc->ac'")
        self.equation = equation
        self.partial_output_shape = arguments.shape(
            self,
            "output_shape",
            (output_shape,) if arguments.is_integer(output_shape) else output_shape,
            unknown=(None,),
        )
        if bias_axes is not None and not isinstance(bias_axes, str):
            raise arguments.refusal(self, "bias_axes", bias_axes, "a string with axes of the output")
        self.bias_axes = bias_axes
        self.activation = arguments.known(self, "activation", activations, activation)
        self.kernel_initializer = arguments.known(self, "kernel_initializer", initializers, kernel_initializer)
        self.bias_initializer = arguments.known(self, "bias_initializer", initializers, bias_initializer)
        self.kernel_regularizer = arguments.known(self, "kernel_regularizer", regularizers, kernel_regularizer)
        self.bias_regularizer = arguments.known(self, "bias_regularizer", regularizers, bias_regularizer)
        self.kernel_constraint = arguments.known(self, "kernel_constraint", constraints, kernel_constraint)
        self.bias_constraint = arguments.known(self, "bias_constraint", constraints, bias_constraint)
        self._contracted = 0
        self._find_kernel()

    def build(self, input_shape: Any) -> None:
        """Creates the kernel and the bias of the shapes that the equation asks for."""
        plan = _analyze(self.equation, self.bias_axes, tuple(input_shape), self.partial_output_shape, self.name)
        self.kernel = self.add_weight(
            name="kernel",
            shape=plan.kernel,
            initializer=with_axes(self.kernel_initializer, plan.input_axes, plan.output_axes),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if plan.bias is None:
            self.bias = None
        else:
            self.bias = self.add_weight(
                name="bias",
                shape=plan.bias,
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self._contracted = plan.contracted
        self.input_spec = InputSpec(ndim=len(input_shape))
        self._adapt_if_asked()

    def call(self, inputs: torch.Tensor, training: bool | None = None) -> torch.Tensor:
        """Computes the outputs; `training` makes no difference."""
        if not inputs.is_floating_point():
            inputs = inputs.to(self._compute_dtype)
        bias, weight, count = self.bias, self.kernel, self._contracted
        if count:
            flat = inputs.flatten(0, -count - 1) if count == 1 else inputs.flatten(-count).flatten(0, -2)
            matrix = weight.reshape(flat.shape[-1], -1)
            full = bias is not None and bias.numel() == matrix.shape[1]
            outputs = torch.addmm(bias.reshape(-1), flat, matrix) if full else flat.mm(matrix)  # type: ignore[union-attr]
            outputs = outputs.view(*inputs.shape[:-count], *weight.shape[count:])
            bias = None if full else bias
        else:
            outputs = torch.einsum(self.equation, inputs, weight)
        if bias is not None:
            outputs = outputs + bias
        kernel = self._activation_kernel if self.activation is self._activation_of else self._find_kernel()
        return outputs if kernel is None else kernel(outputs)

    forward = call

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "output_shape": self.partial_output_shape,
            "equation": self.equation,
            "activation": activations.serialize(self.activation),
            "bias_axes": self.bias_axes,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            "quantization_config": None,
        }


def _analyze(
    equation: str, bias_axes: str | None, given: tuple[Any, ...], partial: tuple[Any, ...], name: str
) -> _Plan:
    """Finds the shapes of kernel and bias."""
    match = next(filter(None, (form.match(equation) for form in _FORMS)), None)
    if match is None:
        raise ValueError(
            f"Layer '{name}': invalid einsum equation '{equation}'. Equations must be in the form [X],[Y]->[Z], "
            "...[X],[Y]->...[Z], or [X]...,[Y]->[Z]...."
        )
    left, inputs, right, weights, outputs = match.groups()
    elided = len(given) - len(inputs)
    if elided < 0 or (elided and not left and not right):
        raise ValueError(
            f"Layer '{name}': the equation '{equation}' does not fit inputs of rank {len(given)}. Received: "
            f"input_shape={given}"
        )
    # Sizes by letter. The axes that "..." stands for come first or last, in inputs and outputs.
    in_sizes = dict(zip(inputs, given[elided:] if left else given[: len(inputs)], strict=True))
    front = () if left and elided else (given[0],)
    if len(front) + len(partial) != len(outputs):
        raise ValueError(
            f"Layer '{name}': `output_shape` must have one size for each of the output's axes but the batch and '...'. "
            f"Received: output_shape={partial} for the equation '{equation}' and inputs of shape {given}"
        )
    out_sizes = dict(zip(outputs, (*front, *partial), strict=True))
    for letter in inputs:
        size = out_sizes.get(letter)
        if size is not None and size != in_sizes[letter]:
            raise ValueError(
                f"Layer '{name}': input shape and output shape do not match at shared dimension '{letter}'. Input "
                f"shape is {in_sizes[letter]}, and output shape is {size}."
            )
    for letter in outputs:
        if letter not in inputs and letter not in weights:
            raise ValueError(
                f"Layer '{name}': dimension '{letter}' was specified in the output '{outputs}' but has no "
                f"corresponding dim in the input spec '{inputs}' or weight spec '{weights}'"
            )
    for letter in weights:
        if letter not in out_sizes and letter not in in_sizes:
            raise ValueError(
                f"Layer '{name}': weight dimension '{letter}' did not have a match in either the input spec "
                f"'{inputs}' or the output spec '{outputs}'. For this layer, the weight must be fully specified."
            )
    sizes = tuple(out_sizes[letter] if letter in out_sizes else in_sizes[letter] for letter in weights)
    if None in sizes:
        raise ValueError(
            f"Layer '{name}': every dimension of the weight must be known. Received: input_shape={given}, "
            f"output_shape={partial}, equation='{equation}', which give the weight the shape {sizes}"
        )
    bias = None if bias_axes is None else _bias_shape(bias_axes, outputs, out_sizes, elided if right else 0, name)
    summed = len([letter for letter in weights if letter not in out_sizes])
    plain = not right and inputs[-summed:] == weights[:summed] and inputs[:-summed] + weights[summed:] == outputs
    return _Plan(
        sizes,
        bias,
        [index for index, letter in enumerate(weights) if letter not in out_sizes],
        [index for index, letter in enumerate(weights) if letter in out_sizes],
        summed if plain and summed and math.prod(sizes[:summed]) else 0,
    )


def _bias_shape(axes: str, outputs: str, sizes: dict[str, Any], behind: int, name: str) -> tuple[int, ...]:
    for letter in axes:
        if letter not in outputs:
            raise ValueError(
                f"Layer '{name}': bias dimension '{letter}' was requested, but is not part of the output spec "
                f"'{outputs}'"
            )
    first = min(outputs.find(letter) for letter in axes)
    return (*(sizes[letter] if letter in axes else 1 for letter in outputs[first:]), *(1,) * behind)
