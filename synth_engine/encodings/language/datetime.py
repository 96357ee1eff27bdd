"""LANGUAGE_DATETIME: writes dates and times in the form of ISO 8601, as finely as the column has them."""

from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.domain import ModelEncodingType
from synth_engine.encodings.calendar import (
    DAY_MS,
    TIME_PARTS,
    Integers,
    civil,
    days_of,
    from_ms,
    from_units,
    to_ms,
    to_units,
    units_per_ms,
)
from synth_engine.encodings.datetime import DatetimeEncoding
from synth_engine.encodings.language.base import LanguageEncoding
from synth_engine.encodings.language.calendar_rules import CLOCK, date_rules
from synth_engine.encodings.language.literals import NULL, where_null
from synth_engine.encodings.numeric import null_mask
from synth_engine.encodings.value_counts import ValueCounts
from synth_engine.privacy import Budget, ValueProtection

Precision = Literal["day", "hour", "minute", "second", "ms", "us", "ns"]

_FORM = '"0000-00-00T00:00:00.000000000'
# How long literals are that end with each part, both quotes included.
_WIDTHS = {"day": 12, "hour": 18, "minute": 18, "second": 21, "ms": 25, "us": 28, "ns": 31}
# Where the digits of each part stand in a literal; those of the fraction are as many as the precision has.
_PLACES = {"year": (1, 5), "month": (6, 8), "day": (9, 11), "hour": (12, 14), "minute": (15, 17), "second": (18, 20)}
_FRACTION = 21
_WITH_FRACTION = ("ms", "us", "ns")


