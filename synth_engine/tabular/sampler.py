"""Sampling: one sub-column after the other, all rows at once."""

from collections.abc import Sequence

import torch
from torch import Tensor

from synth_engine.nn.threads import map_in_threads
from synth_engine.tabular.conditionals import Conditionals
from synth_engine.tabular.interventions import Interventions
from synth_engine.tabular.network import TabularNetwork

DEFAULT_BATCH = 4096


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
        batch_size: Rows at a time; bounds the memory. On a CPU several batches are drawn at once, in threads.

    Returns:
        Codes (n_rows, K), int32, on the CPU.
    """
    n = len(network.layout.cardinalities)
    device = network.column_of_K.device
    uniforms = torch.rand(n_rows, n, generator=generator, dtype=torch.float64)
    columns = range(network.layout.n_columns) if order is None else order
    assert sorted(columns) == list(range(network.layout.n_columns)), "every column must be drawn, and once"
    places = [place for column in columns for place in _places(network, column)]
    conditionals = Conditionals(network)

    def batch(uniforms_BK: Tensor) -> Tensor:
        return _sample_batch(conditionals, uniforms_BK.to(device), places, interventions or Interventions()).cpu()

    batches = uniforms.split(batch_size)
    is_cpu = device.type == "cpu"
    return torch.cat(map_in_threads(batch, batches) if is_cpu else [batch(each) for each in batches])


def _places(network: TabularNetwork, column: int) -> list[int]:
    return (network.column_of_K == column).nonzero()[:, 0].tolist()


@torch.no_grad()
def _sample_batch(
    conditionals: Conditionals, uniforms_BK: Tensor, places: list[int], interventions: Interventions
) -> Tensor:
    offsets = conditionals.offsets_K
    in_order_BK = torch.empty_like(uniforms_BK, dtype=torch.int32)
    for done, k in enumerate(places):
        logits = conditionals.logits(in_order_BK[:, :done], k)
        in_order_BK[:, done] = draw(interventions.apply(logits, k), uniforms_BK[:, k]) + offsets[k]
    codes_BK = torch.empty_like(in_order_BK)
    codes_BK[:, places] = in_order_BK
    return codes_BK - offsets


def draw(probabilities_BC: Tensor, uniforms_B: Tensor) -> Tensor:
    """Codes by inversion of the cumulated probabilities; a code of probability 0 is never drawn.

    >>> draw(torch.tensor([[0.0, 0.25, 0.75, 0.0]]).expand(3, 4), torch.tensor([0.0, 0.3, 0.999999])).tolist()
    [1, 2, 2]
    """
    cumulated = probabilities_BC.cumsum(1, dtype=torch.float64)
    # Never zero, so that the search passes over leading codes of probability 0; it stops before trailing ones, as the
    # sum has been reached where they begin.
    target = (uniforms_B * cumulated[:, -1]).clamp(min=torch.finfo(torch.float64).tiny)
    return torch.searchsorted(cumulated, target[:, None])[:, 0]
