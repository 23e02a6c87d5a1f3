"""The one switch for TF32."""

from __future__ import annotations

import torch

import torchkeras_shim as keras


def test_the_switch_sets_both_of_torchs():
    matmul, cudnn = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    try:
        for enabled in (True, False):
            keras.config.enable_tensor_float_32(enabled)
            assert torch.backends.cuda.matmul.allow_tf32 is enabled
            assert torch.backends.cudnn.allow_tf32 is enabled
            assert keras.config.tensor_float_32_enabled() is enabled
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = matmul, cudnn
