"""LANGUAGE_NUMERIC: writes numbers in decimal digits, as precisely as the column has them."""

import math
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.domain import ModelEncodingType
from synth_engine.encodings.base import has_protected_nulls
from synth_engine.encodings.language.base import LanguageEncoding
from synth_engine.encodings.language.ebnf import quoted
from synth_engine.encodings.language.literals import NULL, joined, where_null
from synth_engine.encodings.language.ranges import number_range
from synth_engine.encodings.number_line import number_line
from synth_engine.encodings.numeric import accepts_number, as_numbers, from_numbers
from synth_engine.encodings.released_numbers import RANGES_ONLY, release_numbers
from synth_engine.encodings.ticks import MAX_DECIMALS, Scale, Ticks
from synth_engine.encodings.value_counts import ValueCounts
from synth_engine.privacy import ENOUGH_ENTITIES, Budget, ValueProtection

# Of a continuous column: digits that small numbers have at least, so many of all being smaller, and digits in all.
_DIGITS_OF_SMALL, _SMALL_SHARE = 4, 0.1
_MOST_DIGITS = {pa.float16(): 3, pa.float32(): 6, pa.float64(): 15}
# Beyond them powers of ten are not exact enough, or no floats.
_MINUS, _NO_SIGN, _ZERO = (pa.scalar(part, pa.large_string()) for part in ("-", "", "0"))
_LEAST_DECIMALS, _MOST_DECIMALS = -300, 300


class LanguageNumeric(LanguageEncoding):
    """A number is a JSON number with always the same number of decimals, such as ``12.50``.

    Numbers are rounded to the column's own precision, which a hundredth of the entities may exceed, and clipped to the
    range from `low` to `high`. Where all numbers are huge or tiny they are whole with a power of ten behind them,
    such as ``1250e20``: with a negative number of `decimals`, or with more than `MAX_DECIMALS`. Times of day and
    durations are whole numbers of their unit. Infinite numbers are refused, NaN is null.

    Guarantees: the range is one of `ValueProtection.bounds`; what is drawn is a multiple of ``10**-decimals`` in it, to
    the nearest one at its ends.

    Args:
        decimals: Numbers are whole multiples of ``10**-decimals``.
        low: The smallest of these multiples that may be shown; None where none may.
        high: The largest of them.
    """

    type: ClassVar[ModelEncodingType] = ModelEncodingType.LANGUAGE_NUMERIC
    encoding_type: Literal[ModelEncodingType.LANGUAGE_NUMERIC] = ModelEncodingType.LANGUAGE_NUMERIC
    decimals: int = 0
    low: int | None = None
    high: int | None = None

    @classmethod
    def accepts(cls, dtype: pa.DataType) -> bool:
        """Numbers, times of day and durations."""
        return accepts_number(dtype)

    @classmethod
    def canonical(cls, values: pa.Array) -> pa.Array:
        """Values as exact numbers."""
        return as_numbers(values)

    @classmethod
    def release(cls, counts: ValueCounts, dtype: pa.DataType, budget: Budget) -> ValueCounts:
        """Cells that are finer where many entities are; no number is shown exactly."""
        return release_numbers(counts, number_line(dtype), budget, RANGES_ONLY)

    @classmethod
    def fit(
        cls, counts: ValueCounts, dtype: pa.DataType, protection: ValueProtection, rng: np.random.Generator
    ) -> Self:
        """Find the protected range and the precision."""
        has_nulls = has_protected_nulls(counts, protection, rng)
        bounds = protection.bounds(counts.values, counts.lowest, counts.highest, rng)
        if bounds is None:
            return cls(dtype=dtype, has_nulls=has_nulls)
        decimals = _decimals(dtype, counts, bounds, protection)
        low, high = Scale(dtype, decimals).within(*bounds)
        return cls(dtype=dtype, has_nulls=has_nulls, decimals=decimals, low=low, high=high)

    @property
    def has_values(self) -> bool:
        """Whether there is a range."""
        return self.low is not None

    @property
    def longest(self) -> int:
        """That of the longer end of the range, or of null."""
        ends = [] if self.low is None else [self.low, self.high]
        literals = self._literals(np.array(ends, self._scale.tick_type)).to_pylist()
        return max(map(len, [NULL, *literals]))

    def write(self, values: pa.Array) -> pa.Array:
        """Round, clip, and write in digits."""
        numbers = self.canonical(values)
        if self.low is None or self.high is None:
            return where_null(pa.nulls(len(values)), pa.nulls(len(values), pa.large_string()))
        whole = self._scale.tick_type
        ticks = self._scale.ticks(numbers.fill_null(pa.scalar(0, numbers.type)))
        ticks = np.clip(ticks, whole(self.low), whole(self.high))
        return where_null(numbers, self._literals(ticks))

    def read(self, literals: pa.Array) -> pa.Array:
        """The numbers in the column's type."""
        is_null = pc.equal(literals, NULL)
        digits = pc.replace_substring(pc.if_else(is_null, _ZERO, literals), ".", "")
        if self._suffix:
            digits = pc.replace_substring(digits, self._suffix, "")
        ticks = digits.cast(pa.from_numpy_dtype(self._scale.tick_type)).to_numpy()
        if self.low is not None:
            ticks = np.clip(ticks, self._scale.tick_type(self.low), self._scale.tick_type(self.high))
        numbers = self._scale.numbers(ticks)
        return from_numbers(pc.if_else(is_null, pa.scalar(None, numbers.type), numbers), self.dtype)

    def _rules(self) -> dict[str, str]:
        assert self.low is not None
        assert self.high is not None
        suffix = f" {quoted(self._suffix)}" if self._suffix else ""
        return {"value": f"{number_range(self.low, self.high, self._shown)}{suffix}"}

    @cached_property
    def _scale(self) -> Scale:
        return Scale(self.dtype, self.decimals)

    @property
    def _shown(self) -> int:
        """Number of digits behind the point."""
        return self.decimals if 0 <= self.decimals <= MAX_DECIMALS else 0

    @property
    def _suffix(self) -> str:
        return f"e{-self.decimals}" if self.decimals != self._shown else ""

    def _literals(self, ticks: Ticks) -> pa.Array:
        digits, shown = pa.array(ticks).cast(pa.large_string()), self._shown
        if shown:
            sign = pc.if_else(pa.array(ticks < 0), _MINUS, _NO_SIGN)
            digits = pc.utf8_lpad(pc.replace_substring(digits, "-", ""), shown + 1, "0")
            whole = pc.utf8_slice_codeunits(digits, 0, -shown)
            behind = pc.utf8_slice_codeunits(digits, -shown)
            digits = joined(sign, whole, ".", behind)
        if self._suffix:
            digits = joined(digits, self._suffix)
        return digits


