"""`Operation`: what is called on tensors, with a value or without, and has no weights."""

from __future__ import annotations

from abc import ABCMeta
from typing import Any

from torchkeras_shim.core import captured_config, naming
from torchkeras_shim.core.symbolic import KerasTensor, Node, RecordedFunction, infer, is_symbolic


class Operation(metaclass=ABCMeta):
    """A computation of tensors that can be a part of functional models; layers and the functions in graphs are ones.

    Subclasses compute in `call`. What a call on symbolic tensors returns is found out by running it, unless they say so
    in `compute_output_spec`. What has weights is a `Layer`.

    Args:
        name: The name, unique by default.

    Example:
        >>> from torchkeras_shim import Input, Model
        >>> class Scale(Operation):
        ...     def __init__(self, factor, name=None):
        ...         super().__init__(name=name)
        ...         self.factor = factor
        ...     def call(self, x):
        ...         return x * self.factor
        >>> Scale(3)(2), Scale(3).get_config()["factor"]
        (6, 3)
        >>> x = Input((4,))
        >>> Model(x, Scale(3, name="scale")(x)).operations[-1].name
        'scale'
    """

    _arguments: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Notes the arguments, for the config of classes that write none."""
        instance = super().__new__(cls)
        instance._arguments = (args, kwargs)
        return instance

    def __init__(self, name: str | None = None) -> None:
        if name is not None and not isinstance(name, str):
            raise ValueError(f"Argument `name` must be a string. Received: name={name} (of type {type(name)})")
        self.name = name if name is not None else naming.auto_name(type(self).__name__)
        self._inbound_nodes: list[Node] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Computes the outputs, or records the call if it is one on symbolic tensors."""
        if is_symbolic([args, kwargs]):
            return self.symbolic_call(*args, **kwargs)
        return self.call(*args, **kwargs)

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Records a call on symbolic tensors, and returns its outputs."""
        outputs = self.compute_output_spec(*args, **kwargs)
        Node(self, args, kwargs, outputs)
        return outputs

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Computes the outputs. Subclasses override this."""
        raise NotImplementedError(
            f"Operation {type(self).__name__} does not have a `call()` method implemented. "
            "Write `def call(self, x): ...`."
        )

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Returns the outputs as `KerasTensor`s for `KerasTensor` inputs."""
        return infer(self.call, args, kwargs)

    @property
    def input(self) -> Any:
        """The symbolic input of the first symbolic call."""
        return self._symbolic("input")

    @property
    def output(self) -> Any:
        """The symbolic output of the first symbolic call."""
        return self._symbolic("output")

    def _symbolic(self, what: str) -> Any:
        if not self._inbound_nodes:
            raise ValueError(f"The operation {self.name} has never been called and thus has no defined {what}.")
        node = self._inbound_nodes[0]
        tensors: list[KerasTensor] = node.outputs if what == "output" else node.input_tensors
        return tensors[0] if len(tensors) == 1 else list(tensors)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments.

        Raises:
            NotImplementedError: If they cannot be written down.
        """
        return {"name": self.name, **captured_config.arguments_of(self, without=("name",))}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Makes an operation of what `get_config()` returned."""
        return cls(**config)


Operation.register(RecordedFunction)
