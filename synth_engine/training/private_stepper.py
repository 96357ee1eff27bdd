"""The stepper of differentially private training: every record's gradient clipped, noise on their sum.

After Abadi et al., "Deep learning with differential privacy" (arXiv 1607.00133).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from synth_engine.nn.taps import Taps
from synth_engine.training.optimizer import AdamW
from synth_engine.training.randomness import Randomness
from synth_engine.training.secrets import secret_generator
from synth_engine.training.steppers import is_bias, trained
from synth_engine.training.team import Alone, Team, share

# Norms are computed in single precision: rounding must not let a record count for more than it may.
_ROUNDING = 1e-5


class TappedLosses(Protocol):
    """The losses of records, in nats, with gradients, and with taps at every layer."""

    def __call__(self, network: nn.Module, rows: Tensor, generator: torch.Generator, taps: Taps) -> Tensor:
        """Loss (B,) of each of these records. It may depend on no other record, nor on how many there are."""
        ...


class PrivateStepper:
    """AdamW on a noisy sum of clipped gradients, divided by the number of records that is expected.

    Guarantees:
        - what a step does to the weights is a Gaussian mechanism: a record changes the sum by a vector of length
          `max_grad_norm` at most, and noise with a standard deviation of ``noise_multiplier * max_grad_norm`` is on
          every coordinate, also where no record was drawn. Weights, optimiser and all that is made of them depend on
          the records in no other way;
        - a step that is repeated has the same noise, and all processes of a team add the same one, once;
        - a parameter whose gradient is not in the norms, or more than once, is an error, not a leak;
        - the losses are shown to nobody.

    Not covered: rounding of floating-point noise (Mironov, "On significance of the least significant bits for
    differential privacy", 2012).

    Args:
        network: What is trained.
        losses: Its losses.
        randomness: Of the run, from a secret key.
        team: Processes that share out the micro-batches.
        max_grad_norm: Length that every record's gradient is clipped to.
        noise_multiplier: Standard deviation of the noise in units of `max_grad_norm`.
        records_per_step: How many records are expected in a step; the real number is as sensitive as the records.
    """

    def __init__(
        self,
        network: nn.Module,
        losses: TappedLosses,
        randomness: Randomness,
        team: Team | None = None,
        *,
        max_grad_norm: float,
        noise_multiplier: float,
        records_per_step: int,
    ) -> None:
        self._network, self._losses, self._randomness = network, losses, randomness
        self._team: Team = team or Alone()
        self._max_grad_norm, self._noise_multiplier = max_grad_norm, noise_multiplier
        self._records_per_step = records_per_step
        named = trained(network)
        self._parameters = list(named.values())
        self._generator = torch.Generator(self._parameters[0].device)
        self.decayed = AdamW(p for name, p in named.items() if not is_bias(name))
        self.free = AdamW(p for name, p in named.items() if is_bias(name))

    def step(self, step: int, micro_batches: Sequence[Tensor], rate: float, weight_decay: float) -> None:
        """One step; without a record it is a step of noise."""
        for parameter in self._parameters:
            parameter.grad = torch.zeros_like(parameter)
        for i, rows in share(micro_batches, self._team):
            if len(rows):
                self._generator.manual_seed(self._randomness.seed("step", step, i))
                self._add_clipped(rows)
        gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        self._team.add_up(gradients)
        self._add_noise(step, gradients)
        torch._foreach_div_(gradients, self._records_per_step)
        self.decayed.step(rate, weight_decay)
        self.free.step(rate, weight_decay=0.0)

    def _add_clipped(self, rows: Tensor) -> None:
        """Add the clipped gradients of these records."""
        taps = Taps()
        losses = self._losses(self._network, rows, self._generator, taps)
        norms = taps.squared_norms(losses).sqrt()
        self._check_covered(taps)
        shares = self._max_grad_norm / (norms * (1 + _ROUNDING)).clamp(min=self._max_grad_norm)
        if losses.requires_grad:  # they may follow from nothing that is learned
            losses.backward(shares)

    def _add_noise(self, step: int, gradients: Sequence[Tensor]) -> None:
        deviation = self._noise_multiplier * self._max_grad_norm
        for i, gradient in enumerate(gradients):
            generator = secret_generator(self._randomness, "noise", step, i)
            noise = torch.from_numpy(generator.standard_normal(gradient.shape, dtype=np.float32))
            gradient.add_(noise.to(gradient), alpha=deviation)

    def _check_covered(self, taps: Taps) -> None:
        # Twice is as wrong as never: the square of a sum is not the sum of squares.
        times = Counter(map(id, taps.covered))
        wrong = [name for name, parameter in trained(self._network).items() if times[id(parameter)] != 1]
        assert not wrong, f"expected one rule for single records' gradients by each parameter, not so for {wrong}"

    def state(self) -> dict[str, Any]:
        """What the optimiser remembers."""
        return {"decayed": self.decayed.state(), "free": self.free.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.decayed.load_state(state["decayed"])
        self.free.load_state(state["free"])
