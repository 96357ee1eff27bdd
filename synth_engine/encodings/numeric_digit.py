"""TABULAR_NUMERIC_DIGIT: draws a number digit by digit."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.domain import ModelEncodingType, RareCategoryReplacementMethod
from synth_engine.encodings.base import Codes, Encoding, even_ranks, has_protected_nulls
from synth_engine.encodings.number_line import number_line
from synth_engine.encodings.numeric import Number, accepts_number, as_numbers, from_numbers, is_whole, null_mask
from synth_engine.encodings.released_numbers import RANGES_ONLY, release_numbers
from synth_engine.encodings.ticks import Scale, Ticks
from synth_engine.encodings.value_counts import ValueCounts
from synth_engine.privacy import Budget, ValueProtection

NULL_CODE, POSITIVE_CODE, NEGATIVE_CODE = 0, 1, 2
MAX_DECIMALS = 20
# Significant digits of a continuous column: as many as tell any two floats of the type apart, or survive in it.
_SIGNIFICANT = {pa.float16(): 5, pa.float32(): 9, pa.float64(): 15}
_LARGEST = np.iinfo(np.uint64).max


class NumericDigitEncoding(Encoding):
    """Sub-column ``sign`` (0 null, 1 not negative, 2 negative), and one per digit: ``e3`` thousands, ``m2`` hundredths.

    Numbers are clipped to ``low`` and ``high`` and rounded to ``decimals`` (-2: to hundreds).
    Whole numbers keep all their digits, decimals 18, floats 15; at most 20 are after the point. With protection a
    hundredth of the entities may have had finer numbers.

    Guarantees: ``low`` and ``high`` are protected bounds; decoded numbers lie between them.
    """

    type: ClassVar[ModelEncodingType] = ModelEncodingType.TABULAR_NUMERIC_DIGIT
    encoding_type: Literal[ModelEncodingType.TABULAR_NUMERIC_DIGIT] = ModelEncodingType.TABULAR_NUMERIC_DIGIT
    low: Number = 0
    high: Number = 0
    decimals: int = 0
    any_values: bool = False

    @classmethod
    def accepts(cls, dtype: pa.DataType) -> bool:
        """Numbers."""
        return accepts_number(dtype)

    @classmethod
    def canonical(cls, values: pa.Array) -> pa.Array:
        """Values as exact numbers."""
        return as_numbers(values)

    @classmethod
    def release(cls, counts: ValueCounts, dtype: pa.DataType, budget: Budget) -> ValueCounts:
        """Cells that are finer where many entities are."""
        return release_numbers(counts, number_line(dtype), budget, RANGES_ONLY)

    @classmethod
    def fit(
        cls, counts: ValueCounts, dtype: pa.DataType, protection: ValueProtection, rng: np.random.Generator
    ) -> Self:
        """Find the protected range, and from it the digits that are needed."""
        has_nulls = has_protected_nulls(counts, protection, rng)
        bounds = protection.bounds(counts.values, counts.lowest, counts.highest, rng)
        if bounds is None:
            return cls(dtype=dtype, has_nulls=has_nulls)
        scale = Scale.within_bounds(dtype, counts, bounds, protection, factors=(10,))
        found = scale.decimals
        if found is None:
            found = _continuous_decimals(dtype, bounds)
            scale = Scale(dtype, found)
        low, high = scale.numbers(np.array(scale.within(*bounds), scale.tick_type)).to_pylist()
        decimals = found - (len(str(scale.multiple)) - 1)
        return cls(dtype=dtype, has_nulls=has_nulls, low=low, high=high, decimals=decimals, any_values=True)

    @property
    def cardinalities(self) -> dict[str, int]:
        """Sign first, then the digits from the most significant one."""
        return {"sign": 3} | dict.fromkeys(self._digit_names, 10)

    def encode(self, values: pa.Array) -> Codes:
        """Split the clipped, rounded number into digits."""
        numbers = self.canonical(values)
        codes = np.zeros((len(numbers), 1 + len(self._digit_names)), np.int32)
        if not self.any_values:
            return codes
        null = null_mask(numbers)
        ticks = np.clip(self._scale.ticks(numbers.drop_null()), *self._range)
        magnitudes = ticks if ticks.dtype == np.uint64 else np.abs(ticks).view(np.uint64)
        codes[~null, 0] = np.where(ticks < 0, NEGATIVE_CODE, POSITIVE_CODE)
        for place in range(len(self._digit_names), 0, -1):
            magnitudes, digits = np.divmod(magnitudes, np.uint64(10))
            codes[~null, place] = digits
        return codes

    def decode(self, codes: Codes, rng: np.random.Generator) -> pa.Array:
        """Put the digits together and clip to the protected range."""
        magnitudes = np.zeros(len(codes), np.uint64)
        for place in range(1, codes.shape[1]):
            digits = codes[:, place].astype(np.uint64)
            too_large = magnitudes > (_LARGEST - digits) // np.uint64(10)
            magnitudes = np.where(too_large, _LARGEST, magnitudes * np.uint64(10) + digits)
        ticks = np.clip(self._signed(magnitudes, codes[:, 0] == NEGATIVE_CODE), *self._range)
        numbers = self._scale.numbers(ticks)
        is_null = pa.array(codes[:, 0] == NULL_CODE)
        return from_numbers(pc.if_else(is_null, pa.scalar(None, numbers.type), numbers), self.dtype)

    def never_drawn(self, method: RareCategoryReplacementMethod) -> Mapping[str, list[int]]:
        """Null where there was none; a sign that the range excludes."""
        if not self.any_values:
            return {"sign": [POSITIVE_CODE, NEGATIVE_CODE]}
        forbidden = [] if self.has_nulls else [NULL_CODE]
        if self.low >= 0:
            forbidden.append(NEGATIVE_CODE)
        if self.high < 0:
            forbidden.append(POSITIVE_CODE)
        return {"sign": forbidden}

    def ranks(self) -> Mapping[str, list[float]]:
        """Digits are ordered."""
        return {name: even_ranks(0, 10) for name in self._digit_names}

    @cached_property
    def _scale(self) -> Scale:
        return _scale(self.dtype, self.decimals)

    @cached_property
    def _range(self) -> Ticks:
        return self._scale.ticks_of([self.low, self.high])

    @cached_property
    def _digit_names(self) -> list[str]:
        n_digits = max(len(str(abs(tick))) for tick in self._range.tolist())
        exponents = range(n_digits - self.decimals - 1, -self.decimals - 1, -1)
        return [f"e{exponent}" if exponent >= 0 else f"m{-exponent}" for exponent in exponents]

    def _signed(self, magnitudes: npt.NDArray[np.uint64], is_negative: npt.NDArray[np.bool_]) -> Ticks:
        if self._scale.tick_type == np.uint64:
            return np.where(is_negative, np.uint64(0), magnitudes)
        limit = np.uint64(2**63)
        positive = np.minimum(magnitudes, limit - np.uint64(1))
        negative = np.uint64(0) - np.minimum(magnitudes, limit)  # modulo 2**64, as 64-bit integers have it
        return np.where(is_negative, negative, positive).view(np.int64)


def _scale(dtype: pa.DataType, decimals: int) -> Scale:
    return Scale(dtype, 0, 10**-decimals) if is_whole(dtype) and decimals < 0 else Scale(dtype, decimals)


def _continuous_decimals(dtype: pa.DataType, bounds: tuple[Any, Any]) -> int:
    largest = Decimal(max(abs(bound) for bound in bounds))
    return min(MAX_DECIMALS, _SIGNIFICANT[dtype] - 1 - largest.adjusted())
