"""Sequence lengths: what may be known of them, as a fitted record like an encoding. Shareable."""

from typing import Annotated, Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from synth_engine.encodings.numeric_binned import NumericBinnedEncoding
from synth_engine.encodings.numeric_discrete import NumericDiscreteEncoding
from synth_engine.encodings.value_counts import ValueCounts
from synth_engine.privacy import ENOUGH_ENTITIES, MINIMUM_ENTITIES, Budget, ValueProtection, roundest

Lengths = npt.NDArray[np.int64]
LengthEncoding = Annotated[NumericBinnedEncoding | NumericDiscreteEncoding, Field(discriminator="encoding_type")]


class SequenceLengths(BaseModel):
    """Rows per subject; 1 throughout for a flat table, and where too few subjects are there to tell anything.

    Each subject has one length, so `encoding` is that of a numeric column: few lengths have a code each, many are bins
    with positions. It is what a model of lengths draws from; None where there is nothing to draw. Where subjects are
    too few for a range, it holds the lengths that enough of them have.

    Guarantees: at least as many subjects as the protection asks for have `min` or fewer rows, and so for `max` or more;
    each is such a length, or the roundest number of an interval with the lengths of several subjects. `median` lies
    between the two and is such a number as well. Lengths decoded from any codes lie between the two.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    min: int = 1
    max: int = 1
    median: int = 1
    encoding: LengthEncoding | None = None

    @classmethod
    def summarise(cls, lengths: Lengths | pa.Array) -> ValueCounts:
        """Sensitive summary of the subjects of one partition: number of rows of each, zeros included.

        Args:
            lengths: As an Arrow array they may be null, for subjects that have no length.
        """
        values = lengths if isinstance(lengths, pa.Array) else pa.array(lengths, pa.int64())
        return NumericBinnedEncoding.summarise(values)

    @classmethod
    def release(cls, counts: ValueCounts, budget: Budget) -> ValueCounts:
        """The summary with differential privacy; see `Encoding.release`."""
        return NumericBinnedEncoding.release(counts, pa.int64(), budget)

    @classmethod
    def fit(cls, counts: ValueCounts, protection: ValueProtection, rng: np.random.Generator) -> Self:
        """Fit the lengths of all subjects.

        Args:
            counts: Summary of all partitions. Nothing else is looked at.
            protection: How many subjects must have a length.
            rng: Source of the random part of that.
        """
        encoding, shown = _fit(counts, protection, rng)
        if not shown:
            return cls()
        low, high = int(min(shown)), int(max(shown))
        return cls(min=low, max=high, median=_median(counts, low, high, protection), encoding=encoding)

    @property
    def is_one(self) -> bool:
        """Whether every subject has one row, as far as that may be known."""
        return self.min == self.max == 1


def _fit(
    counts: ValueCounts, protection: ValueProtection, rng: np.random.Generator
) -> tuple[NumericBinnedEncoding | NumericDiscreteEncoding, list[Any]]:
    """The encoding, and the numbers that it shows."""
    if protection.enabled and counts.rows.sum() < ENOUGH_ENTITIES:
        discrete = NumericDiscreteEncoding.fit(counts, pa.int64(), protection, rng)
        return discrete, discrete.numbers
    binned = NumericBinnedEncoding.fit(counts, pa.int64(), protection, rng)
    return binned, [*binned.atoms, *binned.edges]


def _median(counts: ValueCounts, low: int, high: int, protection: ValueProtection) -> int:
    """The median, or a round number near it with several subjects in between."""
    lengths, reached = counts.values.to_numpy(), np.cumsum(counts.rows)
    spread = MINIMUM_ENTITIES if protection.enabled else 0
    middle = (int(reached[-1]) + 1) // 2
    around = np.clip([middle - spread, middle + spread], 1, reached[-1])
    first, last = lengths[np.searchsorted(reached, around)].tolist()
    return int(np.clip(roundest(first, last), low, high))
