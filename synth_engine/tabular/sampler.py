"""Sampling: one sub-column after the other, all rows at once."""

from collections.abc import Sequence

import torch
from torch import Tensor

from synth_engine.tabular.interventions import Interventions
from synth_engine.tabular.network import TabularNetwork

DEFAULT_BATCH = 8192


@torch.no_grad()
def sample(
    network: TabularNetwork,
    n_rows: int,
    generator: torch.Generator,
    *,
    interventions: Interventions | None = None,
    order: Sequence[int] | None = None,
    batch_size: int = DEFAULT_BATCH,
) -> Tensor:
    """Draw rows of codes.

    Args:
        network: A trained network.
        n_rows: Number of rows.
        generator: Source of randomness, on the CPU. All draws are made up front, so that `batch_size` does not
            change which random number decides which code.
        interventions: What to do to the probabilities.
        order: Column indices in the order in which they are drawn; None is the natural order.
        batch_size: Rows at a time; bounds the memory.

    Returns:
        Codes (n_rows, K), int32, on the CPU.
    """
    n = len(network.layout.cardinalities)
    device = network.column_of_K.device
    uniforms = torch.rand(n_rows, n, generator=generator, dtype=torch.float64)
    columns = range(network.layout.n_columns) if order is None else order
    assert sorted(columns) == list(range(network.layout.n_columns)), "every column must be drawn, and once"
    places = [place for column in columns for place in _places(network, column)]
    codes = torch.empty(n_rows, n, dtype=torch.int32)
    for start in range(0, n_rows, batch_size):
        rows = slice(start, min(start + batch_size, n_rows))
        drawn = _sample_batch(network, uniforms[rows].to(device), places, interventions or Interventions())
        codes[rows] = drawn.to("cpu", torch.int32)
    return codes


def _places(network: TabularNetwork, column: int) -> list[int]:
    return (network.column_of_K == column).nonzero()[:, 0].tolist()


def _sample_batch(
    network: TabularNetwork, uniforms_BK: Tensor, places: list[int], interventions: Interventions
) -> Tensor:
    rows, n = uniforms_BK.shape
    vectors, offsets = network.embedding.vectors(), network.embedding.offsets_K
    embedded_KBD = vectors.new_empty(n, rows, vectors.shape[1])
    codes_KB = torch.empty(n, rows, dtype=torch.long, device=vectors.device)
    for done, k in enumerate(places):
        logits = network.logits(embedded_KBD, places[:done], k)
        codes_KB[k] = draw(interventions.apply(logits, k), uniforms_BK[:, k])
        embedded_KBD[k] = vectors[codes_KB[k] + offsets[k]]
    return codes_KB.t()


def draw(probabilities_BC: Tensor, uniforms_B: Tensor) -> Tensor:
    """Codes by inversion of the cumulated probabilities; a code of probability 0 is never drawn.

    >>> draw(torch.tensor([[0.0, 0.25, 0.75, 0.0]]).expand(3, 4), torch.tensor([0.0, 0.3, 0.999999])).tolist()
    [1, 2, 2]
    """
    cumulated = probabilities_BC.double().cumsum(1)
    # The last positive entry takes whatever rounding left over; the comparison skips leading zeros for a draw of 0.
    target = (uniforms_B * cumulated[:, -1]).clamp(min=torch.finfo(torch.float64).tiny)
    last = probabilities_BC.shape[1] - 1 - (probabilities_BC.flip(1) > 0).int().argmax(1)
    return torch.minimum((cumulated < target[:, None]).sum(1), last)
