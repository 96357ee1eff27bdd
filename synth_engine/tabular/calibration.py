"""Calibration: after training, output biases are set so that the model's own samples have the training marginals.

Regularisation and early stopping leave conditionals slightly off, and in sampling these errors add up along the order:
a category may come out a whole percentage point too often.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from synth_engine.tabular.conditionals import Conditionals
from synth_engine.tabular.interventions import Interventions
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.sampler import draw

MAX_ROWS = 50_000
# Probabilities of a sub-column are held for all rows at once: at most so many numbers.
MAX_NUMBERS = 30_000_000
BATCH = 8192


@torch.no_grad()
def calibrate(network: TabularNetwork, counts: Sequence[Tensor], generator: torch.Generator) -> None:
    """Shift the biases of each head, in the natural order, by the log ratio of training to sampled frequency.

    Every sub-column is corrected before its codes are drawn, so that later ones are conditioned on corrected codes.

    Args:
        network: A trained network; its biases are changed in place.
        counts: How often each sub-column's codes are among the training rows: exact, or noisy for differential privacy.
        generator: Source of randomness, on the network's device.
    """
    sizes = network.layout.cardinalities
    n_rows = max(1024, min(MAX_ROWS, MAX_NUMBERS // max(sizes)))
    conditionals = Conditionals(network)  # heads change in what follows, the first layer does not
    device = network.column_of_K.device
    drawn = torch.empty(n_rows, len(sizes), dtype=torch.int32, device=device)
    for k in range(len(sizes)):
        probabilities = _probabilities(conditionals, drawn[:, :k], k)
        observed = counts[k].to(probabilities)
        shift = _log_ratio(observed, probabilities.sum(0) * (observed.sum() / n_rows))
        network.heads.shift_bias(k, shift)
        corrected = (probabilities.log() + shift).softmax(1)
        uniforms = torch.rand(n_rows, generator=generator, device=device, dtype=torch.float64)
        drawn[:, k] = draw(corrected, uniforms) + conditionals.offsets_K[k]


def _probabilities(conditionals: Conditionals, drawn: Tensor, k: int) -> Tensor:
    untouched = Interventions()
    return torch.cat([untouched.apply(conditionals.logits(batch, k), k) for batch in drawn.split(BATCH)])


def _log_ratio(observed: Tensor, expected: Tensor) -> Tensor:
    """Log of observed over expected counts; one pseudo-count each keeps rare codes from jumping."""
    return ((observed + 1) / (expected + 1)).log()
