"""The mix of orders in a batch, and losses that can be compared from epoch to epoch."""

import math

import pytest
import torch
from torch import Tensor

from synth_engine.nn.orders import natural_order
from synth_engine.tabular.network import OrderGroup, TabularNetwork
from synth_engine.tabular.sizes import Sizes
from synth_engine.tabular.task import MAX_RANDOM_ORDERS, NATURAL_SHARE, ROWS_PER_ORDER, TabularTask
from tests.tabular.helpers import MIXED, TINY, losses_of, make_layout, make_network, random_codes, seeded

SIZES = [1, 2, 3, 63, 64, 65, 127, 128, 129, 255, 256, 257, 1000, 3001]


class Recorder(TabularNetwork):
    """Remembers the groups that it was asked for."""

    def __init__(self, columns: list[list[int]] = MIXED, sizes: Sizes = TINY) -> None:
        super().__init__(make_layout(columns), sizes)
        self.asked: list[list[OrderGroup]] = []

    def losses(self, codes_BK: Tensor, groups, noise=()) -> Tensor:
        self.asked.append(list(groups))
        return super().losses(codes_BK, groups, noise)


def make_task(network: TabularNetwork, *, n=3001, n_validation=50, flexible=True, seed=0) -> TabularTask:
    columns = [list(column.cardinalities.values()) for column in network.layout.columns]
    training, validation = random_codes(columns, n, seed), random_codes(columns, n_validation, seed + 1)
    return TabularTask(network, training.int(), validation.int(), flexible=flexible)


def batch_losses(task: TabularTask, network: TabularNetwork, rows: Tensor, generator: torch.Generator) -> Tensor:
    return task.losses(network, task.draw(rows, generator))


def is_natural(order: Tensor) -> bool:
    return torch.equal(order, torch.arange(len(order)))


def natural_rows(groups: list[OrderGroup]) -> int:
    """Rows of the group that is in the natural order on purpose: the only one with one order, or the first of two."""
    n_rows, order = groups[0]
    return n_rows if len(order) == 1 and is_natural(order[0]) else 0


@pytest.mark.parametrize("n_rows", SIZES)
def test_groups_cover_the_batch_in_equal_parts(n_rows):
    network = Recorder()
    batch_losses(make_task(network), network, torch.arange(n_rows), seeded(0))
    (groups,) = network.asked
    assert sum(group.n_rows for group in groups) == n_rows
    for group in groups:
        assert group.n_rows > 0
        assert group.n_rows % len(group.order_GC) == 0
        assert (group.order_GC.sort(dim=1).values == torch.arange(len(MIXED))).all()


@pytest.mark.parametrize("n_rows", SIZES[1:])
def test_the_natural_order_has_its_share_and_the_rest_few_orders(n_rows):
    network = Recorder()
    batch_losses(make_task(network), network, torch.arange(n_rows), seeded(0))
    ((natural, random),) = network.asked
    assert natural_rows([natural, random]) == natural.n_rows
    n_orders = len(random.order_GC)
    assert NATURAL_SHARE * n_rows <= natural.n_rows < NATURAL_SHARE * n_rows + n_orders + 1
    assert n_orders <= MAX_RANDOM_ORDERS
    assert n_orders == 1 or random.n_rows >= n_orders * ROWS_PER_ORDER


@pytest.mark.parametrize("seed", [0, 1])
def test_single_rows_take_turns(seed):
    """Fails for a correct task with a probability of 1e-5: the number of batches in natural order is binomial."""
    network = Recorder()
    task = make_task(network, seed=seed)
    n = 1000
    generator = seeded(seed)
    for _ in range(n):
        batch_losses(task, network, torch.tensor([0]), generator)
    assert all(len(groups) == 1 and groups[0].order_GC.shape == (1, len(MIXED)) for groups in network.asked)
    share = NATURAL_SHARE + (1 - NATURAL_SHARE) / math.factorial(len(MIXED))
    found = sum(natural_rows(groups) for groups in network.asked)
    assert abs(found - share * n) < 4.42 * math.sqrt(share * (1 - share) * n)


