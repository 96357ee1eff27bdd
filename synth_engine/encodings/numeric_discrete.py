"""TABULAR_NUMERIC_DISCRETE: draws from the numbers seen, rare ones left out."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.domain import ModelEncodingType, RareCategoryReplacementMethod
from synth_engine.encodings.base import Codes, Encoding, even_ranks, has_protected_nulls
from synth_engine.encodings.meanings import NUMBER, Meanings, Reserved
from synth_engine.encodings.numeric import (
    Number,
    accepts_number,
    as_numbers,
    common_step,
    exact_type,
    from_numbers,
    nanoseconds,
    null_mask,
)
from synth_engine.encodings.outcomes import decoded
from synth_engine.encodings.value_counts import ValueCounts
from synth_engine.privacy import ValueProtection

RARE_CODE = 0
NULL_CODE = 1
N_RESERVED = 2


class NumericDiscreteEncoding(Encoding):
    """One sub-column ``cat``: 0 is rare or unseen, 1 is null, then the kept numbers in ascending order.

    Guarantees: every number in `numbers` is held by at least as many entities as the protection asks for.
    """

    type: ClassVar[ModelEncodingType] = ModelEncodingType.TABULAR_NUMERIC_DISCRETE
    encoding_type: Literal[ModelEncodingType.TABULAR_NUMERIC_DISCRETE] = ModelEncodingType.TABULAR_NUMERIC_DISCRETE
    numbers: list[Number]

    @classmethod
    def accepts(cls, dtype: pa.DataType) -> bool:
        """Numbers."""
        return accepts_number(dtype)

    @classmethod
    def canonical(cls, values: pa.Array) -> pa.Array:
        """Values as exact numbers."""
        return as_numbers(values)

    @classmethod
    def fit(
        cls, counts: ValueCounts, dtype: pa.DataType, protection: ValueProtection, rng: np.random.Generator
    ) -> Self:
        """Keep the numbers that enough entities hold."""
        keep = counts.entities >= protection.threshold(rng)
        return cls(
            dtype=dtype,
            has_nulls=has_protected_nulls(counts, protection, rng),
            numbers=counts.values.filter(pa.array(keep)).to_pylist(),
        )

    @property
    def cardinalities(self) -> dict[str, int]:
        """One sub-column."""
        return {"cat": N_RESERVED + len(self.numbers)}

    def encode(self, values: pa.Array) -> Codes:
        """Look every number up; what is not there is rare."""
        numbers = self.canonical(values)
        found = pc.index_in(numbers, pa.array(self.numbers, numbers.type)).fill_null(RARE_CODE - N_RESERVED)
        codes: Codes = found.to_numpy().astype(np.int32) + N_RESERVED
        codes[null_mask(numbers)] = NULL_CODE
        return codes.reshape(-1, 1)

    def decode(self, codes: Codes, rng: np.random.Generator) -> pa.Array:
        """The numbers in the column's type; rare becomes null, since no number may stand for it."""
        return self._values(codes)

    def never_drawn(self, method: RareCategoryReplacementMethod) -> Mapping[str, list[int]]:
        """Rare is always redrawn as one of the others; null where there was none."""
        if not self.numbers:
            return {"cat": [RARE_CODE]}
        return {"cat": [RARE_CODE] if self.has_nulls else [RARE_CODE, NULL_CODE]}

    def meanings(self) -> Mapping[str, Meanings]:
        """The numbers."""
        numbers = Meanings.of_values([Reserved.RARE, Reserved.NULL], self.numbers).scaled(nanoseconds(self.dtype))
        return {"cat": replace(numbers, tells=NUMBER)}

    def named_codes(self) -> Mapping[str, int]:
        """The numbers, as they are written in the column's type."""
        values = from_numbers(pa.array(self.numbers, exact_type(self.dtype)), self.dtype)
        return {str(value): code for code, value in enumerate(values.to_pylist(), N_RESERVED)}

    def extent(self, codes: Codes) -> tuple[pa.Array, pa.Array]:
        """The number itself."""
        values = self._values(codes)
        return values, values

    def step(self) -> Fraction | None:
        """What the numbers have in common; floats nothing."""
        is_continuous = pa.types.is_floating(self.dtype)
        return None if is_continuous else common_step(Fraction(number) for number in self.numbers)

    def outcomes(self) -> list[Any] | None:
        """The numbers."""
        return decoded(self, np.arange(self.cardinalities["cat"], dtype=np.int32))

    def ranks(self) -> Mapping[str, list[float]]:
        """Numbers are ordered."""
        return {"cat": even_ranks(N_RESERVED, len(self.numbers))}

    def _values(self, codes: Codes) -> pa.Array:
        table = pa.array([None, None, *self.numbers], exact_type(self.dtype))
        return from_numbers(table.take(pa.array(codes[:, 0])), self.dtype)
