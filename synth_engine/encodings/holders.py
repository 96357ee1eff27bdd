"""How many entities surely hold one of several values; what everything that groups values is protected by."""

from typing import Any

import numpy as np
import numpy.typing as npt

from synth_engine.encodings.value_counts import Counts, ValueCounts


def surely_held(counts: ValueCounts, groups: npt.NDArray[Any], n_groups: int) -> Counts:
    """For each group of values, how many entities have one of them at least.

    Exact where every row is an entity of its own, and a lower bound otherwise: holders of two values of a group may be
    the same, so `entities` cannot be added up, but nobody has two smallest or two largest values.

    Guarantees: the number is never more than there are distinct holders.

    Args:
        counts: Summary of the column.
        groups: The group of each of its values, or several of them, each once: shape (values,) or (values, several).
            Whole numbers below `n_groups`; negative ones stand for no group.
        n_groups: Number of groups.
    """
    lowest = added_up(counts.lowest, groups, n_groups)
    if counts.entities is counts.lowest:
        return lowest
    most = np.zeros(n_groups, np.int64)
    for column in _columns(groups):
        is_in_group = column >= 0
        np.maximum.at(most, column[is_in_group], counts.entities[is_in_group])
    held: Counts = np.maximum.reduce([lowest, added_up(counts.highest, groups, n_groups), most])
    return held


def added_up(counts: Counts, groups: npt.NDArray[Any], n_groups: int) -> Counts:
    """Sum of the counts of each group."""
    total = np.zeros(n_groups, np.int64)
    for column in _columns(groups):
        is_in_group = column >= 0
        total += np.bincount(column[is_in_group], weights=counts[is_in_group], minlength=n_groups).astype(np.int64)
    return total


def _columns(groups: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """One group of each value at a time, which bounds the memory."""
    return groups.T if groups.ndim > 1 else groups[None]
