"""What codes mean: so that the codes of new data can be matched with those that a model has learned.

Belongs here: meanings, and which old code a new one starts from. Does not belong here: what the codes of an encoding
mean, which its file says; weights.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from synth_engine.encodings.value_counts import Mask

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

# What sub-columns of different encodings tell alike. Which of them AUTO takes depends on the values.
TEXT, NUMBER = "text", "number"
AVERAGE = -1
# How probable a new code starts out, beside the old one that it is like. It is no rarity: encodings have codes only for
# what several people have, and the less a code is expected, the longer it takes to learn that it is frequent.
NEW_SHARE = 0.25


class Reserved(Enum):
    """Meanings of codes that stand for no value of their own. No text is equal to one of them."""

    NULL = "null, or a value that other sub-columns tell"
    RARE = "a value that is not shown"
    SPELLED = "a text that is spelled"
    END = "the end of a text"


@dataclass(frozen=True, eq=False)
class Meanings:
    """What each code of a sub-column means.

    Args:
        labels: All different. Two codes, be they of different encodings, mean the same if their labels are equal.
        lows: For codes of numbers, times and places: where the code's range begins, shape (codes, axes). NaN for codes
            that have no place.
        highs: Where it ends; the same as where it begins for a single value.
        tells: What the sub-column tells of a value, empty if its name says it. Those of encodings of different types
            that tell the same can be matched.

    Guarantees: everything in here is told by the encoding's JSON, hence as shareable as that.
    """

    labels: tuple[Hashable, ...]
    lows: Floats
    highs: Floats
    tells: str = ""

    @classmethod
    def unordered(cls, labels: Sequence[Hashable], tells: str = "") -> Self:
        """Codes without places: categories, characters."""
        nowhere = np.full((len(labels), 1), np.nan)
        return cls(tuple(labels), nowhere, nowhere, tells)

    @classmethod
    def of_values(cls, reserved: Sequence[Reserved], values: Sequence[Any]) -> Self:
        """Reserved codes, then one code for each number."""
        return cls.of_ranges(reserved, values, values, values)

    @classmethod
    def of_ranges(
        cls, reserved: Sequence[Reserved], labels: Sequence[Hashable], lows: Sequence[Any], highs: Sequence[Any]
    ) -> Self:
        """Reserved codes, then codes with places: numbers, or tuples of them where there are several axes."""
        bounds = np.array([lows, highs], np.float64).reshape(2, len(labels), -1 if labels else 1)
        nowhere = np.full((2, len(reserved), bounds.shape[2]), np.nan)
        both = np.concatenate([nowhere, bounds], axis=1)
        return cls((*reserved, *labels), both[0], both[1])

    @classmethod
    def of_steps(cls, n_steps: int) -> Self:
        """Places inside a bin, a cell or the like: none, then equal parts of it."""
        edges = [step / n_steps for step in range(n_steps + 1)] if n_steps else []
        return cls.of_ranges([Reserved.NULL], list(pairwise(edges)), edges[:-1], edges[1:])

    def extended(self, labels: Sequence[Hashable]) -> Self:
        """The same and more codes, without places."""
        nowhere = np.full((len(labels), self.lows.shape[1]), np.nan)
        lows, highs = (np.concatenate([bounds, nowhere]) for bounds in (self.lows, self.highs))
        return replace(self, labels=(*self.labels, *labels), lows=lows, highs=highs)

    def scaled(self, factor: int) -> Self:
        """The same with numbers in another unit, of which one of these has `factor`."""
        if factor == 1:  # decimals would be rounded
            return self
        labels = tuple(label if isinstance(label, Reserved) else _times(label, factor) for label in self.labels)
        return replace(self, labels=labels, lows=self.lows * factor, highs=self.highs * factor)

    @property
    def is_value(self) -> Mask:
        """Which codes are not reserved."""
        return np.array([not isinstance(label, Reserved) for label in self.labels], np.bool_)

    @property
    def is_averaged(self) -> Mask:
        """Which codes an average is of: those that stand for values, or all where none does."""
        return self.is_value if self.is_value.any() else np.ones(len(self.labels), np.bool_)

    @property
    def is_range(self) -> Mask:
        """Which codes stand for many values, as bins do."""
        return np.asarray((self.lows < self.highs).any(axis=1))

    @property
    def has_place(self) -> Mask:
        """Which codes are somewhere."""
        return np.asarray(~np.isnan(self.lows).any(axis=1))


def _times(label: Any, factor: int) -> Hashable:
    return tuple(part * factor for part in label) if isinstance(label, tuple) else label * factor


@dataclass(frozen=True, eq=False)
class Sources:
    """What each code of a new encoding starts from.

    Args:
        codes: The old code; `AVERAGE` where there is none, which is the average of those that stand for values.
        is_kept: Whether the old code means the same.
        shares: The new code's probability as a share of that of what it starts from; of the average as a share of that
            of all old values together.
        n_old: Number of old codes.

    >>> old, new = Meanings.of_values([], [1, 2, 9]), Meanings.of_values([], [2, 3, 8, 10])
    >>> sources = Sources.of(old, new)
    >>> sources.codes.tolist(), sources.is_kept.tolist(), sources.shares.tolist()
    ([1, 1, 2, 2], [True, False, False, False], [1.0, 0.25, 0.5, 0.5])
    """

    codes: Indices
    is_kept: Mask
    shares: Floats
    n_old: int

    @classmethod
    def of(cls, old: Meanings, new: Meanings) -> Self:
        """Equal meanings first; otherwise the nearest place where codes have places, else the average.

        New codes get `NEW_SHARE` of the probability of the old one that they are like, or more where that one is gone:
        then those that stand in for it share all of it.
        """
        place = {label: code for code, label in enumerate(old.labels)}
        codes = np.array([place.get(label, AVERAGE) for label in new.labels], np.int64)
        is_kept = codes != AVERAGE
        anywhere, in_ranges = _Where.of(old, old.has_place), _Where.of(old, old.is_range)
        middles = new.lows / 2 + new.highs / 2
        is_range = new.is_range
        for code in np.flatnonzero(~is_kept & new.has_place & old.has_place.any()):
            # A bin and a popular number inside it are drawn very differently: the one is not to stand in for the other.
            old_ones = in_ranges if is_range[code] and len(in_ranges.codes) else anywhere
            codes[code] = old_ones.nearest(middles[code])
        return cls(codes, is_kept, _shares(codes, is_kept, int(old.is_averaged.sum())), len(old.labels))

    @property
    def n_dropped(self) -> int:
        """How many old codes no new one starts from."""
        return self.n_old - len(np.unique(self.codes[self.codes != AVERAGE]))


def _shares(codes: Indices, is_kept: Mask, n_averaged: int) -> Floats:
    shares = np.where(is_kept, 1.0, NEW_SHARE)
    is_average = codes == AVERAGE
    shares[is_average] /= n_averaged
    is_gone = ~is_average & ~np.isin(codes, codes[is_kept])
    _, index, counts = np.unique(codes, return_inverse=True, return_counts=True)
    shares[is_gone] = np.maximum(NEW_SHARE, 1 / counts[index])[is_gone]
    return shares


@dataclass(frozen=True, eq=False)
class _Where:
    """Where some codes are."""

    codes: Indices
    lows: Floats
    highs: Floats

    @classmethod
    def of(cls, meanings: Meanings, some: Mask) -> Self:
        codes = np.flatnonzero(some)
        return cls(codes, meanings.lows[codes], meanings.highs[codes])

    def nearest(self, place: Floats) -> int:
        """The code around a place, or the nearest; the smallest of several."""
        with np.errstate(over="ignore"):
            gaps = np.maximum(np.maximum(self.lows - place, place - self.highs), 0).sum(axis=1)
            tied = np.flatnonzero(gaps == gaps.min())
            sizes = (self.highs[tied] - self.lows[tied]).sum(axis=1)
        return int(self.codes[tied[sizes.argmin()]])
