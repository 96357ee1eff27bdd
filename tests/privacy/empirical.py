"""A lower bound on the epsilon of a mechanism, from what it does on neighbouring inputs.

A mechanism is run many times on both. For an event E, (ε, δ)-differential privacy says ``P(E) <= exp(ε) P'(E) + δ``.
Clopper and Pearson's exact intervals turn the observed frequencies into bounds on both probabilities that fail with a
stated probability, and these into the smallest epsilon that is not refuted (Jagielski, Ullman and Oprea, "Auditing
differentially private machine learning", 2020). The events are chosen on other runs than those that are counted.
"""

import math
from collections.abc import Callable

import numpy as np
from scipy.stats import beta

Outputs = np.ndarray
Runs = Callable[[int, int], Outputs]
"""Outputs of so many runs (first argument), as one integer each, by a seed (second argument)."""


def least_epsilon(on_one: Runs, on_other: Runs, n_runs: int, delta: float, failure: float) -> float:
    """An epsilon that the mechanism does not have: it is larger, but for chance of probability `failure`.

    Args:
        on_one: Runs on one input.
        on_other: Runs on its neighbour.
        n_runs: Number of runs on each.
        delta: The delta that is claimed.
        failure: Probability that the result is too large by mere chance.
    """
    bounds = [0.0]
    for one, other in ((on_one, on_other), (on_other, on_one)):
        event = _telling(one(n_runs, 0), other(n_runs, 1), delta)
        bounds.append(least_epsilon_of(event(one(n_runs, 2)), event(other(n_runs, 3)), delta, failure / 2))
    return max(bounds)


def _telling(one: Outputs, other: Outputs, delta: float) -> Callable[[Outputs], np.ndarray]:
    """The event that tells the two apart best: an output from some value on, or up to it."""
    best = (-math.inf, lambda outputs: np.ones(len(outputs), np.bool_))
    for value in np.unique(np.quantile(np.concatenate([one, other]), np.linspace(0, 1, 200)).round()):
        for event in (lambda out, v=value: out >= v, lambda out, v=value: out <= v):
            best = max(best, (least_epsilon_of(event(one), event(other), delta, 0.01), event), key=lambda pair: pair[0])
    return best[1]


def least_epsilon_of(one: np.ndarray, other: np.ndarray, delta: float, failure: float) -> float:
    """The smallest epsilon with which an event can be as frequent as it was in runs on one input and on its neighbour.

    Args:
        one: Whether it happened, for each run on one input.
        other: The same of the neighbour.
        delta: The delta that is claimed.
        failure: Probability that the result is too large by mere chance.
    """
    hits, misses = int(one.sum()), int(other.sum())
    at_least = beta.ppf(failure / 2, hits, len(one) - hits + 1) if hits else 0.0
    at_most = beta.ppf(1 - failure / 2, misses + 1, len(other) - misses) if misses < len(other) else 1.0
    return math.log((at_least - delta) / at_most) if at_least > delta else -math.inf
