"""What the numeric encodings share: one exact form for all number types, its JSON, and the way back to the exact type.

Exact form: ``int64`` (``uint64`` where the column is that), ``float64``, or a wide decimal. Durations and times of day
are whole numbers of their own unit.
"""

import math
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BeforeValidator, Field

from synth_engine.domain import InputError

Mask = npt.NDArray[np.bool_]

_WIDE = 38
_NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def _parse(value: Any) -> Any:
    return Decimal(value) if isinstance(value, str) else value


Number: TypeAlias = Annotated[int | float | Decimal, BeforeValidator(_parse), Field(allow_inf_nan=False)]
"""A pydantic field that holds a number exactly: whole numbers of any size, floats, and decimals (text in JSON)."""


def accepts_number(dtype: pa.DataType) -> bool:
    """Integers, floats, decimals, durations and times of day."""
    is_number = pa.types.is_integer(dtype) or pa.types.is_floating(dtype) or pa.types.is_decimal(dtype)
    return bool(is_number or pa.types.is_duration(dtype) or pa.types.is_time(dtype))


def is_whole(dtype: pa.DataType) -> bool:
    """Whether numbers of the type are whole by nature."""
    return not (pa.types.is_floating(dtype) or pa.types.is_decimal(dtype))


def exact_type(dtype: pa.DataType) -> pa.DataType:
    """The Arrow type of the exact form of a column's numbers."""
    if pa.types.is_floating(dtype):
        return pa.float64()
    if pa.types.is_decimal(dtype):
        return pa.decimal256(76, dtype.scale) if dtype.precision > _WIDE else pa.decimal128(_WIDE, dtype.scale)
    return pa.uint64() if pa.types.is_uint64(dtype) else pa.int64()


def as_numbers(values: pa.Array) -> pa.Array:
    """Values in their exact form, NaN as null and no negative zero; raises `InputError` on infinities."""
    dtype = values.type
    if pa.types.is_time32(dtype):
        values = values.cast(pa.int32())
    numbers = values.cast(exact_type(dtype))
    if not pa.types.is_floating(dtype):
        return numbers
    plain = numbers.to_numpy(zero_copy_only=False)
    finite = np.isfinite(plain)
    if not finite.all():
        n_infinite = int(np.isinf(plain).sum())
        if n_infinite:
            raise InputError(
                f"expected finite numbers or nulls, found {n_infinite} infinite value(s); "
                "replace them by null or a bound"
            )
        return pa.array(plain + 0.0, mask=~finite)
    return pc.add(numbers, 0.0)  # turns -0.0 into 0.0, which is the same number


def from_numbers(numbers: pa.Array, dtype: pa.DataType) -> pa.Array:
    """The way back: numbers in their exact form, within the range of `dtype`, as `dtype`."""
    if pa.types.is_floating(dtype):
        return numbers.cast(dtype, safe=False)
    return numbers.cast(pa.int32()).cast(dtype) if pa.types.is_time32(dtype) else numbers.cast(dtype)


def nanoseconds(dtype: pa.DataType) -> int:
    """Length of the unit that numbers of durations and times of day count; 1 for plain numbers."""
    return _NANOSECONDS[dtype.unit] if pa.types.is_duration(dtype) or pa.types.is_time(dtype) else 1


def common_step(numbers: Iterable[Fraction]) -> Fraction:
    """The largest number of which all of these are multiples; 1 where all are zero.

    >>> common_step([Fraction(3, 2), Fraction(5, 2), Fraction(0)])
    Fraction(1, 2)
    """
    step = Fraction(0)
    for number in numbers:
        shared = math.lcm(step.denominator, number.denominator)
        step = Fraction(math.gcd(int(step * shared), int(number * shared)), shared)
    return step or Fraction(1)


def null_mask(values: pa.Array) -> Mask:
    """Which values are null."""
    mask: Mask = values.is_null().to_numpy(zero_copy_only=False)
    return mask
