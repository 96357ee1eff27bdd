"""AUTO where only the values tell: texts, and dates of events."""

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from synth_engine.domain import ModelEncodingType
from synth_engine.encodings.base import Encoding
from synth_engine.encodings.datetime import DatetimeEncoding
from synth_engine.encodings.datetime_relative import DatetimeRelativeEncoding
from synth_engine.encodings.text_auto import TextAuto
from synth_engine.encodings.value_counts import ValueCounts
from synth_engine.privacy import Budget, ValueProtection


class Auto:
    """Text as `TextAuto` has it; dates of events as intervals where these never run backwards.

    Where enough entities have a date before the one before it, dates are not in order and stand for themselves; one
    that follows no other is a date in any case.

    Guarantees: only the chosen encoding is published, and what is looked at for the choice is what it publishes.
    """

    type: ClassVar[ModelEncodingType] = ModelEncodingType.AUTO

    @classmethod
    def accepts(cls, dtype: pa.DataType) -> bool:
        """Text, dates and timestamps."""
        return TextAuto.accepts(dtype) or DatetimeEncoding.accepts(dtype)

    @classmethod
    def summarise(cls, values: pa.Array, entities: npt.NDArray[np.int64] | None = None) -> ValueCounts:
        """Sensitive summary of one partition."""
        if DatetimeEncoding.accepts(values.type):
            return DatetimeRelativeEncoding.summarise(values, entities)
        return TextAuto.summarise(values, entities)

    @classmethod
    def release(cls, counts: ValueCounts, dtype: pa.DataType, budget: Budget) -> ValueCounts:
        """The summary with differential privacy."""
        if DatetimeEncoding.accepts(dtype):
            return DatetimeRelativeEncoding.release(counts, dtype, budget)
        return TextAuto.release(counts, dtype, budget)

    @classmethod
    def fit(
        cls, counts: ValueCounts, dtype: pa.DataType, protection: ValueProtection, rng: np.random.Generator
    ) -> Encoding:
        """Fit the best suited encoding."""
        if not DatetimeEncoding.accepts(dtype):
            return TextAuto.fit(counts, dtype, protection, rng)
        relative = DatetimeRelativeEncoding.fit(counts, dtype, protection, rng)
        return relative if relative.is_forward else relative.dates
