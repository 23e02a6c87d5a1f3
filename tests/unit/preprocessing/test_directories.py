"""Data sets of files: odd names, broken files, links, threads, training."""

import os
import threading
import wave

import numpy as np
import pytest
import torch

from torchkeras_shim import layers, models, utils
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.preprocessing import decoding, sounds

QUIET = {"verbose": False, "image_size": (4, 4)}


def picture(path, value=100, size=(6, 6)):
    path.parent.mkdir(parents=True, exist_ok=True)
    utils.save_img(path, np.full((*size, 3), value), scale=False)
    return path


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(("cats/1.png", "cats/2.png", "dogs/1.png", "dogs/2.png")):
        picture(tmp_path / name, number * 10)
    return tmp_path


def first_pixels(dataset):
    return [int(image[0, 0, 0]) for images, *_ in dataset for image in images]


def test_odd_names(tmp_path):
    names = ["ünï/日本 .png", "ünï/.hidden.png", "ünï/x.PnG", "ünï/line\nbreak.png", "b/-.png", "b/%41*?[a].png"]
    for name in names:
        picture(tmp_path / name)
    picture(tmp_path / ".git" / "x.png")
    picture(tmp_path / "at the top.png")
    (tmp_path / "ünï" / "x.png.txt").write_text("")
    (tmp_path / "ünï" / "folder.png").mkdir()
    dataset = utils.image_dataset_from_directory(tmp_path, shuffle=False, **QUIET)
    assert dataset.class_names == ["b", "ünï"]
    assert sorted(os.path.relpath(path, tmp_path) for path in dataset.file_paths) == sorted(names)
    assert [len(labels) for _, labels in dataset] == [6]
    everything = utils.image_dataset_from_directory(str(tmp_path), labels=None, shuffle=False, **QUIET)
    assert len(everything.file_paths) == 8
    assert everything.class_names is None


@pytest.mark.skipif(os.name != "posix", reason="names there are text")
def test_names_that_are_not_utf8(tmp_path):
    (tmp_path / "a").mkdir()
    path = os.path.join(os.fsencode(tmp_path / "a"), b"caf\xe9.txt")
    with open(path, "wb") as file:
        file.write(b"caf\xe9")
    dataset = utils.text_dataset_from_directory(tmp_path, verbose=False)
    assert [os.fsencode(path) for path in dataset.file_paths] == [path]
    assert [texts.tolist() for texts, _ in dataset] == [[b"caf\xe9"]]


