"""Files that layers keep beside their weights in `.keras` files."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

import torchkeras_shim as keras


class Words(keras.layers.Layer):
    """A layer with a vocabulary of its own."""

    def __init__(self, words: list[str] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vocabulary = tuple(words or ())

    def call(self, inputs: Any) -> Any:
        return inputs * len(self.vocabulary)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "words": None}

    def save_assets(self, folder: str) -> None:
        """Writes the vocabulary, and a file in a folder of its own."""
        Path(folder, "words.txt").write_text("\n".join(self.vocabulary))
        os.makedirs(os.path.join(folder, "more"))
        Path(folder, "more", "count.txt").write_text(str(len(self.vocabulary)))

    def load_assets(self, folder: str) -> None:
        """Reads them."""
        self.vocabulary = tuple(Path(folder, "words.txt").read_text().split())
        assert int(Path(folder, "more", "count.txt").read_text()) == len(self.vocabulary)


def model() -> Any:
    """A model with two such layers, one of them nested."""
    inner = keras.Sequential([keras.Input((2,)), Words(["x", "y", "z"], name="inner_words")], name="inner")
    return keras.Sequential([keras.Input((2,)), Words(["a", "b"]), inner, keras.layers.Dense(2)])


def load(path: Any) -> Any:
    """Loads a model with such layers."""
    return keras.models.load_model(path, custom_objects={"Words": Words})


@pytest.mark.parametrize("zipped", [True, False])
def test_assets_come_back_to_their_layers(zipped: bool, tmp_path: Any) -> None:
    source, path = model(), tmp_path / ("m.keras" if zipped else "m")
    for _ in range(2):  # over an existing file or folder, too
        source.save(path, zipped=zipped)
    loaded = load(path)
    assert loaded.layers[0].vocabulary == ("a", "b")
    assert loaded.layers[1].layers[0].vocabulary == ("x", "y", "z")
    torch.testing.assert_close(loaded(torch.ones(1, 2)), source(torch.ones(1, 2)))
    if zipped:
        names = sorted(name for name in zipfile.ZipFile(path).namelist() if name.startswith("assets"))
        assert names[0] == "assets/layers/sequential/layers/words/more/count.txt"
        assert len(names) == 4
    assert os.listdir(tmp_path) == [path.name]


def test_weights_alone_leave_assets_alone(tmp_path: Any) -> None:
    model().save(tmp_path / "m.keras")
    target = model()
    target.layers[0].vocabulary = ("q",)
    target.load_weights(tmp_path / "m.keras")
    assert target.layers[0].vocabulary == ("q",)


def rewritten(path: Any, changes: dict[str, str]) -> None:
    """Writes an archive anew with some members renamed."""
    with zipfile.ZipFile(path) as source:
        members = {name: source.read(name) for name in source.namelist()}
    with zipfile.ZipFile(path, "w") as target:
        for name, data in members.items():
            target.writestr(changes.get(name, name), data)


PLACE = "assets/layers/words"


@pytest.mark.parametrize(
    "name",
    [
        f"{PLACE}/../../../../out.txt",
        f"{PLACE}/C:out.txt",
        f"{PLACE}/a\\..\\..\\out.txt",
        f"{PLACE}//out.txt",
        f"{PLACE}/. /out.txt",
        f"{PLACE}/.../out.txt",
        f"{PLACE}/new\nline",
        "/out.txt",
    ],
)
def test_names_that_lead_elsewhere_are_refused(name: str, tmp_path: Any) -> None:
    path = tmp_path / "m.keras"
    keras.Sequential([keras.Input((2,)), Words(["a", "b"])]).save(path)
    rewritten(path, {f"{PLACE}/more/count.txt": name})
    with pytest.raises(ValueError, match="Not allowed"):
        load(path)
    assert sorted(os.listdir(tmp_path)) == ["m.keras"]


def test_names_that_collide_are_refused(tmp_path: Any) -> None:
    path = tmp_path / "m.keras"
    keras.Sequential([keras.Input((2,)), Words(["a", "b"])]).save(path)
    rewritten(path, {f"{PLACE}/more/count.txt": f"{PLACE}/words.txt/count.txt"})
    with pytest.raises(ValueError, match=r"Not allowed.*collide"):
        load(path)


def test_links_in_a_folder_are_refused(tmp_path: Any) -> None:
    path = tmp_path / "m"
    keras.Sequential([keras.Input((2,)), Words(["a", "b"])]).save(path, zipped=False)
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    words = path / PLACE / "words.txt"
    words.unlink()
    words.symlink_to(secret)
    with pytest.raises(ValueError, match=r"'words.txt'.* is a link"):
        load(path)


def test_a_bomb_is_refused(tmp_path: Any) -> None:
    path = tmp_path / "m.keras"
    keras.Sequential([keras.Input((2,)), Words(["a", "b"])]).save(path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as target:
        target.writestr(f"{PLACE}/bomb.txt", b"0" * (1 << 24))
    with pytest.raises(ValueError, match=r"Not allowed: .*bomb.txt.* declares"):
        load(path)
