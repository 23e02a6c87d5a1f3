"""Models as PyTorch source code."""

from torchkeras_shim.export.source.writing import to_torch_source

__all__ = ["to_torch_source"]
