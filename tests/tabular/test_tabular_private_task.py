"""The guarantee of `PrivateTabularTask`: what a record's loss is depends on no other record, nor on their number."""

import pytest
import torch
from torch import Tensor

from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.private_task import PrivateTabularTask
from synth_engine.tabular.sizes import Sizes
from tests.tabular.helpers import MIXED, losses_of, make_network, random_codes, seeded

COLUMNS = [[5], [2, 3], [4]]


def losses(network: TabularNetwork, codes: Tensor, rows: list[int], seed: int, **settings) -> Tensor:
    task = PrivateTabularTask(codes, **{"flexible": True, "n_orders": 3} | settings)
    return task.batch_losses(network, torch.tensor(rows, dtype=torch.long), seeded(seed))


@pytest.mark.parametrize("n_others", [0, 1, 2, 63])
def test_the_chance_of_the_natural_order_does_not_depend_on_the_others(n_others):
    """A record's loss tells its order: how often it is that of the natural one, over 2,000 batches.

    Five standard deviations are allowed for: exceeded with a probability below 1e-6, seeds being fixed.
    """
    network = make_network(COLUMNS, 0)
    codes = random_codes(COLUMNS, 1, 0).expand(1 + n_others, -1)
    natural = losses_of(network, codes[:1], [0, 1, 2]).sum()
    task = PrivateTabularTask(codes, flexible=True, n_orders=3, natural_share=0.3)
    generator = seeded(0)
    hits, n_batches = 0, 2000
    with torch.no_grad():
        for _ in range(n_batches):
            found = task.batch_losses(network, torch.arange(1 + n_others), generator)
            hits += torch.isclose(found, natural, atol=1e-5).sum().item()
    expected = 0.3 + 0.7 / 6  # one of six random orders is the natural one, too
    n = n_batches * (1 + n_others)
    # Random orders are shared by the records of a batch, so at worst the batches count, not the records.
    assert abs(hits / n - expected) < 5 * (expected * (1 - expected) / n_batches) ** 0.5


def test_the_orders_that_there_are_do_not_depend_on_the_rows():
    network = make_network(COLUMNS, 0)
    codes = random_codes(COLUMNS, 1, 0).expand(400, -1)
    for seed in range(5):
        few, many = (losses(network, codes, list(range(n)), seed) for n in (200, 400))
        distinct = [set(found.mul(1e4).round().tolist()) for found in (few, many)]
        assert distinct[0] == distinct[1]


@pytest.mark.parametrize("settings", [{"flexible": False}, {"natural_share": 1.0}])
def test_natural_order_alone(settings):
    network = make_network(MIXED, 0)
    codes = random_codes(MIXED, 20, 0)
    found = losses(network, codes, list(range(20)), 0, **settings)
    torch.testing.assert_close(found, losses_of(network, codes, range(4)).sum(1))


def test_losses_are_those_of_the_chosen_rows():
    network = make_network(MIXED, 0)
    codes = random_codes(MIXED, 50, 0)
    found = losses(network, codes, [7, 3, 9], 0, flexible=False)
    torch.testing.assert_close(found, losses_of(network, codes[[7, 3, 9]], range(4)).sum(1))


@pytest.mark.parametrize("columns", [[[1]], [[4]], [[2, 3]]])
def test_one_column(columns):
    network = make_network(columns, 0, Sizes(embedding=2, hidden=3, dropout=0.5))
    found = losses(network, random_codes(columns, 8, 0), list(range(8)), 0)
    assert found.shape == (8,)
    assert found.isfinite().all()


def test_follows_its_generator():
    network = make_network(MIXED, 0, Sizes(embedding=3, hidden=20, dropout=0.5))
    codes = random_codes(MIXED, 30, 0)
    one, same, other = (losses(network, codes, list(range(30)), seed) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
