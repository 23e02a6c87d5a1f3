"""Image layers in models, loops and on single images: modes, seeds, devices, dicts, what is refused."""

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers

IMAGES = torch.arange(2 * 3 * 3).reshape(2, 3, 3, 1).float()


def varies(call):
    """Whether ten calls give different results."""
    return len({tuple(torch.as_tensor(call()).detach().flatten().tolist()) for _ in range(10)}) > 1


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.first = layers.RandomFlip()
        self.others = [layers.RandomFlip("horizontal")]

    def call(self, x):
        return self.others[0](self.first(x))


def functional():
    inputs = keras.Input((3, 3, 1))
    return keras.Model(inputs, layers.RandomFlip()(inputs))


MODELS = {
    "layer": lambda: keras.Sequential([layers.RandomFlip()]),
    "nested": lambda: keras.Sequential([keras.Input((3, 3, 1)), keras.Sequential([layers.RandomFlip()])]),
    "functional": functional,
    "subclassed": Subclassed,
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_a_bare_call_augments_as_in_keras_and_predict_does_not(make):
    model = make()
    assert varies(lambda: model(IMAGES))
    assert not varies(lambda: model(IMAGES, training=False))
    assert varies(lambda: model(IMAGES, training=True))
    assert not varies(lambda: model.predict(IMAGES, verbose=0))
    assert varies(lambda: model(IMAGES))
    model.eval()
    assert not varies(lambda: model(IMAGES))


def test_a_bare_call_between_two_batches_of_fit_augments():
    flip = layers.RandomFlip()
    model = keras.Sequential([keras.Input((3, 3, 1)), flip, layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append((varies(lambda: flip(IMAGES)), varies(lambda: model(IMAGES, training=False)), flip.training))

    model.fit(IMAGES, torch.zeros(2, 1), batch_size=1, verbose=0, callbacks=[Watch()])
    assert [one[:2] for one in seen] == [(True, False)] * 2
    assert varies(lambda: model(IMAGES))
    assert not varies(lambda: model.predict(IMAGES, verbose=0))


def test_seeds_repeat_and_the_global_one_holds_otherwise():
    assert torch.equal(layers.RandomFlip(seed=5)(IMAGES), layers.RandomFlip(seed=5)(IMAGES))
    flip = layers.RandomFlip()
    keras.utils.set_random_seed(3)
    first = [flip(IMAGES) for _ in range(6)]
    keras.utils.set_random_seed(3)
    assert all(torch.equal(one, flip(IMAGES)) for one in first)


def test_a_dict_keeps_what_it_does_not_know_and_is_not_changed():
    data = {"images": IMAGES.numpy().astype("uint8"), "labels": np.array([3, 4]), "other": "name"}
    out = layers.RandomFlip()(data)
    assert out["other"] == "name"
    assert out["labels"].tolist() == [3, 4]
    assert out["images"].dtype == torch.float32
    assert isinstance(data["images"], np.ndarray)
    with pytest.raises(ValueError, match="with the key 'images'"):
        layers.RandomFlip()({"image": IMAGES})
    with pytest.raises(ValueError, match="didn't specify a bounding box format"):
        layers.RandomFlip()({"images": IMAGES, "bounding_boxes": {"boxes": torch.zeros(2, 1, 4), "labels": [[0], [0]]}})
    with pytest.raises(ValueError, match=r"rank 3 \(single image\)"):
        layers.RandomFlip()(torch.zeros(2, 3))
