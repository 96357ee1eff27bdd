"""Numbers as whole multiples of a column's own step: cents stay cents, quarter hours stay quarter hours.

Belongs here: finding the step, and the exact way from numbers to ticks and back. Knows no bins, codes or files.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.encodings.numeric import exact_type
from synth_engine.encodings.value_counts import Counts, Mask, ValueCounts
from synth_engine.privacy import ENOUGH_ENTITIES, ValueProtection

Ticks = npt.NDArray[Any]
"""Whole numbers (``int64``, for ``uint64`` columns ``uint64``); of a continuous column floats of its own width."""

MAX_DECIMALS = 12
_SATURATED = 2**62
# By type: what arithmetic may leave behind at most, as a share; and how many ticks survive the way to a float and back.
_FLOATS = {pa.float16(): (2.0**-11, 2**9), pa.float32(): (2.0**-21, 2**22), pa.float64(): (2.0**-46, 2**50)}
# Steps are looked for among products of these: 0.25, 5, 60, 1000, 86400.
_FACTORS = (2, 3, 5, 7)
# A step must fit nearly all, not all: the precision of a column must not hang on a single entity.
_ENOUGH_SHARE = 0.99
# A value of so many entities is not to be rounded, however few they are among all.
_COMMON_SHARE = 0.001


@dataclass(frozen=True)
class Scale:
    """A number is ``tick * multiple / 10**decimals``; without `decimals` it is a float and its own tick.

    Guarantees: ticks keep the order of numbers; inside the bounds for which the scale was made, the number of a tick
    has that tick again, also after it was rounded to `dtype`. Floats between steps go to the nearest multiple of
    ``10**-decimals``, everything else goes towards zero.
    """

    dtype: pa.DataType
    decimals: int | None
    multiple: int = 1

    @classmethod
    def within_bounds(
        cls,
        dtype: pa.DataType,
        counts: ValueCounts,
        bounds: tuple[Any, Any],
        protection: ValueProtection,
    ) -> Self:
        """The coarsest scale that nearly all values fit.

        Args:
            dtype: Type of the column.
            counts: Its values in exact form.
            bounds: Ends of the range; values beyond have no say.
            protection: With it, a hundredth of the entities may have finer values; without it, none.
        """
        first, last = (int(pc.sum(beyond).as_py() or 0) for beyond in _beyond(counts.values, bounds))
        inside = slice(first, len(counts.values) - last)
        # With protection each entity has one say, without it every value has.
        weights = counts.contributions[0] if protection.enabled else counts.entities
        values, weights = counts.values[inside], weights[inside]
        share = _ENOUGH_SHARE if protection.enabled else 1.0
        scale = cls(dtype, _decimals(dtype, values, weights, share))
        if scale.decimals is None:
            return scale
        ticks = scale.ticks(values)
        ticks, weights = ticks[ticks != 0], weights[ticks != 0]
        if protection.enabled and weights.sum() < ENOUGH_ENTITIES:
            return scale
        return cls(dtype, scale.decimals, _common_multiple(ticks, weights, share))

    @property
    def tick_type(self) -> Any:
        """NumPy type of the ticks."""
        if self.decimals is None:
            return self.dtype.to_pandas_dtype()
        return np.uint64 if pa.types.is_uint64(self.dtype) else np.int64

    def ticks(self, numbers: pa.Array) -> Ticks:
        """Ticks of numbers in exact form, without nulls."""
        if self.decimals is None:
            continuous: Ticks = numbers.to_numpy().astype(self.tick_type)
            return continuous
        if pa.types.is_floating(numbers.type):
            limit = float(_SATURATED)
            whole = np.rint(np.clip(_shifted(numbers.to_numpy(), self.decimals), -limit, limit)).astype(np.int64)
        elif pa.types.is_decimal(numbers.type):
            whole = _unscaled(numbers.cast(pa.decimal256(76, self.decimals), safe=False))
        else:
            whole = numbers.to_numpy()
        assert isinstance(whole, np.ndarray)
        if self.multiple == 1:
            return whole
        floor, rest = np.divmod(whole, whole.dtype.type(self.multiple))
        towards_zero: Ticks = floor + ((rest != 0) & (whole < 0))
        return towards_zero

    def numbers(self, ticks: Ticks) -> pa.Array:
        """Numbers in exact form."""
        if self.decimals is None:
            return pa.array(ticks.astype(np.float64))
        whole = ticks * ticks.dtype.type(self.multiple)
        if pa.types.is_floating(self.dtype):
            info = np.finfo(self.dtype.to_pandas_dtype())  # the last digit kept may be rounded to beyond the type's end
            return pa.array(
                np.clip(_shifted(whole.astype(np.float64), -self.decimals), float(info.min), float(info.max))
            )
        if pa.types.is_decimal(self.dtype):
            return _scaled(whole, self.decimals).cast(exact_type(self.dtype))
        return pa.array(whole)

    def number(self, tick: Any) -> Any:
        """The number of one tick, as a plain Python number."""
        return self.numbers(np.array([tick], self.tick_type))[0].as_py()

    def ticks_of(self, numbers: list[Any]) -> Ticks:
        """Ticks of plain Python numbers."""
        return self.ticks(pa.array(numbers, exact_type(self.dtype)))

    def within(self, low: Any, high: Any) -> tuple[Any, Any]:
        """The first and the last tick between two plain Python numbers, as plain Python numbers."""
        first, last = Scale(self.dtype, self.decimals).ticks_of([low, high]).tolist()
        return (first, last) if self.decimals is None else (-(-first // self.multiple), last // self.multiple)


def _shifted(numbers: npt.NDArray[np.float64], decimals: int) -> npt.NDArray[np.float64]:
    # Division by a power of ten is exact where multiplication by its inverse is not: 3 / 10 is 0.3, 3 * 0.1 is not.
    with np.errstate(over="ignore"):
        return numbers * 10.0**decimals if decimals >= 0 else numbers / 10.0**-decimals


def _beyond(values: pa.Array, bounds: tuple[Any, Any]) -> tuple[pa.Array, pa.Array]:
    low, high = (pa.scalar(bound, values.type) for bound in bounds)
    return pc.less(values, low), pc.greater(values, high)


def _enough(fits: Mask, weights: Counts, share: float) -> bool:
    """Whether nearly all entities have values that fit, and every value that many of them have fits."""
    total = weights.sum()
    common = weights >= max(_COMMON_SHARE * total, ENOUGH_ENTITIES)
    return bool(weights[fits].sum() >= share * total and fits[common].all())


def _decimals(dtype: pa.DataType, values: pa.Array, weights: Counts, share: float) -> int | None:
    if pa.types.is_floating(dtype):
        return _float_decimals(values.to_numpy(), weights, dtype, share)
    return _fitting_decimals(values, dtype.scale) if pa.types.is_decimal(dtype) else 0


def _float_decimals(values: npt.NDArray[np.float64], weights: Counts, dtype: pa.DataType, share: float) -> int | None:
    """The fewest decimals that enough values do with, up to what arithmetic with floats leaves behind."""
    noise, most = _FLOATS[dtype]
    for decimals in range(MAX_DECIMALS + 1):
        scaled = _shifted(values, decimals)
        if np.abs(scaled).max(initial=0) >= most:
            return None
        fits = np.abs(scaled - np.rint(scaled)) <= noise * np.abs(scaled)
        if _enough(fits, weights, share):
            return decimals
    return None


def decimals_needed(values: npt.NDArray[np.float64], dtype: pa.DataType, choices: Sequence[int]) -> Counts:
    """Index of the first of the `choices` of decimals that each number does with, -1 for zero.

    One more than the last index where none will do. Choices are ascending, negative ones for tens and hundreds.
    """
    noise, most = _FLOATS[dtype]
    needed = np.full(len(values), len(choices), np.int64)
    for place, decimals in reversed(list(enumerate(choices))):
        scaled = _shifted(values, decimals)
        small = np.where(np.abs(scaled) < most, scaled, 0.5)  # which is no whole number
        needed[np.abs(small - np.rint(small)) <= noise * np.abs(small)] = place
    needed[values == 0] = -1
    return needed


def _common_multiple(ticks: Ticks, weights: Counts, share: float) -> int:
    """The largest product of small primes that divides enough of the ticks; there is no zero among them."""
    multiple = 1
    for factor in _FACTORS:
        while multiple * factor <= _SATURATED:
            divides = ticks % ticks.dtype.type(factor) == 0
            if not divides.any() or not _enough(divides, weights, share):
                break
            multiple *= factor
            ticks = np.where(divides, ticks // ticks.dtype.type(factor), 1)
    return multiple


def _fitting_decimals(values: pa.Array, scale: int) -> int:
    """The most decimals, up to the type's own, with which all values fit into 18 digits."""
    if len(values) == 0:
        return min(scale, 18)
    ends = pc.min_max(values).as_py()
    largest = max(abs(ends["min"]), abs(ends["max"]))
    return min(scale, 18 - (largest.adjusted() + 1 if largest else 0))


def _unscaled(decimals: pa.Array) -> npt.NDArray[np.int64]:
    """The integers behind 256-bit decimals; those beyond 62 bits become the end of that range."""
    words = np.frombuffer(decimals.buffers()[1], np.int64).reshape(-1, 4)
    words = words[decimals.offset : decimals.offset + len(decimals)]
    low, high = words[:, 0], words[:, 3]
    fits = (words[:, 1:] == (low >> 63)[:, None]).all(axis=1) & (low > -_SATURATED) & (low < _SATURATED)
    return np.where(fits, low, np.where(high < 0, -_SATURATED, _SATURATED))


def _scaled(integers: npt.NDArray[np.int64], decimals: int) -> pa.Array:
    """256-bit decimals with these integers behind them: the inverse of `_unscaled`."""
    whole = np.empty((len(integers), 4), np.int64)
    whole[:] = (integers >> 63)[:, None]
    whole[:, 0] = integers
    return pa.Array.from_buffers(pa.decimal256(76, decimals), len(integers), [None, pa.py_buffer(whole.tobytes())])
