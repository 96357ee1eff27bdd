"""Samples come from the very distribution that the network was trained to have, in any order.

Tests on chance fail for a correct sampler with a probability of at most `ERROR_PROBABILITY` per case.
"""

import itertools

import pytest
import torch
from scipy import stats

from synth_engine.tabular import sampler
from synth_engine.tabular.interventions import Interventions
from synth_engine.tabular.sampler import sample
from tests.tabular.helpers import MIXED, all_rows, counts_of, make_network, row_probabilities, seeded

ERROR_PROBABILITY = 1e-4
COLUMNS = [[3], [2, 3], [2]]


def p_value(observed: torch.Tensor, probabilities: torch.Tensor) -> float:
    """Chi-square over rows; those of which fewer than five are expected are pooled."""
    expected = probabilities * observed.sum()
    small = expected < 5
    observed = torch.cat([observed[~small].double(), observed[small].sum()[None].double()])
    expected = torch.cat([expected[~small], expected[small].sum()[None]])
    kept = expected > 0
    return float(stats.chisquare(observed[kept].numpy(), expected[kept].numpy(), sum_check=False).pvalue)


@pytest.mark.parametrize("order", [None, *itertools.permutations(range(3))])
def test_rows_have_the_probabilities_that_training_gave_them(order):
    network, rows = make_network(COLUMNS, 1), all_rows(COLUMNS)
    codes = sample(network, 40_000, seeded(0), order=order)
    probabilities = row_probabilities(network, rows, order or range(3))
    assert p_value(counts_of(rows, codes), probabilities) > ERROR_PROBABILITY


def test_the_test_above_notices_another_order():
    network, rows = make_network(COLUMNS, 1), all_rows(COLUMNS)
    codes = sample(network, 40_000, seeded(0), order=[2, 1, 0])
    assert p_value(counts_of(rows, codes), row_probabilities(network, rows, range(3))) < ERROR_PROBABILITY


@pytest.mark.parametrize("n_rows", [0, 1, 2, 100])
@pytest.mark.parametrize("columns", [MIXED, [[1]], [[4]], [[2, 2]]])
def test_codes_of_the_right_shape_and_range(columns, n_rows):
    network = make_network(columns, 0)
    codes = sample(network, n_rows, seeded(0))
    sizes = network.layout.cardinalities
    assert codes.shape == (n_rows, len(sizes))
    assert codes.dtype == torch.int32
    assert (codes >= 0).all()
    assert (codes < torch.tensor(sizes)).all()


def test_follows_its_generator():
    network = make_network(MIXED, 0)
    one, same, other = (sample(network, 100, seeded(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("batch_size", [1, 7, 99, 100, 101])
@pytest.mark.parametrize("order", [None, [2, 0, 3, 1]])
def test_batch_size_does_not_matter(batch_size, order):
    network = make_network(MIXED, 0)
    interventions = Interventions(0.8, 0.9, {4: [0]})
    whole = sample(network, 100, seeded(0), interventions=interventions, order=order)
    parts = sample(network, 100, seeded(0), interventions=interventions, order=order, batch_size=batch_size)
    assert torch.equal(whole, parts)


def test_the_natural_order_is_the_default():
    network = make_network(MIXED, 0)
    assert torch.equal(sample(network, 50, seeded(0)), sample(network, 50, seeded(0), order=[0, 1, 2, 3]))


def test_temperature_zero_gives_the_same_row_every_time():
    codes = sample(make_network(MIXED, 0), 50, seeded(0), interventions=Interventions(temperature=0))
    assert (codes == codes[0]).all()


@pytest.mark.parametrize("order", [[0, 1, 2], [0, 1, 2, 2], [0, 1, 2, 3, 3], []])
def test_an_order_must_draw_every_column_once(order):
    with pytest.raises(AssertionError, match="every column"):
        sample(make_network(MIXED, 0), 3, seeded(0), order=order)


def test_leaves_the_network_as_it_was():
    network = make_network(MIXED, 0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    sample(network, 20, seeded(0))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize("share", [0.0, 0.05, 1.0])
def test_rows_alike_may_be_looked_at_once(monkeypatch, share):
    """The same rows, whether kinds of rows or all rows are looked at."""
    network = make_network(MIXED, 0)
    interventions = Interventions(0.8, 0.9, {4: [0]})
    expected = sample(network, 500, seeded(0), interventions=interventions)
    monkeypatch.setattr(sampler, "MAX_KINDS", share)
    assert torch.equal(sample(network, 500, seeded(0), interventions=interventions), expected)
