"""TABULAR_DATETIME: draws a date and time part by part."""

import math
from collections.abc import Mapping
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from synth_engine.domain import ModelEncodingType, RareCategoryReplacementMethod
from synth_engine.encodings.base import Codes, Encoding, even_ranks, has_protected_nulls
from synth_engine.encodings.calendar import (
    DAY_MS,
    TIME_PARTS,
    Integers,
    civil,
    days_of,
    first_days,
    from_ms,
    from_units,
    roundest_day,
    to_ms,
    to_units,
    units_per_ms,
)
from synth_engine.encodings.meanings import Meanings, Reserved
from synth_engine.encodings.number_line import date_line
from synth_engine.encodings.numeric import null_mask
from synth_engine.encodings.released_numbers import RANGES_ONLY, release_numbers
from synth_engine.encodings.value_counts import ValueCounts
from synth_engine.privacy import Budget, ValueProtection

# A run of years that nobody has, such as that before a 9999 for "never", costs a code each; shorter ones may stay.
MAX_EMPTY_YEARS = 20


class DatetimeEncoding(Encoding):
    """Sub-columns ``year`` (0: null, then `years`), ``month``, ``day``, and those in use of ``hour minute second ms``.

    In use is what is not finer than the finest that enough entities have. Values are clipped to ``low`` and ``high``
    (milliseconds since 1970, UTC). A day that its month does not have becomes the month's last; a date in a year
    between those in `years` becomes the nearest end of one of these.

    What is finer than a millisecond is not modelled: where enough entities have it (`below_ms`), it is drawn evenly.

    Guarantees: at least as many entities as the protection asks for have values up to the day of ``low``, and from the
    day of ``high`` on; both are the first of a year or of a month where one is near. Decoded values lie between them.
    """

    type: ClassVar[ModelEncodingType] = ModelEncodingType.TABULAR_DATETIME
    encoding_type: Literal[ModelEncodingType.TABULAR_DATETIME] = ModelEncodingType.TABULAR_DATETIME
    low: int = 0
    high: int = 0
    years: list[int] = Field(default_factory=lambda: [1970])
    time_parts: list[str] = Field(default_factory=list)
    below_ms: bool = False
    any_values: bool = False

    @classmethod
    def accepts(cls, dtype: pa.DataType) -> bool:
        """Dates and timestamps."""
        return bool(pa.types.is_date(dtype) or pa.types.is_timestamp(dtype))

    @classmethod
    def canonical(cls, values: pa.Array) -> pa.Array:
        """Whole numbers of the type's unit since 1970 in UTC, as int64."""
        return to_units(values)

    @classmethod
    def release(cls, counts: ValueCounts, dtype: pa.DataType, budget: Budget) -> ValueCounts:
        """Cells that are finer where many entities are."""
        return release_numbers(counts, date_line(dtype), budget, RANGES_ONLY)

    @classmethod
    def fit(
        cls, counts: ValueCounts, dtype: pa.DataType, protection: ValueProtection, rng: np.random.Generator
    ) -> Self:
        """Find the protected range, and the years and parts of the time of day that are in use."""
        has_nulls = has_protected_nulls(counts, protection, rng)
        in_ms = to_ms(counts.values.to_numpy(), dtype)
        days, lowest, highest = _per_group(in_ms // DAY_MS, counts.lowest, counts.highest)
        bounds = protection.bounds(pa.array(days), lowest, highest, rng, rounded=roundest_day)
        if bounds is None:
            return cls(dtype=dtype, has_nulls=has_nulls)
        threshold = protection.threshold(rng)
        below_ms = bool(counts.lowest[counts.values.to_numpy() % units_per_ms(dtype) != 0].sum() >= threshold)
        parts = list(TIME_PARTS) if below_ms else _parts_in_use(in_ms, counts, threshold)
        low, high = bounds[0] * DAY_MS, bounds[1] * DAY_MS + (DAY_MS - TIME_PARTS[parts[-1]][0] if parts else 0)
        if not protection.enabled:
            low, high = int(in_ms[0]), int(in_ms[-1])
        return cls(
            dtype=dtype,
            has_nulls=has_nulls,
            low=low,
            high=high,
            years=_years_in_use(np.clip(in_ms, low, high), counts, threshold),
            time_parts=parts,
            below_ms=below_ms,
            any_values=True,
        )

    @property
    def cardinalities(self) -> dict[str, int]:
        """Year, month, day, then the parts of the time of day."""
        sizes = {"year": 1 + len(self.years), "month": 12, "day": 31}
        return sizes | {part: TIME_PARTS[part][1] for part in self.time_parts}

    def encode(self, values: pa.Array) -> Codes:
        """Clip and split into parts."""
        units = self.canonical(values)
        if not self.any_values:
            return np.zeros((len(units), len(self.cardinalities)), np.int32)
        in_ms = np.clip(to_ms(units.drop_null().to_numpy(), self.dtype), self.low, self.high)
        in_ms, year_codes = self._to_years_in_use(in_ms)
        _, month, day = civil(in_ms // DAY_MS)
        times = [in_ms // TIME_PARTS[part][0] % TIME_PARTS[part][1] for part in self.time_parts]
        codes = np.zeros((len(values), 3 + len(times)), np.int32)
        codes[~null_mask(units)] = np.column_stack([year_codes, month - 1, day - 1, *times])
        return codes

    def decode(self, codes: Codes, rng: np.random.Generator) -> pa.Array:
        """Put the parts together and clip to the protected range."""
        return self._values(codes, rng.integers(0, self._units_below_ms, len(codes)) if self.below_ms else None)

    def never_drawn(self, method: RareCategoryReplacementMethod) -> Mapping[str, list[int]]:
        """Null where there was none."""
        if not self.any_values:
            return {"year": list(range(1, self.cardinalities["year"]))}
        return {"year": [] if self.has_nulls else [0]}

    def meanings(self) -> Mapping[str, Meanings]:
        """Years, months and days by the calendar, and parts of the time of day."""
        first = {"month": 1, "day": 1}
        parts = {
            part: Meanings.of_values([], range(first.get(part, 0), first.get(part, 0) + size))
            for part, size in self.cardinalities.items()
        }
        return parts | {"year": Meanings.of_values([Reserved.NULL], self.years)}

    def extent(self, codes: Codes) -> tuple[pa.Array, pa.Array]:
        """With the first and with the last of all parts to follow."""
        n_rows, sizes = len(codes), list(self.cardinalities.values())[codes.shape[1] :]
        firsts, lasts = np.zeros((n_rows, len(sizes)), np.int64), np.tile(np.array(sizes, np.int64) - 1, (n_rows, 1))
        low = self._values(np.hstack([codes, firsts]), None)
        return low, self._values(np.hstack([codes, lasts]), np.full(n_rows, self._units_below_ms - 1))

    def step(self) -> Fraction:
        """The finest part in use, in units of the type, unless an end of the range is finer."""
        if self.below_ms:
            return Fraction(1)
        finest = TIME_PARTS[self.time_parts[-1]][0] if self.time_parts else DAY_MS
        # distances from 1970, all whole numbers of units
        marks = from_ms(np.array([finest, self.low, self.high]), np.zeros(3, np.int64), self.dtype)
        return Fraction(math.gcd(*marks.tolist()) or 1)

    def outcomes(self) -> list[Any] | None:
        """The years, those of UTC."""
        return [None, *self.years]

    def ranks(self) -> Mapping[str, list[float]]:
        """Parts are ordered."""
        ranks = {part: even_ranks(0, size) for part, size in self.cardinalities.items()}
        return ranks | {"year": even_ranks(1, len(self.years))}

    @cached_property
    def _years(self) -> Integers:
        return np.array(self.years, np.int64)

    @property
    def _units_below_ms(self) -> int:
        return units_per_ms(self.dtype) if self.below_ms else 1

    def _values(self, codes: npt.NDArray[np.integer[Any]], within: Integers | None) -> pa.Array:
        """Values so many units after the millisecond that the codes tell; None stands for its beginning."""
        years = self._years[np.maximum(codes[:, 0] - 1, 0)]
        in_ms = days_of(years, codes[:, 1].astype(np.int64) + 1, codes[:, 2].astype(np.int64) + 1) * DAY_MS
        for place, part in enumerate(self.time_parts, start=3):
            in_ms += codes[:, place].astype(np.int64) * TIME_PARTS[part][0]
        in_ms = np.clip(in_ms, self.low, self.high)
        units = from_ms(in_ms, np.zeros_like(in_ms) if within is None else within, self.dtype)
        return from_units(pa.array(units, mask=codes[:, 0] == 0), self.dtype)

    def _to_years_in_use(self, in_ms: Integers) -> tuple[Integers, Integers]:
        """Values moved to the nearest end of a year in use where theirs is not, and the codes of their years."""
        year, _, _ = civil(in_ms // DAY_MS)
        above = np.minimum(np.searchsorted(self._years, year), len(self.years) - 1)
        below = np.maximum(above - 1, 0)
        place = np.where(year - self._years[below] < self._years[above] - year, below, above)
        nearest = self._years[place]
        moved = np.where(nearest > year, first_days(nearest) * DAY_MS, first_days(nearest + 1) * DAY_MS - 1)
        return np.where(nearest == year, in_ms, moved), place + 1


def _per_group(groups: Integers, *counts: Integers) -> list[Integers]:
    """The distinct groups, which are in ascending order, and the sums of counts over each."""
    if len(groups) == 0:
        return [groups, *counts]
    starts = np.flatnonzero(np.diff(groups, prepend=groups[0] - 1))
    return [groups[starts], *(np.add.reduceat(of_value, starts) for of_value in counts)]


def _parts_in_use(in_ms: Integers, counts: ValueCounts, threshold: int) -> list[str]:
    """All parts down to the finest that at least `threshold` entities have at another value than zero.

    Counts an entity by its first date alone: never more entities than there are.
    """
    used = [
        place
        for place, (length, number) in enumerate(TIME_PARTS.values())
        if counts.lowest[in_ms // length % number != 0].sum() >= threshold
    ]
    return list(TIME_PARTS)[: used[-1] + 1] if used else []


def _years_in_use(in_ms: Integers, counts: ValueCounts, threshold: int) -> list[int]:
    """All years from the first to the last, but for long runs between two common ones that nearly nobody has."""
    years, lowest, highest = _per_group(civil(in_ms // DAY_MS)[0], counts.lowest, counts.highest)
    entities = np.maximum(lowest, highest)  # never more than there are
    is_kept = np.ones(years[-1] - years[0] + 1, np.bool_)
    common = years[entities >= threshold]
    for start, stop in pairwise(common.tolist()):
        between = (years > start) & (years < stop)
        if stop - start - 1 > MAX_EMPTY_YEARS and entities[between].sum() < threshold:
            is_kept[start - years[0] + 1 : stop - years[0]] = False
    return [int(year) for year in years[0] + np.flatnonzero(is_kept)]
