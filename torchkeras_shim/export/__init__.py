"""Models for programs that do not have this library: plain torch modules, and files."""

from torchkeras_shim.export.emitter import NoCounterpartError
from torchkeras_shim.export.files import export_model
from torchkeras_shim.export.network import to_torch
from torchkeras_shim.export.saved_model import ExportArchive
from torchkeras_shim.export.source import to_torch_source

__all__ = ["ExportArchive", "NoCounterpartError", "export_model", "to_torch", "to_torch_source"]
