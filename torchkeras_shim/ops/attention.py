"""Scaled dot-product attention on torch's fused kernels."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import as_tensor, device_of, promote

__all__ = ["dot_product_attention"]


@op
def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Any:
    """Returns `softmax(query @ key / sqrt(depth)) @ value` for each head.

    Args:
        query: A tensor of shape (batch, targets, heads, depth).
        key: A tensor of shape (batch, sources, key heads, depth); each key head serves equally many heads.
        value: A tensor of the shape of `key`.
        bias: What is added to the products, broadcast to (batch, heads, targets, sources).
        mask: True where a target may look at a source, broadcast to the same shape. A target that may look nowhere gets
            the mean of everything, as in Keras.
        scale: What the products are multiplied by, `1 / sqrt(depth)` by default.
        is_causal: Whether a target sees only sources up to its own place.
        flash_attention: `True` insists on the flash kernel, `False` forbids it, `None` lets torch choose.
        attn_logits_soft_cap: Only `None`: torch has no kernel for it.

    Returns:
        A tensor of the shape of `query`.

    Raises:
        ValueError: If an input has another rank, the heads do not fit, or there is a soft cap.

    Example:
        >>> dot_product_attention(torch.ones(1, 2, 1, 4), torch.ones(1, 3, 1, 4), torch.ones(1, 3, 1, 4)).shape
        torch.Size([1, 2, 1, 4])
    """
    if attn_logits_soft_cap is not None:
        raise ValueError(
            "attn_logits_soft_cap is only supported for JAX on TPU. Set attn_logits_soft_cap=None. "
            f"Received: attn_logits_soft_cap={attn_logits_soft_cap}"
        )
    device = device_of(query, key, value)
    query, key, value = promote(*(as_tensor(x, device=device) for x in (query, key, value)), floating=True)
    if query.dim() != 4 or key.dim() != 4 or value.dim() != 4:
        raise ValueError(
            "`dot_product_attention` only supports 4D inputs. Received: "
            f"query.shape={tuple(query.shape)}, key.shape={tuple(key.shape)}, value.shape={tuple(value.shape)}."
        )
    heads, key_heads = query.shape[2], key.shape[2]
    if heads % key_heads:
        raise ValueError(f"The {heads} heads of `query` must be a multiple of the {key_heads} heads of `key`.")
    if heads != key_heads:
        key, value = (x.repeat_interleave(heads // key_heads, dim=2) for x in (key, value))
    extra = _additive(bias, mask, query, key, is_causal)
    with _kernels(flash_attention):
        result = F.scaled_dot_product_attention(
            query.transpose(1, 2),
            key.transpose(1, 2),
            value.transpose(1, 2),
            attn_mask=extra,
            is_causal=is_causal and extra is None,
            scale=None if scale is None else float(scale),
        )
    return result.transpose(1, 2)


def _additive(bias: Any, mask: Any, query: torch.Tensor, key: torch.Tensor, is_causal: bool) -> torch.Tensor | None:
    """Returns what to add to the products, or `None` where torch's own causal mask is all there is."""
    if bias is None and mask is None:
        return None
    allowed = None if mask is None else as_tensor(mask, device=query.device).to(torch.bool)
    if is_causal:
        causal = torch.ones(query.shape[1], key.shape[1], dtype=torch.bool, device=query.device).tril()
        allowed = causal if allowed is None else allowed & causal
    extra = None if bias is None else as_tensor(bias, query.dtype, query.device)
    if allowed is not None:
        # Finite, as in Keras: a row without any true entry becomes a mean, not NaN.
        never = torch.full((), -0.7 * torch.finfo(query.dtype).max, dtype=query.dtype, device=query.device)
        extra = torch.where(allowed, torch.zeros_like(never) if extra is None else extra, never)
    assert extra is not None
    full = (query.shape[0], query.shape[2], query.shape[1], key.shape[1])
    return extra.expand(full)


def _kernels(flash_attention: bool | None) -> Any:
    if flash_attention is None:
        return contextlib.nullcontext()
    if flash_attention:
        return sdpa_kernel([SDPBackend.FLASH_ATTENTION])
    return sdpa_kernel([SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH])
