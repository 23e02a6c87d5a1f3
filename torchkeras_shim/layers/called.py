"""What the calls of all layers share: what must be known of a layer, of the process, and of each thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, Protocol

import torch


class Called(Protocol):
    """What the general way must know of a layer, which is a module besides."""

    name: str
    built: bool
    supports_masking: bool
    autocast: bool
    activity_regularizer: Any
    _call_spec: Any
    _policy_map: Any
    _compute_dtype: Any
    _seen_ndim: int | tuple[int, ...]
    _seen_dtype: Any
    _declared: Any
    _input_cast: Any
    _mask_is_of_first: bool
    _takes_sparse: bool
    _absent: int

    @property
    def weights(self) -> list[Any]: ...
    def modules(self) -> Iterator[torch.nn.Module]: ...
    def named_parameters(self) -> Iterator[tuple[str, torch.nn.Parameter]]: ...
    def look_up_policy(self) -> None: ...
    def build(self, *args: Any, **kwargs: Any) -> None: ...
    def add_loss(self, loss: Any) -> None: ...
    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any: ...
    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any: ...
    def _check_inputs(self, inputs: Any) -> None: ...


class Flags:
    """What the fast way must know of all layers of the process. Plain class attributes: read on every call."""

    #: Whether any tensor has ever carried a mask; until then nobody looks for one.
    masks = False
    #: Grows with every layer that calls `add_loss` for the first time.
    adders = 0


class _Thread(threading.local):
    """The open calls of one thread."""

    def __init__(self) -> None:
        self.depth = 0  # how many layers' general calls are open
        self.scopes: list[Any] = []  # the layers that are being built or called for the first time


thread = _Thread()
