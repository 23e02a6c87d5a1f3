"""What a layer's `call` can be given, and how it becomes torch's `forward`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any


def _accepts(function: Callable[..., Any], name: str) -> bool:
    parameters = inspect.signature(function).parameters.values()
    return any(p.name == name or p.kind is p.VAR_KEYWORD for p in parameters)


class CallSpec:
    """What a class's `call` can be given."""

    def __init__(self, call: Callable[..., Any], owner: Any = None) -> None:
        parameters = list(inspect.signature(call).parameters.values())[1:]
        names = [parameter.name for parameter in parameters]
        self.has_training = "training" in names
        self.has_mask = "mask" in names
        #: The arguments that masks of other arguments go to, by name.
        self.mask_names = [name for name in names if name == "mask" or name.endswith("_mask")]
        #: Whether masks stay on the tensors, because `forward` (a model's loop over its members) takes none.
        self.masks_ride = self.has_mask and owner is not None and not _accepts(owner.forward, "mask")
        default = next((p.default for p in parameters if p.name == "training"), None)
        #: The value of `training` that says nothing, because Keras fills it in where the caller gave none.
        self.training_default = default if isinstance(default, bool) else getattr(owner, "_training_default", None)
        self.positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        by_name = {p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}
        takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
        #: What may be given by name, or `None` where that is anything.
        self.keywords = None if takes_any else frozenset(by_name | {"training"})

    def check_keywords(self, kwargs: dict[str, Any], layer: Any) -> None:
        """Refuses arguments that a layer's `call` does not have.

        Raises:
            TypeError: if there is one.
        """
        for key in kwargs:
            if not isinstance(key, str) or (self.keywords is not None and key not in self.keywords):
                raise TypeError(
                    f"{type(layer).__name__}.call() got an unexpected keyword argument {str(key)[:60]!r}, in the call "
                    f"of layer '{layer.name}'. It takes: {', '.join(sorted(self.keywords or ()))}."
                )


def as_forward(call: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a class's `forward`: `call` itself, with `training` filled in from the module's mode if it has one."""
    spec = CallSpec(call)
    if not spec.has_training:
        return call
    position = spec.positional.index("training") if "training" in spec.positional else None

    @functools.wraps(call)
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = position is not None and len(args) > position
        if not given and kwargs.get("training") is None:
            kwargs["training"] = self.training
        return call(self, *args, **kwargs)

    return forward
