"""The page of Keras's names says nothing that is not so."""

import importlib.util
from pathlib import Path

import pytest

import torchkeras_shim

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


def _script():
    spec = importlib.util.spec_from_file_location("generate_names", FOLDER / "generate_names.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = _script()


def table():
    """The names of the page by namespace, with their states."""
    found, path = {}, None
    for line in (FOLDER / "names.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## keras"):
            path = line.removeprefix("## keras").removeprefix(".")
            found[path] = {}
        elif path is not None and line.startswith("| `"):
            name, _, state, *_ = (cell.strip() for cell in line.strip("|").split("|"))
            found[path][name.strip("`")] = state
    return found


@pytest.mark.parametrize("path", sorted(table()))
def test_what_is_listed_as_present_is_here(path):
    names = table()[path]
    assert names, "the page has no names of this namespace"
    assert set(names.values()) <= set(script.STATES)
    ours = script.namespace_of(torchkeras_shim, path)
    present = [name for name, state in names.items() if state == "present"]
    assert [name for name in present if not hasattr(ours, name)] == []


def test_all_namespaces_are_listed():
    assert {"", "export", "distillation", "visualization", "quantizers", "ops.linalg"} <= set(table())
    assert {name for name in torchkeras_shim._MODULES if name not in table()} == set()


def test_everything_of_losses_and_metrics_is_listed_as_present():
    for path in ("losses", "metrics"):
        assert set(table()[path].values()) == {"present"}


class Theirs:
    class Layer:
        pass

    Alias = Layer
    JaxLayer = Layer

    @staticmethod
    def function():
        pass


class Ours:
    Layer = function = None


def test_states_come_from_comparing():
    found = {name: (kind, state) for name, kind, state, _ in script.rows(Theirs, Ours, "layers")}
    assert found == {
        "Layer": ("class", "present"),
        "Alias": ("alias of `Layer`", "missing"),
        "JaxLayer": ("alias of `Layer`", "refused"),
        "function": ("function", "present"),
    }
    assert {state for _, _, state, _ in script.rows(Theirs, None, "random")} == {"missing"}
