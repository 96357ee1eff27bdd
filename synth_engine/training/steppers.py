"""Steppers: how one optimiser step is taken. The loop does not know which one it has."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from synth_engine.training.gradients import Gradients, Losses, gradients_for
from synth_engine.training.optimizer import AdamW
from synth_engine.training.randomness import Randomness
from synth_engine.training.team import Alone, Team, share


class Stepper(Protocol):
    """Takes optimiser steps."""

    def step(self, step: int, micro_batches: Sequence[Tensor], rate: float, weight_decay: float) -> Tensor | None:
        """Take the step with this number, counted from zero, on these records.

        Returns:
            The mean loss, detached and still on its device; None where nobody may see it.
        """
        ...

    def state(self) -> dict[str, Any]:
        """Tensors, and lists of them, that a later step depends on, beside the weights."""
        ...

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        ...


class PlainStepper:
    """AdamW on the mean loss, gradients clipped by norm, accumulated over micro-batches.

    Args:
        network: What is trained.
        losses: Its losses.
        randomness: Of the run; each micro-batch of each step has its own.
        team: Processes that share out the micro-batches.
        max_grad_norm: Norm that gradients are clipped to.
        gradients: How they are computed; None is what suits the device.
    """

    def __init__(
        self,
        network: nn.Module,
        losses: Losses,
        randomness: Randomness,
        team: Team | None = None,
        *,
        max_grad_norm: float = 1.0,
        gradients: Gradients | None = None,
    ) -> None:
        self._losses, self._randomness = losses, randomness
        self._gradients = gradients or gradients_for(network, losses)
        self._team: Team = team or Alone()
        self._max_grad_norm = max_grad_norm
        named = trained(network)
        self._parameters = list(named.values())
        device = self._parameters[0].device
        self._generator = torch.Generator(device)
        self._nothing = torch.zeros((), device=device)
        # Biases carry the marginals: pulling them towards zero would bias every sample towards rare values.
        self.decayed = AdamW(p for name, p in named.items() if not is_bias(name))
        self.free = AdamW(p for name, p in named.items() if is_bias(name))

    def step(self, step: int, micro_batches: Sequence[Tensor], rate: float, weight_decay: float) -> Tensor:
        """One optimiser step; returns the mean loss, detached and still on its device.

        Weight decay is decoupled from the gradient (arXiv 1711.05101).
        """
        total = sum(len(rows) for rows in micro_batches)
        losses = [self._nothing]
        for i, rows in share(micro_batches, self._team):
            self._generator.manual_seed(self._randomness.seed("step", step, i))
            losses.append(self._gradients.add(self._losses.draw(rows, self._generator), total))
        mean = torch.stack(losses).sum()
        if self._team.size > 1:
            self._add_up(mean)
        nn.utils.clip_grad_norm_(self._parameters, self._max_grad_norm, foreach=True)
        self.decayed.step(rate, weight_decay)
        self.free.step(rate, weight_decay=0.0)
        return mean

    def _add_up(self, loss: Tensor) -> None:
        for parameter in self._parameters:
            if parameter.grad is None:  # this process had no share in the step
                parameter.grad = torch.zeros_like(parameter)
        self._team.add_up([loss, *(parameter.grad for parameter in self._parameters if parameter.grad is not None)])

    def state(self) -> dict[str, Any]:
        """What the optimiser remembers."""
        return {"decayed": self.decayed.state(), "free": self.free.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.decayed.load_state(state["decayed"])
        self.free.load_state(state["free"])


def trained(network: nn.Module) -> dict[str, nn.Parameter]:
    """Parameters that a training changes, by name: of a pretrained network only what was added to it."""
    return {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}


def is_bias(name: str) -> bool:
    """Whether a parameter is left out of weight decay: biases and embeddings, by their names."""
    return "bias" in name or "embedding" in name
