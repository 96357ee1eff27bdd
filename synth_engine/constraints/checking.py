"""Do rows keep constraints? Compares values of finished tables; knows neither codes nor how they were drawn."""

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.constraints.values import as_written, range_of, texts_of
from synth_engine.domain import CombinationsConstraint, Constraint, InequalityConstraint, RangeConstraint
from synth_engine.encodings.axes import is_date, unit_of
from synth_engine.encodings.calendar import to_units
from synth_engine.encodings.layouts import to_plain
from synth_engine.encodings.numeric import as_numbers, null_mask
from synth_engine.encodings.patterns import patterns

Mask = npt.NDArray[np.bool_]

_SECOND = 10**9


def violations(table: pa.Table, constraints: Sequence[Constraint]) -> list[int]:
    """How many rows break each constraint.

    A comparison with null is not broken. Where one of two numbers is a float they are compared as floats; everything
    else is compared exactly.
    """
    return [int(broken(table, constraint).sum()) for constraint in constraints]


def broken(table: pa.Table, constraint: Constraint) -> Mask:
    """Which rows break a constraint."""
    columns = [to_plain(table[name].combine_chunks()) for name in constraint.columns]
    if isinstance(constraint, InequalityConstraint):
        return _is_above(_exact(columns[0]), _exact(columns[1]), constraint.strict)
    if isinstance(constraint, RangeConstraint):
        return _is_outside(columns[0], constraint)
    return _is_other(columns, constraint)


def _is_above(low: pa.Array, high: pa.Array, strict: bool) -> Mask:
    """Where one is above the other, or equal if `strict`; both of the types that `_exact` gives."""
    is_null = null_mask(low) | null_mask(high)
    if pa.types.is_floating(low.type) or pa.types.is_floating(high.type):
        one, other = _floats(low), _floats(high)
        return ~is_null & ((one >= other) if strict else (one > other))
    wide = pa.decimal256(76, max(_scale(low.type), _scale(high.type)))
    if any(_whole_digits(numbers.type) + wide.scale > wide.precision for numbers in (low, high)):
        pairs = zip(low.to_pylist(), high.to_pylist(), is_null, strict=True)
        return np.array(
            [not null and (one >= other if strict else one > other) for one, other, null in pairs], np.bool_
        )
    one, other = low.cast(wide), high.cast(wide)
    found = pc.greater_equal(one, other) if strict else pc.greater(one, other)
    return np.asarray(found.fill_null(False).to_numpy(zero_copy_only=False), np.bool_)


def _is_outside(values: pa.Array, constraint: RangeConstraint) -> Mask:
    low, high = range_of(constraint, values.type, constraint.column)
    numbers = _exact(values)
    outside = np.zeros(len(numbers), np.bool_)
    for end, is_low in ((low, True), (high, False)):
        if end is None:
            continue
        if pa.types.is_floating(numbers.type):
            found = _floats(numbers)
            outside |= (found < float(end)) if is_low else (found > float(end))
        else:
            limit = _limit(end, _scale(numbers.type), is_low)
            compared = numbers.cast(limit.type)
            is_beyond = pc.less(compared, limit) if is_low else pc.greater(compared, limit)
            outside |= is_beyond.fill_null(False).to_numpy(zero_copy_only=False)
    return outside & ~null_mask(numbers)


def _is_other(columns: Sequence[pa.Array], constraint: CombinationsConstraint) -> Mask:
    types = [column.type.value_type if pa.types.is_dictionary(column.type) else column.type for column in columns]
    allowed = {
        tuple(as_written(text, dtype) for text, dtype in zip(row, types, strict=True)) for row in constraint.rows
    }
    texts, indices = zip(*(texts_of(column) for column in columns), strict=True)
    found, of_row = patterns(np.stack(indices, 1))
    is_other = [
        tuple(of_column[place] for of_column, place in zip(texts, pattern, strict=True)) not in allowed
        for pattern in found.tolist()
    ]
    return np.array(is_other, np.bool_)[of_row]


def _exact(values: pa.Array) -> pa.Array:
    """Floats, or whole numbers and decimals; of times and dates nanoseconds."""
    if not is_date(values.type) and unit_of(values.type) == 1 and not pa.types.is_temporal(values.type):
        return as_numbers(values)
    units = to_units(values) if is_date(values.type) else as_numbers(values)
    factor = pa.scalar(Decimal(unit_of(values.type)), pa.decimal256(20, 0))
    return pc.multiply(units.cast(pa.decimal256(20, 0)), factor)


def _floats(numbers: pa.Array) -> npt.NDArray[np.float64]:
    if not pa.types.is_decimal(numbers.type):
        return np.asarray(numbers.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
    # Arrow's way from decimals to floats is off by one digit at times
    return np.array([np.nan if number is None else float(number) for number in numbers.to_pylist()], np.float64)


def _scale(dtype: pa.DataType) -> int:
    return int(dtype.scale) if pa.types.is_decimal(dtype) else 0


def _whole_digits(dtype: pa.DataType) -> int:
    return int(dtype.precision - dtype.scale) if pa.types.is_decimal(dtype) else 20


def _limit(end: Fraction, scale: int, is_low: bool) -> pa.Scalar:
    """The first number with so many decimals that is inside an end, or the last one that there is."""
    whole = math.ceil(end * 10**scale) if is_low else math.floor(end * 10**scale)
    digits = str(min(abs(whole), 10**76 - 1))
    return pa.scalar(Decimal((whole < 0, tuple(map(int, digits)), -scale)), pa.decimal256(76, scale))