@pytest.mark.parametrize("n_rows", SIZES)
@pytest.mark.parametrize(("columns", "flexible"), [(MIXED, False), ([[5]], True), ([[2, 3, 2]], True)])
def test_only_the_natural_order_where_no_other_is_wanted(columns, flexible, n_rows):
    network = Recorder(columns)
    task = make_task(network, flexible=flexible)
    batch_losses(task, network, torch.arange(n_rows), seeded(0))
    task.validation_loss(network)
    for groups in network.asked:
        assert len(groups) == 1
        assert torch.equal(groups[0].order_GC, natural_order(len(columns)))


@pytest.mark.parametrize("n_rows", [1, 65, 300])
def test_losses_are_sums_over_the_columns_in_the_order_of_each_row(n_rows):
    network = Recorder()
    task = make_task(network)
    rows = torch.randperm(3001, generator=seeded(5))[:n_rows]
    found = batch_losses(task, network, rows, seeded(0))
    codes, ((*groups,),) = random_codes(MIXED, 3001, 0)[rows], network.asked
    orders = [order for group in groups for order in group.order_GC for _ in range(group.n_rows // len(group.order_GC))]
    slow = [
        losses_of(network, row[None], order.argsort().tolist()).sum().item()
        for row, order in zip(codes, orders, strict=True)
    ]
    assert found.tolist() == pytest.approx(slow, rel=1e-4)


def test_training_drops_units_and_validation_does_not():
    network = make_network(MIXED, 0, Sizes(embedding=3, hidden=20, dropout=0.5))
    task = make_task(network, flexible=False)
    rows = torch.arange(200)
    generator = seeded(0)
    first, second = (batch_losses(task, network, rows, generator) for _ in range(2))
    assert not torch.equal(first, second)
    codes = random_codes(MIXED, 50, 1)
    wanted = losses_of(network, codes, range(len(MIXED))).sum(1).mean().item()
    assert task.validation_loss(network) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("n_validation", [1, 2, 65, 5000])
def test_validation_loss_is_the_same_every_time(n_validation):
    network = make_network(MIXED, 0, Sizes(embedding=3, hidden=8, dropout=0.5))
    task = make_task(network, n_validation=n_validation)
    first = task.validation_loss(network)
    batch_losses(task, network, torch.arange(70), seeded(0)).sum().backward()
    again = make_task(network, n_validation=n_validation)
    batch_losses(again, network, torch.arange(9), seeded(0))
    assert first == task.validation_loss(network) == again.validation_loss(network)


def test_validation_leaves_the_randomness_of_training_alone():
    network = make_network(MIXED, 0, Sizes(embedding=3, hidden=8, dropout=0.5))
    one, other = make_task(network), make_task(network)
    rows, generator = torch.arange(200), seeded(0)
    wanted = batch_losses(other, network, rows, seeded(0))
    one.validation_loss(network)
    assert torch.equal(batch_losses(one, network, rows, generator), wanted)


def test_large_validation_sets_are_a_mean_over_all_rows():
    network = make_network(MIXED, 0)
    task = make_task(network, n_validation=9000, flexible=False)
    wanted = losses_of(network, random_codes(MIXED, 9000, 1), range(len(MIXED))).sum(1).mean().item()
    assert task.validation_loss(network) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("flexible", [True, False])
def test_no_validation_rows_have_no_loss(flexible):
    network = make_network(MIXED, 0)
    for nothing in (torch.zeros(0, 5, dtype=torch.int32), torch.zeros(0, 0, dtype=torch.int32)):
        task = TabularTask(network, random_codes(MIXED, 9, 0), nothing, flexible=flexible)
        assert task.n_validation == 0
        assert task.validation_loss(network) is None
