"""Values of several columns as whole numbers on one line, so that they can be compared while they are drawn.

Belongs here: the exact way from values to places on the line and back, and rounding to what a column can hold. Does not
belong here: which values are to be compared, or which codes a row has.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.domain import InputError
from synth_engine.encodings.base import Codes, Encoding
from synth_engine.encodings.calendar import from_units, units_per_day
from synth_engine.encodings.numeric import common_step, from_numbers, nanoseconds, null_mask
from synth_engine.encodings.ticks import Scale
from synth_engine.encodings.value_counts import Mask

Places = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_DAY_NS = 86_400 * 10**9
# Beyond every place of a value, with room for steps further.
BELOW, BEYOND = -(2**63) + 2**16, 2**63 - 2**16
_MOST_WHOLE, _MOST_IN_FLOAT = 2**62, 2**53


@dataclass(frozen=True, eq=False)
class Axis(ABC):
    """The line as one column sees it. Use `make_axes` to get one.

    Guarantees: places keep the order of values, whichever columns of the line they belong to; two values have the same
    place only where they are equal; `places` of `values` gives the same places again.

    Args:
        encoding: Of the column, with an order.
        scale: Its step, as numbers of the exact form.
    """

    encoding: Encoding
    scale: Scale

    def extent(self, codes: Codes) -> tuple[Places, Places, Mask]:
        """Places of the ends of what such codes can begin, and which rows are null instead."""
        extent = self.encoding.extent(codes)
        assert extent is not None, "an encoding without order has no axis"
        low, high = extent
        return self.places(low), self.places(high), null_mask(low)

    @abstractmethod
    def places(self, values: pa.Array) -> Places:
        """Places of values that the encoding decodes to; anything for null."""

    def places_of_any(self, values: pa.Array) -> Places:
        """Places of any values of the column's type; anything for null."""
        # they may be finer and larger than what is drawn, but few of them are different
        exact = self._without_nulls(values).dictionary_encode()
        unit = unit_of(self.encoding.dtype)
        found = np.array([self.place(Fraction(number) * unit) for number in exact.dictionary.to_pylist()], np.int64)
        of_row: Places = found[exact.indices.to_numpy()]
        return of_row

    @abstractmethod
    def place(self, number: Fraction) -> int:
        """The place of any number, in the unit in which `unit_of` counts."""

    @abstractmethod
    def up(self, places: Places) -> Places:
        """The nearest places, not below these, of numbers that the column can hold."""

    @abstractmethod
    def down(self, places: Places) -> Places:
        """The nearest places, not above these, of numbers that the column can hold."""

    @abstractmethod
    def values(self, places: Places) -> pa.Array:
        """The column's values at places that it can hold."""

    def _exact(self, values: pa.Array) -> pa.Array:
        return self.encoding.canonical(values)

    def _without_nulls(self, values: pa.Array) -> pa.Array:
        numbers = self._exact(values)
        filled: pa.Array = pc.coalesce(numbers, pa.scalar(0).cast(numbers.type))
        return filled

    def _of_ticks(self, ticks: Places) -> pa.Array:
        numbers = self.scale.numbers(ticks.astype(self.scale.tick_type))
        dtype = self.encoding.dtype
        return from_units(numbers, dtype) if is_date(dtype) else from_numbers(numbers, dtype)


