"""What only dates have: calendars, ends of ranges, zones, parts of the day."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.domain import InputError
from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.encodings import fitter
from synth_engine.encodings.calendar import civil, days_of, first_days, from_ms, roundest_day, to_ms, units_per_day
from tests.encodings.columns import DATES, TIMESTAMPS, columns, fit

DATETIME = fitter(Kind.TABULAR_DATETIME)
EPOCH = dt.date(1970, 1, 1).toordinal()


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def round_trip(column: pa.Array, *, enabled: bool = True) -> pa.Array:
    encoding = fit(DATETIME, column, enabled=enabled)
    return encoding.decode(encoding.encode(column), rng())


def units(column: pa.Array) -> np.ndarray:
    is_short = pa.types.is_date32(column.type)
    return (column.cast(pa.int32()) if is_short else column).cast(pa.int64()).drop_null().to_numpy()


@given(st.lists(st.dates(), min_size=1, max_size=20))
def test_the_calendar_is_that_of_the_standard_library(dates):
    days = np.array([date.toordinal() - EPOCH for date in dates])
    year, month, day = civil(days)
    assert list(zip(year.tolist(), month.tolist(), day.tolist(), strict=True)) == [
        (d.year, d.month, d.day) for d in dates
    ]
    assert (days_of(year, month, day) == days).all()
    assert first_days(year).tolist() == [dt.date(d.year, 1, 1).toordinal() - EPOCH for d in dates]


def test_a_day_that_its_month_does_not_have_is_its_last():
    days = days_of(np.array([2023, 2024, 2023]), np.array([2, 2, 11]), np.array([31, 30, 31]))
    assert [dt.date.fromordinal(EPOCH + day).isoformat() for day in days.tolist()] == [
        "2023-02-28",
        "2024-02-29",
        "2023-11-30",
    ]


@given(st.dates(), st.integers(0, 1_000))
def test_the_roundest_day_is_a_first_of_january_or_of_a_month(date, width):
    low = date.toordinal() - EPOCH
    high = min(low + width, dt.date.max.toordinal() - EPOCH)
    rounded = roundest_day(low, high)
    assert low <= rounded <= high
    firsts = [dt.date.fromordinal(EPOCH + day) for day in range(low, high + 1)]
    chosen = dt.date.fromordinal(EPOCH + rounded)
    if any((first.month, first.day) == (1, 1) for first in firsts):
        assert (chosen.month, chosen.day) == (1, 1)
    elif any(first.day == 1 for first in firsts):
        assert chosen.day == 1


@given(data=st.data())
def test_milliseconds_and_back(data):
    dtype = data.draw(st.sampled_from([*DATES, *TIMESTAMPS]))
    column = data.draw(columns(dtype)).drop_null()
    in_ms = to_ms(units(column), dtype)
    assert in_ms.tolist() == [unit * 86_400_000 // units_per_day(dtype) for unit in units(column).tolist()]
    per_ms = max(units_per_day(dtype) // 86_400_000, 1)
    within = rng().integers(0, per_ms, len(in_ms))
    again = from_ms(in_ms, within, dtype)
    assert (to_ms(again, dtype) == in_ms).all()
    is_whole = units(column) > -(2**63) + 10**6  # the first millisecond of 64 bits is not
    assert (from_ms(in_ms, units(column) % per_ms, dtype) == units(column))[is_whole].all()


# --- exactness and ends -----------------------------------------------------------------------------------------------


@given(data=st.data())
def test_without_protection_every_millisecond_is_kept(data):
    column = data.draw(columns(data.draw(st.sampled_from([*DATES, *TIMESTAMPS]))))
    decoded = round_trip(column, enabled=False)
    assert (to_ms(units(decoded), column.type) == to_ms(units(column), column.type)).all()
    assert decoded.is_null().equals(column.is_null())


@given(data=st.data())
def test_any_codes_stay_inside_the_published_range(data):
    column = data.draw(columns(data.draw(st.sampled_from([*DATES, *TIMESTAMPS]))))
    encoding = fit(DATETIME, column, enabled=data.draw(st.booleans()))
    codes = np.column_stack([rng().integers(0, size, 200) for size in encoding.cardinalities.values()]).astype(np.int32)
    decoded = to_ms(units(encoding.decode(codes, rng())), column.type)
    assert ((encoding.low <= decoded) & (decoded <= encoding.high)).all()


def test_leap_days_and_the_first_and_the_last_year():
    days = ["0001-01-01", "2000-02-29", "1900-02-28", "2024-02-29", "9999-12-31"]
    column = pa.array([dt.date.fromisoformat(day) for day in days] * 20, pa.date32())
    for enabled in (True, False):
        assert round_trip(column, enabled=enabled).equals(column)


@pytest.mark.parametrize("zone", [None, "UTC", "America/St_Johns"])
def test_nanoseconds_near_the_ends_of_64_bits(zone):
    ends = [-(2**63) + 1, -(2**63) + 2, -(2**63) + 10**6, 0, 2**63 - 10**6, 2**63 - 1]
    column = pa.array(ends * 20).cast(pa.timestamp("ns", zone))
    for enabled in (True, False):
        decoded = round_trip(column, enabled=enabled)
        assert decoded.type == column.type
        assert (to_ms(units(decoded), column.type) == to_ms(units(column), column.type)).all()


@pytest.mark.parametrize("dtype", [pa.date32(), pa.timestamp("s"), pa.timestamp("ms", "UTC"), pa.timestamp("us")])
@pytest.mark.parametrize("year", [0, 10_000, 200_000])
def test_years_beyond_the_calendar_are_refused_without_quoting_one(dtype, year):
    day = int(first_days(np.array([year]))[0])
    values = [0, day * units_per_day(dtype)]
    column = pa.array(values, pa.int32() if dtype == pa.date32() else pa.int64()).cast(dtype)
    with pytest.raises(
        InputError, match=r"^expected dates of the years 1 to 9999, found others; replace them by null$"
    ):
        DATETIME.summarise(column)


def test_what_is_before_1970_is_cut_off_downwards():
    column = pa.array([-1, -1_001, -999_999, 5] * 20).cast(pa.timestamp("us"))
    assert to_ms(units(column), column.type)[:4].tolist() == [-1, -2, -1_000, 0]
    assert (to_ms(units(round_trip(column)), column.type) == to_ms(units(column), column.type)).all()


# --- parts in use -----------------------------------------------------------------------------------------------------

START = 1_600_000_000 // 86_400 * 86_400
PARTS = {
    "midnight": (86_400, []),
    "hours": (3_600, ["hour"]),
    "minutes": (60, ["hour", "minute"]),
    "seconds": (1, ["hour", "minute", "second"]),
}


@pytest.mark.parametrize("name", PARTS)
def test_only_parts_of_the_day_in_use_become_sub_columns(name):
    step, parts = PARTS[name]
    values = START + rng(1).integers(0, 10**7, 500) // step * step
    for dtype in (pa.timestamp("s"), pa.timestamp("ns", "Asia/Tokyo")):
        column = pa.array(values).cast(pa.timestamp("s")).cast(pa.timestamp(dtype.unit)).cast(dtype)
        encoding = fit(DATETIME, column)
        assert encoding.time_parts == parts
        assert not encoding.below_ms
        assert (
            units(encoding.decode(encoding.encode(column), rng())) % (step * units_per_day(dtype) // 86_400) == 0
        ).all()


def test_a_single_time_of_day_among_midnights_adds_no_part():
    column = pa.array([START] * 500 + [START + 3_723]).cast(pa.timestamp("s"))
    assert fit(DATETIME, column).time_parts == []
    assert fit(DATETIME, column, enabled=False).time_parts == ["hour", "minute", "second"]


@pytest.mark.parametrize("unit", ["us", "ns"])
def test_what_is_finer_than_milliseconds_is_drawn_where_it_is_in_use(unit):
    per_ms = {"us": 1_000, "ns": 1_000_000}[unit]
    base = rng(2).integers(0, 10**9, 2_000) * per_ms
    fine = pa.array(base + rng(3).integers(0, per_ms, 2_000)).cast(pa.timestamp(unit))
    for column, is_fine in ((pa.array(base).cast(pa.timestamp(unit)), False), (fine, True)):
        encoding = fit(DATETIME, column)
        assert encoding.below_ms is is_fine
        within = units(encoding.decode(encoding.encode(column), rng())) % per_ms
        assert (len(np.unique(within)) > 500) is is_fine


# --- years ------------------------------------------------------------------------------------------------------------


def dates(years: list[int]) -> pa.Array:
    return pa.array([dt.date(year, 1 + place % 12, 1 + place % 28) for place, year in enumerate(years)], pa.date32())


def test_a_far_year_that_stands_for_never_costs_one_code():
    column = dates([*range(2000, 2020)] * 30 + [9999] * 50)
    for enabled in (True, False):
        encoding = fit(DATETIME, column, enabled=enabled)
        assert encoding.years == [*range(2000, 2020), 9999]
    assert round_trip(column, enabled=False).equals(column)


def test_rare_years_in_between_stay_where_many_people_have_one():
    column = dates([*range(1900, 2000)] * 3 + [1900, 2000] * 20)
    assert fit(DATETIME, column).years == [*range(1900, 2001)]


def test_a_rare_year_in_a_long_gap_moves_to_the_nearest_year_in_use():
    column = dates([2000] * 100 + [2100] * 100 + [2040] * 2)
    encoding = fit(DATETIME, column)
    assert encoding.years == [2000, 2100]
    moved = encoding.decode(encoding.encode(dates([2040, 2060, 2001])), rng()).to_pylist()
    assert [date.year for date in moved] == [2000, 2100, 2000]
    codes = encoding.encode(dates([2040, 2060]))
    assert (encoding.encode(encoding.decode(codes, rng())) == codes).all()


def test_protected_ends_are_firsts_of_a_year_or_a_month():
    column = pa.array(rng(4).integers(0, 20_000, 500).astype(np.int32)).cast(pa.date32())
    encoding = fit(DATETIME, column)
    for end in (encoding.low, encoding.high):
        assert dt.date.fromordinal(EPOCH + end // 86_400_000).day == 1


def test_an_end_of_the_range_is_no_finer_than_the_dates():
    """Or else everything after the last day that may be shown would end in the same telling 23:59:59.999."""
    seconds = 1_700_000_000 + 97 * np.arange(5_000)
    column = pa.array(seconds).cast(pa.timestamp("s")).cast(pa.timestamp("ms"))
    encoding = fit(DATETIME, column)
    assert encoding.time_parts == ["hour", "minute", "second"]
    codes = np.tile([size - 1 for size in encoding.cardinalities.values()], (1, 1))
    assert encoding.decode(codes, rng()).cast(pa.int64())[0].as_py() % 1_000 == 0
