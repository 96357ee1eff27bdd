"""TABULAR_NUMERIC_DIGIT: draws a number digit by digit."""

from collections.abc import Mapping
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.domain import ModelEncodingType, RareCategoryReplacementMethod
from synth_engine.encodings.base import Codes, Encoding, even_ranks, has_protected_nulls
from synth_engine.encodings.digits import (
    NO_PLACE,
    SIGNIFICANT,
    SURVIVING,
    Notation,
    Places,
    first_place,
    last_places,
    within,
)
from synth_engine.encodings.meanings import Meanings, Reserved
from synth_engine.encodings.number_line import number_line
from synth_engine.encodings.numeric import Number, accepts_number, as_numbers, from_numbers, null_mask
from synth_engine.encodings.released_numbers import RANGES_ONLY, release_numbers
from synth_engine.encodings.value_counts import Counts, ValueCounts
from synth_engine.privacy import ENOUGH_ENTITIES, Budget, ValueProtection

NULL_CODE, POSITIVE_CODE, NEGATIVE_CODE = 0, 1, 2
MAX_DECIMALS = 20
MAX_DIGITS = 38  # 18 before the point and 20 after it
# Significant digits that a small float keeps beside large ones, where that many digits are after the point at all.
SMALL_DIGITS = 6
# Entities that may have finer numbers than the digits show, and how many make a number common and not to be rounded.
_FINER_SHARE = 0.01
_COMMON_SHARE = 0.001


class NumericDigitEncoding(Encoding):
    """Sub-column ``sign`` (0 null, 1 not negative, 2 negative), and one per digit: ``e3`` thousands, ``m2`` hundredths.

    Numbers are clipped to ``low`` and ``high`` and rounded to ``decimals`` (-2: to hundreds). Whole numbers and
    decimals keep all their digits; floats 15 below the first digit of the largest, and more where smaller ones would
    not keep 6 of their own. At most 20 digits are after the point, and 38 in all. With protection a hundredth of the
    entities may have had finer numbers.

    Guarantees: ``low`` and ``high`` are protected bounds; decoded numbers lie between them; the last digit is in use by
    at least as many entities as the protection asks for.
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
        decimals = -_last_place(counts, dtype, bounds, protection, protection.threshold(rng))
        low, high = within(*bounds, -decimals)
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
        is_negative, digits = self._notation.write(self._clipped(numbers.drop_null()))
        codes[~null, 0] = np.where(is_negative, NEGATIVE_CODE, POSITIVE_CODE)
        codes[~null, 1:] = digits
        return codes

    def decode(self, codes: Codes, rng: np.random.Generator) -> pa.Array:
        """Put the digits together and clip to the protected range."""
        return self._values(codes)

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

    def meanings(self) -> Mapping[str, Meanings]:
        """Signs, and the digits from 0 to 9."""
        signs = Meanings.unordered([Reserved.NULL, "not negative", "negative"])
        return {"sign": signs} | {name: Meanings.of_values([], range(10)) for name in self._digit_names}

    def extent(self, codes: Codes) -> tuple[pa.Array, pa.Array]:
        """With the smallest and with the largest digits to follow."""
        is_negative = codes[:, :1] == NEGATIVE_CODE
        n_left = 1 + len(self._digit_names) - codes.shape[1]
        low, high = (
            self._values(np.hstack([codes, np.where(is_nine, 9, 0).repeat(n_left, axis=1)]))
            for is_nine in (is_negative, ~is_negative)
        )
        return low, high

    def step(self) -> Fraction:
        """One of the last digit."""
        return Fraction(10) ** -self.decimals

    def ranks(self) -> Mapping[str, list[float]]:
        """Digits are ordered."""
        return {name: even_ranks(0, 10) for name in self._digit_names}

    @cached_property
    def _notation(self) -> Notation:
        first = max(first_place(self.low), first_place(self.high), -self.decimals)
        return Notation(self.dtype, first, -self.decimals)

    @cached_property
    def _digit_names(self) -> list[str]:
        places = range(self._notation.first, self._notation.last - 1, -1)
        return [f"e{place}" if place >= 0 else f"m{-place}" for place in places]

    def _values(self, codes: Codes) -> pa.Array:
        digits = codes[:, 1:].astype(np.uint8)
        numbers = self._notation.read(codes[:, 0] == NEGATIVE_CODE, digits, self.low, self.high)
        is_null = pa.array(codes[:, 0] == NULL_CODE)
        return from_numbers(pc.if_else(is_null, pa.scalar(None, numbers.type), numbers), self.dtype)

    def _clipped(self, numbers: pa.Array) -> pa.Array:
        low, high = (pa.scalar(bound, numbers.type) for bound in (self.low, self.high))
        return pc.if_else(pc.less(numbers, low), low, pc.if_else(pc.greater(numbers, high), high, numbers))


def _last_place(
    counts: ValueCounts, dtype: pa.DataType, bounds: tuple[Any, Any], protection: ValueProtection, threshold: int
) -> int:
    """The place of the last digit that is worth a sub-column."""
    first = max(first_place(bound) for bound in bounds)
    low, high = (pa.scalar(bound, counts.values.type) for bound in bounds)
    inside = pc.and_(pc.greater_equal(counts.values, low), pc.less_equal(counts.values, high))
    kept = inside.to_numpy(zero_copy_only=False)
    values = counts.values.filter(inside)
    entities = np.maximum(counts.lowest, counts.highest)[kept]  # never more than there are, unlike their sum by value

    def in_use(n_digits: int | None = None) -> int:
        return _finest_in_use(last_places(values, dtype, n_digits), entities, protection, threshold)

    last = max(min(in_use(), first), first - MAX_DIGITS + 1, -MAX_DECIMALS)
    if pa.types.is_floating(dtype) and first - last >= SURVIVING[dtype]:
        continuous = min(first - SIGNIFICANT[dtype] + 1, in_use(SMALL_DIGITS))
        last = max(last, continuous)
    return last


def _finest_in_use(places: Places, entities: Counts, protection: ValueProtection, threshold: int) -> int:
    """The finest place that enough entities need for their numbers, or that a common number needs."""
    finest, index = np.unique(places, return_inverse=True)
    total = int(entities.sum())
    allowed = max(threshold, _FINER_SHARE * total) if protection.enabled else 1
    is_common = protection.enabled & (entities >= max(_COMMON_SHARE * total, ENOUGH_ENTITIES))
    reached = np.cumsum(np.bincount(index, entities, minlength=len(finest))) >= allowed
    reached |= np.bincount(index, is_common, minlength=len(finest)) > 0
    return int(finest[np.argmax(reached)]) if reached.any() else NO_PLACE
