"""Values that constraints speak of: bounds as exact numbers, and how a value is written.

Belongs here: what keeping and checking a constraint need to understand alike. Does not belong here: either of them.
"""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from synth_engine.domain import InputError, RangeConstraint
from synth_engine.encodings.axes import kind_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def range_of(constraint: RangeConstraint, dtype: pa.DataType, where: str) -> tuple[Fraction | None, Fraction | None]:
    """Ends of a range, as plain numbers or in nanoseconds since 1970 in UTC; None for an open one.

    Args:
        constraint: What the user said.
        dtype: Type of the column.
        where: What a message begins with.

    Raises:
        InputError: the column has no ranges, an end is not of its kind, or the ends are in the wrong order.
    """
    kind = kind_of(dtype)
    if kind not in ("number", "date", "date with a time zone"):
        raise InputError(f"{where}: expected a column of numbers or dates, {constraint.column!r} is a {kind}")
    reader: Callable[[Any, pa.DataType, bool], Fraction] = _number if kind == "number" else _instant
    ends = []
    for name in ("low", "high"):
        bound = getattr(constraint, name)
        try:
            ends.append(None if bound is None else reader(bound, dtype, name == "high"))
        except (ValueError, TypeError, InvalidOperation, OverflowError):
            expected = "a number" if kind == "number" else "a date such as '2024-12-31' or '2024-12-31T18:30:00'"
            raise InputError(f"{where}.{name}: expected {expected}, found {bound!r}") from None
    low, high = ends
    if low is not None and high is not None and low > high:
        raise InputError(f"{where}: low ({constraint.low}) is above high ({constraint.high}); swap them")
    return low, high


def written(value: Any) -> str | None:
    """How constraints write a category; None for null.

    >>> written("Graz"), written(True), written(2.0), written(float("nan"))
    ('Graz', 'True', '2.0', None)
    """
    is_null = value is None or (isinstance(value, float) and math.isnan(value))
    return None if is_null else str(value)


def texts_of(values: pa.Array) -> tuple[list[str | None], npt.NDArray[np.int64]]:
    """The different values as they are written, the last of them null, and the place of each value among them."""
    storage = values.storage if isinstance(values, pa.ExtensionArray) else values
    encoded = storage if pa.types.is_dictionary(storage.type) else storage.dictionary_encode()
    entries: Any = encoded.dictionary
    if isinstance(values, pa.ExtensionArray):
        entries = pa.ExtensionArray.from_storage(values.type, entries)
    texts = [*(written(value) for value in entries.to_pylist()), None]
    places = encoded.indices.cast(pa.int64()).fill_null(len(texts) - 1).to_numpy()
    return texts, places


def as_written(text: str | None, dtype: pa.DataType) -> str | None:
    """What the user wrote for a category, as `written` would: 2 is 2.0 in a column of floats."""
    if text is None or not pa.types.is_floating(dtype):
        return text
    try:
        return str(float(text))
    except ValueError:
        return text


def _number(bound: float | str, dtype: pa.DataType, is_high: bool) -> Fraction:
    if not pa.types.is_floating(dtype):
        exact = Decimal(str(bound))
        if exact and abs(exact.adjusted()) > 400:  # beyond all types, and too long to be written out
            raise OverflowError
        return Fraction(exact)
    # a column of narrow floats does not hold 0.1, but its own nearest
    number = float(np.float64(bound).astype(dtype.to_pandas_dtype()))
    return Fraction(number)


def _instant(bound: float | str, dtype: pa.DataType, is_high: bool) -> Fraction:
    if not isinstance(bound, str):
        raise TypeError
    try:
        day = date.fromisoformat(bound)
    except ValueError:
        moment = datetime.fromisoformat(bound)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return _nanoseconds(moment)
    first = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return _nanoseconds(first) + (86_400 * 10**9 - 1 if is_high else 0)


def _nanoseconds(moment: datetime) -> Fraction:
    return Fraction((moment - _EPOCH) // timedelta(microseconds=1) * 1_000)
