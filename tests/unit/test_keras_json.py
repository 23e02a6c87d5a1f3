"""`keras.json`, the file of Keras's settings."""

import importlib.util
import json

import pytest

from torchkeras_shim.core import config


def fresh(folder, monkeypatch):
    """The settings of a process that starts with that folder of Keras."""
    monkeypatch.setenv("KERAS_HOME", str(folder))
    spec = importlib.util.spec_from_file_location("fresh_config", config.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.floatx(), module.epsilon(), module.image_data_format()


def test_settings_hold_from_the_start(tmp_path, monkeypatch):
    settings = {"floatx": "float64", "epsilon": 1e-5, "image_data_format": "channels_first", "backend": "tensorflow"}
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    assert fresh(tmp_path, monkeypatch) == ("float64", 1e-5, "channels_first")
    (tmp_path / "keras.json").write_text('{"epsilon": 1e-4}')
    assert fresh(tmp_path, monkeypatch) == ("float32", 1e-4, "channels_last")


@pytest.mark.parametrize("content", [None, "", "{", "[1]", "3", "[" * 100_000])
def test_files_that_say_nothing(tmp_path, monkeypatch, content):
    if content is not None:
        (tmp_path / "keras.json").write_text(content)
    assert fresh(tmp_path, monkeypatch) == ("float32", 1e-7, "channels_last")
    assert [path.name for path in tmp_path.iterdir()] == ([] if content is None else ["keras.json"])  # none is made


@pytest.mark.parametrize(
    ("name", "value"), [("floatx", "int8"), ("floatx", [1]), ("epsilon", "small"), ("image_data_format", "middle")]
)
def test_wrong_settings_name_the_file(tmp_path, monkeypatch, name, value):
    (tmp_path / "keras.json").write_text(json.dumps({name: value}))
    with pytest.raises(ValueError, match=rf"Invalid `{name}` in .*keras\.json"):
        fresh(tmp_path, monkeypatch)
