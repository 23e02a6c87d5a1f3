"""What `model.add_loss(tensor)` and `model.add_metric(tensor)` of Keras 2 put into the graph of a functional model."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.metrics import Mean


@LAYERS.register()
class AddLoss(Layer):
    """Returns its first input, and adds the second one to what training minimises.

    Example:
        >>> layer = AddLoss()
        >>> layer([torch.ones(2, 1), torch.tensor(0.5)]).shape
        torch.Size([2, 1])
        >>> layer.losses
        [tensor(0.5000)]
    """

    #: The output of a model that comes from here has the name of the layer before.
    hands_first_input_on = True

    def call(self, inputs: Any) -> torch.Tensor:
        """Adds the loss; of several values Keras 2 showed the mean, and lowered the sum."""
        outputs, loss = inputs
        self.add_loss(loss if loss.ndim == 0 else loss.sum() + (loss.mean() - loss.sum()).detach())
        return outputs  # type: ignore[no-any-return]


@LAYERS.register()
class AddMetric(Layer):
    """Returns its first input, and shows the mean of the second one among the results of training.

    Args:
        metric_name: The name of the result.
        **kwargs: Arguments of every layer.
    """

    hands_first_input_on = True

    def __init__(self, metric_name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.metric_name = metric_name
        self.metric = Mean(name=metric_name)

    def call(self, inputs: Any) -> torch.Tensor:
        """Updates the metric."""
        outputs, value = inputs
        self.metric.update_state(value.detach())
        return outputs  # type: ignore[no-any-return]

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "metric_name": self.metric_name}
