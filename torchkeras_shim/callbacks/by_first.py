"""A callback that reads weights of which each of several processes has a part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchkeras_shim.callbacks.callback import HOOKS, Callback
from torchkeras_shim.distribution.gathering import by_first


class ByFirst(Callback):
    """Calls a callback in the first process, while the others hand it their parts of the weights that it reads.

    Args:
        callback: The callback, one that is the first process's alone.
    """

    only_in_first_process = True

    def __init__(self, callback: Any) -> None:
        super().__init__()
        self.callback = callback

    def set_params(self, params: dict[str, Any]) -> None:
        """Hands the settings on."""
        super().set_params(params)
        self.callback.set_params(params)

    def set_model(self, model: Any) -> None:
        """Hands the model on."""
        super().set_model(model)
        self.callback.set_model(model)

    def _uses_hook(self, hook: str) -> bool:
        return self.callback._uses_hook(hook) if isinstance(self.callback, Callback) else True

    def _heeds_batches(self) -> bool:
        return self.callback._heeds_batches() if isinstance(self.callback, Callback) else True

    def _saves_within_epochs(self) -> bool:
        return isinstance(self.callback, Callback) and self.callback._saves_within_epochs()

    def _on_failure(self) -> None:
        if isinstance(self.callback, Callback):
            self.callback._on_failure()


def _hook(name: str) -> Callable[..., None]:
    def hook(self: ByFirst, *args: Any, **kwargs: Any) -> None:
        if self._uses_hook(name):
            by_first(self.model, lambda: getattr(self.callback, name)(*args, **kwargs))

    hook.__name__ = name
    return hook


for _name in HOOKS:
    setattr(ByFirst, _name, _hook(_name))
