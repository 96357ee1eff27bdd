"""Sequences of dates as numbers: which rows begin one, the time between them, and sums of it from there on.

Belongs here: arithmetic of whole numbers. Does not belong here: codes, and what may be shown.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from synth_engine.encodings.base import Entities
from synth_engine.encodings.calendar import DAY_MS, Integers, to_units
from synth_engine.encodings.value_counts import Mask

_LIMITS = np.iinfo(np.int64)


@dataclass(frozen=True, eq=False)
class Events:
    """Which rows are there, and which of these are the first of their sequence.

    Args:
        is_present: Of each row, whether it is not null.
        is_first: Of each row that is present, whether it begins a sequence.
    """

    is_present: Mask
    is_first: Mask

    @classmethod
    def of(cls, is_null: Mask, entities: Entities | None) -> Self:
        """By which rows are null, and whom they belong to; None where each is a sequence of its own."""
        is_present = ~is_null
        if entities is None:
            return cls(is_present, np.ones(int(is_present.sum()), np.bool_))
        begins = np.ones(len(entities), np.bool_)
        begins[1:] = entities[1:] != entities[:-1]
        sequences = np.cumsum(begins)[is_present]
        is_first = np.ones(len(sequences), np.bool_)
        is_first[1:] = sequences[1:] != sequences[:-1]
        return cls(is_present, is_first)

    @property
    def later(self) -> npt.NDArray[np.int64]:
        """Indices of the rows that are present and not the first."""
        return np.flatnonzero(self.is_present)[~self.is_first]


def scale_of(dtype: pa.DataType) -> int:
    """Units of the type in the smallest interval: ``date64`` counts milliseconds, but holds whole days."""
    return DAY_MS if pa.types.is_date64(dtype) else 1


def steps_of(values: pa.Array) -> Integers:
    """Whole steps of an interval since 1970, 0 for null."""
    units: Integers = to_units(values).fill_null(0).to_numpy() // scale_of(values.type)
    return units


def intervals_of(units: Integers) -> Integers:
    """Time since the value before, 0 for the first; what 64 bits cannot hold becomes the nearest that they can."""
    before = np.concatenate([units[:1], units[:-1]])
    interval = units - before
    overflows = (units ^ before) & (units ^ interval) < 0
    return np.where(overflows, np.where(units < 0, _LIMITS.min, _LIMITS.max), interval)


def through(known: Integers, is_known: Mask, steps: Integers, is_first: Mask, limits: tuple[int, int]) -> Integers:
    """Sums from each first step and from each known date on; those in front of a known date are not after it."""
    if len(steps) == 0:
        return steps
    rows, begins = np.arange(len(steps)), is_first | is_known
    start = np.maximum.accumulate(np.where(begins, rows, 0))
    # A known date may lie beyond what may be shown; what follows it does not go back for that.
    low = np.where(is_known, np.minimum(known, limits[0]), limits[0])[start]
    high = np.where(is_known, np.maximum(known, limits[1]), limits[1])[start]
    sums = added_up(np.where(is_known, known, steps), begins, low, high)
    next_known = np.minimum.accumulate(np.where(is_known, rows, len(rows))[::-1])[::-1]
    sequences = np.append(np.cumsum(is_first), -1)
    is_before = sequences[next_known] == sequences[:-1]
    latest = np.append(known, 0)[next_known]
    is_before &= ~is_known[start] | (known[start] <= latest)
    return np.where(is_before, np.minimum(sums, latest), sums)


def added_up(steps: Integers, is_first: Mask, low: int | Integers, high: int | Integers) -> Integers:
    """Sums from each first step on, clipped to a range."""
    if len(steps) == 0:
        return steps
    start = np.maximum.accumulate(np.where(is_first, np.arange(len(steps)), 0))
    # Sums of all sequences together wrap around, their differences are exact again unless a single one is too long.
    reached = np.cumsum(steps)
    sums = steps[start] + (reached - reached[start])
    rough = np.cumsum(np.where(is_first, 0, steps).astype(np.float64))
    rough = steps[start] + (rough - rough[start])
    is_far = np.abs(rough) > 2.0**63 - 2.0**53
    clipped: Integers = np.clip(np.where(is_far, np.where(rough < 0, low, high), sums), low, high)
    return clipped
