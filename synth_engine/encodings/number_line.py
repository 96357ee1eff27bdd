"""The number line cut into cells before any data is seen: a cell per power of two and sign, each cut evenly on demand.

A cell is a range of *keys*: the 64 bits of a float, changed so that they are in the order of the numbers. Its upper
bits are sign and exponent, so cells of `ROOT_BITS` bits are powers of two (the bounds of Wilson et al., "Differentially
private SQL with bounded user contribution", 2019), and cells of fewer bits are equal parts of these.

Belongs here: keys, cells, the steps that numbers of a type can be multiples of. Does not belong here: counts, noise.
"""

import math
from abc import ABC, abstractmethod
from datetime import MAXYEAR, MINYEAR
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, localcontext
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from synth_engine.encodings.calendar import first_days, units_per_day
from synth_engine.encodings.numeric import exact_type
from synth_engine.encodings.ticks import MAX_DECIMALS, decimals_needed

Keys = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]

ROOT_BITS = 52
_SIGN = np.uint64(1 << 63)
# Floats closer to zero are taken for zero, and larger ones for the largest: fewer cells need less noise.
_SMALLEST_EXPONENT, _LARGEST_EXPONENT = -64, 127
# More digits than any decimal has.
_MAX_DIGITS = 160
_TENS = tuple(10**power for power in range(9, -1, -1))
_TIME_ENDS = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


def keys_of(numbers: Floats) -> Keys:
    """Keys of finite floats; in the same order."""
    bits = np.ascontiguousarray(numbers, np.float64).view(np.uint64)
    return np.where(bits >= _SIGN, ~bits, bits | _SIGN)


def numbers_at(keys: Keys) -> Floats:
    """Inverse of `keys_of`.

    >>> numbers_at(keys_of(np.array([-2.5, 0.0, 1e-12])))
    array([-2.5e+00,  0.0e+00,  1.0e-12])
    """
    return np.where(keys >= _SIGN, keys ^ _SIGN, ~keys).view(np.float64)


class NumberLine(ABC):
    """The numbers that a column's type can hold.

    Attributes:
        roots: First key of each cell of `ROOT_BITS` bits, ascending; every number is in one of them.
        n_steps: Number of steps that numbers can be multiples of, from the coarsest on.
    """

    n_steps: int

    def __init__(self, low: Any, high: Any) -> None:
        self.low, self.high = low, high
        # May be rounded up, to the beginning of a cell that is not there.
        self._largest = float(high) if float(high) <= high else float(np.nextafter(float(high), 0))
        powers = [2.0**exponent for exponent in range(*self._exponents())]
        within = [number for number in (0.0, *powers, *(-power for power in powers)) if low <= number <= high]
        ends = [float(low), *within, self._largest]
        self.roots: Keys = np.unique(keys_of(np.array(ends)) >> np.uint64(ROOT_BITS)) << np.uint64(ROOT_BITS)

    def keys(self, values: pa.Array) -> Keys:
        """Keys of values in exact form, ascending where these are."""
        return keys_of(self._floats(values))

    @abstractmethod
    def steps(self, values: pa.Array) -> npt.NDArray[np.int64]:
        """Index of the coarsest step of which each value is a multiple; -1 for zero, which is one of all."""

    @abstractmethod
    def points(self, first: float, end: float, step: int, most: int) -> list[Any]:
        """Up to so many multiples of a step from `first` to `end`, which is excluded: evenly spread, ascending."""

    @abstractmethod
    def _floats(self, values: pa.Array) -> Floats: ...

    def _exponents(self) -> tuple[int, int]:
        return 0, 65


class WholeLine(NumberLine):
    """Whole numbers, counted from an origin.

    Args:
        low: Smallest number of the type.
        high: Largest number of the type.
        divisors: Steps, from the coarsest on; the last is 1.
        origin: Where cells are finest.
    """

    def __init__(self, low: int, high: int, divisors: tuple[int, ...] = _TENS, origin: int = 0) -> None:
        self._divisors, self._origin, self.n_steps = divisors, origin, len(divisors)
        super().__init__(low - origin, high - origin)

    def steps(self, values: pa.Array) -> npt.NDArray[np.int64]:
        """Index of the coarsest divisor of each value."""
        return _coarsest(values.to_numpy(), self._divisors)

    def points(self, first: float, end: float, step: int, most: int) -> list[Any]:
        """Multiples of a divisor."""
        begin, stop = max(math.ceil(first), self.low), min(math.ceil(end), self.high + 1)
        size = self._divisors[step]
        return [place * size for place in _multiples(begin, stop, size, self._origin, most)]

    def _floats(self, values: pa.Array) -> Floats:
        floats: Floats = values.to_numpy().astype(np.float64) - float(self._origin)
        return np.minimum(floats, self._largest)


