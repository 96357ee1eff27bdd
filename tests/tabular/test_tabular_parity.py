"""Parity: every group gets the wanted shares, probabilities change as little as that takes, counts are even."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.tabular.interventions import Interventions
from synth_engine.tabular.parity import draw_evenly, probabilities_of, tilted
from tests.tabular.helpers import MIXED, all_rows, losses_of, make_network, seeded


def random_probabilities(n_rows: int, n_codes: int, seed: int, sharpness: float = 2.0) -> torch.Tensor:
    return (torch.randn(n_rows, n_codes, generator=seeded(seed), dtype=torch.float64) * sharpness).softmax(1)


def means(values: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
    return torch.stack([values[groups == group].mean(0) for group in range(int(groups.max()) + 1)])


@given(st.integers(2, 6), st.integers(1, 5), st.integers(0, 1000), st.sampled_from([0.0, 1.0, 5.0]))
def test_every_group_has_the_wanted_shares(n_codes, n_groups, seed, sharpness):
    n_rows = 60
    groups = torch.arange(n_rows) % n_groups
    wanted = random_probabilities(1, n_codes, seed + 1, 1.0)[0]
    found = tilted(random_probabilities(n_rows, n_codes, seed, sharpness), groups, wanted)
    assert torch.allclose(found.sum(1), torch.ones(n_rows, dtype=torch.float64))
    assert (means(found, groups) - wanted).abs().max() < 1e-3


def test_what_is_as_wanted_is_not_changed():
    probabilities = random_probabilities(50, 4, 0)
    groups = torch.zeros(50, dtype=torch.long)
    assert torch.allclose(tilted(probabilities, groups, probabilities.mean(0)), probabilities, atol=1e-5)


def test_odds_change_alike_in_all_rows_of_a_group():
    """The mark of the least change in the sense of Kullback and Leibler."""
    probabilities, groups = random_probabilities(40, 3, 1), torch.arange(40) % 2
    found = tilted(probabilities, groups, torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64))
    for group in range(2):
        factors = (found / probabilities)[groups == group]
        ratios = factors / factors[:, :1]
        assert torch.allclose(ratios, ratios[:1].expand_as(ratios), rtol=1e-6)


def test_no_row_gets_a_code_that_it_cannot_have():
    """Neither where nobody in the group can, nor where too few can for the wanted share."""
    probabilities = random_probabilities(30, 3, 2)
    probabilities[::3, 0] = probabilities[1:25:3, 1] = 0
    probabilities = probabilities / probabilities.sum(1, keepdim=True)
    found = tilted(probabilities, torch.arange(30) % 3, torch.tensor([0.25, 0.5, 0.25], dtype=torch.float64))
    assert (found[probabilities == 0] == 0).all()
    assert torch.allclose(found.sum(1), torch.ones(30, dtype=torch.float64))
    assert found[::3].mean(0).tolist() == pytest.approx([0, 2 / 3, 1 / 3], abs=1e-4)
    assert (found[25::3, 1] > 0.99).all()


@given(st.integers(1, 200), st.integers(1, 4), st.integers(0, 1000))
def test_with_two_codes_counts_are_off_by_less_than_one(n_rows, n_groups, seed):
    probabilities, groups = random_probabilities(n_rows, 2, seed), torch.arange(n_rows) % n_groups
    codes = draw_evenly(probabilities, groups, seeded(seed))
    for group in groups.unique():
        expected = probabilities[groups == group, 1].sum()
        assert abs((codes[groups == group] == 1).sum() - expected) < 1 + 1e-9


def test_each_row_has_its_probabilities():
    """Error probability: a count of 4,000 draws is off by five standard deviations in one of 1.7 million cases."""
    probabilities, groups = random_probabilities(7, 3, 3), torch.tensor([0, 0, 1, 1, 1, 2, 0])
    counts = torch.zeros(7, 3, dtype=torch.float64)
    generator = seeded(0)
    for _ in range(4_000):
        counts[torch.arange(7), draw_evenly(probabilities, groups, generator)] += 1
    deviations = (probabilities * (1 - probabilities) / 4_000).sqrt()
    assert ((counts / 4_000 - probabilities).abs() < 5 * deviations).all()


@pytest.mark.parametrize("k", range(5))
def test_probabilities_given_all_else_are_those_of_the_network(k):
    network, rows = make_network(MIXED, 0), all_rows(MIXED)
    column = int(network.column_of_K[k])
    if MIXED[column] == [2, 3]:
        pytest.skip("a part of a column does not come last")
    order = [name for name in range(4) if name != column] + [column]
    with torch.no_grad():
        expected = (-losses_of(network, rows, order)[:, k].double()).exp()
    found = probabilities_of(network, rows.int(), k, Interventions(), batch_size=7)
    assert torch.allclose(found[torch.arange(len(rows)), rows[:, k]], expected, atol=1e-6)


def test_no_rows():
    nobody = torch.zeros(0, dtype=torch.long)
    assert tilted(torch.zeros(0, 2, dtype=torch.float64), nobody, torch.tensor([0.5, 0.5])).shape == (0, 2)
    assert draw_evenly(torch.zeros(0, 2, dtype=torch.float64), nobody, seeded(0)).shape == (0,)