class LanguageDatetime(LanguageEncoding):
    """A date is a JSON string such as ``"2024-05-17"``, or ``"2024-05-17T08:30:00"`` with parts of the day as in use.

    In use is what is not finer than the finest part that enough entities have; of hours the minutes are ``00``. Times
    are those of UTC, whatever the column's time zone. Dates are clipped to `low` and `high`.

    The grammar has the days from that of `low` to that of `high`, no others, and none that the calendar has not. Inside
    the first and the last day, which matters without protection only, times beyond the range are clipped by `read`.

    Guarantees: those of `DatetimeEncoding`.

    Args:
        low: The first millisecond since 1970, in UTC, that may be shown.
        high: The last one.
        precision: The finest part in use.
        any_values: Whether any date may be shown.
    """

    type: ClassVar[ModelEncodingType] = ModelEncodingType.LANGUAGE_DATETIME
    encoding_type: Literal[ModelEncodingType.LANGUAGE_DATETIME] = ModelEncodingType.LANGUAGE_DATETIME
    low: int = 0
    high: int = 0
    precision: Precision = "day"
    any_values: bool = False

    @classmethod
    def accepts(cls, dtype: pa.DataType) -> bool:
        """Dates and timestamps."""
        return DatetimeEncoding.accepts(dtype)

    @classmethod
    def canonical(cls, values: pa.Array) -> pa.Array:
        """Whole numbers of the type's unit since 1970 in UTC, as int64."""
        return to_units(values)

    @classmethod
    def release(cls, counts: ValueCounts, dtype: pa.DataType, budget: Budget) -> ValueCounts:
        """Cells that are finer where many entities are."""
        return DatetimeEncoding.release(counts, dtype, budget)

    @classmethod
    def fit(
        cls, counts: ValueCounts, dtype: pa.DataType, protection: ValueProtection, rng: np.random.Generator
    ) -> Self:
        """Find the protected range, and the parts of the time of day that are in use."""
        found = DatetimeEncoding.fit(counts, dtype, protection, rng)
        precision: Any = found.time_parts[-1] if found.time_parts else "day"
        if found.below_ms:
            precision = dtype.unit
        return cls(
            dtype=dtype,
            has_nulls=found.has_nulls,
            low=found.low,
            high=found.high,
            precision=precision,
            any_values=found.any_values,
        )

    @property
    def has_values(self) -> bool:
        """Whether there is a range."""
        return self.any_values

    @property
    def longest(self) -> int:
        """All literals have the same length, but for null."""
        return _WIDTHS[self.precision] if self.any_values else len(NULL)

    def write(self, values: pa.Array) -> pa.Array:
        """Clip, cut off what is finer than the precision, and write."""
        units = self.canonical(values)
        if not self.any_values:
            return where_null(pa.nulls(len(values)), pa.nulls(len(values), pa.large_string()))
        exact = units.fill_null(0).to_numpy()
        in_ms = to_ms(exact, self.dtype)
        clipped = np.clip(in_ms, self.low, self.high)
        per_ms = units_per_ms(self.dtype)
        below = np.where(in_ms == clipped, exact % per_ms, np.where(in_ms < clipped, 0, per_ms - 1))
        shown = from_ms(clipped, below, self.dtype)  # the first millisecond of a type's range is not whole
        return where_null(units, self._literals(to_ms(shown, self.dtype), shown % per_ms))

    def read(self, literals: pa.Array) -> pa.Array:
        """Put the parts together and clip to the range."""
        is_null = null_mask(literals) | pc.equal(literals, NULL).to_numpy(zero_copy_only=False)
        texts = literals.filter(pa.array(~is_null))
        in_ms, below = np.zeros(len(literals), np.int64), np.zeros(len(literals), np.int64)
        in_ms[~is_null], below[~is_null] = self._parsed(texts)
        units = from_ms(np.clip(in_ms, self.low, self.high), below, self.dtype)
        return from_units(pa.array(units, mask=is_null), self.dtype)

    def _rules(self) -> dict[str, str]:
        years, months, days = (part.tolist() for part in civil(np.array([self.low, self.high]) // DAY_MS))
        first, last = zip(years, months, days, strict=True)
        time = "" if self.precision == "day" else f' "T" {CLOCK[self.precision]}'
        return {"value": f'"\\"" date{time} "\\""'} | date_rules(first, last)

    def _literals(self, in_ms: Integers, below: Integers) -> pa.Array:
        """Fixed places for digits, filled one part at a time for all rows."""
        width = _WIDTHS[self.precision]
        form = f'{_FORM[: width - 1]}"'
        written = np.tile(np.frombuffer(form.encode(), np.uint8), (len(in_ms), 1))
        if self.precision == "hour":
            in_ms = in_ms - in_ms % TIME_PARTS["hour"][0]
        parts = dict(zip(("year", "month", "day"), civil(in_ms // DAY_MS), strict=True))
        parts |= {name: in_ms // length % size for name, (length, size) in TIME_PARTS.items()}
        for name, place in _PLACES.items():
            if place[1] < width:
                _write_digits(written, *place, parts[name])
        if self.precision in _WITH_FRACTION:
            fraction = parts["ms"] if self.precision == "ms" else parts["ms"] * units_per_ms(self.dtype) + below
            _write_digits(written, _FRACTION, width - 1, fraction)
        return _fixed_width(written)

    def _parsed(self, literals: pa.Array) -> tuple[Integers, Integers]:
        """Milliseconds since 1970, and units after that."""
        width = _WIDTHS[self.precision]
        offsets = np.frombuffer(literals.buffers()[1], np.int64)[literals.offset : literals.offset + 1]
        content = literals.buffers()[2] if len(literals) else b""
        start = int(offsets[0]) if len(literals) else 0
        size = len(literals) * width
        digits = np.frombuffer(content, np.uint8)[start : start + size].reshape(len(literals), width) - ord("0")
        parts = {name: _read_digits(digits, *place) for name, place in _PLACES.items() if place[1] < width}
        in_ms = days_of(parts["year"], parts["month"], parts["day"]) * DAY_MS
        for name in ("hour", "minute", "second"):
            if name in parts:
                in_ms += parts[name] * TIME_PARTS[name][0]
        if self.precision not in _WITH_FRACTION:
            return in_ms, np.zeros_like(in_ms)
        per_ms = units_per_ms(self.dtype) if self.precision != "ms" else 1
        fraction = _read_digits(digits, _FRACTION, width - 1)
        return in_ms + fraction // per_ms, fraction % per_ms


def _write_digits(written: npt.NDArray[np.uint8], first: int, end: int, numbers: Integers) -> None:
    for place in range(end - 1, first - 1, -1):
        numbers, digit = np.divmod(numbers, 10)
        written[:, place] = digit + ord("0")


def _read_digits(digits: npt.NDArray[np.uint8], first: int, end: int) -> Integers:
    powers = 10 ** np.arange(end - first - 1, -1, -1, dtype=np.int64)
    numbers: Integers = digits[:, first:end].astype(np.int64) @ powers
    return numbers


def _fixed_width(written: npt.NDArray[np.uint8]) -> pa.Array:
    """Rows of ASCII as ``large_string``."""
    n_rows, width = written.shape
    offsets = np.arange(n_rows + 1, dtype=np.int64) * width
    return pa.LargeStringArray.from_buffers(n_rows, pa.py_buffer(offsets), pa.py_buffer(written.tobytes()))
