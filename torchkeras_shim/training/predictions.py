"""Outputs of `predict`, streamed batch by batch into host memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import tree


class Predictions:
    """Collects batches of outputs as numpy arrays.

    Where the number of samples is known, each output is written straight into one array of the final size, so that the
    outputs are never held twice.

    Args:
        num_samples: How many samples will come, or `None`.
    """

    def __init__(self, num_samples: int | None) -> None:
        self._num_samples = num_samples
        self._structure: Any = None
        self._targets: list[np.ndarray[Any, Any]] | None = None
        self._parts: list[list[np.ndarray[Any, Any]]] = []
        self._filled = 0
        #: The one target as a tensor, for outputs that are a single tensor: the short way.
        self._only: torch.Tensor | None = None

    def add(self, outputs: Any) -> None:
        """Takes the outputs of one batch."""
        only = self._only
        if only is not None and type(outputs) is torch.Tensor and outputs.shape[1:] == only.shape[1:]:
            end = self._filled + outputs.shape[0]
            if end <= only.shape[0]:
                only[self._filled : end].copy_(outputs)
                self._filled = end
                return
        leaves = [_as_tensor(leaf) for leaf in require_outputs(outputs)]
        if not self._parts and self._targets is None:
            self._structure = tree.map_structure(lambda _: None, outputs)
            self._start(leaves)
        if self._targets is not None and self._fits(leaves):
            end = self._filled + leaves[0].shape[0]
            for target, leaf in zip(self._targets, leaves, strict=True):
                torch.from_numpy(target[self._filled : end]).copy_(leaf)
            self._filled = end
            return
        self._keep_parts()
        for parts, leaf in zip(self._parts, leaves, strict=True):
            parts.append(_to_numpy(leaf))

    def _start(self, leaves: list[torch.Tensor]) -> None:
        self._parts = [[] for _ in leaves]
        if self._num_samples is not None and all(leaf.ndim and leaf.dtype != torch.bfloat16 for leaf in leaves):
            self._targets = [
                np.empty((self._num_samples, *leaf.shape[1:]), _numpy_dtype(leaf.dtype)) for leaf in leaves
            ]
            if not tree.is_nested(self._structure):
                self._only = torch.from_numpy(self._targets[0])

    def _fits(self, leaves: list[torch.Tensor]) -> bool:
        targets, expected = self._targets or [], self._num_samples or 0
        return all(
            leaf.shape[1:] == target.shape[1:] and self._filled + leaf.shape[0] <= expected
            for target, leaf in zip(targets, leaves, strict=True)
        )

    def _keep_parts(self) -> None:
        """Goes over to a list of parts: the outputs' shapes vary, or there are more of them than expected."""
        if self._targets is not None:
            self._parts = [[target[: self._filled]] if self._filled else [] for target in self._targets]
            self._targets = self._only = None

    def result(self) -> Any:
        """Returns the outputs in the structure of the model's outputs; `None` if there was no batch."""
        if self._targets is not None:
            return tree.pack_sequence_as(self._structure, [target[: self._filled] for target in self._targets])
        if not self._parts:
            return None
        return tree.pack_sequence_as(self._structure, [np.concatenate(parts) for parts in self._parts])


def require_outputs(outputs: Any) -> list[Any]:
    """Returns the outputs of a model in a flat list.

    Raises:
        ValueError: If one of them is `None`.
    """
    leaves = tree.flatten(outputs)
    if any(leaf is None for leaf in leaves):
        shown = outputs if outputs is None else tree.map_structure(lambda leaf: leaf if leaf is None else "*", outputs)
        raise ValueError(
            f"The model's outputs must be tensors. Its `call` returned {shown}. End it with `return outputs`."
        )
    return leaves


def _as_tensor(leaf: Any) -> torch.Tensor:
    return leaf.detach() if isinstance(leaf, torch.Tensor) else torch.as_tensor(leaf)


def _to_numpy(leaf: torch.Tensor) -> np.ndarray[Any, Any]:
    return np.array((leaf.float() if leaf.dtype == torch.bfloat16 else leaf).numpy(force=True))


def _numpy_dtype(dtype: torch.dtype) -> Any:
    return torch.empty(0, dtype=dtype).numpy().dtype
