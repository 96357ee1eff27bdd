"""The guarantees of the mechanisms, attacked by statistics; and mechanisms with too little noise, which are caught."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.privacy import MINIMUM_ENTITIES, NoisyHistogram, StableHistogram, seeded_source
from tests.privacy.bounds import FAILURE, most_failures, most_unnoticed
from tests.privacy.empirical import least_epsilon

RUNS = 100_000


def source(seed: int = 0):
    return seeded_source(np.random.default_rng(seed))


@dataclass(frozen=True)
class HalfTheNoise(NoisyHistogram):
    """A mistake: noise for half of the privacy loss that it causes."""

    def release(self, counts, source):
        return replace(self, epsilon=2 * self.epsilon).release_soundly(counts, source)

    def release_soundly(self, counts, source):
        return NoisyHistogram(self.epsilon).release(counts, source)


@dataclass(frozen=True)
class NoThreshold(StableHistogram):
    """A mistake: every value is shown that anybody holds."""

    minimum: int = 1

    @property
    def threshold(self) -> int:
        return -(10**9)


def runs_of(mechanism, count: int):
    """Many independent runs on one cell at once: noise is drawn for each."""

    def runs(n_runs: int, seed: int):
        return mechanism.release(np.full(n_runs, count), source(seed))

    return runs


@pytest.mark.parametrize("epsilon", [0.1, 0.5, 1.0, 2.0])
def test_a_noisy_histogram_keeps_its_epsilon_and_uses_it(epsilon):
    mechanism = NoisyHistogram(epsilon)
    found = least_epsilon(runs_of(mechanism, 40), runs_of(mechanism, 41), RUNS, 0.0, FAILURE)
    assert 0.7 * epsilon < found <= epsilon


@pytest.mark.parametrize("epsilon", [0.1, 0.5, 1.0, 2.0])
def test_half_the_noise_is_caught(epsilon):
    mechanism = HalfTheNoise(epsilon)
    assert least_epsilon(runs_of(mechanism, 40), runs_of(mechanism, 41), RUNS, 0.0, FAILURE) > epsilon


# Counts where something begins: to be a candidate at all, to be shown now and then, to be shown as a rule.
@pytest.mark.parametrize("count", [0, 4, 5, 6, 14, 30])
@pytest.mark.parametrize(("epsilon", "delta"), [(0.5, 0.01), (1.0, 0.001), (1.0, 1e-6)])
def test_a_stable_histogram_keeps_its_epsilon_and_delta(count, epsilon, delta):
    mechanism = StableHistogram(epsilon, delta)
    found = least_epsilon(runs_of(mechanism, count), runs_of(mechanism, count + 1), RUNS, delta, FAILURE)
    assert found <= epsilon


@pytest.mark.parametrize("delta", [0.1, 0.01, 0.001])
def test_a_value_at_the_minimum_is_shown_with_probability_delta_at_most_and_nearly_so(delta):
    mechanism = StableHistogram(0.2, delta)
    shown = (mechanism.release(np.full(RUNS, MINIMUM_ENTITIES), source()) > 0).mean()
    deviation = math.sqrt(delta / RUNS)
    assert shown < delta + 5 * deviation
    assert shown > delta * math.exp(-0.2) - 5 * deviation  # the threshold is the smallest whole number that will do


def test_a_histogram_without_a_threshold_is_caught():
    mechanism = NoThreshold(1.0, 1e-6)
    assert least_epsilon(runs_of(mechanism, 0), runs_of(mechanism, 1), RUNS, 1e-6, FAILURE) > 1.0


@given(st.lists(st.integers(0, 100), max_size=20), st.floats(0.1, 100), st.floats(1e-12, 0.4), st.integers(0, 9))
def test_a_shown_value_is_held_by_the_minimum_whatever_the_noise(counts, epsilon, delta, seed):
    exact = np.array(counts, np.int64)
    shown = StableHistogram(epsilon, delta).release(exact, source(seed))
    assert not shown[exact < MINIMUM_ENTITIES].any()
    assert (shown[shown > 0] >= StableHistogram(epsilon, delta).threshold).all()
    assert (shown >= 0).all()


@given(st.floats(0.01, 100), st.floats(1e-15, 0.4))
def test_the_threshold_is_the_smallest_that_delta_allows(epsilon, delta):
    mechanism = StableHistogram(epsilon, delta)
    alpha = math.exp(-epsilon)

    def exceeded(noise: int) -> float:
        return alpha**noise / (1 + alpha)

    least = mechanism.threshold - mechanism.minimum
    assert exceeded(least) <= delta * (1 + 1e-6)
    assert least == 1 or exceeded(least - 1) >= delta * (1 - 1e-6)


@pytest.mark.parametrize("n_cells", [1, 20, 400])
def test_noise_exceeds_its_bound_as_rarely_as_said(n_cells):
    mechanism = NoisyHistogram(0.05)
    n_runs = 1_000
    noise = mechanism.release(np.zeros(n_runs * n_cells, np.int64), source()).reshape(n_runs, n_cells)
    exceeded = (noise.max(axis=1) > mechanism.noise_bound(n_cells, 0.05)).sum()
    assert exceeded <= most_failures(n_runs, 0.05)


@pytest.mark.parametrize("epsilon", [1e-3, 0.3, 3.0])
@pytest.mark.parametrize("n_cells", [1, 20, 400])
def test_nobody_is_noticed_as_rarely_as_said(epsilon, n_cells):
    mechanism, n_runs, failure = NoisyHistogram(epsilon), 1_000, 0.02
    noise = mechanism.release(np.zeros(n_runs * n_cells, np.int64), source()).reshape(n_runs, n_cells)
    found = sum(mechanism.noticed(noisy, failure).any() for noisy in noise)
    assert found <= most_failures(n_runs, failure)


@pytest.mark.parametrize("n_empty", [0, 10, 1_000])
@pytest.mark.parametrize("n_cells", [1, 7, 50])
def test_people_are_noticed_once_they_are_more_than_the_bound_however_they_are_spread(n_empty, n_cells):
    mechanism, n_runs, failure = NoisyHistogram(0.01), 30, 0.01
    enough = math.ceil(most_unnoticed(0.01, n_cells, n_empty, failure, FAILURE / n_runs))
    for seed in range(n_runs):
        people = np.random.default_rng(seed).multinomial(enough, np.full(n_cells, 1 / n_cells))
        counts = np.concatenate([np.zeros(n_empty, np.int64), people])
        assert mechanism.noticed(mechanism.release(counts, source(seed)), failure).any()


def test_a_single_count_is_noticed_once_it_exceeds_what_noise_alone_does():
    mechanism = NoisyHistogram(0.1)
    bound = math.log(1 / 0.01) / 0.1
    assert mechanism.noticed(np.array([math.ceil(bound)]), 0.01).all()
    assert not mechanism.noticed(np.array([math.floor(bound)]), 0.01).any()


@given(st.lists(st.integers(0, 1), max_size=9).filter(lambda counts: sum(counts) < 2))
def test_a_single_person_is_not_noticed_even_where_there_is_no_noise(counts):
    mechanism = NoisyHistogram(1024.0)
    assert not mechanism.noticed(np.array(counts, np.int64)).any()
    assert mechanism.noticed(np.array([*counts, 1, 1, 1])).any()
