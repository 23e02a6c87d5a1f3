"""Private names of torch, which may change in any version, are in one file of the package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
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

#: Names that objects of this package or of others have too.
OUR_OWN = {
    "_base": "the path of sharded files",
    "_handle": "of IPython's display",
    "_indices": "places of tokens in a table",
    "_next": "the next learning rate",
    "_values": "what a metric or a snapshot holds",
    "_write_file": "of an archive",
}


def names_of_torchs_objects() -> set[str]:
    kinds = (
        torch.Tensor, torch.nn.Parameter, torch.nn.Module, torch.UntypedStorage, torch.Generator, torch.optim.Optimizer,
        torch.utils.data.DataLoader, torch.overrides.TorchFunctionMode, torch.fx.Graph, torch.fx.Node, torch.device,
    )  # fmt: skip
    overload = torch.ops.aten.add.Tensor
    names = {name for kind in kinds for name in dir(kind)} | set(vars(torch.nn.Module())) | set(dir(overload))
    return {name for name in names if is_private(name)} - DOCUMENTED - set(OUR_OWN)


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def defined_in(source: str) -> Iterator[str]:
    """Yields the private names that a file gives to things of its own, `self._x = ...` and `def _x` included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def private_uses(source: str, of_objects: set[str]) -> Iterator[str]:
    """Yields where a file uses a private name of torch: of its modules, or of what its functions return."""
    tree = ast.parse(source)
    roots = {"torch"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "torch" and any(map(is_private, alias.name.split("."))):
                    yield f"{node.lineno}: import {alias.name}"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "torch":
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            if any(map(is_private, names)):
                yield f"{node.lineno}: from {node.module} import ..."
            roots |= {alias.asname or alias.name for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            root = node.value
            while isinstance(root, ast.Attribute):
                root = root.value
            of_torch = isinstance(root, ast.Name) and root.id in roots
            if of_torch or node.attr in of_objects:
                yield f"{node.lineno}: {ast.unparse(node)}"
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            of_torch = node.value.startswith("torch._") and " " not in node.value
            if of_torch or node.value in of_objects:
                yield f"{node.lineno}: {node.value!r}"


def test_the_package_has_them_in_one_file():
    sources = {path: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py") if path != HOME}
    of_objects = names_of_torchs_objects() - {name for source in sources.values() for name in defined_in(source)}
    assert {"_schema", "_backward_hooks", "_non_persistent_buffers_set", "_cdata"} <= of_objects
    found = [
        f"{path.relative_to(PACKAGE)}:{use}"
        for path, source in sources.items()
        for use in private_uses(source, of_objects)
    ]
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
    assert list(private_uses(line, names_of_torchs_objects()))


@pytest.mark.parametrize("line", ["torch.add(a, b)", "module._parameters", "self._seen", "tensor.__class__", "'a _b'"])
def test_what_is_not_one_is_left_alone(line):
    assert not list(private_uses(line, names_of_torchs_objects()))


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
