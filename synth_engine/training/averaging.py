"""Exponential moving average of weights: what is validated, saved and sampled from."""

import copy

import torch
from torch import nn


class WeightAverage:
    """Keeps a running average of a module's weights.

    Early on the average forgets faster, so that the random start does not linger: after ``n`` updates the weight of the
    past is ``min(decay, (n + 1) / (n + 10))``.

    Args:
        module: The module that is trained.
        decay: Weight of the past once warmed up; 0.998 averages over about 500 updates.

    Attributes:
        module: A copy of the module, with the averaged weights.
        updates: How many there were.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module = copy.deepcopy(module).requires_grad_(False).eval()
        self._decay = decay
        # What is not trained may be shared with the copy.
        pairs = [
            pair for pair in zip(module.parameters(), self.module.parameters(), strict=True) if pair[0].requires_grad
        ]
        self._source: list[torch.Tensor] = [source for source, _ in pairs]
        self._target: list[torch.Tensor] = [target for _, target in pairs]
        self.updates = 0

    @torch.no_grad()
    def update(self) -> None:
        """Take the present weights into the average."""
        self.updates += 1
        keep = min(self._decay, (self.updates + 1) / (self.updates + 10))
        torch._foreach_lerp_(self._target, self._source, 1 - keep)
