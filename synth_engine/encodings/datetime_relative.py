"""TABULAR_DATETIME_RELATIVE: draws a sequence's first date part by part, then the time that passes between events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import ClassVar, Literal, Self

import numpy as np
import pyarrow as pa

from synth_engine.domain import ModelEncodingType, RareCategoryReplacementMethod
from synth_engine.encodings.base import Codes, Encoding, Entities
from synth_engine.encodings.calendar import DAY_MS, Integers, from_ms, from_units, units_per_day, units_per_ms
from synth_engine.encodings.date_sequences import Events, added_up, intervals_of, scale_of, steps_of, through
from synth_engine.encodings.datetime import DatetimeEncoding
from synth_engine.encodings.meanings import Meanings, Reserved
from synth_engine.encodings.numeric import null_mask
from synth_engine.encodings.numeric_binned import NumericBinnedEncoding
from synth_engine.encodings.value_counts import ValueCounts
from synth_engine.privacy import Budget, ValueProtection

NULL, DATE, INTERVAL = range(3)
KINDS = 3


@dataclass(frozen=True, eq=False)
class RelativeCounts(ValueCounts):
    """The summary of all dates, and that of the intervals between them.

    Args:
        intervals: Time from one date of a sequence to the next; None where every row is a sequence of its own.
    """

    intervals: ValueCounts | None = None

    @classmethod
    def merged(cls, summaries: Sequence[Self]) -> Self:
        """The summary of several partitions together."""
        known = [each.intervals for each in summaries if each.intervals is not None]
        return replace(super().merged(summaries), intervals=ValueCounts.merged(known) if known else None)


class DatetimeRelativeEncoding(Encoding):
    """Sub-column ``kind`` (0: null, 1: a date, 2: an interval), then those of the date, then those of the interval.

    The first date of a sequence is encoded by `dates`, like a column of type ``TABULAR_DATETIME``; each later one by
    `intervals`, like a number: the time since the date before it, in days for dates and else in the column's own unit.
    Nulls are passed over: the interval goes on from the last date. Sub-columns of the other kind are 0. An interval of
    more than 292 years counts as that in a column of nanoseconds, for 64 bits hold no more.

    Decoding follows the place in the sequence: the first row that is not null has a date, the others have intervals,
    whatever their kind says. So no sequence runs backwards unless enough entities have negative intervals. Dates are
    clipped to the range of `dates`.

    In a table whose rows are sequences of their own, and wherever nothing may be known of intervals, `intervals` is
    None and the codes are those of ``TABULAR_DATETIME``.

    Guarantees: those of `DatetimeEncoding` for all dates, those of `NumericBinnedEncoding` for intervals.
    """

    type: ClassVar[ModelEncodingType] = ModelEncodingType.TABULAR_DATETIME_RELATIVE
    encoding_type: Literal[ModelEncodingType.TABULAR_DATETIME_RELATIVE] = ModelEncodingType.TABULAR_DATETIME_RELATIVE
    dates: DatetimeEncoding
    intervals: NumericBinnedEncoding | None = None

    @classmethod
    def accepts(cls, dtype: pa.DataType) -> bool:
        """Dates and timestamps."""
        return DatetimeEncoding.accepts(dtype)

    @classmethod
    def canonical(cls, values: pa.Array) -> pa.Array:
        """Whole numbers of the type's unit since 1970 in UTC, as int64."""
        return DatetimeEncoding.canonical(values)

    @classmethod
    def summarise(cls, values: pa.Array, entities: Entities | None = None) -> RelativeCounts:
        """Sensitive summary of one partition: dates, and intervals inside sequences."""
        counts = RelativeCounts.of(cls.canonical(values), entities)
        if entities is None:
            return counts
        events = Events.of(null_mask(values), entities)
        units = steps_of(values)[events.is_present]
        intervals = pa.array(intervals_of(units)[~events.is_first])
        owners = entities[events.is_present][~events.is_first]
        return replace(counts, intervals=NumericBinnedEncoding.summarise(intervals, owners))

    @classmethod
    def release(cls, counts: ValueCounts, dtype: pa.DataType, budget: Budget) -> ValueCounts:
        """Dates and intervals, with half of the budget each; of both an entity stands for one."""
        between = counts.intervals if isinstance(counts, RelativeCounts) else None
        if between is None:
            return DatetimeEncoding.release(counts, dtype, budget)
        dates = DatetimeEncoding.release(counts, dtype, budget.part(0.5, delta_share=0.0))
        intervals = NumericBinnedEncoding.release(between, pa.int64(), budget.part(0.5, delta_share=1.0))
        shown = {each.name: getattr(dates, each.name) for each in fields(ValueCounts)}
        return RelativeCounts(**shown, intervals=intervals)

    @classmethod
    def fit(
        cls, counts: ValueCounts, dtype: pa.DataType, protection: ValueProtection, rng: np.random.Generator
    ) -> Self:
        """Fit dates, then intervals."""
        dates = DatetimeEncoding.fit(counts, dtype, protection, rng)
        between = counts.intervals if isinstance(counts, RelativeCounts) else None
        intervals = None
        if between is not None and dates.any_values:
            intervals = NumericBinnedEncoding.fit(between, pa.int64(), protection, rng)
        is_known = intervals is not None and bool(intervals.atoms or intervals.edges)
        return cls(dtype=dtype, has_nulls=dates.has_nulls, dates=dates, intervals=intervals if is_known else None)

    @property
    def cardinalities(self) -> dict[str, int]:
        """The kind, the parts of the date, the parts of the interval."""
        if self.intervals is None:
            return self.dates.cardinalities
        return {"kind": KINDS} | self.dates.cardinalities | self.intervals.cardinalities

    def encode(self, values: pa.Array) -> Codes:
        """Each value as a sequence of its own."""
        return self.encode_events(values, None)

    def encode_events(self, values: pa.Array, entities: Entities | None) -> Codes:
        """The first date of each sequence as a date, the others as intervals."""
        if self.intervals is None:
            return self.dates.encode(values)
        codes = np.zeros((len(values), len(self.cardinalities)), np.int32)
        events = Events.of(null_mask(values), entities)
        first, later = np.flatnonzero(events.is_present)[events.is_first], events.later
        codes[first, 0], codes[later, 0] = DATE, INTERVAL
        codes[first, self._date_parts] = self.dates.encode(values.take(pa.array(first)))
        intervals = intervals_of(steps_of(values)[events.is_present])[~events.is_first]
        codes[later, self._interval_parts] = self.intervals.encode(pa.array(intervals))
        return codes

    def decode(self, codes: Codes, rng: np.random.Generator) -> pa.Array:
        """Each row as a sequence of its own."""
        return self.decode_events(codes, None, rng)

    def decode_events(
        self, codes: Codes, entities: Entities | None, rng: np.random.Generator, known: pa.Array | None = None
    ) -> pa.Array:
        """Dates, and intervals added up from there on.

        From a known date on, intervals are added to that date; one in front of it in its sequence is not after it.
        """
        if self.intervals is None:
            return self.dates.decode(codes, rng)
        is_null = codes[:, 0] == NULL
        events = Events.of(is_null, entities)
        first = codes[events.is_present][events.is_first][:, self._date_parts]
        later = codes[events.later][:, self._interval_parts]
        for parts in (first, later):  # a code for null that has no place there
            parts[:, 0] = np.maximum(parts[:, 0], 1)
        steps = np.empty(len(events.is_first), np.int64)
        steps[events.is_first] = steps_of(self.dates.decode(first, rng))
        steps[~events.is_first] = self.intervals.decode(later, rng).to_numpy()
        if known is None:
            reached = added_up(steps, events.is_first, *self._range)
        else:
            is_known = ~null_mask(known)[events.is_present]
            reached = through(steps_of(known)[events.is_present], is_known, steps, events.is_first, self._range)
        units = np.zeros(len(codes), np.int64)
        units[events.is_present] = reached * scale_of(self.dtype)
        return from_units(pa.array(units, mask=is_null), self.dtype)

    def never_drawn(self, method: RareCategoryReplacementMethod) -> Mapping[str, list[int]]:
        """Null where there was none. Zeros of sub-columns of the other kind are drawn: they are how it is said."""
        if self.intervals is None:
            return self.dates.never_drawn(method)
        return {"kind": [] if self.has_nulls else [NULL]}

    def meanings(self) -> Mapping[str, Meanings]:
        """Those of dates and of intervals, the latter in nanoseconds."""
        if self.intervals is None:
            return self.dates.meanings()
        kinds = Meanings.unordered([Reserved.NULL, "a date", "an interval"])
        intervals = dict(self.intervals.meanings())
        unit = DAY_MS * 10**6 * scale_of(self.dtype) // units_per_day(self.dtype)
        return {
            "kind": kinds,
            **self.dates.meanings(),
            **intervals,
            "bin": replace(intervals["bin"].scaled(unit), tells="interval"),
        }

    def ranks(self) -> Mapping[str, list[float]]:
        """Parts are ordered, kinds are not."""
        return {**self.dates.ranks(), **({} if self.intervals is None else self.intervals.ranks())}

    def typical(self, codes: Codes) -> tuple[Integers, Integers]:
        """The date, and the interval, in the middle of those that rows with these codes can have, in steps.

        Each of them as if the row was of that kind.
        """
        assert self.intervals is not None
        date, interval = codes[:, self._date_parts].copy(), codes[:, self._interval_parts].copy()
        for parts in (date, interval):
            parts[:, 0] = np.maximum(parts[:, 0], 1)
        dates = [steps_of(end) for end in self.dates.extent(date)]
        intervals = [end.to_numpy() for end in self.intervals.extent(interval)]
        return tuple(low + (high - low) // 2 for low, high in (dates, intervals))

    @property
    def last(self) -> int:
        """The last date that is shown, in steps of an interval."""
        return self._range[1]

    @property
    def is_forward(self) -> bool:
        """Whether there are intervals, and none of them leads back."""
        shown = [] if self.intervals is None else [*self.intervals.atoms, *self.intervals.edges]
        return bool(shown) and min(shown) >= 0

    @property
    def _date_parts(self) -> slice:
        return slice(1, 1 + len(self.dates.cardinalities))

    @property
    def _interval_parts(self) -> slice:
        return slice(1 + len(self.dates.cardinalities), None)

    @cached_property
    def _range(self) -> tuple[int, int]:
        """First and last date that may be shown, in steps of an interval."""
        ends = np.array([self.dates.low, self.dates.high])
        within = np.array([0, units_per_ms(self.dtype) - 1 if self.dates.below_ms else 0])
        low, high = (from_ms(ends, within, self.dtype) // scale_of(self.dtype)).tolist()
        return low, high
