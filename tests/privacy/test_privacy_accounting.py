"""Accountants: against closed forms and published numbers, and the laws that any privacy loss obeys."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import log_ndtr

from synth_engine.privacy.accounting import Accountant, GaussianEvent

DELTA = 1e-5
KINDS = ["RDP", "PRV"]


def exact_epsilon(noise_multiplier: float, delta: float) -> float:
    """Of the Gaussian mechanism without sampling (Balle and Wang, arXiv 1805.06530, theorem 8)."""

    def excess(epsilon: float) -> float:
        half, shift = 1 / (2 * noise_multiplier), epsilon * noise_multiplier
        return math.exp(log_ndtr(half - shift)) - math.exp(epsilon + log_ndtr(-half - shift)) - delta

    return brentq(excess, 0.0, 500.0) if excess(0.0) > 0 else 0.0


def accountant(noise: float = 1.5, rate: float = 0.01, kind: str = "RDP", *before: GaussianEvent) -> Accountant:
    return Accountant(DELTA, GaussianEvent(noise, rate), before, kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("noise", [0.7, 1.0, 2.0, 5.0, 20.0])
@pytest.mark.parametrize("steps", [1, 4, 100])
def test_without_sampling_it_bounds_the_exact_loss_closely(kind, noise, steps):
    """So many Gaussian mechanisms are one with less noise."""
    exact = exact_epsilon(noise / math.sqrt(steps), DELTA)
    found = accountant(noise, 1.0, kind).epsilon(steps)
    assert exact <= found <= 1.15 * exact + 0.02


def test_known_numbers():
    """60,000 images, batches of 256, 60 epochs, as in the tutorials of TensorFlow Privacy; and Abadi et al., fig. 2."""
    assert accountant(1.1, 256 / 60_000).epsilon(60 * 60_000 // 256) == pytest.approx(2.60, abs=0.02)
    assert 1.0 < accountant(4.0, 0.01).epsilon(10_000) < 1.26  # 1.26 with the conversion of that time


@settings(max_examples=25)
@given(st.floats(0.5, 20), st.floats(1e-4, 1), st.integers(1, 1000), st.sampled_from(KINDS))
def test_more_noise_costs_less_and_more_of_anything_else_more(noise, rate, steps, kind):
    one = accountant(noise, rate, kind)
    # numerical composition is exact up to its error of 0.01, twice
    tolerance = 0.02 if kind == "PRV" else 1e-9
    epsilon = one.epsilon(steps) + tolerance
    assert one.with_noise(2 * noise).epsilon(steps) <= epsilon
    assert one.epsilon(2 * steps) >= epsilon - 2 * tolerance
    assert accountant(noise, min(1.0, 2 * rate), kind).epsilon(steps) >= epsilon - 2 * tolerance
    assert replace(one, before=(GaussianEvent(5.0),)).epsilon(steps) >= epsilon - 2 * tolerance
    assert replace(one, delta=DELTA / 10).epsilon(steps) >= epsilon - 2 * tolerance


@pytest.mark.parametrize(("noise", "rate", "steps"), [(1.0, 0.01, 1000), (2.0, 0.05, 400), (0.8, 0.1, 20)])
def test_sampling_and_numerical_composition_pay(noise, rate, steps):
    by_orders, numerical = (accountant(noise, rate, kind).epsilon(steps) for kind in KINDS)
    assert 0.8 * by_orders < numerical < by_orders < accountant(noise, 1.0).epsilon(steps)


@pytest.mark.parametrize("kind", KINDS)
def test_composition_is_below_the_sum_and_above_each(kind):
    before = GaussianEvent(8.0)
    steps, alone = accountant(1.5, 0.01, kind), accountant(8.0, 1.0, kind).epsilon(1)
    both = replace(steps, before=(before,)).epsilon(1000)
    assert max(steps.epsilon(1000), alone) < both < steps.epsilon(1000) + alone
    assert replace(steps, before=(before,)).epsilon(0) == alone


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("limit", [0.7, 1.0, 3.0])
def test_the_most_steps_are_the_most(kind, limit):
    plan = accountant(2.0, 0.02, kind)
    steps = plan.max_steps(limit, 10_000)
    assert 0 < steps < 10_000
    assert plan.epsilon(steps) <= limit < plan.epsilon(steps + 1)
    assert plan.max_steps(limit, steps - 1) == steps - 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [0.01, 1.0])
@pytest.mark.parametrize("target", [0.2, 2.4, 8.0])
def test_the_noise_for_a_target_is_the_least(kind, rate, target):
    plan = accountant(1.0, rate, kind, GaussianEvent(50.0))
    noise = plan.noise_for(target, 500)
    assert plan.with_noise(noise).epsilon(500) <= target < plan.with_noise(0.998 * noise).epsilon(500)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_done_costs_nothing_and_no_noise_everything(kind):
    assert accountant(kind=kind).epsilon(0) == 0
    assert accountant(rate=0.0, kind=kind).epsilon(100) == 0
    assert accountant(0.0, kind=kind).epsilon(0) == 0
    assert accountant(0.0, kind=kind).epsilon(1) == math.inf
    assert accountant(0.0, kind=kind).max_steps(100.0, 10) == 0
    assert accountant(kind=kind).max_steps(0.0, 10) == 0
    assert accountant(kind=kind).max_steps(1.0, 0) == 0


@pytest.mark.parametrize("before", [(GaussianEvent(1.0),), (GaussianEvent(0.0),)])
def test_a_target_that_was_overspent_before_is_refused(before):
    with pytest.raises(ValueError, match=r"no noise makes 10 steps cost as little as an epsilon of 0\.5"):
        accountant(1.0, 0.1, "RDP", *before).noise_for(0.5, 10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("noise", [0.01, 0.1, 0.3, 100.0, pytest.param(1e6, marks=pytest.mark.slow)])
@pytest.mark.parametrize("rate", [1e-7, 0.5, 0.999, 1.0])
def test_extremes_are_finite_bounds(kind, noise, rate):
    epsilon = accountant(noise, rate, kind).epsilon(3)
    assert 0 <= epsilon < math.inf
    if rate == 1 and noise >= 0.1:
        assert epsilon >= exact_epsilon(noise / math.sqrt(3), DELTA)
