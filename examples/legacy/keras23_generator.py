"""Pictures from a folder, augmented, by Keras 2.3: `fit_generator` with `flow_from_directory`, `ReduceLROnPlateau`."""

import os
import tempfile

import numpy as np
from keras import optimizers
from keras.callbacks import ReduceLROnPlateau
from keras.layers import Conv2D, Dense, Dropout, GlobalAveragePooling2D, MaxPooling2D
from keras.models import Sequential
from keras.preprocessing.image import ImageDataGenerator, array_to_img, img_to_array, load_img

np.random.seed(0)
folder = tempfile.mkdtemp()
for part, count in (("train", 40), ("validation", 16)):
    for name, channel in (("leaves", 1), ("skies", 2)):
        os.makedirs(os.path.join(folder, part, name))
        for number in range(count):
            picture = np.random.randint(0, 120, (18, 16, 3))
            picture[..., channel] += 100
            array_to_img(picture, scale=False).save(os.path.join(folder, part, name, "%d.jpg" % number))

train_datagen = ImageDataGenerator(
    rescale=1.0 / 255, shear_range=0.2, zoom_range=0.2, rotation_range=20, horizontal_flip=True, fill_mode="nearest"
)
test_datagen = ImageDataGenerator(rescale=1.0 / 255)
train = train_datagen.flow_from_directory(
    os.path.join(folder, "train"), target_size=(16, 16), batch_size=16, class_mode="binary", seed=1
)
validation = test_datagen.flow_from_directory(
    os.path.join(folder, "validation"), target_size=(16, 16), batch_size=16, class_mode="binary"
)

model = Sequential()
model.add(Conv2D(8, (3, 3), activation="relu", input_shape=(16, 16, 3)))
model.add(MaxPooling2D((2, 2)))
model.add(GlobalAveragePooling2D())
model.add(Dropout(0.1))
model.add(Dense(1, activation="sigmoid"))
model.compile(loss="binary_crossentropy", optimizer=optimizers.RMSprop(lr=0.03, decay=1e-4), metrics=["acc"])

history = model.fit_generator(
    train,
    steps_per_epoch=train.samples // train.batch_size,
    epochs=6,
    validation_data=validation,
    validation_steps=validation.samples // validation.batch_size,
    callbacks=[ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=3, epsilon=1e-4)],
    workers=1,
    verbose=0,
)
print("accuracy: %.3f" % model.evaluate_generator(validation, steps=2)[1])
print("epochs: %d, last: %.3f" % (len(history.history["acc"]), history.history["val_acc"][-1]))
picture = img_to_array(load_img(train.filepaths[0], target_size=(16, 16)))[None] / 255
print("leaf: %.3f" % (1 - model.predict(picture)[0, 0]))
