"""Types of columns of text: what all values of a column have in common.

A type is one function that returns the column in it, or None where the column is something else.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

# Texts that stand for "no value" in columns of numbers, dates and booleans. In text columns they are text:
# "NA" may well be Namibia there.
_NO_VALUE = pa.array(["", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "#N/A"])
_UNITS = ("s", "ms", "us", "ns")
_SAMPLE_ROWS = 1000
Column: TypeAlias = pa.ChunkedArray
Reading: TypeAlias = Callable[[Column], Column | None]


def with_types(table: pa.Table, *, decimal_comma: bool = False) -> pa.Table:
    """The table with columns of text turned into what they say.

    Whole numbers (64 bits; beyond that decimals of up to 38 digits), floats, ``true`` and ``false`` in any case, ISO
    dates (``2024-12-31``), timestamps (with an offset from UTC: in UTC) and times (``23:59:00``). Among these, ``NA``,
    ``NaN``, ``NULL``, ``None`` and ``N/A`` are null and blanks around values do not count.

    All else is text, without loss: also numbers with leading zeros or a plus sign (``007``, ``+49301234``), which are
    names rather than quantities, and columns that hold nothing but words for null.

    Args:
        table: Columns of text.
        decimal_comma: Whether numbers may also be written with a comma before their decimals.
    """
    typed = partial(_typed, readings=_readings(decimal_comma))
    with ThreadPoolExecutor(pa.cpu_count()) as pool:
        columns = list(pool.map(typed, table.columns))
    return pa.Table.from_arrays(columns, names=table.column_names)


def _typed(column: Column, readings: Iterable[Reading]) -> Column:
    if not pa.types.is_string(column.type):
        return column
    if column.null_count == len(column):
        return pa.chunked_array([pa.nulls(len(column))])
    sample = _cleaned(_first_values(column))
    # A few values tell what a column is not; most columns of text are not looked at any further.
    candidates = [reading for reading in readings if len(sample) == sample.null_count or reading(sample) is not None]
    if not candidates:
        return column
    cleaned = _cleaned(column)
    if cleaned.null_count == len(cleaned):
        return column
    results = (reading(cleaned) for reading in candidates)
    return next((result for result in results if result is not None), column)


def _first_values(column: Column) -> Column:
    head = column.slice(0, _SAMPLE_ROWS)
    return head if head.null_count < len(head) else column.drop_null().slice(0, _SAMPLE_ROWS)


def _cleaned(column: Column) -> Column:
    trimmed = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.is_in(trimmed, _NO_VALUE), pa.scalar(None, pa.string()), trimmed)


def _readings(decimal_comma: bool) -> list[Reading]:
    comma = [_float_with_comma] if decimal_comma else []
    return [_whole, _float, *comma, _boolean, _date, _timestamp, _time]


def _whole(column: Column) -> Column | None:
    if not _all_match(column, r"^-?(0|[1-9][0-9]*)$"):
        return None
    return _cast(column, pa.int64(), pa.uint64(), pa.decimal128(38, 0))


def _float(column: Column) -> Column | None:
    if _any_match(column, r"^[+-]?0[0-9xX]|^\+[0-9]+$"):
        return None
    floats = _cast(column, pa.float64())
    return None if floats is None else pc.if_else(pc.is_nan(floats), pa.scalar(None, pa.float64()), floats)


def _float_with_comma(column: Column) -> Column | None:
    if not _all_match(column, r"^-?[0-9]+(,[0-9]+)?$"):
        return None
    return _float(pc.replace_substring(column, ",", "."))


def _boolean(column: Column) -> Column | None:
    return _cast(column, pa.bool_()) if _all_match(column, r"(?i)^(true|false)$") else None


def _date(column: Column) -> Column | None:
    return _cast(column, pa.date32())


def _timestamp(column: Column) -> Column | None:
    naive = [pa.timestamp(unit) for unit in _UNITS]
    return _cast(column, *naive, *(pa.timestamp(unit, "UTC") for unit in _UNITS))


def _time(column: Column) -> Column | None:
    if not _all_match(column, r"^[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?$"):
        return None
    # Arrow has no cast from text to times, but one from timestamps.
    moments = _cast(pc.binary_join_element_wise("1970-01-01", column, " "), *(pa.timestamp(unit) for unit in _UNITS))
    if moments is None:
        return None
    unit = moments.type.unit
    return moments.cast(pa.time32(unit) if unit in ("s", "ms") else pa.time64(unit))


def _cast(column: Column, *types: pa.DataType) -> Column | None:
    """The column in the first type that takes all its values."""
    for dtype in types:
        try:
            return column.cast(dtype)
        except pa.ArrowInvalid:
            continue
    return None


def _all_match(column: Column, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(column, pattern), min_count=0).as_py())


def _any_match(column: Column, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(column, pattern), min_count=0).as_py())
