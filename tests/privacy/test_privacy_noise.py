"""Noise: exactly the distribution that it says, from the source that it is given."""

import math

import numpy as np
import pytest
from scipy.stats import chisquare

from synth_engine.privacy import discrete_laplace, secure_source, seeded_source, standard_deviation
from synth_engine.privacy.noise import SMALLEST_EPSILON

# Probability that a test fails though all is right: seeds are fixed, so it fails never or always.
FAILURE = 1e-4


def source(seed: int = 0):
    return seeded_source(np.random.default_rng(seed))


@pytest.mark.parametrize("epsilon", [0.03, 0.1, 0.5, 1.0, math.log(3), 2.0, 5.0])
def test_noise_has_the_distribution_of_the_discrete_laplace(epsilon):
    size = 200_000
    noise = discrete_laplace(epsilon, size, source())
    alpha = math.exp(-epsilon)
    far = int(math.log(20 * (1 + alpha) / size) / -epsilon)  # about 20 draws lie beyond, on each side
    values = np.arange(-far, far + 1)
    expected = (1 - alpha) / (1 + alpha) * alpha ** np.abs(values)
    observed = np.bincount(np.clip(noise, -far - 1, far + 1) + far + 1, minlength=2 * far + 3)
    beyond = (1 - expected.sum()) / 2
    assert chisquare(observed, np.concatenate([[beyond], expected, [beyond]]) * size).pvalue > FAILURE


@pytest.mark.parametrize("epsilon", [0.01, 1.0, 4.0])
def test_the_standard_deviation_is_the_noises(epsilon):
    noise = discrete_laplace(epsilon, 200_000, source())
    assert noise.std() == pytest.approx(standard_deviation(epsilon), rel=0.02)


def test_draws_are_independent():
    noise = discrete_laplace(0.5, 200_000, source()).astype(float)
    for lag in (1, 2, 7):
        # five standard deviations of a correlation of independent draws
        assert abs(np.corrcoef(noise[lag:], noise[:-lag])[0, 1]) < 5 / math.sqrt(len(noise))


def test_the_same_bits_give_the_same_noise_and_others_other_noise():
    one, same, other = (discrete_laplace(0.1, 100, source(seed)) for seed in (0, 0, 1))
    assert (one == same).all()
    assert (one != other).any()


def test_secure_noise_cannot_be_repeated():
    np.random.seed(0)  # noqa: NPY002 what others do with global state does not matter
    one = discrete_laplace(1e-3, 100, secure_source)
    np.random.seed(0)  # noqa: NPY002
    assert (one != discrete_laplace(1e-3, 100, secure_source)).any()
    assert abs(one.mean()) < 5 * standard_deviation(1e-3) / 10


@pytest.mark.parametrize("epsilon", [SMALLEST_EPSILON, 1e-3, 30.0, 1e6, math.inf])
def test_extreme_epsilons(epsilon):
    noise = discrete_laplace(epsilon, 1000, source())
    assert noise.dtype == np.int64
    assert (noise == 0).all() == (epsilon >= 30)
    assert len(discrete_laplace(epsilon, 0, source())) == 0


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.nan, SMALLEST_EPSILON / 2])
def test_an_epsilon_that_is_none_is_refused(epsilon):
    with pytest.raises(ValueError, match="expected an epsilon of at least"):
        discrete_laplace(epsilon, 10, source())
