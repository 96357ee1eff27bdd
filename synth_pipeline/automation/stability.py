"""How far a distribution of codes has moved: the population stability index.

Belongs here: the figure, and how codes are grouped for it. Does not belong here: where the codes come from
(`drift_report`), what follows from the figure (`drift`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
MOST_GROUPS = 20
# Added to every count, so that a group which is empty on one side is a large change and not an infinite one.
_SMOOTHING = 0.5
# Rarer codes of many without an order are no group of their own: those that were frequent by luck would seem to fall.
_FEWEST = 30
# Probability that any column of an unchanged table exceeds what chance allows for.
_FALSE_ALARMS = 1e-3


@dataclass(frozen=True)
class Stability:
    """How far one column of codes has moved.

    Args:
        index: Population stability index.
        chance: What it hardly ever exceeds if both tables are samples of the same population.
        groups: How many groups of codes were compared.
    """

    index: float
    chance: float
    groups: int

    def is_above(self, threshold: float) -> bool:
        """Whether it has moved further than the threshold, and further than by chance."""
        return self.index > max(threshold, self.chance)


def population_stability_index(old: Counts, new: Counts) -> float:
    r"""The index of two histograms over the same groups, :math:`\\sum_i (q_i - p_i) \\ln (q_i / p_i)`.

    It is the symmetric Kullback-Leibler divergence (Jeffreys 1946), under this name customary in credit scoring
    (Siddiqi, "Credit Risk Scorecards", 2006), where 0.1 is worth a look and 0.25 a shift. Shares are those of counts
    with one half added to each.

    Args:
        old: Counts of shape (groups,).
        new: The same, of the other table.
    """
    p, q = ((counts + _SMOOTHING) / (counts.sum() + _SMOOTHING * len(counts)) for counts in (old, new))
    return float(((q - p) * np.log(q / p)).sum())


def stability(old: Counts, new: Counts, ranks: Sequence[float] | None, n: tuple[int, int], n_columns: int) -> Stability:
    """Compare two histograms of codes.

    Without any change the index is about :math:`(1/n_{old} + 1/n_{new})` times a chi-squared variable with one degree
    of freedom less than there are groups (Yurdakul, "Statistical properties of population stability index", 2018). So a
    thousand codes in a few hundred rows would exceed any threshold by chance alone: codes are put into 20 groups at
    most, and what chance explains is no drift.

    Args:
        old: Counts by code, of the table that the model was trained with.
        new: Counts by code, of the other one.
        ranks: Place of each code in the order of values, NaN for one that has none; None where codes have no order.
        n: Numbers of independent records behind the two histograms.
        n_columns: How many columns are compared altogether.
    """
    from scipy.stats import chi2  # it takes a second

    group = groups(old, ranks)
    size = int(group.max(initial=-1)) + 1
    binned = [np.bincount(group, weights=counts, minlength=size).astype(np.int64) for counts in (old, new)]
    spread = sum(1 / max(number, 1) for number in n)
    chance = spread * float(chi2.isf(_FALSE_ALARMS / max(n_columns, 1), max(size - 1, 1)))
    return Stability(population_stability_index(*binned), chance, size)


def groups(old: Counts, ranks: Sequence[float] | None = None) -> npt.NDArray[np.int64]:
    """Group of each code, of shape (codes,); formed by the old distribution, so that they do not depend on the new one.

    Ordered codes are put together with their neighbours, into groups about as frequent as each other. Of others, the
    most frequent ones stay by themselves, if they are not few, and the rest is one group. Nulls, rare values and other
    codes without a place in the order are groups of their own.

    >>> groups(np.array([5, 1, 7])).tolist()
    [0, 1, 2]
    """
    if len(old) <= MOST_GROUPS:
        return np.arange(len(old))
    if ranks is None:
        frequent = np.argsort(-old, kind="stable")[: MOST_GROUPS - 1]
        frequent = frequent[old[frequent] >= _FEWEST]
        group = np.full(len(old), len(frequent))
        group[frequent] = np.arange(len(frequent))
        return group
    is_ordered = ~np.isnan(np.asarray(ranks, float))
    n_own = min(int((~is_ordered).sum()), MOST_GROUPS // 2)
    group = np.zeros(len(old), np.int64)
    group[~is_ordered] = np.minimum(np.arange((~is_ordered).sum()), max(n_own - 1, 0))
    counts = old[is_ordered] + _SMOOTHING
    middle = (np.cumsum(counts) - counts / 2) / counts.sum()
    order = np.unique((middle * (MOST_GROUPS - n_own)).astype(np.int64), return_inverse=True)[1]
    group[is_ordered] = n_own + order
    return group
