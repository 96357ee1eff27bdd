"""Statistical parity: the code of a target is drawn anew so that it has the same shares in every group of rows.

Conditional probabilities of the target are tilted: in each group every code has one factor, such that the mean over the
group's rows is as wanted. Of all ways to get there this one changes the probabilities least, in the sense of Kullback
and Leibler (Csiszár, "I-divergence geometry of probability distributions", 1975). The rest of a row is not changed.
"""

import torch
from torch import Tensor

from synth_engine.tabular.conditionals import Conditionals
from synth_engine.tabular.interventions import Interventions
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.sampler import DEFAULT_BATCH, Rows

MAX_ROUNDS = 300
CLOSE_ENOUGH = 1e-6
# A factor that has to go on in the same direction does so faster and faster.
FASTER, SLOWER = 1.5, 0.5
# Of logarithms of factors: enough for any probability, and no infinity where the rows of a group cannot get there.
MOST = 500.0


@torch.no_grad()
def probabilities_of(
    network: TabularNetwork, codes_NK: Tensor, k: int, interventions: Interventions, batch_size: int = DEFAULT_BATCH
) -> Tensor:
    """Probabilities (N, C) of sub-column ``k`` given all others of complete rows, in double precision, on the CPU."""
    conditionals = Conditionals(network)
    others = [place for place in range(codes_NK.shape[1]) if place != k]
    found = [torch.empty(0, network.layout.cardinalities[k], dtype=torch.float64)]
    for batch, index in zip(codes_NK.split(batch_size), torch.arange(len(codes_NK)).split(batch_size), strict=True):
        known = batch[:, others].to(conditionals.offsets_K) + conditionals.offsets_K[others]
        rows = Rows(conditionals, known, others, index.to(known.device))
        found.append(interventions.apply(rows.logits(k), k, rows).double().cpu())
    return torch.cat(found)


def tilted(probabilities_NC: Tensor, groups_N: Tensor, shares_C: Tensor) -> Tensor:
    """Probabilities whose mean over the rows of each group is as wanted, as far as its rows can have the codes.

    Codes that no row of a group can have leave their share to the others.

    Args:
        probabilities_NC: Of every row, in double precision.
        groups_N: The group of each row: 0, 1, …
        shares_C: Wanted means; they add up to 1.
    """
    n_groups = int(groups_N.max()) + 1 if len(groups_N) else 0
    sizes = torch.bincount(groups_N, minlength=n_groups).clamp(min=1)[:, None]
    log_factors = torch.zeros(n_groups, len(shares_C), dtype=torch.float64)
    speed, before = torch.ones_like(log_factors), torch.zeros_like(log_factors)
    log_probabilities = probabilities_NC.log()
    can_have = torch.zeros_like(log_factors).index_add_(0, groups_N, probabilities_NC) > 0
    wanted = shares_C * can_have
    wanted = wanted / wanted.sum(1, keepdim=True).clamp(min=1e-300)
    mixed = probabilities_NC
    for _ in range(MAX_ROUNDS):
        mixed = (log_probabilities + log_factors[groups_N]).softmax(1)
        means = torch.zeros_like(log_factors).index_add_(0, groups_N, mixed) / sizes
        needed = torch.where((means > 0) & (wanted > 0), (wanted / means).log(), 0.0)
        if not ((needed.expm1() * means).abs() > CLOSE_ENOUGH).any():
            break
        speed = torch.where(needed * before > 0, speed * FASTER, (speed * SLOWER).clamp(min=1.0))
        log_factors, before = (log_factors + speed * needed).clamp(-MOST, MOST), needed
    return mixed


def draw_evenly(probabilities_NC: Tensor, groups_N: Tensor, generator: torch.Generator) -> Tensor:
    """Codes (N,) with these probabilities in each row, and in each group nearly as often as they say together.

    Systematic sampling of the rows that have a code (Madow, "On the theory of systematic sampling, II", 1949), one code
    after the other, the most frequent first. With two codes the number of rows of a group that have one is off by less
    than 1.

    Args:
        probabilities_NC: Of every row, in double precision.
        groups_N: The group of each row.
        generator: Source of randomness, on the CPU.
    """
    n_rows, n_codes = probabilities_NC.shape
    shuffled = torch.randperm(n_rows, generator=generator)
    order = shuffled[groups_N[shuffled].argsort(stable=True)]
    groups, rows = groups_N[order], probabilities_NC[order]
    n_groups = int(groups.max()) + 1 if n_rows else 0
    codes = torch.full((n_rows,), -1)
    left = torch.ones(n_rows, dtype=torch.float64)
    frequent = rows.sum(0).argsort(descending=True, stable=True).tolist()
    for code in frequent[:-1]:
        is_free = codes < 0
        chance = torch.where(is_free, (rows[:, code] / left.clamp(min=1e-300)).clamp(max=1.0), 0.0)
        offsets = torch.rand(n_groups, generator=generator, dtype=torch.float64)
        codes[_systematic(chance, groups, offsets)] = code
        left = left - rows[:, code]
    codes[codes < 0] = frequent[-1] if n_codes else -1
    # rounding may have passed over the last code that a row can have
    impossible = rows.gather(1, codes[:, None])[:, 0] == 0
    codes[impossible] = rows[impossible].argmax(1)
    result = torch.empty_like(codes)
    result[order] = codes
    return result


def _systematic(chance_N: Tensor, groups_N: Tensor, offsets_G: Tensor) -> Tensor:
    """Which rows are taken: those in which the sum of chances, from an offset on, passes a whole number.

    >>> _systematic(torch.tensor([0.5, 0.5, 0.5, 0.5]), torch.tensor([0, 0, 1, 1]), torch.tensor([0.25, 0.75])).tolist()
    [False, True, True, False]
    """
    total = torch.cat([chance_N.new_zeros(1), chance_N.cumsum(0)])
    is_first = torch.cat([groups_N.new_ones(1), groups_N.diff()]) != 0 if len(groups_N) else groups_N.bool()
    begin = total[:-1][is_first][is_first.cumsum(0) - 1] if len(groups_N) else total[:-1]
    start = offsets_G[groups_N] - begin
    taken: Tensor = (total[1:] + start).floor() > (total[:-1] + start).floor()
    return taken
