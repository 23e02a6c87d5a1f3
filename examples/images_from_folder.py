"""Pictures from a folder, a class in each of its folders: read, augmented, learnt, and looked at one by one.

python examples/images_from_folder.py [epochs]
"""

import pathlib
import sys
import tempfile

import numpy as np

import torchkeras_shim as keras
from torchkeras_shim import layers

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 8
keras.utils.set_random_seed(0)
SIZE = 32


def draw(shape, random):
    """A disc or a cross somewhere on noise, in some color."""
    y, x = np.mgrid[:40, :48]
    row, column, radius = random.uniform(15, 25), random.uniform(15, 33), random.uniform(8, 13)
    dy, dx = np.abs(y - row), np.abs(x - column)
    inside = (
        dy**2 + dx**2 < radius**2 if shape == "disc" else (np.minimum(dy, dx) < 2.5) & (np.maximum(dy, dx) < radius)
    )
    image = random.uniform(0, 60, (40, 48, 3))
    image[inside] = random.uniform(120, 255, 3)
    return image


def write_pictures(folder, count=120):
    random = np.random.default_rng(0)
    for shape in ("cross", "disc"):
        (folder / shape).mkdir()
        for number in range(count):
            keras.utils.save_img(folder / shape / f"{number}.jpg", draw(shape, random), scale=False)


folder = pathlib.Path(tempfile.mkdtemp())
write_pictures(folder)
train, validation = keras.utils.image_dataset_from_directory(
    folder, validation_split=0.25, subset="both", seed=1, image_size=(SIZE, SIZE), label_mode="binary"
)
print("classes:", train.class_names)
path = validation.file_paths[0]

# Decoding is the slow part, and the same in every epoch: keep its result. What is random comes after.
train, validation = train.cache().prefetch(2), validation.cache()

augment = keras.Sequential(
    [layers.RandomFlip("horizontal_and_vertical"), layers.RandomRotation(0.1), layers.RandomContrast(0.2)],
    name="augment",
)
model = keras.Sequential(
    [
        keras.Input((SIZE, SIZE, 3)),
        augment,  # in training only
        layers.Rescaling(1 / 255),
        layers.Conv2D(16, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(32, 3, activation="relu"),
        layers.GlobalMaxPooling2D(),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="binary_crossentropy", metrics=["accuracy"])
model.fit(train, validation_data=validation, epochs=epochs, verbose=2)
print("validation:", model.evaluate(validation, verbose=0, return_dict=True))

image = keras.utils.img_to_array(keras.utils.load_img(path, target_size=(SIZE, SIZE), interpolation="bilinear"))
print(f"{pathlib.Path(path).parent.name}: {float(model.predict(image[None], verbose=0)[0, 0]):.2f} that it is a disc")