def test_links(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    picture(elsewhere / "deep" / "3.png")
    (folder / "linked").symlink_to(elsewhere)  # a class
    (folder / "cats" / "more").symlink_to(elsewhere)  # a folder in a class
    (folder / "cats" / "4.png").symlink_to(elsewhere / "deep" / "3.png")
    (folder / "dogs" / "loop").symlink_to(folder / "dogs" / "loop")
    without = utils.image_dataset_from_directory(folder, **QUIET)
    assert (without.class_names, len(without.file_paths)) == (["cats", "dogs", "linked"], 6)
    followed = utils.image_dataset_from_directory(folder, follow_links=True, **QUIET)
    assert len(followed.file_paths) == 7
    assert sum(len(labels) for _, labels in followed) == 7


@pytest.mark.parametrize("content", ["nothing", "text", "half a PNG", "half a JPEG", "damaged JPEG"])
def test_a_broken_picture_is_named_and_stops(folder, content):
    whole = picture(folder / "whole.jpg" if "JPEG" in content else folder / "whole.png", size=(64, 64)).read_bytes()
    broken = {"nothing": b"", "text": b"not a picture", "damaged JPEG": whole[:100] + bytes(50) + whole[300:]}
    path = folder / "cats" / "brökén.jpg"
    path.write_bytes(broken.get(content, whole[: len(whole) // 2]))
    dataset = utils.image_dataset_from_directory(folder, shuffle=False, batch_size=2, **QUIET)
    iterator = iter(dataset)
    assert len(next(iterator)[1]) == 2
    with pytest.raises(InvalidArgumentError, match=r"Cannot decode the image .*brökén\.jpg: "):
        next(iterator)


def test_a_picture_of_absurd_size_is_named(folder):
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    (folder / "cats" / "0.png").write_bytes(content)
    dataset = utils.image_dataset_from_directory(folder, shuffle=False, **QUIET)
    with pytest.raises(InvalidArgumentError, match=r"Cannot decode the image .*cats/0\.png: .*decompression bomb"):
        next(iter(dataset))


def test_a_picture_that_is_gone_is_named(folder):
    dataset = utils.image_dataset_from_directory(folder, **QUIET)
    (folder / "cats" / "1.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"cats/1\.png"):
        list(dataset)


def test_the_users_labels_stay_as_they_are(folder):
    labels = [3, 2, 1, 0]
    dataset = utils.image_dataset_from_directory(folder, labels=labels, seed=1, **QUIET)
    assert labels == [3, 2, 1, 0]
    assert dataset.class_names == ["0", "1", "2", "3"]
    for images, found in dataset:
        assert [3 - int(image[0, 0, 0]) // 10 for image in images] == found.tolist()


def test_orders(folder):
    for number in range(20):
        picture(folder / "cats" / f"more{number}.png", 50 + number)
    one, other = (utils.image_dataset_from_directory(folder, seed=5, **QUIET) for _ in range(2))
    first, second = first_pixels(one), first_pixels(one)
    assert first != second
    assert sorted(first) == sorted(second)
    assert [first_pixels(other), first_pixels(other)] == [first, second]
    train, validation = utils.image_dataset_from_directory(
        folder, seed=5, validation_split=0.25, subset="both", **QUIET
    )
    assert first_pixels(validation) == first_pixels(validation)
    assert sorted(first_pixels(train) + first_pixels(validation)) == sorted(first)
    alone = utils.image_dataset_from_directory(folder, seed=5, validation_split=0.25, subset="validation", **QUIET)
    assert alone.file_paths == validation.file_paths


@pytest.mark.parametrize(("split", "empty"), [(0.1, "validation"), (0.2, "validation")])
def test_a_split_that_leaves_a_part_empty(folder, split, empty):
    for subset in ("training", "validation", "both"):
        with pytest.raises(ValueError, match=rf"No {empty} images found in directory .*`validation_split={split}`"):
            utils.image_dataset_from_directory(folder, seed=1, validation_split=split, subset=subset, **QUIET)


def test_what_is_refused(folder):
    with pytest.raises(ValueError, match="Datasets of Grain are not supported"):
        utils.image_dataset_from_directory(folder, format="grain")
    with pytest.raises(ValueError, match="Only one of `pad_to_aspect_ratio`"):
        utils.image_dataset_from_directory(folder, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True)
    with pytest.raises(ValueError, match="With `crop_to_aspect_ratio=True`, expected one of"):
        utils.image_dataset_from_directory(folder, crop_to_aspect_ratio=True, interpolation="gaussian")
    with pytest.raises(FileNotFoundError, match="missing"):
        utils.image_dataset_from_directory(folder / "missing")
    with pytest.raises(ValueError, match=r"No text files found in directory .* Allowed formats: \('.txt',\)"):
        utils.text_dataset_from_directory(folder)


def test_training_from_files(folder):
    train, validation = utils.image_dataset_from_directory(
        folder, seed=1, validation_split=0.5, subset="both", label_mode="binary", batch_size=2, **QUIET
    )
    model = models.Sequential([layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(1, activation="sigmoid")])
    model.compile(loss="binary_crossentropy", metrics=["accuracy"])
    history = model.fit(train, validation_data=validation, epochs=2, verbose=0)
    assert len(history.history["val_loss"]) == 2
    assert model.predict(validation, verbose=0).shape == (2, 1)
    assert model.evaluate(train, verbose=0)[0] > 0


def test_several_threads_and_passes_at_once(folder):
    dataset = utils.image_dataset_from_directory(folder, shuffle=False, batch_size=1, **QUIET)
    results, before = [], threading.active_count()

    def work():
        results.append(first_pixels(dataset))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    one, other = iter(dataset), iter(dataset)
    mixed = [int(next(iterator)[0][0, 0, 0, 0]) for iterator in (one, other, one, other)]
    for thread in threads:
        thread.join()
    assert results == [[0, 10, 20, 30]] * 4
    assert mixed == [0, 0, 10, 10]
    del one, other
    assert threading.active_count() <= before + 4


def test_workers_of_a_torch_loader_share_the_files(folder):
    dataset = utils.image_dataset_from_directory(folder, shuffle=False, batch_size=1, **QUIET)
    loader = torch.utils.data.DataLoader(dataset, batch_size=None, num_workers=2)
    assert sorted(int(images[0, 0, 0, 0]) for images, _ in loader) == [0, 10, 20, 30]


# Decoding -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_jpeg_without_torchvisions_kernel_is_the_same(tmp_path, monkeypatch, channels):
    path = str(tmp_path / "x.jpg")
    utils.save_img(path, np.random.default_rng(0).uniform(size=(30, 40, 3)))
    fast = decoding.read(path, channels)
    monkeypatch.setattr(decoding, "jpeg_decoder", lambda: None)
    assert torch.equal(decoding.read(path, channels), fast)
    assert (fast.shape, fast.dtype) == ((30, 40, channels), torch.uint8)


def test_deep_pictures_lose_their_lower_byte(tmp_path):
    from PIL import Image

    values = np.arange(64, dtype="uint16").reshape(8, 8) * 1000
    Image.fromarray(values).save(tmp_path / "x.png")
    for channels in (1, 3):
        expected = np.repeat((values >> 8)[..., None], channels, axis=2)
        np.testing.assert_array_equal(decoding.read(str(tmp_path / "x.png"), channels).numpy(), expected)


def test_the_content_counts_not_the_name(tmp_path):
    source = picture(tmp_path / "x.png")
    source.rename(tmp_path / "x.jpg")
    assert decoding.read(str(tmp_path / "x.jpg"), 3)[0, 0].tolist() == [100, 100, 100]


# Sounds -------------------------------------------------------------------------------------------------------------


def sound(path, samples, rate=8000, width=2):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples.astype(f"<i{width}").tobytes())
    return path


@pytest.mark.parametrize("content", [b"", b"RIFF", "half", "32 bits"])
def test_broken_sounds_are_named(tmp_path, content):
    path = sound(tmp_path / "a" / "x.WAV", np.zeros((100, 1)), width=4 if content == "32 bits" else 2)
    if content == "half":
        path.write_bytes(path.read_bytes()[:100])
    elif isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(InvalidArgumentError, match=r"Cannot read the recording .*a/x\.WAV: .*16-bit PCM"):
        list(utils.audio_dataset_from_directory(tmp_path, verbose=False))


@pytest.mark.parametrize(("old", "new"), [(8000, 16000), (16000, 8000), (44100, 16000), (8000, 11025), (48000, 8000)])
def test_another_rate_keeps_a_tone(old, new):
    def tone(rate):
        return torch.sin(2 * torch.pi * 440 * torch.arange(rate) / rate)

    samples = torch.stack((tone(old), 0.5 * tone(old)), dim=1)
    found = sounds.resampled(samples, old, new)
    assert found.shape == (new, 2)
    inside = slice(new // 10, -new // 10)
    assert torch.allclose(found[inside, 0], tone(new)[inside], atol=2e-3)
    assert torch.allclose(found[:, 1], found[:, 0] / 2, atol=1e-6)


def test_what_a_lower_rate_cannot_hold_is_removed():
    high = torch.sin(2 * torch.pi * 7000 * torch.arange(16000) / 16000)[:, None]
    assert sounds.resampled(high, 16000, 8000)[800:-800].abs().max() < 3e-3
    assert torch.equal(sounds.resampled(high, 8000, 8000), high)


def test_sounds_at_one_rate(tmp_path):
    sound(tmp_path / "a" / "1.wav", np.full((100, 1), 1000), rate=8000)
    sound(tmp_path / "a" / "2.wav", np.full((400, 1), 1000), rate=16000)
    dataset = utils.audio_dataset_from_directory(tmp_path, sampling_rate=8000, shuffle=False, verbose=False)
    for sounds_, _ in dataset:
        assert sounds_.shape == (2, 200, 1)
        assert torch.allclose(sounds_[0, 30:70], torch.tensor(1000 / 32768), atol=1e-4)
        assert torch.allclose(sounds_[1, 30:-30], torch.tensor(1000 / 32768), atol=1e-4)


# Series and parts ---------------------------------------------------------------------------------------------------


def test_windows_of_a_long_series_take_no_memory():
    series = np.zeros((200_000, 4), "float32")
    dataset = utils.timeseries_dataset_from_array(series, None, 20_000, batch_size=2)  # 14 GB, were they all made
    assert next(iter(dataset)).shape == (2, 20_000, 4)
    assert len(dataset) == 90_001


def test_split_of_torch_datasets():
    data = torch.utils.data.TensorDataset(torch.arange(10))
    left, right = utils.split_dataset(data, left_size=0.7)
    assert [int(x) for (x,) in left] == list(range(7))
    assert [int(x) for (x,) in right] == [7, 8, 9]
    left, right = utils.split_dataset(data, left_size=0.7, shuffle=True, seed=1)
    again, _ = utils.split_dataset(data, left_size=0.7, shuffle=True, seed=1)
    assert [int(x) for (x,) in left] == [int(x) for (x,) in again] != list(range(7))
    assert sorted([int(x) for (x,) in left] + [int(x) for (x,) in right]) == list(range(10))
    left, right = utils.split_dataset((np.arange(4), np.arange(4.0)), right_size=1, preferred_backend="torch")
    assert [tuple(float(v) for v in row) for row in left] == [(0, 0), (1, 1), (2, 2)]
    left, _ = utils.split_dataset(data, left_size=2, preferred_backend="tensorflow")
    assert [int(x[0]) for x in left] == [0, 1]


def test_a_torch_dataset_of_arrays_becomes_one_of_tensors():
    class Rows(torch.utils.data.Dataset):
        def __len__(self):
            return 5

        def __getitem__(self, index):
            return np.full((2, 3), index), {"label": index}

    left, right = utils.split_dataset(Rows(), left_size=0.4, preferred_backend="tensorflow")
    assert (len(left), len(right)) == (2, 3)
    features, target = next(iter(right))
    assert tuple(features.shape) == (2, 3)
    assert (int(features[0, 0]), int(target["label"])) == (2, 2)


def test_split_of_a_shuffled_dataset_has_no_overlap(folder):
    whole = utils.image_dataset_from_directory(folder, batch_size=None, **QUIET)
    left, right = utils.split_dataset(whole, left_size=2)
    pixels = [[int(image[0, 0, 0]) for image, _ in part] for part in (left, right)]
    assert sorted(pixels[0] + pixels[1]) == [0, 10, 20, 30]
    assert [[int(image[0, 0, 0]) for image, _ in part] for part in (left, right)] == pixels


def test_split_of_texts(tmp_path):
    for number in range(4):
        (tmp_path / "a").mkdir(exist_ok=True)
        (tmp_path / "a" / f"{number}.txt").write_text(f"text {number}")
    dataset = utils.text_dataset_from_directory(tmp_path, shuffle=False, batch_size=None, verbose=False)
    left, right = utils.split_dataset(dataset, left_size=0.5)
    assert [text.decode() for text, _ in right] == ["text 2", "text 3"]
    assert [text.decode() for text, _ in left] == ["text 0", "text 1"]
