"""Calibration: after training, output biases are set so that the model's own samples have the training marginals.

Regularisation and early stopping leave conditionals slightly off, and in sampling these errors add up along the order:
a category may come out a whole percentage point too often.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from synth_engine.tabular.conditionals import Conditionals, RowState
from synth_engine.tabular.interventions import Interventions
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.sampler import draw

MAX_ROWS = 50_000
# Probabilities of a sub-column are held for all rows at once: at most so many numbers.
MAX_NUMBERS = 30_000_000
BATCH = 8192


@torch.no_grad()
def calibrate(
    network: TabularNetwork, counts: Sequence[Tensor], generator: torch.Generator, state: RowState | None = None
) -> None:
    """Shift the biases of each head, in the natural order, by the log ratio of training to sampled frequency.

    Every sub-column is corrected before its codes are drawn, so that later ones are conditioned on corrected codes.

    Args:
        network: A trained network; its biases are changed in place.
        counts: How often each sub-column's codes are among the training rows: exact, or noisy for differential privacy.
        generator: Source of randomness, on the network's device.
        state: What rows are given beside their own codes, as often as among the training rows; for a network that was
            made for that. With it samples have the training marginals in the mean over these rows.
    """
    sizes = network.layout.cardinalities
    n_rows = max(1024, min(MAX_ROWS, MAX_NUMBERS // max(sizes))) if state is None else len(state.added_BKH)
    conditionals = Conditionals(network)  # heads change in what follows, the first layer does not
    device = network.column_of_K.device
    drawn = torch.empty(n_rows, len(sizes), dtype=torch.int32, device=device)
    for k in range(len(sizes)):
        probabilities = _probabilities(conditionals, drawn[:, :k], k, state)
        observed = counts[k].to(probabilities)
        shift = _log_ratio(observed, probabilities.sum(0) * (observed.sum() / n_rows))
        network.heads.shift_bias(k, shift)
        corrected = (probabilities.log() + shift).softmax(1)
        uniforms = torch.rand(n_rows, generator=generator, device=device, dtype=torch.float64)
        drawn[:, k] = draw(corrected, uniforms) + conditionals.offsets_K[k]


def _probabilities(conditionals: Conditionals, drawn: Tensor, k: int, state: RowState | None) -> Tensor:
    untouched, parts = Interventions(), []
    for start in range(0, len(drawn), BATCH):
        rows = slice(start, start + BATCH)
        logits = conditionals.logits(drawn[rows], k, None if state is None else state.rows(rows))
        parts.append(untouched.apply(logits, k))
    return torch.cat(parts)


def _log_ratio(observed: Tensor, expected: Tensor) -> Tensor:
    """Log of observed over expected counts; one pseudo-count each keeps rare codes from jumping."""
    return ((observed + 1) / (expected + 1)).log()
