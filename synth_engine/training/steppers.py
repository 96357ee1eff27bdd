"""Steppers: how one optimiser step is taken. The loop does not know which one it has."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from synth_engine.training.optimizer import AdamW


class BatchLoss(Protocol):
    """The mean loss of a batch of records, in nats per record, with gradients."""

    def __call__(self, network: nn.Module, rows: Tensor) -> Tensor:
        """Loss of the records with these indices."""
        ...


class PlainStepper:
    """AdamW on the mean loss, gradients clipped by norm, accumulated over micro-batches.

    Args:
        network: What is trained.
        batch_loss: Its loss.
        max_grad_norm: Norm that gradients are clipped to.
    """

    def __init__(self, network: nn.Module, batch_loss: BatchLoss, *, max_grad_norm: float = 1.0) -> None:
        self._network = network
        self._batch_loss = batch_loss
        self._max_grad_norm = max_grad_norm
        self._parameters = list(network.parameters())
        # Biases carry the marginals: pulling them towards zero would bias every sample towards rare values.
        self.decayed = AdamW(p for name, p in network.named_parameters() if not is_bias(name))
        self.free = AdamW(p for name, p in network.named_parameters() if is_bias(name))

    def step(self, micro_batches: Sequence[Tensor], rate: float, weight_decay: float) -> Tensor:
        """One optimiser step; returns the mean loss, detached and still on its device.

        Weight decay is decoupled from the gradient (arXiv 1711.05101).
        """
        total = sum(len(rows) for rows in micro_batches)
        losses = []
        for rows in micro_batches:
            loss = self._batch_loss(self._network, rows) * (len(rows) / total)
            loss.backward()
            losses.append(loss.detach())
        nn.utils.clip_grad_norm_(self._parameters, self._max_grad_norm, foreach=True)
        self.decayed.step(rate, weight_decay)
        self.free.step(rate, weight_decay=0.0)
        return torch.stack(losses).sum()


def is_bias(name: str) -> bool:
    """Whether a parameter is left out of weight decay: biases and embeddings, by their names."""
    return "bias" in name or "embedding" in name
