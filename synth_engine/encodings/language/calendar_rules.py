"""Grammars of dates: exactly the days of a range that the calendar has, as ``2024-02-29``, and times of day.

Belongs here: the calendar as rules. Does not belong here: how a column's values become dates.
"""

from calendar import isleap, monthrange

from synth_engine.encodings.language.ebnf import either, quoted
from synth_engine.encodings.language.ranges import digits_between

Date = tuple[int, int, int]
"""Year, month and day; both of these count from 1."""

_HOUR, _SIXTY = digits_between("00", "23"), digits_between("00", "59")
CLOCK = {"hour": f'{_HOUR} ":00"', "minute": f'{_HOUR} ":" {_SIXTY}'}
CLOCK["second"] = f'{CLOCK["minute"]} ":" {_SIXTY}'
CLOCK |= {part: f'{CLOCK["second"]} "." [0-9]{{{size}}}' for part, size in (("ms", 3), ("us", 6), ("ns", 9))}
"""A time of day down to each part, as an expression."""


def date_rules(first: Date, last: Date) -> dict[str, str]:
    """The rule ``date``, for the days from the first to the last, and those that it refers to."""
    (first_year, *begin), (last_year, *end) = first, last
    if first_year == last_year:
        return {"date": _in_year(first_year, (begin[0], begin[1]), (end[0], end[1]))}
    options = [
        _in_year(first_year, (begin[0], begin[1]), (12, 31)),
        *_whole_years(first_year + 1, last_year - 1),
        _in_year(last_year, (1, 1), (end[0], end[1])),
    ]
    return {"date": either(options), "month_and_day": _days_of_year(1, (1, 1), (12, 31))}


def _whole_years(first: int, last: int) -> list[str]:
    """All days of some years: those that every year has, then the 29th of February."""
    if first > last:
        return []
    every = f'{digits_between(f"{first:04}", f"{last:04}")} "-" month_and_day'
    leap = leap_years(first, last)
    return [every, *([f'{leap} "-02-29"'] if leap else [])]


def leap_years(first: int, last: int) -> str:
    """The leap years from one to another, century by century; empty where there are none."""
    options = []
    for century in range(first // 100, last // 100 + 1):
        years = [year for year in range(max(first, 100 * century), min(last, 100 * century + 99) + 1) if isleap(year)]
        if years:
            options.append(f'"{century:02}" {either(_tens(years))}')
    return either(options)


def _tens(years: list[int]) -> list[str]:
    """Of years of one century the last two digits."""
    by_ten: dict[int, str] = {}
    for year in years:
        by_ten[year // 10 % 10] = by_ten.get(year // 10 % 10, "") + str(year % 10)
    return [f'"{ten}" [{digits}]' for ten, digits in by_ten.items()]


def _in_year(year: int, begin: tuple[int, int], end: tuple[int, int]) -> str:
    return f"{quoted(f'{year:04}-')} {_days_of_year(year, begin, end)}"


def _days_of_year(year: int, begin: tuple[int, int], end: tuple[int, int]) -> str:
    """The days from one month and day to another, as expression of the form ``05-17``."""
    options = []
    for month in range(begin[0], end[0] + 1):
        first = begin[1] if month == begin[0] else 1
        last = end[1] if month == end[0] else monthrange(max(year, 1), month)[1]
        options.append(f'"{month:02}-" {digits_between(f"{first:02}", f"{last:02}")}')
    return either(options)
