"""Codes that are given come back, and the others have the very probabilities that the network gives them.

Tests on chance fail for a correct sampler with a probability of at most `ERROR_PROBABILITY` per case.
"""

import itertools

import pytest
import torch
from hypothesis import given as drawn_by_hypothesis
from hypothesis import settings
from hypothesis import strategies as st

from synth_engine.tabular.given import Given
from synth_engine.tabular.interventions import Interventions
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.sampler import sample
from tests.tabular.helpers import MIXED, all_rows, make_network, random_codes, row_probabilities, seeded, shares_of
from tests.tabular.test_tabular_sampler import COLUMNS, ERROR_PROBABILITY, p_value

N = 20_000


def conditional(network: TabularNetwork, rows: torch.Tensor, row: torch.Tensor, names: list[int]) -> torch.Tensor:
    """Probability of each of `rows` given the columns `names` of `row`: these come first, the others in order."""
    others = [column for column in range(network.layout.n_columns) if column not in names]
    joint = row_probabilities(network, rows, [*names, *others])
    places = [k for name in names for k in network.layout.places(f"c{name}")]
    joint = torch.where((rows[:, places] == row[places]).all(1), joint, 0.0)
    return joint / joint.sum()


def given_cells(codes: torch.Tensor, columns: list[list[int]]) -> Given:
    """Row i has the columns ``columns[i]``."""
    is_given = torch.zeros(len(codes), len(COLUMNS), dtype=torch.bool)
    for i, names in enumerate(columns):
        is_given[i, names] = True
    return Given(codes.int(), is_given)


@pytest.mark.parametrize("names", [names for n in range(4) for names in itertools.combinations(range(3), n)])
def test_the_others_have_their_conditional_probabilities(names):
    network, rows = make_network(COLUMNS, 1), all_rows(COLUMNS)
    row = rows[17]
    given = given_cells(row.repeat(N, 1), [list(names)] * N)
    codes = sample(network, N, seeded(0), given=given)
    counts = (shares_of(rows, codes) * N).round().long()
    expected = conditional(network, rows, row, list(names))
    assert counts[expected == 0].sum() == 0
    assert p_value(counts, expected) > ERROR_PROBABILITY or expected.max() > 0.999


def test_rows_may_be_given_different_cells():
    """A column that some rows have and others lack is drawn given what comes after it, too."""
    network, rows = make_network(COLUMNS, 2), all_rows(COLUMNS)
    patterns = [[2], [0, 2], [1], []]
    row = rows[11]
    given = given_cells(row.repeat(4 * N, 1), [patterns[i % 4] for i in range(4 * N)])
    codes = sample(network, 4 * N, seeded(0), given=given, batch_size=999)
    for place, names in enumerate(patterns):
        counts = (shares_of(rows, codes[place::4]) * N).round().long()
        assert p_value(counts, conditional(network, rows, row, names)) > ERROR_PROBABILITY


def test_the_test_above_notices_a_draw_that_ignores_what_is_given():
    network, rows = make_network(COLUMNS, 2), all_rows(COLUMNS)
    codes = sample(network, N, seeded(0))
    counts = (shares_of(rows, codes) * N).round().long()
    assert p_value(counts, conditional(network, rows, rows[11], [2])) < ERROR_PROBABILITY


@settings(max_examples=20)
@drawn_by_hypothesis(st.integers(0, 10**6), st.integers(1, 40))
def test_what_is_given_comes_back_whatever_is_done_to_the_others(seed, batch_size):
    network, n = make_network(MIXED, 0), 40
    codes = random_codes(MIXED, n, seed)
    is_given = torch.rand(n, len(MIXED), generator=seeded(seed)) < 0.5
    interventions = Interventions(temperature=0.7, top_p=0.9, forbidden={0: [1], 4: [0, 2]})
    given = Given(codes.int(), is_given)
    found = sample(network, n, seeded(1), given=given, interventions=interventions, batch_size=batch_size)
    known = is_given[:, network.column_of_K]
    assert torch.equal(found[known], codes.int()[known])
    assert not ((found[:, 0] == 1) & ~known[:, 0]).any()
    assert (found >= 0).all()
    assert (found < torch.tensor(network.layout.cardinalities)).all()


@pytest.mark.parametrize("order", [None, [3, 1, 0, 2]])
def test_nothing_given_is_no_seed_at_all(order):
    network = make_network(MIXED, 0)
    nothing = Given.nothing(30, len(network.layout.cardinalities), 4)
    plain = sample(network, 30, seeded(0), order=order)
    assert torch.equal(sample(network, 30, seeded(0), order=order, given=nothing), plain)


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_batches_do_not_matter(batch_size):
    network = make_network(MIXED, 0)
    given = Given(random_codes(MIXED, 60, 3).int(), torch.rand(60, 4, generator=seeded(4)) < 0.4)
    whole = sample(network, 60, seeded(0), given=given)
    assert torch.equal(sample(network, 60, seeded(0), given=given, batch_size=batch_size), whole)


def test_no_rows():
    network = make_network(MIXED, 0)
    assert sample(network, 0, seeded(0), given=Given.nothing(0, 5, 4)).shape == (0, 5)
