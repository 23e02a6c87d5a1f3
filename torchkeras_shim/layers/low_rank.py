"""LoRA: layers whose weight stays as it is while a product of two small ones, which is added to it, is trained.

A layer with an adapter is of a class of its own, made from the layer's, in which the adapted weight is a property: the
sum. Layers without one have none of this in their way.
"""

from __future__ import annotations

import functools
import numbers
from typing import Any

import torch

from torchkeras_shim import initializers
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import Layer
from torchkeras_shim.layers.calling import building
from torchkeras_shim.layers.weights import StructureVersion, own_tensors


class LowRank(Layer):
    """A layer whose largest weight can be given an adapter.

    Args:
        *args: Those of the layer.
        lora_rank: If given, the layer has an adapter as soon as it is built.
        lora_alpha: The adapter's strength, `lora_rank` by default.
        **kwargs: Those of the layer.

    Attributes:
        lora_enabled: Whether there is one.
        lora_rank: The length that its two weights have in common.
        lora_alpha: Its strength: what is added is `lora_alpha / lora_rank` times the product.
    """

    lora_enabled = False
    lora_rank: int | None = None
    lora_alpha: float | None = None
    #: The name of the weight that is adapted.
    _adapts = "kernel"
    #: The class that files name for layers of this one; an adapter makes no other kind of layer.
    _written_as: type | None = None

    def __init__(
        self, *args: Any, lora_rank: int | None = None, lora_alpha: float | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        if lora_rank is not None:
            self.lora_rank = _checked_rank(self, lora_rank)
            self.lora_alpha = _checked_alpha(self, lora_alpha, self.lora_rank)

    def build(self, input_shape: Any) -> None:
        """Creates the weights, and those of the adapter."""
        super().build(input_shape)
        self._adapt_if_asked()

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments; those of the adapter if there is one."""
        config = super().get_config()
        if self.lora_rank:
            config |= {"lora_rank": self.lora_rank, "lora_alpha": self.lora_alpha}
        return config

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Any = "he_uniform",
        b_initializer: Any = "zeros",
    ) -> None:
        """Freezes the kernel (the table of an `Embedding`) and trains a low-rank addition to it: LoRA.

        Compile the model again afterwards: its optimizer must hear of the new weights. Files hold the sum, so that they
        can be loaded with or without an adapter; `lora_rank` is part of the config.

        Args:
            rank: The length that the addition's two weights have in common.
            lora_alpha: The strength of the addition, `rank` by default: it is multiplied by `lora_alpha / rank`.
            a_initializer: How the first weight starts.
            b_initializer: How the second one starts.

        Raises:
            ValueError: If the layer is not built, has an adapter already or has a constraint on the weight.

        Example:
            >>> import torchkeras_shim as keras
            >>> layer = keras.layers.Dense(6)
            >>> layer.build((None, 8))
            >>> layer.enable_lora(rank=2)
            >>> [(weight.name, tuple(weight.shape)) for weight in layer.trainable_weights]
            [('bias', (6,)), ('lora_kernel_a', (8, 2)), ('lora_kernel_b', (2, 6))]
        """
        if not self.built:
            raise ValueError(
                f"Cannot enable lora on a layer that isn't yet built. Call layer '{self.name}' on some data, or its "
                "`build()`, before `enable_lora()`."
            )
        self._adapt(rank, lora_alpha, a_initializer, b_initializer)

    def _adapt_if_asked(self) -> None:
        """Gives the layer the adapter that its constructor was asked for; at the end of `build`."""
        if self.lora_rank and not self.lora_enabled:
            self._adapt(self.lora_rank, self.lora_alpha)

    def _adapt(self, rank: Any, alpha: Any, a_initializer: Any = "he_uniform", b_initializer: Any = "zeros") -> None:
        name = self._adapts
        if getattr(self, f"{name}_constraint", None) is not None:
            raise ValueError(
                "Lora is incompatible with kernel constraints. In order to enable lora on this layer, remove the "
                f"`{name}_constraint` argument of layer '{self.name}'."
            )
        if self.lora_enabled:
            raise ValueError(
                f"lora is already enabled. This can only be done once per layer. Received: a second adapter for layer "
                f"'{self.name}'."
            )
        rank = _checked_rank(self, rank)
        alpha = _checked_alpha(self, alpha, rank)
        weight: Any = self._parameters[name]
        options: dict[str, Any] = {"dtype": "float32", "regularizer": getattr(self, f"{name}_regularizer", None)}
        with building(self), torch.device(weight.device):
            for part, shape, initializer in (
                ("a", (*weight.shape[:-1], rank), a_initializer),
                ("b", (rank, weight.shape[-1]), b_initializer),
            ):
                label = f"lora_{name}_{part}"
                added = self.add_weight(name=label, shape=shape, initializer=initializers.get(initializer), **options)
                setattr(self, label, added)
        weight.trainable = False
        self.lora_enabled, self.lora_rank, self.lora_alpha = True, rank, alpha
        self.__class__ = adapted(self._written_as or type(self))
        StructureVersion.bump()


def _checked_rank(layer: Any, rank: Any) -> int:
    sentence = "`lora_rank` must be a positive integer. Received: lora_rank={value}."
    return arguments.positive_integer(layer, "lora_rank", rank, sentence)


def _checked_alpha(layer: Any, alpha: Any, rank: int) -> float:
    if alpha is None:
        return rank
    if isinstance(alpha, bool) or not isinstance(alpha, numbers.Real):
        raise ValueError(f"Layer '{layer.name}': `lora_alpha` must be a number. Received: lora_alpha={alpha!r}")
    return alpha if isinstance(alpha, int) else float(alpha)


def _merged(layer: Any) -> torch.Tensor:
    """Returns the weight with what is added to it.

    A layer that is made by the class of another one has no adapter yet, and before it is built no weight.
    """
    name, table = layer._adapts, layer._parameters
    if not layer.lora_enabled:
        if name not in table:
            raise AttributeError(f"Layer '{layer.name}' has no `{name}` before it is built: call it on some data.")
        weight: torch.Tensor = table[name]
        return weight
    product: torch.Tensor = torch.matmul(table[f"lora_{name}_a"], table[f"lora_{name}_b"])
    merged: torch.Tensor = table[name] + (layer.lora_alpha / layer.lora_rank) * product
    return merged.to(layer._compute_dtype)


class _Adapted:
    """What layers with an adapter do in another way, besides the weight."""

    def _filed_tensors(self: Any) -> list[torch.Tensor]:
        """Files have the weights of a layer without an adapter."""
        names = [f"lora_{self._adapts}_{part}" for part in "ab"]
        added = {id(self._parameters.get(name)) for name in names}
        return [weight for weight in own_tensors(self) if id(weight) not in added]

    def save_own_variables(self: Any, store: Any) -> None:
        """Writes the weights as those of a layer without an adapter: the sum in the place of the adapted weight."""
        super().save_own_variables(store)  # type: ignore[misc]
        own, adapted_weight = self._filed_tensors(), self._parameters[self._adapts]
        index = next(index for index, weight in enumerate(own) if weight is adapted_weight)
        with torch.no_grad():
            value = _merged(self).to(adapted_weight.dtype)
        store[str(index)] = value.detach() if value.dtype == torch.bfloat16 else value.numpy(force=True)

    def load_own_variables(self: Any, store: Any) -> None:
        """Reads the weights of a layer without an adapter; the addition is zero afterwards, and can be trained."""
        super().load_own_variables(store)  # type: ignore[misc]
        if self.lora_enabled:
            with torch.no_grad():
                self._parameters[f"lora_{self._adapts}_b"].zero_()

    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        """Pickles the layer as one of its original class: nobody finds the other one by its name."""
        made = super().__reduce_ex__(protocol)
        return (_again, (type(self)._written_as,), *made[2:])


def _again(cls: Any) -> Any:
    return cls.__new__(adapted(cls))


@functools.cache
def adapted(cls: type) -> type:
    """Returns the class of a layer's class with an adapter."""
    body = {
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__,
        "_written_as": cls,
        cls._adapts: property(_merged),  # type: ignore[attr-defined]
    }
    return type(cls.__name__, (_Adapted, cls), body)
