import numpy as np
import pytest
import torch

from torchkeras_shim.data import choose_adapter, class_weight_to_sample_weights

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    "y",
    [
        np.array([0, 2, 1, 5]),
        np.array([[0], [2], [1], [5]], dtype="uint8"),
        torch.tensor([0.2, 1.8, 1.0, 5.0]),
        np.eye(6)[[0, 2, 1, 5]],
        np.eye(6, dtype=bool)[[0, 2, 1, 5]],
    ],
)
def test_labels_of_every_form(y):
    weights = class_weight_to_sample_weights(y, {0: 3.0, 2: 0.5, np.int64(9): 7})
    assert weights.tolist() == [3.0, 0.5, 1.0, 1.0]
    assert weights.dtype == torch.float32


def test_class_weights_are_folded_in_and_shuffled_along():
    y = np.arange(100) % 3
    adapter = choose_adapter(np.zeros(100), y, class_weight={0: 5.0, 1: 2.0}, shuffle=True, device=CPU)
    table = torch.tensor([5.0, 2.0, 1.0])
    for _, labels, weights in adapter.batches():
        assert torch.equal(weights, table[labels])


def test_negative_and_missing_classes():
    weights = class_weight_to_sample_weights(np.array([-1, 0, 1, 7]), {-1: 4.0, 1: 2.0})
    assert weights.tolist() == [4.0, 1.0, 2.0, 1.0]
    assert class_weight_to_sample_weights(np.array([3]), {}).tolist() == [1.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": np.zeros(3), "sample_weight": np.ones(3), "class_weight": {0: 1.0}}, "at the same time"),
        ({"y": [np.zeros(3), np.zeros(3)], "class_weight": {0: 1.0}}, "Models with a single output"),
        ({"class_weight": {0: 1.0}}, "`y` is None"),
        ({"y": np.zeros(3), "class_weight": [1.0, 2.0]}, "must be a dict from class indices"),
        ({"y": np.zeros(3), "class_weight": {"cat": 2.0}}, "must be a dict from class indices"),
        ({"y": np.zeros(3), "class_weight": {0.5: 2.0}}, "must be a dict from class indices"),
        ({"y": np.zeros((3, 4, 4, 1)), "class_weight": {0: 2.0}}, r"y of shape \(3, 4, 4, 1\)"),
        ({"y": [np.zeros(3), np.zeros(3)], "sample_weight": [np.ones(3)]}, "one `sample_weight` array per output"),
        (
            {"y": [np.zeros(3), np.zeros(3)], "sample_weight": np.ones((3, 2))},
            r"Received: sample_weight of shape \(3, 2\)",
        ),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        choose_adapter(np.zeros(3), device=CPU, **arguments)


def test_one_weight_array_serves_every_output():
    y = {"a": np.zeros(3), "b": np.zeros(3)}
    _, _, weights = next(choose_adapter(np.zeros(3), y, np.arange(3.0)[:, None], device=CPU).batches())
    assert list(weights) == ["a", "b"]
    assert weights["b"].tolist() == [[0], [1], [2]]
