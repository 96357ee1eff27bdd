"""Numbers written out in decimal digits, and read back. Arrays only; knows no codes, columns or files.

A *place* is a power of ten: 0 for ones, 3 for thousands, -2 for hundredths.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal, localcontext
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.encodings.numeric import exact_type

Digits = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]

SIGNIFICANT = {pa.float16(): 5, pa.float32(): 9, pa.float64(): 15}
"""By type: significant digits that a float is written with; narrow ones with as many as tell any two apart."""
SURVIVING = {pa.float16(): 3, pa.float32(): 6, pa.float64(): 15}
"""By type: significant digits of a decimal number that survive in it."""
NO_PLACE = 1_000
"""The last place of zero, which has no digit: beyond every other."""

_WIDE = pa.decimal256(76, 0)
# Nothing so small has a digit that any notation shows.
_SMALLEST = 1e-100
# Correctly rounded, which 10.0**k is not: then 15 digits come back from the float that is nearest to them.
_FIRST_POWER = -120
_POWERS = np.array([float(f"1e{place}") for place in range(_FIRST_POWER, 309)])


@dataclass(frozen=True)
class Notation:
    """Numbers of a type with digits from the place `first` down to the place `last`.

    Guarantees: `read` gives back what `write` was given, rounded to `last`; floats have 15 significant digits (9 and 5
    where they are narrower) and are rounded to the nearest, all else goes towards zero.
    """

    dtype: pa.DataType
    first: int
    last: int

    def write(self, numbers: pa.Array) -> tuple[npt.NDArray[np.bool_], Digits]:
        """Which numbers are negative, and their digits, most significant first: shape (numbers, places).

        A number that is zero once rounded is not negative.

        Args:
            numbers: In exact form, without nulls; the places must have room for them.
        """
        n_places = self.first - self.last + 1
        if pa.types.is_floating(self.dtype):
            values = numbers.to_numpy()
            digits = self._float_digits(values)
            return (values < 0) & digits.any(axis=1), digits
        whole = _unscaled(numbers)
        width = n_places + self.last + _scale_of(self.dtype)
        text = pc.utf8_lpad(pc.abs(whole).cast(pa.large_string()), width, "0")
        digits = np.frombuffer(text.buffers()[2] or b"", np.uint8)[: len(text) * width] - np.uint8(ord("0"))
        digits = digits.reshape(len(text), width)[:, :n_places]
        is_negative = pc.less(whole, pa.scalar(0, pa.int64()).cast(_WIDE)).to_numpy(zero_copy_only=False)
        return is_negative & digits.any(axis=1), digits

    def read(self, is_negative: npt.NDArray[np.bool_], digits: Digits, low: Any, high: Any) -> pa.Array:
        """The way back: numbers in exact form, those beyond the bounds moved to the nearest.

        Args:
            is_negative: Which numbers are negative.
            digits: As `write` gives them; any digits will do.
            low: Smallest number, as a plain Python number.
            high: Largest number.
        """
        signs = np.where(is_negative, ord("-"), ord("0")).astype(np.uint8)[:, None]
        if pa.types.is_floating(self.dtype):
            texts = _texts(np.hstack([signs, digits + np.uint8(ord("0")), _repeated(f"e{self.last}", len(digits))]))
            return pa.array(np.clip(texts.cast(pa.float64()).to_numpy(), low, high) + 0.0)
        zeros = _repeated("0" * (self.last + _scale_of(self.dtype)), len(digits))
        whole = _texts(np.hstack([signs, digits + np.uint8(ord("0")), zeros])).cast(_WIDE)
        low, high = (_unscaled(pa.array([bound], exact_type(self.dtype)))[0] for bound in (low, high))
        whole = pc.if_else(pc.less(whole, low), low, pc.if_else(pc.greater(whole, high), high, whole))
        if pa.types.is_decimal(self.dtype):
            wide = pa.decimal256(76, self.dtype.scale)
            return pa.Array.from_buffers(wide, len(whole), whole.buffers()).cast(exact_type(self.dtype))
        return whole.cast(exact_type(self.dtype))

    def _float_digits(self, values: npt.NDArray[np.float64]) -> Digits:
        mantissas, exponents = scientific(values, SIGNIFICANT[self.dtype])
        excess = np.maximum(self.last - exponents, 0)
        power = 10 ** np.minimum(excess, 18)
        mantissas = np.where(excess > 18, 0, (mantissas + power // 2) // power)
        exponents = exponents + excess
        digits = np.zeros((len(values), self.first - self.last + 1), np.uint8)
        for column, place in enumerate(range(self.first, self.last - 1, -1)):
            shift = place - exponents
            digit = mantissas // 10 ** np.clip(shift, 0, 18) % 10
            digits[:, column] = np.where((shift < 0) | (shift > 18), 0, digit)
        return digits


def scientific(values: npt.NDArray[np.float64], n_digits: int) -> tuple[Places, Places]:
    """Magnitudes of floats, rounded to so many significant digits, as ``mantissa * 10**exponent``; both whole.

    Floats below 1e-100 are zero.
    """
    magnitude = np.abs(values)
    is_zero = magnitude < _SMALLEST
    magnitude = np.where(is_zero, 1.0, magnitude)
    place = np.floor(np.log10(magnitude)).astype(np.int64)
    # The logarithm may be off by a rounding error next to a power of ten.
    place -= magnitude < _power(place)
    place += magnitude >= _power(np.minimum(place + 1, 308)) * np.where(place == 308, np.inf, 1.0)
    exponent = place - (n_digits - 1)
    scaled = np.where(
        exponent >= 0, magnitude / _power(np.maximum(exponent, 0)), magnitude * _power(-np.minimum(exponent, 0))
    )
    return np.where(is_zero, 0, np.rint(scaled)).astype(np.int64), exponent


def last_places(numbers: pa.Array, dtype: pa.DataType, n_digits: int | None = None) -> Places:
    """The place of the last digit of each number that is not zero; `NO_PLACE` for zero.

    Args:
        numbers: In exact form, without nulls.
        dtype: The type behind.
        n_digits: Significant digits of floats at most; None takes those that survive in the type.
    """
    if pa.types.is_floating(dtype):
        mantissas, exponents = scientific(numbers.to_numpy(), min(n_digits or 15, SURVIVING[dtype]))
        whole = pa.array(mantissas)
    else:
        whole, exponents = pc.abs(_unscaled(numbers)), np.full(len(numbers), -_scale_of(dtype))
    text = whole.cast(pa.large_string())
    kept = pc.utf8_length(pc.utf8_rtrim(text, "0")).to_numpy()
    places: Places = exponents + pc.utf8_length(text).to_numpy() - kept
    return np.where(kept == 0, NO_PLACE, places)


def first_place(number: Any) -> int:
    """The place of the first digit of a plain Python number; 0 for zero."""
    exact = Decimal(repr(number)) if isinstance(number, float) else Decimal(number)
    return exact.adjusted() if exact else 0


def within(low: Any, high: Any, last: int) -> tuple[Any, Any]:
    """The first and the last multiple of ``10**last`` between two plain Python numbers.

    Where there is none, twice the one next to `high` on the way to zero.

    Args:
        low: Lower end; floats stand for the decimal number that they are written as.
        high: Upper end, of the same type.
        last: Place of the last digit.

    >>> within(1210, 1790, 2)
    (1300, 1700)
    >>> within(-1290, -1210, 2)
    (-1200, -1200)
    """
    kind = type(high)
    step = Decimal(1).scaleb(last)

    def rounded(number: Any, how: str) -> Decimal:
        exact = Decimal(repr(number)) if kind is float else Decimal(number)
        return (exact / step).to_integral_value(how) * step

    with localcontext(prec=400):
        first, final = rounded(low, ROUND_CEILING), rounded(high, ROUND_FLOOR)
        if first > final:
            first = final = rounded(high, ROUND_DOWN)
        return kind(first), kind(final)


def _power(places: Places) -> npt.NDArray[np.float64]:
    powers: npt.NDArray[np.float64] = _POWERS[places - _FIRST_POWER]
    return powers


def _scale_of(dtype: pa.DataType) -> int:
    return int(dtype.scale) if pa.types.is_decimal(dtype) else 0


def _unscaled(numbers: pa.Array) -> pa.Array:
    """The whole numbers behind decimals, or whole numbers themselves, as decimals of 76 digits."""
    if not pa.types.is_decimal(numbers.type):
        return numbers.cast(_WIDE)
    wide = numbers.cast(pa.decimal256(76, numbers.type.scale))
    return pa.Array.from_buffers(_WIDE, len(wide), wide.buffers(), offset=wide.offset)


def _repeated(text: str, n_rows: int) -> npt.NDArray[np.uint8]:
    return np.tile(np.frombuffer(text.encode(), np.uint8), (n_rows, 1))


def _texts(characters: npt.NDArray[np.uint8]) -> pa.Array:
    """One text per row of ASCII characters."""
    n_rows, width = characters.shape
    offsets = np.arange(n_rows + 1, dtype=np.int64) * width
    buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(np.ascontiguousarray(characters).tobytes())]
    return pa.Array.from_buffers(pa.large_string(), n_rows, buffers)
