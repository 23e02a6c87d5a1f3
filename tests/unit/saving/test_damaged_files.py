"""Damaged files of every format: each is refused with one clean error, and nothing is half loaded."""

from __future__ import annotations

import io
import os
import signal
import textwrap
import zipfile

import numpy as np
import pytest

import torchkeras_shim as keras
from tests import warm
from tests.unit.saving.hostile import model_of, trained, warm_up, watched

ENDINGS = [".keras", ".h5", ".weights.h5"]


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """One good file of each format, as bytes."""
    folder = tmp_path_factory.mktemp("good")
    warm_up(folder)
    model = trained()
    contents = {}
    for ending in ENDINGS:
        path = str(folder / f"model{ending}")
        model.save_weights(path) if ending == ".weights.h5" else model.save(path)
        with open(path, "rb") as file:
            contents[ending] = file.read()
    return contents


def load(path):
    """Loads whatever a file holds. Returns the weights, `None` where it was refused."""
    model = model_of(4, 2)
    before = model.get_weights()
    with watched(path):
        try:
            if path.endswith(".weights.h5"):
                model.load_weights(path)
            else:
                model = keras.saving.load_model(path)
        except (ValueError, OSError):
            after = model.get_weights()
            assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True)), "half loaded"
            return None
        except UserWarning:  # weights without a place, an optimizer whose state does not fit
            return None
    return model.get_weights()


#: The kinds of damage, with the largest amount of each.
DAMAGES = {"cut": 0, "flip": 7, "byte": 255, "zeros": 4096, "noise": 4096}


def drawn(generator):
    """Draws up to three damages: a kind, a place as a share of the file and an amount; often at the ends."""
    for _ in range(generator.integers(1, 4)):
        kind = generator.choice(list(DAMAGES))
        place = generator.choice([0.0, generator.random() ** 8, generator.random(), 1 - generator.random() ** 8 - 1e-9])
        least = int(kind in ("zeros", "noise"))
        amount = generator.choice([least, DAMAGES[kind], generator.integers(least, DAMAGES[kind] + 1)])
        yield str(kind), min(float(place), 1 - 1e-9), int(amount)


def spoil(data, kind, place, amount):
    at = int(place * len(data))
    if kind == "cut":
        return data[:at]
    changed = bytearray(data)
    if kind == "flip":
        changed[at] ^= 1 << amount
    elif kind == "byte":
        changed[at] = amount
    elif kind == "zeros":
        changed[at : at + amount] = bytes(len(changed[at : at + amount]))
    else:
        length = len(changed[at : at + amount])
        changed[at : at + amount] = np.random.default_rng(amount).bytes(length)
    return bytes(changed)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ending", ENDINGS)
def test_damage(ending, originals, tmp_path):
    path = str(tmp_path / f"model{ending}")
    for seed in range(100):
        data, damages = originals[ending], list(drawn(np.random.default_rng(seed)))
        for damage in damages:
            data = spoil(data, *damage) or b"\0"
        with open(path, "wb") as file:
            file.write(data)
        try:
            load(path)
        except BaseException as error:
            raise AssertionError(f"the file was damaged by {damages}") from error
        with open(path, "rb") as file:
            assert file.read() == data, damages
        assert os.listdir(tmp_path) == [os.path.basename(path)], damages


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("size", [0, 1, 22, 4096])
def test_noise(ending, size, tmp_path):
    path = str(tmp_path / f"model{ending}")
    with open(path, "wb") as file:
        file.write(np.random.default_rng(size).bytes(size))
    assert load(path) is None


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_cut_files_are_refused(ending, share, originals, tmp_path):
    path = str(tmp_path / f"model{ending}")
    with open(path, "wb") as file:
        file.write(originals[ending][: int(len(originals[ending]) * share)])
    assert load(path) is None


def test_every_flipped_bit_of_the_weights_is_found(originals, tmp_path):
    """An archive has checksums, so no changed weight goes unnoticed."""
    data = originals[".keras"]
    start = data.index(b"\x89HDF")
    path = str(tmp_path / "model.keras")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = archive.getinfo("model.weights.h5").file_size
    for at in range(start, start + size, 997):
        changed = bytearray(data)
        changed[at] ^= 8
        with open(path, "wb") as file:
            file.write(changed)
        assert load(path) is None


# Writing ------------------------------------------------------------------------------------------------------------

WRITER = """
    import signal, sys
    import numpy as np
    import torchkeras_shim as keras
    path, units, delay = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    model = keras.Sequential([keras.Input((units,)), keras.layers.Dense(units), keras.layers.Dense(units)])
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((1, units)), np.ones((1, units)))
    save = model.save_weights if path.endswith((".weights.h5", ".safetensors")) else model.save
    save(path)
    signal.setitimer(signal.ITIMER_REAL, delay)  # nothing handles its signal, which ends the process wherever it is
    while True:
        save(path)
"""


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
@pytest.mark.parametrize("ending", [*ENDINGS, ".safetensors"])
def test_a_save_that_is_killed_leaves_a_whole_file(ending, tmp_path):
    if ending == ".safetensors":
        pytest.importorskip("safetensors")
    path, units = str(tmp_path / f"model{ending}"), 300
    for delay in (0.011, 0.037):
        killed = warm.run("-c", textwrap.dedent(WRITER), path, units, delay)
        assert killed.returncode == -signal.SIGALRM, killed.stderr
        if ending in (".keras", ".h5"):
            model = keras.saving.load_model(path)
            assert model.optimizer.iterations == 1
        else:
            model = model_of(units, units, inputs=units)
            model.load_weights(path)
        assert model.get_weights()[0].shape == (units, units)
        # What was being written may be left beside it under a hidden name (safetensors has names of its own), never
        # in its place.
        assert all(name == f"model{ending}" or name.startswith(".") for name in os.listdir(tmp_path))


def test_a_save_that_fails_leaves_the_previous_file(tmp_path):
    class Unwritable(keras.layers.Dense):
        def save_own_variables(self, store):
            raise RuntimeError("no more")

    for ending in (".keras", ".weights.h5"):
        path = str(tmp_path / f"model{ending}")
        good, bad = model_of(2), keras.Sequential([keras.Input((3,)), Unwritable(2)])
        save = "save_weights" if ending == ".weights.h5" else "save"
        getattr(good, save)(path)
        with open(path, "rb") as file:
            before = file.read()
        with pytest.raises(RuntimeError, match="no more"):
            getattr(bad, save)(path)
        with open(path, "rb") as file:
            assert file.read() == before
        os.remove(path)
        assert os.listdir(tmp_path) == []


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    class Unwritable(keras.layers.Dense):
        def save_own_variables(self, store):
            raise RuntimeError("no more")

    path = tmp_path / "model"
    model = model_of(2)
    model.save(path, zipped=False)
    with pytest.raises(RuntimeError, match="no more"):
        keras.Sequential([keras.Input((3,)), Unwritable(2)]).save(path, zipped=False)
    model_of(2).save(path, zipped=False)
    assert sorted(os.listdir(path)) == ["config.json", "metadata.json", "model.weights.h5"]
    assert os.listdir(tmp_path) == ["model"]
    (path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="is something else"):
        model.save(path, zipped=False)
    assert (path / "notes.txt").read_text() == "mine"
