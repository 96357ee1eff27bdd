"""What `analyze` needs of an encoding type, whichever kind of encodings it fits."""

from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from synth_engine.domain import ModelEncodingType
from synth_engine.encodings.value_counts import ValueCounts
from synth_engine.privacy import Budget, ValueProtection

Fitted_co = TypeVar("Fitted_co", covariant=True)


class FitterOf(Protocol[Fitted_co]):
    """An encoding class, or a chooser among several."""

    type: ModelEncodingType

    def accepts(self, dtype: pa.DataType) -> bool:
        """Whether columns of this Arrow type can be encoded."""
        ...

    def summarise(self, values: pa.Array, entities: npt.NDArray[np.int64] | None = None) -> ValueCounts:
        """Sensitive summary of one partition."""
        ...

    def release(self, counts: ValueCounts, dtype: pa.DataType, budget: Budget) -> ValueCounts:
        """The summary with differential privacy."""
        ...

    def fit(
        self, counts: ValueCounts, dtype: pa.DataType, protection: ValueProtection, rng: np.random.Generator
    ) -> Fitted_co:
        """The shareable encoding of a summary."""
        ...
