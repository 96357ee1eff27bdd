"""Integer noise, sampled exactly. Knows neither columns nor budgets.

Belongs here: where random bits come from, and how they become noise. Does not belong here: what the noise is added to.
"""

import math
import secrets
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int64]
NoiseSource = Callable[[int], Bits]
"""Gives as many independent, uniformly random 64-bit words as it is asked for."""

# Every epsilon is rounded down to a multiple of 2**-52, so that all probabilities are fractions of 64-bit integers.
_SCALE = 2**52
_LARGEST_EPSILON = 2.0**10
SMALLEST_EPSILON = 2.0**-20
"""Far below it rounding would matter; such noise exceeds any table anyway."""


def secure_source(size: int) -> Bits:
    """Random words from the operating system's cryptographically secure generator."""
    return np.frombuffer(secrets.token_bytes(8 * size), np.uint64)


def seeded_source(rng: np.random.Generator) -> NoiseSource:
    """Random words that can be repeated: for tests. Who knows the seed can take the noise away."""

    def draw(size: int) -> Bits:
        return rng.integers(0, 2**64, size, dtype=np.uint64)

    return draw


def discrete_laplace(epsilon: float, size: int, source: NoiseSource) -> Integers:
    """Draws from the discrete Laplace (two-sided geometric) distribution: ``P(z)`` is proportional to ``exp(-ε |z|)``.

    Integer arithmetic on random bits throughout: no draw goes through a floating-point logarithm, whose rounding would
    tell noisy results apart (Mironov, "On significance of the least significant bits for differential privacy", 2012).
    The method is algorithm 2 of Canonne, Kamath and Steinke, "The discrete Gaussian for differential privacy" (2020),
    on whole arrays.

    Args:
        epsilon: Rounded down to a multiple of ``2**-52``, which never adds privacy loss; above 1024 it counts as 1024.
        size: How many.
        source: Random bits.

    Raises:
        ValueError: `epsilon` is below `SMALLEST_EPSILON`.

    >>> noise = discrete_laplace(1.0, 1000, seeded_source(np.random.default_rng(0)))
    >>> bool(abs(noise.mean()) < 0.2)
    True
    """
    if not epsilon >= SMALLEST_EPSILON:
        raise ValueError(f"expected an epsilon of at least {SMALLEST_EPSILON}, found {epsilon}")
    steps = int(min(epsilon, _LARGEST_EPSILON) * _SCALE)
    noise = np.zeros(size, np.int64)
    missing = np.arange(size)
    while len(missing):
        magnitude = _geometric(steps, len(missing), source)
        is_negative = source(len(missing)) >> np.uint64(63) == 1
        # Zero has one sign only, or it would be drawn twice as often as it should.
        is_valid = ~(is_negative & (magnitude == 0))
        noise[missing[is_valid]] = np.where(is_negative, -magnitude, magnitude)[is_valid]
        missing = missing[~is_valid]
    return noise


def standard_deviation(epsilon: float) -> float:
    """Of the discrete Laplace distribution.

    >>> round(standard_deviation(1.0), 3)
    1.357
    """
    return math.sqrt(2 * math.exp(-epsilon)) / -math.expm1(-epsilon)


def _geometric(steps: int, size: int, source: NoiseSource) -> Integers:
    """Draws with ``P(z)`` proportional to ``exp(-z * steps / _SCALE)``, for z from 0 on."""
    fraction = np.empty(size, np.uint64)
    missing = np.arange(size)
    while len(missing):
        drawn = _below(np.full(len(missing), _SCALE, np.uint64), source)
        is_valid = _bernoulli_exp(drawn, source)
        fraction[missing[is_valid]] = drawn[is_valid]
        missing = missing[~is_valid]
    whole = np.zeros(size, np.uint64)
    going = np.arange(size)
    while len(going):
        going = going[_bernoulli_exp(np.full(len(going), _SCALE, np.uint64), source)]
        whole[going] += np.uint64(1)
    # Not beyond 64 bits: more than a thousand successes in a row, of probability exp(-1) each, never happen.
    return ((fraction + whole * np.uint64(_SCALE)) // np.uint64(steps)).astype(np.int64)


def _bernoulli_exp(numerators: Bits, source: NoiseSource) -> npt.NDArray[np.bool_]:
    """For each numerator n from 0 to `_SCALE` true with probability ``exp(-n / _SCALE)``: algorithm 1 of the paper."""
    successes = np.zeros(len(numerators), np.uint64)
    going = np.arange(len(numerators))
    while len(going):
        bound = (successes[going] + np.uint64(1)) * np.uint64(_SCALE)
        going = going[_below(bound, source) < numerators[going]]
        successes[going] += np.uint64(1)
    is_even: npt.NDArray[np.bool_] = successes % np.uint64(2) == 0
    return is_even


def _below(bounds: Bits, source: NoiseSource) -> Bits:
    """A uniform integer from 0 to each bound, which is excluded: random bits, drawn again where they are too large."""
    n_bits = np.ceil(np.log2(bounds.astype(np.float64))).astype(np.uint64)  # exact: bounds have few leading bits
    result = np.empty(len(bounds), np.uint64)
    missing = np.arange(len(bounds))
    while len(missing):
        drawn = source(len(missing)) >> (np.uint64(64) - n_bits[missing])
        is_valid = drawn < bounds[missing]
        result[missing[is_valid]] = drawn[is_valid]
        missing = missing[~is_valid]
    return result
