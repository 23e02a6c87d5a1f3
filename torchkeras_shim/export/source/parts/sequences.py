"""What recurrent networks need for Keras's masks."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def steps_in_front(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Moves the steps that a mask lets through to the front of each sequence."""
    order = torch.argsort(mask.logical_not().int(), dim=1, stable=True)
    return x.gather(1, order.unsqueeze(-1).expand(-1, -1, x.size(2)))


def outputs_after(steps: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """Returns the outputs after so many steps of a sequence, and zeros after none."""
    longer = F.pad(steps, (0, 0, 1, 0))
    return longer.gather(1, counts.unsqueeze(-1).expand(-1, -1, steps.size(2)))
