"""Types of columns of text: what all values of a column have in common.

A type is a pattern that all values match and a conversion, which may still find that they are something else.
"""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

# Texts that stand for "no value" in columns of numbers, dates and booleans. In text columns they are text:
# "NA" may well be Namibia there.
_NO_VALUE = ["", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "#N/A"]
_FIRST_ROWS = 1000
_UNITS = ("s", "ms", "us", "ns")


def with_types(table: pa.Table, *, decimal_comma: bool = False) -> pa.Table:
    """The table with columns of text turned into what they say.

    Whole numbers (64 bits; beyond that decimals of up to 38 digits), floats, ``true`` and ``false`` in any case, ISO
    dates (``2024-12-31``), timestamps (with an offset from UTC: in UTC) and times (``23:59:00``). Among these, ``NA``,
    ``NaN``, ``NULL``, ``None`` and ``N/A`` are null, and blanks around values do not count.

    All else is text, without loss: also numbers with leading zeros and whole ones with a plus sign (``007``,
    ``+49301234``), which are names rather than quantities, and columns of nothing but words for null.

    Args:
        table: Columns of text.
        decimal_comma: Whether numbers may also be written with a comma before their decimals.
    """
    readings = [*_READINGS, _DECIMAL_COMMA] if decimal_comma else _READINGS
    with ThreadPoolExecutor(pa.cpu_count()) as pool:
        columns = list(pool.map(partial(_typed, readings=readings), table.columns))
    return pa.Table.from_arrays(columns, names=table.column_names)


@dataclass(frozen=True)
class _Reading:
    """One type: what its values look like, and how a column becomes it (None: it does not)."""

    pattern: str
    convert: Callable[[pa.ChunkedArray], pa.ChunkedArray | None]


def _typed(column: pa.ChunkedArray, readings: list[_Reading]) -> pa.ChunkedArray:
    if not pa.types.is_string(column.type):
        return column
    if column.null_count == len(column):
        return pa.chunked_array([pa.nulls(len(column))])
    first = _first_value(column)
    # One value rules out most types; most columns of text are not looked at any further.
    candidates = [reading for reading in readings if first is not None and re.match(reading.pattern, first)]
    if not candidates:
        return column
    cleaned = _cleaned(column)
    for reading in candidates:
        if pc.all(pc.match_substring_regex(cleaned, reading.pattern)).as_py():
            result = reading.convert(cleaned)
            if result is not None:
                return result
    return column


def _first_value(column: pa.ChunkedArray) -> str | None:
    """The first value that is none of the words for null."""
    for rows in (column.slice(0, _FIRST_ROWS), column):
        values = _cleaned(rows).drop_null()
        if len(values):
            return str(values[0])
    return None


def _cleaned(column: pa.ChunkedArray) -> pa.ChunkedArray:
    trimmed = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.is_in(trimmed, pa.array(_NO_VALUE)), pa.scalar(None, pa.string()), trimmed)


def _cast(column: pa.ChunkedArray, *types: pa.DataType) -> pa.ChunkedArray | None:
    """The column in the first type that takes all its values."""
    for dtype in types:
        try:
            return column.cast(dtype)
        except pa.ArrowInvalid:
            continue
    return None


def _to_float(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    floats = _cast(column, pa.float64())
    return None if floats is None else pc.if_else(pc.is_nan(floats), pa.scalar(None, pa.float64()), floats)


def _to_time(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    # Arrow has no cast from text to times, but one from timestamps.
    moments = _cast(pc.binary_join_element_wise("1970-01-01", column, " "), *_TIMESTAMPS)
    if moments is None:
        return None
    unit = moments.type.unit
    return moments.cast(pa.time32(unit) if unit in ("s", "ms") else pa.time64(unit))


_WHOLE = "(0|[1-9][0-9]{0,37})"  # more digits Arrow would cut, without a word
_SHORT = "(0|[1-9][0-9]{0,18})"  # more a float would round
_EXPONENT = r"[eE][+-]?[0-9]+"
_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?"
_TIMESTAMPS = [pa.timestamp(unit) for unit in _UNITS]
_TIMESTAMPS_UTC = [pa.timestamp(unit, "UTC") for unit in _UNITS]

_READINGS = [
    _Reading(rf"^-?{_WHOLE}$", lambda column: _cast(column, pa.int64(), pa.uint64(), pa.decimal128(38, 0))),
    _Reading(
        rf"^(-?{_SHORT}|[+-]?({_SHORT}?[.][0-9]*({_EXPONENT})?|{_SHORT}{_EXPONENT}|(?i:inf|infinity|nan)))$", _to_float
    ),
    _Reading("^(?i:true|false)$", lambda column: _cast(column, pa.bool_())),
    _Reading(f"^{_DATE}$", lambda column: _cast(column, pa.date32())),
    _Reading(f"^{_DATE}([ T]{_CLOCK})?$", lambda column: _cast(column, *_TIMESTAMPS)),
    _Reading(f"^{_DATE}[ T]{_CLOCK} ?(Z|[+-][0-9:]+)$", lambda column: _cast(column, *_TIMESTAMPS_UTC)),
    _Reading(f"^{_CLOCK}$", _to_time),
]
_DECIMAL_COMMA = _Reading(rf"^-?{_SHORT}(,[0-9]+)?$", lambda column: _to_float(pc.replace_substring(column, ",", ".")))
