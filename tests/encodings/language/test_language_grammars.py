"""Grammars of ranges, of dates and of alternatives allow exactly what they should: every string near them is tried."""

import datetime as dt
from calendar import isleap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_engine.encodings.language.calendar_rules import CLOCK, date_rules, leap_years
from synth_engine.encodings.language.ebnf import one_of, quoted, rules
from synth_engine.encodings.language.ranges import number_range
from tests.encodings.language.grammars import matcher_of


def written(tick: int, decimals: int) -> str:
    digits = f"{abs(tick):0{decimals + 1}}"
    point = f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits
    return f"{'-' * (tick < 0)}{point}"


def around(low: int, high: int, rng: np.random.Generator) -> set[int]:
    """Numbers in a range, at its ends, near powers of ten, and beyond it."""
    near = {end + step for end in (low, high, 0) for step in (-11, -10, -2, -1, 0, 1, 2, 9, 10)}
    near |= {sign * 10**power + step for power in range(20) for sign in (-1, 1) for step in (-1, 0, 1)}
    width = high - low + 1
    return near | {low + int(part * width) for part in rng.random(40)} | {low - width, high + width, -low, -high}


@settings(max_examples=60)
@given(
    ends=st.tuples(*[st.integers(-(10**18), 10**18) | st.integers(-1_200, 1_200)] * 2).map(sorted),
    decimals=st.integers(0, 12),
)
def test_a_range_of_numbers_allows_all_in_it_and_no_others(ends: list[int], decimals: int):
    low, high = ends
    allows = matcher_of(rules({"value": number_range(low, high, decimals)}))
    for tick in around(low, high, np.random.default_rng(0)):
        assert allows(written(tick, decimals)) == (low <= tick <= high), tick


@pytest.mark.parametrize("decimals", [0, 1, 2])
def test_small_ranges_are_exact(decimals: int):
    numbers = {written(tick, decimals): tick for tick in range(-130, 131)}
    for low, high in [(0, 0), (-1, 1), (-130, -99), (7, 123), (-12, 109), (99, 100), (-1, 0), (1, 9), (10, 99)]:
        allows = matcher_of(rules({"value": number_range(low, high, decimals)}))
        assert {tick for text, tick in numbers.items() if allows(text)} == set(range(low, high + 1))


@pytest.mark.parametrize("text", ["-0", "00", "01", "+1", "1.", ".5", "1.50", "1e1", "", "-", "5.0", "1 "])
def test_numbers_have_one_form(text: str):
    assert not matcher_of(rules({"value": number_range(-100, 100)}))(text)
    assert not matcher_of(rules({"value": number_range(-100, 100, 1)}))(text.replace("5.0", "5.00"))


def days_around(first: dt.date, last: dt.date) -> set[str]:
    """Days of a range and beyond, and days that no month has."""
    days = {first, last, dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(2000, 2, 29), dt.date(2024, 2, 29)}
    size = (last - first).days + 1
    for base in (first.toordinal(), last.toordinal()):
        for step in (-366, -365, -31, -28, -1, 1, 28, 30, 31, 365, 366, size // 3, -size // 2):
            if 1 <= base + step <= dt.date.max.toordinal():
                days.add(dt.date.fromordinal(base + step))
    days |= {dt.date.fromordinal(first.toordinal() + place * size // 40) for place in range(40)}
    years = {day.year for day in days} | {1900, 2000, 2100}
    impossible = {
        f"{year:04}-{day}" for year in years for day in ("02-30", "04-31", "13-01", "00-10", "01-00", "02-29")
    }
    return {day.isoformat() for day in days} | impossible


def day_of(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


@settings(max_examples=60)
@given(data=st.data())
def test_a_range_of_days_allows_those_that_the_calendar_has_and_no_others(data):
    first = data.draw(st.dates() | st.dates(dt.date(1890, 1, 1), dt.date(2110, 1, 1)))
    last = data.draw(st.dates(first) | st.dates(first, min(first + dt.timedelta(800), dt.date.max, key=str)))
    ends = [(day.year, day.month, day.day) for day in (first, last)]
    allows = matcher_of(rules(date_rules(ends[0], ends[1])), "date")
    for text in days_around(first, last):
        day = day_of(text)
        assert allows(text) == (day is not None and first <= day <= last), text


def test_leap_years():
    for first, last in [(1, 9999), (1896, 1904), (2001, 2003), (2000, 2000)]:
        expression = leap_years(first, last)
        assert bool(expression) == any(map(isleap, range(first, last + 1)))
        if expression:
            allows = matcher_of(rules({"value": expression}))
            years = [year for year in range(first, last + 1) if year < 120 or year % 7 == 0 or 1890 < year < 2010]
            assert [year for year in years if allows(f"{year:04}")] == [year for year in years if isleap(year)]


def test_times_of_day():
    allows = {part: matcher_of(rules({"value": expression})) for part, expression in CLOCK.items()}
    times = {"hour": "05:00", "minute": "23:59", "second": "00:00:59", "ms": "10:20:30.123", "us": "10:20:30.123456"}
    times["ns"] = "10:20:30.123456789"
    for part, allowed in allows.items():
        assert [each for each, text in times.items() if allowed(text)] in ([part], ["hour", part])
        assert not any(map(allowed, ["24:00", "12:60", "12:00:60", "1:00", "12", "12:00:00."]))
    assert not allows["hour"]("05:01")


@settings(max_examples=60)
@given(
    st.sets(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6), min_size=1, max_size=30
    )
)
def test_alternatives_allow_these_texts_and_no_others(texts: set[str]):
    allows = matcher_of(rules({"value": one_of(texts - {""}) if texts - {""} else '""'}))
    others = {text[:-1] for text in texts} | {text + "a" for text in texts} | {"a", "b", '"', "\\"}
    for text in texts | others:
        if text:
            assert allows(text) == (text in texts)


def test_ten_thousand_alternatives_are_compiled_at_once():
    texts = [f'"entry {number * 7919 % 99991}"' for number in range(10_000)]
    allows = matcher_of(rules({"value": one_of(texts)}))
    assert all(allows(text) for text in texts[:20])
    assert not any(allows(text[:-1] + 'x"') for text in texts[:20])


def test_long_texts_that_begin_alike():
    texts = ["a" * size for size in range(1, 300)]
    allows = matcher_of(rules({"value": one_of(texts)}))
    assert all(map(allows, texts))
    assert not allows("a" * 300)


def test_quoted_is_one_line_of_ascii():
    assert quoted('é\n"\\\u2028👩{}').isascii()
    assert "\n" not in quoted("\n")
