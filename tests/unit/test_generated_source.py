"""Nothing that comes from a file, or from a user's names, becomes source, and nothing else of the package runs any."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers

PACKAGE = Path(keras.__file__).parent
#: The only places that run text or start programs, with the reason why that is safe.
ALLOWED = {
    ("models/graph.py", "compile"): "the writer's own names and punctuation: tests/unit/models/test_written_graph.py",
    ("models/graph.py", "exec"): "likewise",
    ("training/capture/program.py", "compile"): "own names, finite numbers, and keywords of torch's schemas: below",
    ("training/capture/program.py", "exec"): "likewise",
    ("compat/runner.py", "compile"): "the script that the user names on the command line",
    ("compat/runner.py", "exec"): "likewise",
    ("datasets/pickles.py", "pickle"): "its unpickler calls nothing that a file names: tests/unit/datasets/test_npz.py",
    ("datasets/npz.py", "pickle"): "for its error alone",
    ("datasets/cifar.py", "pickle"): "likewise",
}
_RUNS = {"exec", "eval", "compile", "__import__", "execfile"}
_STARTS = {"system", "popen", "Popen", "check_output", "check_call", "execv", "execve", "execvp", "posix_spawn", "fork"}


def places():
    """Finds every call of a builtin that runs text, every start of a program, and every import of `subprocess`."""
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _RUNS:
                yield name, node.func.id
            elif isinstance(node, ast.Attribute) and node.attr in _STARTS:
                yield name, node.attr
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                modules = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                yield from ((name, module) for module in modules & {"subprocess", "pty", "code", "pickle", "marshal"})


def test_source_is_run_in_known_places_only():
    assert set(places()) == set(ALLOWED)


HOSTILE = [
    "1st",
    "²",
    "class",
    "名",
    "a b",
    "self",
    "__import__('os').abort()",
    "x\n    __import__('os').abort()\n#",
    "'''",
    "{0.__class__}",
]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_names_do_not_become_source_of_an_exported_network(name):
    x = keras.Input((3,), name=name)
    hidden = layers.Dense(2, name=f"{name}2")(x)
    model = keras.Model(x, {name: hidden, "other": layers.Add(name=f"{name}3")([hidden, hidden])}, name=name)
    data = torch.ones(2, 3)
    exported, own = model.to_torch()(data), model(data)
    assert exported.keys() == own.keys()
    assert all(torch.equal(exported[key], own[key]) for key in own)


class Takes(torch.nn.Module):
    """Takes any keyword."""

    def forward(self, x, **kwargs):
        return x


@pytest.mark.parametrize("key", ["a=__import__('os').abort(), b", "class", "a b", "", "名"])
def test_keywords_do_not_become_source_of_an_exported_network(key):
    x = keras.Input((3,))
    model = keras.Model(x, layers.TorchModuleWrapper(Takes())(x, **{key: 1}))
    with pytest.raises(ValueError, match="must be a Python name"):
        model.to_torch()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.0, 10**30, "__import__('os').abort()'"], ids=ascii)
def test_values_do_not_become_source_of_an_exported_network(value):
    x = keras.Input((3,))
    model = keras.Model(x, layers.TorchModuleWrapper(Takes())(x, value=value, values=[value]))
    assert torch.equal(model.to_torch()(torch.ones(1, 3)), torch.ones(1, 3))


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.0, 1e30])
def test_values_do_not_become_source_of_a_captured_step(value):
    x = keras.Input((3,), name="a b")
    model = keras.Model(x, keras.ops.where(x > 1e9, value, layers.Dense(1, name="__import__('os').abort()")(x)))
    model.compile(keras.optimizers.SGD(0.0), "mse", jit_compile="captured")
    data = torch.ones(8, 3)
    before = model(data)
    model.fit(data, torch.zeros(8, 1), batch_size=4, epochs=2, verbose=0)
    assert torch.equal(model(data), before)


def test_keywords_of_kernels_are_names():
    """A captured step writes the keywords of kernels out: they are those of torch's schemas."""
    schemas = [schema for schema in torch._C._jit_get_all_schemas() if schema.name.startswith("aten::")]
    names = {argument.name for schema in schemas for argument in schema.arguments}
    assert len(names) > 100
    assert all(name.isidentifier() and name.isascii() for name in names)
