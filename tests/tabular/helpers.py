"""Tiny layouts, networks with random weights, and what they say about every possible row."""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from synth_engine.domain.progress import Progress
from synth_engine.tabular.layout import Column, Layout
from synth_engine.tabular.marginals import count_codes
from synth_engine.tabular.network import OrderGroup, TabularNetwork
from synth_engine.tabular.sizes import Sizes
from synth_engine.tabular.task import TabularTask
from synth_engine.training import (
    History,
    Learner,
    Limits,
    Loop,
    Outcome,
    PlainStepper,
    Randomness,
    Schedule,
    ShuffledRows,
    WeightAverage,
)

TINY = Sizes(embedding=3, hidden=5, n_residual=2, dropout=0.0)
# Columns of one part, of several parts, of a single code; few enough rows to write down all.
MIXED = [[3], [2, 3], [1], [4]]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make_layout(columns: Sequence[Sequence[int]], *, is_ordered: bool = True) -> Layout:
    """Columns by the cardinalities of their parts; the codes of every other column are ordered."""
    made = []
    for i, sizes in enumerate(columns):
        parts = {f"p{part}": size for part, size in enumerate(sizes)}
        ranks = {part: ranks_of(size) for part, size in parts.items()} if is_ordered and i % 2 else {}
        made.append(Column(f"c{i}", parts, ranks))
    return Layout(tuple(made))


def ranks_of(size: int) -> list[float]:
    """The first code is reserved, the others are ordered."""
    return [math.nan, *torch.linspace(0, 1, size - 1).tolist()]


def make_network(
    columns: Sequence[Sequence[int]], seed: int, sizes: Sizes = TINY, scale: float = 0.7
) -> TabularNetwork:
    """All weights and biases normal with this standard deviation, so that everything depends on everything."""
    network = TabularNetwork(make_layout(columns), sizes)
    for i, parameter in enumerate(network.parameters()):
        parameter.data.normal_(std=scale, generator=seeded(1000 * seed + i))
    return network


def new_network(columns: Sequence[Sequence[int]], seed: int, sizes: Sizes) -> TabularNetwork:
    """A network as it starts out before training."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return TabularNetwork(make_layout(columns), sizes)


def all_rows(columns: Sequence[Sequence[int]]) -> Tensor:
    """Every row that there can be, (rows, K)."""
    sizes = [size for parts in columns for size in parts]
    return torch.tensor(list(itertools.product(*map(range, sizes))))


def random_codes(columns: Sequence[Sequence[int]], n_rows: int, seed: int) -> Tensor:
    rows = all_rows(columns)
    return rows[torch.randint(len(rows), (n_rows,), generator=seeded(seed))]


def places_in_order(network: TabularNetwork, columns: Sequence[int]) -> list[int]:
    """Sub-columns in the order in which they come when columns are drawn in this one."""
    return [k for column in columns for k in network.layout.places(f"c{column}")]


def as_places(columns: Sequence[int]) -> Tensor:
    """Columns in their order, as the place of each column; (1, columns)."""
    return torch.tensor([[list(columns).index(i) for i in range(len(columns))]])


def losses_of(network: TabularNetwork, codes: Tensor, columns: Sequence[int]) -> Tensor:
    """Losses (B, K) in natural order of the sub-columns, for columns drawn in this order."""
    losses = network.losses(codes, [OrderGroup(len(codes), as_places(columns))])
    return losses[[network.heads.place[k] for k in range(len(losses))]].t()


def row_probabilities(network: TabularNetwork, rows: Tensor, columns: Sequence[int]) -> Tensor:
    """Probability of each of these rows when columns are drawn in this order, in double precision."""
    with torch.no_grad():
        return (-losses_of(network, rows, columns).sum(1, dtype=torch.float64)).exp()


def counts_of(rows: Tensor, codes: Tensor) -> Tensor:
    """How often each of `rows`, all different, occurs in `codes`."""
    place = {tuple(row): i for i, row in enumerate(rows.tolist())}
    return torch.bincount(torch.tensor([place[tuple(row)] for row in codes.tolist()]), minlength=len(rows))


def shares_of(rows: Tensor, codes: Tensor) -> Tensor:
    return counts_of(rows, codes).double() / len(codes)


def total_variation(one: Tensor, other: Tensor) -> float:
    return (one - other).abs().sum().item() / 2


def train_on(
    network: TabularNetwork,
    training: Tensor,
    validation: Tensor,
    *,
    epochs: float,
    flexible: bool = True,
    seed: int = 0,
) -> tuple[Outcome, History, TabularNetwork]:
    """A training such as the stage runs, with settings for tiny tables."""
    network.start_from_marginals(count_codes(training, network.layout.cardinalities))
    task = TabularTask(network, training, validation, flexible=flexible)
    randomness = Randomness.of_seed(seed)
    learner = Learner(
        network,
        PlainStepper(network, task, randomness),
        Schedule(peak=5e-3, warmup_steps=20),
        WeightAverage(network, 0.99),
    )
    outcome = Loop(
        learner,
        ShuffledRows(len(training), 128, 1, randomness, training.device),
        Limits(epochs=epochs, seconds=600),
        referee=task,
        progress=Progress(None, "train", total=epochs, unit="epochs"),
    ).run()
    assert isinstance(learner.best, TabularNetwork)
    return outcome, learner.history, learner.best
