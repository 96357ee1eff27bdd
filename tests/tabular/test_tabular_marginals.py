"""Marginals: exact counts, and the guarantee of the noisy ones."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import kstest

from synth_engine.tabular.marginals import _nearest, count_codes, release_counts
from tests.tabular.helpers import MIXED, random_codes

SIZES = [size for parts in MIXED for size in parts]
# Probability that a statistical test fails though all is right; seeds are fixed, so it fails never or always.
FAILURE = 1e-4


class Recorder:
    """Gives standard normal numbers, and keeps them."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self.drawn: list[np.ndarray] = []

    def standard_normal(self, size: int) -> np.ndarray:
        self.drawn.append(self._rng.standard_normal(size))
        return self.drawn[-1]


@pytest.mark.parametrize("n", [0, 1, 500])
def test_counts_are_those_of_a_loop(n):
    codes = random_codes(MIXED, n, 0)
    for k, counts in enumerate(count_codes(codes, SIZES)):
        assert counts.tolist() == [sum(code == wanted for code in codes[:, k].tolist()) for wanted in range(SIZES[k])]


def test_a_row_moves_the_counts_by_the_sensitivity():
    rows = random_codes(MIXED, 50, 0)
    for n in range(49):
        before, after = (torch.cat(count_codes(rows[:size], SIZES)) for size in (n, n + 1))
        assert (after - before).double().norm().item() == pytest.approx(math.sqrt(len(SIZES)))


def test_every_count_has_noise_of_the_standard_deviation_that_was_asked_for():
    """Many rows, so that nothing is cut off; the total then moves the counts of each sub-column alike."""
    exact = [torch.full((200,), 1_000_000) for _ in range(9)]
    noisy = release_counts(exact, 5.0, np.random.default_rng(0))
    for one, other in zip(exact, noisy, strict=True):
        noise = ((other - one) - (other - one).mean()).numpy() / (5.0 * math.sqrt(9))
        assert kstest(noise * math.sqrt(200 / 199), "norm").pvalue > FAILURE


def test_nothing_is_looked_at_but_noisy_counts():
    """The same sums of counts and noise give the same result, whatever the counts."""

    class Shifted(Recorder):
        def standard_normal(self, size: int) -> np.ndarray:
            return super().standard_normal(size) - 3.0 / (2.0 * math.sqrt(len(SIZES)))

    codes = random_codes(MIXED, 300, 0)
    exact = [counts.double() for counts in count_codes(codes, SIZES)]
    one = release_counts(exact, 2.0, Recorder(0))
    other = release_counts([counts + 3.0 for counts in exact], 2.0, Shifted(0))
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b)


def test_the_total_is_better_than_that_of_any_sub_column():
    exact = count_codes(random_codes(MIXED, 5000, 0), SIZES)
    totals = [release_counts(exact, 3.0, np.random.default_rng(seed))[0].sum().item() for seed in range(400)]
    deviation = 3.0 * math.sqrt(len(SIZES))
    best = deviation * math.sqrt(min(SIZES))
    assert abs(np.mean(totals) - 5000) < 5 * best / 20
    assert np.std(totals) < 0.8 * best


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=6), st.floats(0, 200))
def test_the_nearest_counts_are_the_nearest(counts, total):
    found = _nearest(np.array(counts), total)
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(total, abs=1e-6)
    start = np.full(len(counts), total / len(counts))
    slow = minimize(
        lambda x: ((x - counts) ** 2).sum(),
        start,
        bounds=[(0, None)] * len(counts),
        constraints={"type": "eq", "fun": lambda x: x.sum() - total},
    )
    assert ((found - counts) ** 2).sum() <= slow.fun + 1e-3 * (1 + abs(slow.fun))


@pytest.mark.parametrize("noise", [0.0, 1e3, 1e9])
@pytest.mark.parametrize("n", [0, 1, 100])
def test_released_counts_are_consistent_whatever_the_noise(noise, n):
    released = release_counts(count_codes(random_codes(MIXED, n, 0), SIZES), noise, np.random.default_rng(0))
    totals = [counts.sum().item() for counts in released]
    assert totals == pytest.approx([totals[0]] * len(totals))
    assert all((counts >= 0).all() and counts.isfinite().all() for counts in released)
    if noise == 0:
        assert totals[0] == pytest.approx(n)
