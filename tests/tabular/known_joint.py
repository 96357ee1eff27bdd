"""A small table of which every probability is known, with dependencies of several kinds."""

from typing import NamedTuple

import torch
from torch import Tensor

from synth_engine.tabular.network import TabularNetwork
from synth_engine.training import History, Outcome
from tests.tabular.helpers import all_rows, seeded

# x1; x2 given x1; x3 = f(x1, x2); x4 of two parts, the first given x3, the second given the first and x1
COLUMNS = [[3], [3], [4], [2, 3]]
P1 = torch.tensor([0.5, 0.3, 0.2])
P2_GIVEN_1 = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.1, 0.6]])
P4A_GIVEN_3 = torch.tensor([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.4, 0.6]])
P4B_GIVEN_4A_1 = torch.tensor([[[0.6, 0.3, 0.1], [0.3, 0.4, 0.3], [0.1, 0.1, 0.8]], [[0.2, 0.2, 0.6]] * 3])


def third(x1: Tensor, x2: Tensor) -> Tensor:
    """The third column, a function of the first two."""
    return (x1 + 2 * x2) % 4


def true_probabilities(rows: Tensor) -> Tensor:
    """Probability of each of these rows."""
    x1, x2, x3, x4a, x4b = rows.unbind(1)
    chain = P1[x1] * P2_GIVEN_1[x1, x2] * P4A_GIVEN_3[x3, x4a] * P4B_GIVEN_4A_1[x4a, x1, x4b]
    return (chain * (third(x1, x2) == x3)).double()


def draw_rows(n_rows: int, seed: int) -> Tensor:
    """Rows drawn from the truth, (n_rows, K)."""
    rows = all_rows(COLUMNS)
    if n_rows == 0:
        return rows[:0]
    return rows[torch.multinomial(true_probabilities(rows), n_rows, replacement=True, generator=seeded(seed))]


class Learned(NamedTuple):
    """A training on rows of the known table, and the network that came out of it."""

    training: Tensor
    validation: Tensor
    outcome: Outcome
    history: History
    network: TabularNetwork
