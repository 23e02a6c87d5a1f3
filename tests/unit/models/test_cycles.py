"""Lists and dicts as attributes that hold themselves."""

from __future__ import annotations

import numpy as np

import torchkeras_shim as keras


class Circular(keras.Model):
    def __init__(self, is_late=True, **kwargs):
        super().__init__(**kwargs)
        blocks, table, pair = [keras.layers.Dense(2)], {}, [{}]
        if is_late:
            self.blocks, self.table, self.pair = blocks, table, pair
            blocks, table, pair = self.blocks, self.table, self.pair
        blocks.append(blocks)
        table["pair"] = (table, pair)
        pair[0]["up"] = pair
        self.blocks, self.table, self.pair = blocks, table, pair
        self.is_late = is_late

    def call(self, x):
        return self.blocks[0](x)

    def get_config(self):
        return {"is_late": self.is_late}


def test_models_with_circles_train_and_come_back_from_files(tmp_path):
    x = np.ones((2, 4), "float32")
    for is_late in (True, False):
        model = Circular(is_late)
        assert model.blocks[1] is model.blocks
        assert model.table["pair"][0] is model.table
        assert model.pair[0]["up"] is model.pair
        model.compile("sgd", "mse")
        model.fit(x, np.ones((2, 2)), verbose=0)
        assert len(model.weights) == 2
        model.save(tmp_path / "circular.keras")
        copy = keras.models.load_model(tmp_path / "circular.keras", custom_objects={"Circular": Circular})
        np.testing.assert_array_equal(copy.predict(x, verbose=0), model.predict(x, verbose=0))
        model.save_weights(tmp_path / "circular.weights.h5")
        copy.load_weights(tmp_path / "circular.weights.h5")


def test_a_list_in_two_places_stays_one():
    layer = keras.layers.Layer()
    shared = [keras.layers.Dense(1)]
    layer.things = [shared, {"again": shared}]
    layer.things[0].append(keras.layers.Dense(2))
    assert layer.things[1]["again"] is layer.things[0]
