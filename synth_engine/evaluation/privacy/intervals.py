"""Intervals and tests for shares, differences, ratios and ranks.

Belongs here: statistics of counts and scores. Does not belong here: where counts come from. SciPy is imported where it
is used, since it is slow to import.
"""

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from synth_engine.evaluation.privacy.results import LEVEL, Estimate, Risk, Share

Floats = npt.NDArray[np.floating[Any]]


def share(hits: int, units: int, level: float = LEVEL) -> Share:
    """A share with Clopper and Pearson's interval (1934), whose coverage is at least `level`; of no units: anything.

    >>> share(0, 10).upper
    0.308...
    """
    from scipy.stats import beta

    outside = (1 - level) / 2
    lower = float(beta.ppf(outside, hits, units - hits + 1)) if hits else 0.0
    upper = float(beta.ppf(1 - outside, hits + 1, units - hits)) if hits < units else 1.0
    return Share(value=hits / units if units else 0.0, lower=lower, upper=upper, level=level, hits=hits, units=units)


def wilson(value: float, units: float, level: float = LEVEL) -> Estimate:
    """Wilson's score interval (1927) of a share; the number of units may be an effective one."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle = (value + z * z / (2 * units)) / (1 + z * z / units)
    half = z / (1 + z * z / units) * math.sqrt(value * (1 - value) / units + z * z / (4 * units * units))
    lower, upper = min(max(middle - half, 0.0), value), max(min(middle + half, 1.0), value)
    return Estimate(value=value, lower=lower, upper=upper, level=level)


def difference(one: Share, other: Share) -> Estimate:
    """The difference of two shares of independent units, with Newcombe's hybrid score interval (1998, method 10)."""
    a, b = wilson(one.value, one.units, one.level), wilson(other.value, other.units, other.level)
    value = one.value - other.value
    lower = value - math.hypot(a.value - a.lower, b.upper - b.value)
    upper = value + math.hypot(a.upper - a.value, b.value - b.lower)
    return Estimate(value=value, lower=lower, upper=upper, level=one.level)


def more_than_chance(one: Share, other: Share) -> float:
    """P-value, one-sided, of as many hits in `one`, were the hits dealt to both sides at random (Fisher's exact test).

    Valid also where units repeat each other, as long as it was chance which unit came to which side.
    """
    from scipy.stats import hypergeom

    n_hits, n_units = one.hits + other.hits, one.units + other.units
    return min(float(hypergeom.sf(one.hits - 1, n_units, n_hits, one.units)), 1.0)


def risk_of(attack: Share, control: Share, baseline: float, level: float = LEVEL) -> Risk:
    """The gain of an attack over its control, ``1 - (1 - attack) / (1 - control)``.

    The interval of the ratio is that of Donner and Zou ("Closed-form confidence intervals for functions of the normal
    mean and standard deviation", 2012: MOVER) from Wilson's intervals of both rates. A control that always succeeds
    leaves nothing to be gained: the risk is 0 then, and its interval says that nothing is known.
    """
    misses, others = 1 - attack.value, 1 - control.value
    if others > 0:
        gain = _one_minus_ratio(wilson(misses, attack.units, level), wilson(others, control.units, level))
    else:
        gain = Estimate(value=0.0, lower=-1.0, upper=1.0, level=level)
    return Risk(
        attack=attack, control=control, baseline=baseline, risk=gain, is_weak=bool(attack.value <= baseline + 1e-12)
    )


def _one_minus_ratio(one: Estimate, other: Estimate) -> Estimate:
    product = one.value * other.value
    low, high = other.upper * (2 * other.value - other.upper), other.lower * (2 * other.value - other.lower)
    least = product * product - one.lower * (2 * one.value - one.lower) * low
    most = product * product - one.upper * (2 * one.value - one.upper) * high
    # far from 0.5 and with few units the upper limit of the divisor is more than twice its value: nothing is known
    smallest = (product - math.sqrt(max(least, 0.0))) / low if low > 0 else 0.0
    largest = (product + math.sqrt(max(most, 0.0))) / high if high > 0 else math.inf
    value = 1 - one.value / other.value
    lower, upper = min(1 - min(largest, 2.0), value), max(1 - max(smallest, 0.0), value)
    return Estimate(value=max(value, -1.0), lower=max(lower, -1.0), upper=upper, level=one.level)


def auc(members: Floats, non_members: Floats, level: float = LEVEL) -> Estimate:
    """The area under the ROC curve of scores that shall be high for members; ties count half.

    The interval is DeLong, DeLong and Clarke-Pearson's (1988), by ranks (Sun and Xu, "Fast implementation of DeLong's
    algorithm", 2014). Where nothing overlaps, whose variance is 0, it is Wilson's of the smaller group.

    Args:
        members: Scores of shape (M,).
        non_members: Scores of shape (N,).
        level: Confidence level.

    >>> import numpy as np
    >>> auc(np.array([2.0, 3.0, 4.0]), np.array([1.0, 2.0])).value
    0.91...
    """
    from scipy.stats import rankdata

    m, n = len(members), len(non_members)
    ranks = rankdata(np.concatenate([members, non_members]))
    above = (ranks[:m] - rankdata(members)) / n  # share of non-members below each member
    below = 1 - (ranks[m:] - rankdata(non_members)) / m  # share of members above each non-member
    value = float(above.mean())
    variance = float(np.var(above, ddof=1) / m + np.var(below, ddof=1) / n) if min(m, n) > 1 else 0.0
    if variance <= 0:
        return wilson(min(max(value, 0.0), 1.0), min(m, n), level)
    half = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(variance)
    return Estimate(value=value, lower=max(value - half, 0.0), upper=min(value + half, 1.0), level=level)