@dataclass(frozen=True, eq=False)
class _WholeAxis(Axis):
    """Two places for each unit of the line: one for a multiple of it, and one for all that lies before the next.

    Args:
        unit: What all steps of all columns are multiples of.
        width: Places from one step of the column to the next.
    """

    unit: Fraction
    width: int

    def places(self, values: pa.Array) -> Places:
        return self.scale.ticks(self._without_nulls(values)).astype(np.int64) * self.width

    def place(self, number: Fraction) -> int:
        whole, rest = divmod(number, self.unit)
        return min(max(2 * whole + (rest > 0), -_MOST_WHOLE - 1), _MOST_WHOLE + 1)

    def up(self, places: Places) -> Places:
        return -(-places // self.width) * self.width

    def down(self, places: Places) -> Places:
        return places // self.width * self.width

    def values(self, places: Places) -> pa.Array:
        return self._of_ticks(places // self.width)


@dataclass(frozen=True, eq=False)
class _FloatAxis(Axis):
    """One place for each 64-bit float: what is no float is compared as one.

    Args:
        is_continuous: Whether the column can hold all floats of its width, or so many that its step does not matter.
    """

    is_continuous: bool

    def places(self, values: pa.Array) -> Places:
        numbers = self._without_nulls(values)
        return _to_places(numbers.to_numpy() if self._is_float else self._floats(self.scale.ticks(numbers)))

    def places_of_any(self, values: pa.Array) -> Places:
        return self.places(values) if self._is_float else super().places_of_any(values)

    def place(self, number: Fraction) -> int:
        largest = Fraction(float(np.finfo(np.float64).max))
        return int(_to_places(np.array([float(min(max(number, -largest), largest))]))[0])

    def up(self, places: Places) -> Places:
        return self._nearest(places, upwards=True)

    def down(self, places: Places) -> Places:
        return self._nearest(places, upwards=False)

    def values(self, places: Places) -> pa.Array:
        if self.is_continuous:
            return from_numbers(pa.array(_to_floats(places)), self.encoding.dtype)
        return self._of_ticks(np.rint(self._ticks(places)).astype(np.int64))

    @property
    def _is_float(self) -> bool:
        return bool(pa.types.is_floating(self.encoding.dtype))

    def _ticks(self, places: Places) -> Floats:
        assert self.scale.decimals is not None
        return _to_floats(places) * 10.0**self.scale.decimals / self.scale.multiple

    def _floats(self, ticks: Places) -> Floats:
        """The floats that numbers of these ticks are, or are nearest to."""
        if self._is_float:
            return np.asarray(self._of_ticks(ticks).cast(pa.float64()).to_numpy())
        assert self.scale.decimals is not None
        # Arrow's way from decimals to floats is off by one digit at times
        return ticks.astype(np.float64) * self.scale.multiple / 10.0**self.scale.decimals

    def _nearest(self, places: Places, *, upwards: bool) -> Places:
        """Of the numbers around each place, the nearest that is not on the wrong side of it."""
        if self.is_continuous:
            width = self.encoding.dtype.to_pandas_dtype()
            middle = _to_floats(places).astype(width)
            tried = [np.nextafter(middle, width(-np.inf)), middle, np.nextafter(middle, width(np.inf))]
            around = np.stack([_to_places(numbers.astype(np.float64)) for numbers in tried])
        else:
            ticks = np.rint(np.clip(self._ticks(places), -_MOST_IN_FLOAT, _MOST_IN_FLOAT)).astype(np.int64)
            around = np.stack([_to_places(self._floats(ticks + step)) for step in (-1, 0, 1)])
        is_right = around >= places if upwards else around <= places
        wrong = BEYOND if upwards else BELOW
        right = np.where(is_right, around, wrong)
        nearest: Places = right.min(0) if upwards else right.max(0)
        return nearest


def make_axes(encodings: Mapping[str, Encoding], where: str) -> dict[str, Axis]:
    """One line for columns that are to be compared; raises `InputError` for those that cannot be.

    Floats, and what is compared with them, keep the order of their values as floats. Everything else is exact.

    Args:
        encodings: By column; with an order.
        where: What the message begins with.
    """
    kinds = {name: kind_of(encoding.dtype) for name, encoding in encodings.items()}
    for name, kind in kinds.items():
        first = next(iter(kinds))
        if kind != kinds[first]:
            raise InputError(
                f"{where}: columns {first!r} and {name!r} cannot be compared, as one is a {kinds[first]} and the other "
                f"a {kind}; convert one of them"
            )
    is_float = any(pa.types.is_floating(encoding.dtype) for encoding in encodings.values())
    makers = _float_axes(encodings) if is_float else _whole_axes(encodings)
    for name, axis in makers.items():
        if not _has_room(axis):
            raise InputError(
                f"{where}: column {name!r} has too many digits, or too wide a range, to be compared with the others "
                "exactly; give it another type or encoding"
            )
    return makers


def kind_of(dtype: pa.DataType) -> str:
    """What values of the type can be compared with: those of the same kind."""
    if pa.types.is_timestamp(dtype) and dtype.tz is not None:
        return "date with a time zone"
    if is_date(dtype):
        return "date"
    if pa.types.is_duration(dtype):
        return "duration"
    return "time of day" if pa.types.is_time(dtype) else "number"


def is_date(dtype: pa.DataType) -> bool:
    """Dates and timestamps."""
    return bool(pa.types.is_date(dtype) or pa.types.is_timestamp(dtype))


def unit_of(dtype: pa.DataType) -> int:
    """How many nanoseconds numbers of the exact form count; 1 for plain numbers."""
    return _DAY_NS // units_per_day(dtype) if is_date(dtype) else nanoseconds(dtype)


def _whole_axes(encodings: Mapping[str, Encoding]) -> dict[str, Axis]:
    steps = {name: (encoding.step() or 1) * Fraction(unit_of(encoding.dtype)) for name, encoding in encodings.items()}
    unit = common_step(steps.values())
    return {
        name: _WholeAxis(encoding, _scale(encoding), unit, int(2 * steps[name] / unit))
        for name, encoding in encodings.items()
    }


def _float_axes(encodings: Mapping[str, Encoding]) -> dict[str, Axis]:
    axes: dict[str, Axis] = {}
    for name, encoding in encodings.items():
        scale, is_float = _scale(encoding), pa.types.is_floating(encoding.dtype)
        is_continuous = is_float and (encoding.step() is None or not _fits_in_float(encoding, scale))
        axes[name] = _FloatAxis(encoding, scale, is_continuous)
    return axes


def _scale(encoding: Encoding) -> Scale:
    step = encoding.step() or Fraction(1)
    decimals = 0
    while 10**decimals % step.denominator:
        decimals += 1
    is_plain = not is_date(encoding.dtype)
    return Scale(encoding.dtype if is_plain else pa.int64(), decimals, int(step * 10**decimals))


def _has_room(axis: Axis) -> bool:
    """Whether places of all values are exact."""
    if isinstance(axis, _WholeAxis):
        largest = _largest(axis.encoding) * unit_of(axis.encoding.dtype) / axis.unit
        return 2 * largest < _MOST_WHOLE and max(axis.width, axis.scale.multiple) < _MOST_WHOLE
    return bool(pa.types.is_floating(axis.encoding.dtype)) or _fits_in_float(axis.encoding, axis.scale)


def _fits_in_float(encoding: Encoding, scale: Scale) -> bool:
    """Whether all values are whole numbers that a float holds exactly, once the point is moved."""
    assert scale.decimals is not None
    return bool(_largest(encoding) * 10**scale.decimals <= _MOST_IN_FLOAT) and scale.multiple <= _MOST_IN_FLOAT


def _largest(encoding: Encoding) -> Fraction:
    """The largest magnitude of the exact form of a value."""
    codes = np.arange(next(iter(encoding.cardinalities.values())), dtype=np.int32)[:, None]
    extent = encoding.extent(codes)
    assert extent is not None
    ends = [number for end in extent for number in encoding.canonical(end).drop_null().to_pylist()]
    return max((abs(Fraction(number)) for number in ends), default=Fraction(0))


def _to_places(floats: Floats) -> Places:
    bits = (floats + 0.0).view(np.int64)
    return np.where(bits < 0, -(bits & np.int64(2**63 - 1)), bits)


def _to_floats(places: Places) -> Floats:
    bits = np.where(places < 0, -places | np.int64(-(2**63)), places)
    largest = np.finfo(np.float64).max
    return np.nan_to_num(bits.view(np.float64), nan=largest, posinf=largest, neginf=-largest)
