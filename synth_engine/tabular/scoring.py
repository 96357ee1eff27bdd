"""What a network says of codes that are given: their likelihood, and the distribution of some given others.

Nothing is drawn here, and nothing is approximated. The distribution of a sub-column given a set of others is one
conditional of the network, whatever that set; several are a chain of conditionals.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from synth_engine.nn.threads import map_in_threads
from synth_engine.tabular.conditionals import Conditionals
from synth_engine.tabular.network import OrderGroup, TabularNetwork

DEFAULT_BATCH = 4096
# Probabilities held at once by a thread, all rows of a batch and all combinations of codes together.
MAX_HELD = 2**20


def log_likelihood(
    network: TabularNetwork,
    codes_NK: Tensor,
    order: Sequence[int],
    *,
    n_scored: int | None = None,
    batch_size: int = DEFAULT_BATCH,
) -> Tensor:
    """Log-probability of each row's codes, in nats.

    Args:
        network: A trained network.
        codes_NK: Codes of the rows; those of columns that are not scored may be any.
        order: Column indices in the order in which one is given the ones before it.
        n_scored: How many columns count, the first in that order; None stands for all.
        batch_size: Rows at a time; bounds the memory.

    Returns:
        Shape (N,), float64, on the CPU.
    """
    device = network.column_of_K.device
    n_columns = network.layout.n_columns
    assert sorted(order) == list(range(n_columns)), "every column must have a place, and one only"
    place_1C = torch.tensor(order, device=device).argsort()[None]
    is_scored_K = place_1C[0, network.column_of_K] < (n_columns if n_scored is None else n_scored)
    is_scored = is_scored_K[network.heads.order_K]  # losses stand in head order

    @torch.no_grad()
    def batch(codes_BK: Tensor) -> Tensor:
        losses_KB = network.losses(codes_BK.to(device).long(), [OrderGroup(len(codes_BK), place_1C)])
        return -losses_KB[is_scored].sum(0, dtype=torch.float64).cpu()

    return _by_batches(batch, codes_NK.split(batch_size), device)


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of every row: how probable each outcome is.

    Args:
        given: Sub-columns whose codes are given.
        asked: Sub-columns that the outcomes are about, in the order of the chain; of every column from its first
            sub-column on, without gaps.
        allowed: The codes of each of them that are possible; the others have probability 0.
        outcome_of_M: The outcome that each combination of allowed codes belongs to; the last sub-column's varies first.
        n_outcomes: How many there are.
    """

    given: Sequence[int]
    asked: Sequence[int]
    allowed: Sequence[Tensor]
    outcome_of_M: Tensor
    n_outcomes: int


def outcome_probabilities(network: TabularNetwork, codes_NG: Tensor, question: Question) -> Tensor:
    """Exact probabilities of outcomes, given some codes of each row.

    Args:
        network: A trained network.
        codes_NG: Codes of the sub-columns that are given.
        question: What is given, and what is asked.

    Returns:
        Shape (N, outcomes), float64, on the CPU; rows add up to 1.

    Twin: `log_likelihood` of every combination.
    """
    assert len(question.outcome_of_M) == torch.tensor([len(codes) for codes in question.allowed]).prod()
    device = network.column_of_K.device
    conditionals = Conditionals(network)
    offsets_G = conditionals.offsets_K[torch.tensor(question.given, dtype=torch.long, device=device)]
    outcome_of_M = question.outcome_of_M.to(device)

    @torch.no_grad()
    def batch(codes_BG: Tensor) -> Tensor:
        chain_BM = _chain(conditionals, codes_BG.to(device).int() + offsets_G, question)
        summed = chain_BM.new_zeros(len(chain_BM), question.n_outcomes)
        return summed.index_add_(1, outcome_of_M, chain_BM).cpu()

    batch_size = max(1, min(DEFAULT_BATCH, MAX_HELD // len(outcome_of_M)))
    return _by_batches(batch, codes_NG.split(batch_size), device)


def _chain(conditionals: Conditionals, drawn: Tensor, question: Question) -> Tensor:
    """Probability (B, M) of every combination: each sub-column given the rows' codes and all combinations so far."""
    n_rows = len(drawn)
    chain = torch.ones(n_rows, 1, dtype=torch.float64, device=drawn.device)
    for done, (k, allowed) in enumerate(zip(question.asked, question.allowed, strict=True)):
        codes_C = allowed.to(drawn.device)
        logits = conditionals.logits(drawn, k).index_select(1, codes_C)
        chain = (chain.view(-1, 1) * logits.double().softmax(1)).view(n_rows, chain.shape[1] * len(codes_C))
        if done + 1 < len(question.asked):
            further = (codes_C.int() + conditionals.offsets_K[k]).repeat(len(drawn))
            drawn = torch.cat([drawn.repeat_interleave(len(codes_C), 0), further[:, None]], dim=1)
    return chain


def _by_batches(function: Callable[[Tensor], Tensor], batches: Sequence[Tensor], device: torch.device) -> Tensor:
    """On a CPU several batches at once."""
    is_cpu = device.type == "cpu"
    return torch.cat(map_in_threads(function, batches) if is_cpu else [function(each) for each in batches])
