"""Dates and timestamps as whole numbers: milliseconds since 1970 in UTC, days, and their parts. Arrays only."""

from datetime import MAXYEAR, MINYEAR

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.domain import InputError
from synth_engine.privacy import roundest

Integers = npt.NDArray[np.int64]

DAY_MS = 86_400_000
TIME_PARTS = {"hour": (3_600_000, 24), "minute": (60_000, 60), "second": (1_000, 60), "ms": (1, 1000)}
"""Length in milliseconds, and number, of each part of the time of day."""

_UNITS_PER_DAY = {"s": 86_400, "ms": DAY_MS, "us": DAY_MS * 1_000, "ns": DAY_MS * 1_000_000}
_SMALLEST = np.iinfo(np.int64).min + 1  # one less means "not a time" to NumPy and pandas
_LARGEST = np.iinfo(np.int64).max


def units_per_day(dtype: pa.DataType) -> int:
    """How many of the type's units make a day."""
    if pa.types.is_timestamp(dtype):
        return _UNITS_PER_DAY[dtype.unit]
    return 1 if pa.types.is_date32(dtype) else DAY_MS


def to_units(values: pa.Array) -> pa.Array:
    """Dates and timestamps as ``int64`` in their own unit; raises `InputError` beyond the years 1 to 9999."""
    is_date32 = pa.types.is_date32(values.type)
    units = values.cast(pa.int32()).cast(pa.int64()) if is_date32 else values.cast(pa.int64())
    ends = pc.min_max(units).as_py()
    if ends["min"] is not None:
        first, following = (
            int(day) * units_per_day(values.type) for day in first_days(np.array([MINYEAR, MAXYEAR + 1]))
        )
        if ends["min"] < first or ends["max"] >= following:
            raise InputError(f"expected dates of the years {MINYEAR} to {MAXYEAR}, found others; replace them by null")
    return units


def from_units(units: pa.Array, dtype: pa.DataType) -> pa.Array:
    """Inverse of `to_units`."""
    return units.cast(pa.int32()).cast(dtype) if pa.types.is_date32(dtype) else units.cast(dtype)


def to_ms(units: Integers, dtype: pa.DataType) -> Integers:
    """Milliseconds; what is finer is cut off."""
    per_day = units_per_day(dtype)
    return units // (per_day // DAY_MS) if per_day >= DAY_MS else units * (DAY_MS // per_day)


def units_per_ms(dtype: pa.DataType) -> int:
    """How many values of the type lie in a millisecond; 1 for coarser types."""
    return max(units_per_day(dtype) // DAY_MS, 1)


def from_ms(in_ms: Integers, within: Integers, dtype: pa.DataType) -> Integers:
    """Inverse of `to_ms`: values in units of the type, `within` units after the millisecond begins.

    The first and the last millisecond of the type's range are not whole; there, values stay inside the range.
    """
    per_day, per_ms = units_per_day(dtype), units_per_ms(dtype)
    if per_day < DAY_MS:
        return in_ms // (DAY_MS // per_day)
    first, last = _SMALLEST // per_ms, _LARGEST // per_ms
    room = np.where(in_ms < last, per_ms - 1, _LARGEST % per_ms)
    units = np.clip(in_ms, first + 1, last) * per_ms + np.minimum(within, room)
    return np.where(in_ms <= first, _SMALLEST, units)


def civil(days: Integers) -> tuple[Integers, Integers, Integers]:
    """Year, month from 1, and day from 1 of days since 1970."""
    months = days.astype("datetime64[D]").astype("datetime64[M]")
    day = days - months.astype("datetime64[D]").astype(np.int64) + 1
    since_1970 = months.astype(np.int64)
    return since_1970 // 12 + 1970, since_1970 % 12 + 1, day


def days_of(years: Integers, months: Integers, days: Integers) -> Integers:
    """Days since 1970; a day that its month does not have becomes the month's last."""
    start = ((years - 1970) * 12 + months - 1).astype("datetime64[M]")
    first: Integers = start.astype("datetime64[D]").astype(np.int64)
    length = (start + np.timedelta64(1, "M")).astype("datetime64[D]").astype(np.int64) - first
    day: Integers = first + np.minimum(days, length) - 1
    return day


def first_days(years: Integers) -> Integers:
    """First day of each year, since 1970."""
    days: Integers = (years - 1970).astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64)
    return days


def roundest_day(low: int, high: int) -> int:
    """The first 1 January from `low` to `high`, both days since 1970; else the first day of a month; else a round day.

    >>> import datetime as dt
    >>> epoch = dt.date(1970, 1, 1).toordinal()
    >>> dt.date.fromordinal(epoch + roundest_day(364, 800)).isoformat()
    '1971-01-01'
    """
    for one in (np.timedelta64(1, "Y"), np.timedelta64(1, "M")):
        start = np.datetime64(low, "D").astype(f"datetime64[{np.datetime_data(one)[0]}]")
        for candidate in (start, start + one):
            day = int(candidate.astype("datetime64[D]").astype(np.int64))
            if low <= day <= high:
                return day
    # Both ends lie in one month.
    of_month = int(civil(np.array([low]))[2][0])
    return low - of_month + roundest(of_month, of_month + high - low)
