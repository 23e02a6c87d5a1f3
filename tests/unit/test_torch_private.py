"""Private names of torch, which may change in any version, are in one file of the package."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch

import torchkeras_shim
from torchkeras_shim.core import torch_private

PACKAGE = Path(torchkeras_shim.__file__).parent
HOME = PACKAGE / "core" / "torch_private.py"

#: Private names of torch's objects that may be used anywhere: its documentation names them as what to override or to
#: look into, or they are what a subclass of a module is made of.
DOCUMENTED = {
    "_apply", "_buffers", "_load_from_state_dict", "_modules", "_parameters", "_save_to_state_dict", "_version",
}  # fmt: skip


def names_of_torchs_objects() -> set[str]:
    kinds = (
        torch.Tensor, torch.nn.Parameter, torch.nn.Module, torch.UntypedStorage, torch.Generator, torch.optim.Optimizer,
        torch.utils.data.DataLoader, torch.overrides.TorchFunctionMode, torch.fx.Graph, torch.fx.Node, torch.device,
    )  # fmt: skip
    overload = torch.ops.aten.add.Tensor
    names = {name for kind in kinds for name in dir(kind)} | set(vars(torch.nn.Module())) | set(dir(overload))
    return {name for name in names if is_private(name)} - DOCUMENTED


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


class Uses:
    """Where a file uses a private name, of torch's modules or of what its functions return.

    Args:
        source: The file's text.
    """

    def __init__(self, source: str) -> None:
        self.defined: set[str] = set()  # names that the file gives to things of its own
        self._of_modules: list[str] = []
        self._of_objects: list[tuple[str, str]] = []
        self._roots = {"torch"}
        later = []
        for node in ast.walk(ast.parse(source)):  # imports may come after their use
            if isinstance(node, ast.Import):
                self._see_import([alias.name for alias in node.names], node)
            elif isinstance(node, ast.ImportFrom):
                self._see_import_from(node)
            elif isinstance(node, ast.Attribute) and is_private(node.attr):
                later.append(node)
                if isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name) and node.value.id == "self":
                    self.defined.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "_" in node.value:
                self._see_text(node.value, node)
            elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                self.defined.add(node.name)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                self.defined.add(node.target.id)
        for node in later:
            self._see_attribute(node)

    def _see_import(self, names: list[str], node: ast.AST) -> None:
        self._of_modules += [
            f"{node.lineno}: import {name}" for name in names if name.startswith("torch.") and "._" in name
        ]

    def _see_import_from(self, node: ast.ImportFrom) -> None:
        module = (node.module or "").split(".")
        if module[0] == "torch":
            if any(map(is_private, [*module, *(alias.name for alias in node.names)])):
                self._of_modules.append(f"{node.lineno}: from {node.module} import ...")
            self._roots |= {alias.asname or alias.name for alias in node.names}

    def _see_text(self, text: str, node: ast.AST) -> None:
        if text.startswith("torch._") and " " not in text:
            self._of_modules.append(f"{node.lineno}: {text!r}")
        elif is_private(text):
            self._of_objects.append((text, f"{node.lineno}: {text!r}"))

    def _see_attribute(self, node: ast.Attribute) -> None:
        root = node.value
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(root, ast.Name) and root.id in self._roots:
            self._of_modules.append(f"{node.lineno}: {ast.unparse(node)}")
        else:
            self._of_objects.append((node.attr, f"{node.lineno}: .{node.attr}"))

    def of(self, names: set[str]) -> list[str]:
        """Returns the uses, given the private names of torch's objects."""
        names = names - self.defined
        return [*self._of_modules, *(use for name, use in self._of_objects if name in names)]


def test_the_package_has_them_in_one_file():
    uses = {path: Uses(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py") if path != HOME}
    of_objects = names_of_torchs_objects()
    assert {"_schema", "_backward_hooks", "_non_persistent_buffers_set", "_cdata"} <= of_objects
    found = [f"{path.relative_to(PACKAGE)}:{use}" for path, one in uses.items() for use in one.of(of_objects)]
    assert not found, "move them to core/torch_private.py, with what happens without them"


@pytest.mark.parametrize(
    "line",
    [
        "import torch._dynamo",
        "from torch.utils._python_dispatch import TorchDispatchMode",
        "from torch import _C",
        "torch._foreach_add_(a, b)",
        "torch._C._get_tracing_state()",
        "from torch.nn.modules import loss\nloss._Loss",
        "call.function._schema",
        "getattr(module, '_backward_hooks')",
        "sys.modules['torch._dynamo']",
    ],
)
def test_a_private_name_is_found(line):
    assert Uses(line).of(names_of_torchs_objects())


@pytest.mark.parametrize("line", ["torch.add(a, b)", "module._parameters", "self._seen", "tensor.__class__", "'a _b'"])
def test_what_is_not_one_is_left_alone(line):
    assert not Uses(line).of(names_of_torchs_objects())


def test_this_version_of_torch_has_them_all():
    assert torch_private.can_record
    assert torch_private.below_autograd is not None
    assert torch_private.call_impl is not None
    assert torch_private.schema_of(torch.ops.aten.add.Tensor).name == "aten::add"
    assert issubclass(torch.nn.MSELoss, torch_private.TorchLoss)
    assert not issubclass(torch.nn.ReLU, torch_private.TorchLoss)
    whole = torch.ones(3)
    assert torch_private.base_of(whole[1:]) is whole
    assert torch_private.base_of(whole) is whole
