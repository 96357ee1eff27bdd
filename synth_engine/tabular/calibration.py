"""Calibration: after training, output biases are set so that the model's own samples have the training marginals.

Regularisation and early stopping leave conditionals slightly off, and in sampling these errors add up along the order:
a category may come out a whole percentage point too often. Reads exact marginals: not under differential privacy.
"""

import torch
from torch import Tensor

from synth_engine.tabular.interventions import Interventions
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.sampler import draw

MAX_ROWS = 50_000
# Embeddings of all rows are held at once: at most so many numbers.
MAX_NUMBERS = 30_000_000
BATCH = 8192


@torch.no_grad()
def calibrate(network: TabularNetwork, codes_NK: Tensor, generator: torch.Generator) -> None:
    """Shift the biases of each head, in the natural order, by the log ratio of training to sampled frequency.

    Every sub-column is corrected before its codes are drawn, so that later ones are conditioned on corrected codes.

    Args:
        network: A trained network; its biases are changed in place.
        codes_NK: Codes of the training rows.
        generator: Source of randomness, on the network's device.
    """
    sizes = network.layout.cardinalities
    n_rows = max(1024, min(MAX_ROWS, MAX_NUMBERS // (len(sizes) * network.sizes.embedding)))
    vectors, offsets = network.embedding.vectors(), network.embedding.offsets_K
    embedded_KBD = vectors.new_zeros(len(sizes), n_rows, vectors.shape[1])
    for k, size in enumerate(sizes):
        observed = torch.bincount(codes_NK[:, k], minlength=size).to(vectors)
        probabilities = _probabilities(network, embedded_KBD, k)
        shift = _log_ratio(observed, probabilities.sum(0) * (observed.sum() / n_rows))
        network.heads.shift_bias(k, shift)
        corrected = (probabilities.log() + shift).softmax(1)
        uniforms = torch.rand(n_rows, generator=generator, device=vectors.device, dtype=torch.float64)
        embedded_KBD[k] = vectors[draw(corrected, uniforms) + offsets[k]]


def _probabilities(network: TabularNetwork, embedded_KBD: Tensor, k: int) -> Tensor:
    untouched = Interventions()
    batches = embedded_KBD.split(BATCH, dim=1)
    return torch.cat([untouched.apply(network.logits(batch, list(range(k)), k), k) for batch in batches])


def _log_ratio(observed: Tensor, expected: Tensor) -> Tensor:
    """Log of observed over expected counts; one pseudo-count each keeps rare codes from jumping."""
    return ((observed + 1) / (expected + 1)).log()