def _decimals(dtype: pa.DataType, counts: ValueCounts, bounds: tuple[Any, Any], protection: ValueProtection) -> int:
    """Those that nearly all numbers do with; of a continuous column those of small numbers, as far as digits reach."""
    scale = Scale.within_bounds(dtype, counts, bounds, protection)
    decimals, multiple = scale.decimals, scale.multiple
    if decimals is None:
        return _continuous_decimals(dtype, counts, bounds)
    while decimals > 0 and multiple % 10 == 0:  # decimals that the type has, and that no number needs
        decimals, multiple = decimals - 1, multiple // 10
    return decimals


def _continuous_decimals(dtype: pa.DataType, counts: ValueCounts, bounds: tuple[Any, Any]) -> int:
    sizes, weights = np.abs(counts.values.to_numpy()), counts.contributions[0]
    order = np.argsort(sizes)
    reached = np.cumsum(weights[order] * (sizes[order] > 0))
    rank = min(max(_SMALL_SHARE * reached[-1], ENOUGH_ENTITIES / 2), reached[-1])  # not of a few entities alone
    small = sizes[order][np.searchsorted(reached, rank)]
    wanted = _DIGITS_OF_SMALL - 1 - _exponent(small)
    possible = _MOST_DIGITS[dtype] - 1 - _exponent(max(abs(bound) for bound in bounds))
    return int(np.clip(min(wanted, possible), _LEAST_DECIMALS, _MOST_DECIMALS))


def _exponent(number: float) -> int:
    return math.floor(math.log10(number)) if number else 0
