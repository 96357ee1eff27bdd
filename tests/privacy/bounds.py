"""What chance may do to a sound mechanism: bounds computed from its epsilon and a stated error probability."""

import math

from scipy.stats import binom

# Probability that a sound mechanism fails a test by chance. Seeds are fixed: it fails never or always.
FAILURE = 1e-6
# Any λ below ε will do, as a part of it; the mechanism itself chooses the best of six.
_SLOPE, _N_SLOPES = 0.4, 6


def most_failures(n_runs: int, probability: float, by_chance: float = FAILURE) -> int:
    """How many of so many independent runs may fail with a probability that is at most the given one each."""
    return int(binom.isf(by_chance, n_runs, probability))


def most_unnoticed(
    epsilon: float, n_cells: int, n_before: int, failure: float = 0.001, by_chance: float = FAILURE
) -> float:
    """How many people `NoisyHistogram.noticed` may miss in so many cells in a row, with `n_before` cells before them.

    All of them together are noticed if λ times their noisy sum exceeds ``k ln M + ln(parts / failure)``. By Ville's
    inequality λ times the sum of the noise is above ``-(k ln M + ln(1 / by_chance))``, whatever k is, but with
    probability `by_chance`. M is that of Laplace noise, which is larger than that of discrete noise.
    """
    log_mean = -math.log(1 - _SLOPE**2)
    n_places = n_before + n_cells
    parts = 2 * _N_SLOPES * (n_before + 1) * (math.log(n_places) + 1)
    return (2 * n_cells * log_mean + math.log(parts / failure / by_chance)) / (_SLOPE * epsilon)