class FloatLine(NumberLine):
    """Floats and decimals: multiples of a power of ten, or whatever is finer.

    Args:
        dtype: Type of the column.
        largest: Largest number of the type.
        most_decimals: How many decimals there can be.
    """

    def __init__(self, dtype: pa.DataType, largest: float, most_decimals: int = MAX_DECIMALS) -> None:
        self._dtype = dtype
        self._decimals = range(-MAX_DECIMALS, min(most_decimals, MAX_DECIMALS) + 1)
        self.n_steps = len(self._decimals) + 1
        largest = min(largest, float(np.nextafter(2.0 ** (_LARGEST_EXPONENT + 1), 0)))
        super().__init__(-largest, largest)

    def steps(self, values: pa.Array) -> npt.NDArray[np.int64]:
        """Index of the fewest decimals that each number does with."""
        kind = self._dtype if pa.types.is_floating(self._dtype) else pa.float64()
        return decimals_needed(self._plain(values), kind, self._decimals)

    def points(self, first: float, end: float, step: int, most: int) -> list[Any]:
        """Multiples of a power of ten, or numbers that lie evenly."""
        first, last = max(first, self.low), min(float(np.nextafter(end, -np.inf)), self.high)
        if step == len(self._decimals):
            return self._evenly(first, last, most)
        return self._rounded(first, last, self._decimals[step], most)

    def _evenly(self, first: float, last: float, most: int) -> list[Any]:
        return [] if last < first else sorted(set(np.linspace(first, last, most).tolist()))

    def _rounded(self, first: float, last: float, decimals: int, most: int) -> list[Any]:
        unit = Decimal(1).scaleb(-decimals)
        with localcontext(prec=_MAX_DIGITS):
            begin = int((Decimal(first) / unit).to_integral_value(ROUND_CEILING))
            stop = int((Decimal(last) / unit).to_integral_value(ROUND_FLOOR)) + 1
            return [self._value(place * unit) for place in _multiples(begin, stop, 1, 0, most)]

    def _value(self, number: Decimal) -> Any:
        return float(number)

    def _floats(self, values: pa.Array) -> Floats:
        numbers = np.clip(self._plain(values), self.low, self.high)
        return np.where(np.abs(numbers) < 2.0**_SMALLEST_EXPONENT, 0.0, numbers)

    def _plain(self, values: pa.Array) -> Floats:
        plain: Floats = values.cast(pa.float64(), safe=False).to_numpy()
        return plain

    def _exponents(self) -> tuple[int, int]:
        return _SMALLEST_EXPONENT, _LARGEST_EXPONENT + 1


class DecimalLine(FloatLine):
    """Decimals: floats as far as cells go, decimals as far as points go."""

    def __init__(self, dtype: pa.DataType) -> None:
        limit = Decimal(10**dtype.precision - 1).scaleb(-dtype.scale, Context(prec=_MAX_DIGITS))
        largest = float(limit)
        super().__init__(dtype, largest if largest <= limit else float(np.nextafter(largest, 0)), dtype.scale)

    def _evenly(self, first: float, last: float, most: int) -> list[Any]:
        return self._rounded(first, last, self._dtype.scale, most)

    def _value(self, number: Decimal) -> Any:
        return number


def number_line(dtype: pa.DataType) -> NumberLine:
    """The line of a numeric column, whose values are in their exact form."""
    if pa.types.is_floating(dtype):
        return FloatLine(dtype, float(np.finfo(dtype.to_pandas_dtype()).max))
    if pa.types.is_decimal(dtype):
        return DecimalLine(dtype)
    if pa.types.is_time(dtype):
        return WholeLine(0, _TIME_ENDS[dtype.unit] - 1)
    whole = dtype if pa.types.is_integer(dtype) else exact_type(dtype)
    info = np.iinfo(whole.to_pandas_dtype())
    return WholeLine(int(info.min), int(info.max))


def date_line(dtype: pa.DataType) -> WholeLine:
    """The line of dates or timestamps, in units of their type; cells are finest in the year 1, where nobody is."""
    per_day = units_per_day(dtype)
    first, following = (int(day) * per_day for day in first_days(np.array([MINYEAR, MAXYEAR + 1])))
    low, high = max(first, -(2**63) + 1), min(following - 1, 2**63 - 1)
    parts = (1, 24, 1440, 86_400, 86_400_000)
    divisors = [per_day // part for part in parts if per_day % part == 0]
    return WholeLine(low, high, tuple(dict.fromkeys([*divisors, 1])), origin=first)


def _coarsest(whole: npt.NDArray[Any], divisors: tuple[int, ...]) -> npt.NDArray[np.int64]:
    index = np.full(len(whole), len(divisors) - 1)
    for place in reversed(range(len(divisors))):
        index[whole % whole.dtype.type(divisors[place]) == 0] = place
    index[whole == 0] = -1
    return index


def _multiples(begin: int, stop: int, size: int, origin: int, most: int) -> list[int]:
    """Quotients of up to so many multiples of `size` whose distance from `origin` is from `begin` to before `stop`."""
    first, last = -((-begin - origin) // size), (stop - 1 + origin) // size
    n_points = min(last - first + 1, most)
    if n_points < 2:
        return [first] if n_points == 1 else []
    return [first + (last - first) * place // (n_points - 1) for place in range(n_points)]
