"""The page of TensorFlow's names is that of the names that are here, and every other one says what to write."""

import importlib.util
import types
from pathlib import Path

from torchkeras_shim.compat.tf import names
from torchkeras_shim.compat.tf.api import REFUSED

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


def _script():
    spec = importlib.util.spec_from_file_location("generate_tensorflow", FOLDER / "generate_tensorflow.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = _script()


def test_the_page_is_up_to_date():
    assert script.PAGE.read_text(encoding="utf-8") == script.markdown(script.read_names()), (
        "Run python docs/reference/generate_tensorflow.py"
    )


def test_every_name_is_here_or_refused_with_a_reason():
    paths = [f"{path}.{name}".lstrip(".") for path, listed in script.read_names().items() for name in listed]
    states = {path: script.state(path) for path in paths}
    assert len(paths) > 1500
    assert [path for path, (state, _) in states.items() if state == "missing"] == []
    assert [path for path, (state, reason) in states.items() if state == "refused" and not reason] == []


def test_what_is_listed_as_refused_is_not_here_after_all():
    names.load()
    assert [path for path in REFUSED if names.find(path) not in (None, names.MODULE)] == []


def test_states():
    assert script.state("math.add") == ("present", "")
    assert script.state("queue.FIFOQueue") == ("present", "")
    assert script.state("queue.PaddingFIFOQueue") == (
        "refused",
        "Write `tf.queue.FIFOQueue`, and pad what you take out.",
    )
    assert script.state("math.no_such_name") == ("missing", "")


def test_names_are_read_from_a_package():
    tf, math = types.ModuleType("tensorflow"), types.ModuleType("tensorflow._api.math")
    tf.math, tf.constant, tf.keras, tf.sys = math, 1, types.ModuleType("keras"), types.ModuleType("sys")
    math.add = 1
    assert script.public_names(tf) == {"": ["constant"], "math": ["add"]}
