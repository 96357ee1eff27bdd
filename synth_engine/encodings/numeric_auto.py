"""TABULAR_NUMERIC_AUTO: chooses among the numeric encodings by the values."""

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.domain import ModelEncodingType
from synth_engine.encodings.base import Encoding
from synth_engine.encodings.number_line import number_line
from synth_engine.encodings.numeric import accepts_number
from synth_engine.encodings.numeric_binned import NumericBinnedEncoding
from synth_engine.encodings.numeric_discrete import NumericDiscreteEncoding
from synth_engine.encodings.released_numbers import release_numbers
from synth_engine.encodings.value_counts import ValueCounts
from synth_engine.privacy import Budget, ValueProtection

MAX_DISCRETE = 100
# Rows that a discrete encoding may lose to rarity.
MAX_RARE_SHARE = 0.001


class NumericAuto:
    """Discrete where few numbers make up nearly all rows, otherwise atoms and bins.

    Digits are never chosen: atoms and positions restore the distribution as well, in fewer sub-columns.
    """

    type: ClassVar[ModelEncodingType] = ModelEncodingType.TABULAR_NUMERIC_AUTO

    @classmethod
    def accepts(cls, dtype: pa.DataType) -> bool:
        """Numbers."""
        return accepts_number(dtype)

    @classmethod
    def summarise(cls, values: pa.Array, entities: npt.NDArray[np.int64] | None = None) -> ValueCounts:
        """Sensitive summary of one partition; all numeric encodings have the same."""
        return NumericBinnedEncoding.summarise(values, entities)

    @classmethod
    def release(cls, counts: ValueCounts, dtype: pa.DataType, budget: Budget) -> ValueCounts:
        """As for atoms and bins, which suit discrete numbers as well."""
        return release_numbers(counts, number_line(dtype), budget)

    @classmethod
    def fit(
        cls, counts: ValueCounts, dtype: pa.DataType, protection: ValueProtection, rng: np.random.Generator
    ) -> Encoding:
        """Fit the better suited of the two."""
        discrete = NumericDiscreteEncoding.fit(counts, dtype, protection, rng)
        if len(discrete.numbers) <= MAX_DISCRETE:
            is_kept = pc.is_in(counts.values, pa.array(discrete.numbers, counts.values.type))
            kept_rows = counts.rows[is_kept.to_numpy(zero_copy_only=False)].sum()
            if kept_rows >= (1 - MAX_RARE_SHARE) * (counts.rows.sum() + counts.hidden_entities):
                return discrete
        return NumericBinnedEncoding.fit(counts, dtype, protection, rng)
