"""Budgets of differential privacy: how one is split, and what was spent of it.

Belongs here: shares, spends. Does not belong here: mechanisms, files, what the columns hold.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from synth_engine.domain import InputError
from synth_engine.privacy.mechanisms import NoisyHistogram, OpenHistogram, StableHistogram
from synth_engine.privacy.noise import SMALLEST_EPSILON, Integers, NoiseSource, standard_deviation

# Of the whole budget; the columns share the rest equally. Counts of records are large, so little is enough.
RECORDS_SHARE = 0.05
# The smallest part of a column's budget that a mechanism is given, with room to spare.
_SMALLEST_SHARE = 0.01
# What adding up shares in floating point may leave behind.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Spend:
    """One privacy-spending event: a line of the ledger without what the ledger adds to it.

    Args:
        mechanism: Its name, or what took its place where there was none.
        purpose: What was asked.
        column: Column that was asked about; None for the table as a whole.
        epsilon: Privacy loss; None where there is no bound, that is, no differential privacy.
        delta: Probability that the bound on the loss does not hold.
        parameters: Settings of the mechanism; none of them depends on data that was not released before.
    """

    mechanism: str
    purpose: str
    epsilon: float | None
    delta: float | None
    column: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)


class Budget:
    """The budget of one column, or of the counts of a table. Mechanisms are asked through it, so nothing goes unpaid.

    Guarantees:
        - all answers together are (ε, δ)-differentially private: mechanisms compose sequentially, also adaptively
          (Dwork and Roth, "The algorithmic foundations of differential privacy", theorem 3.16), and their shares never
          add up to more than 1;
        - `spends` has one record for each answer, and they add up to ε and δ at most.

    Args:
        epsilon: For all answers together.
        delta: For all answers together.
        source: Where the noise comes from.
        column: The column's name, for the records.
        records: Noisy number of entities in the table, which is public by now.
        records_deviation: Standard deviation of the noise in it.
    """

    def __init__(
        self,
        epsilon: float,
        delta: float,
        source: NoiseSource,
        *,
        column: str | None = None,
        records: int = 0,
        records_deviation: float = 0.0,
    ) -> None:
        self.epsilon, self.delta = epsilon, delta
        self.records, self.records_deviation = records, records_deviation
        self.spends: list[Spend] = []
        self._source = source
        self._column = column
        self._left = {"epsilon": 1.0, "delta": 1.0}

    def histogram(self, counts: Integers, share: float, purpose: str) -> tuple[Integers, NoisyHistogram]:
        """Noisy counts of cells that are fixed beforehand, and the mechanism. An entity is in one cell at most."""
        mechanism = NoisyHistogram(self._part("epsilon", share) * self.epsilon)
        self._record(mechanism, purpose, {"cells": len(counts)})
        return mechanism.release(counts, self._source), mechanism

    def stable_histogram(
        self, counts: Integers, share: float, purpose: str, delta_share: float = 1.0
    ) -> tuple[Integers, StableHistogram]:
        """Noisy counts of values that only the data knows, zero for all that must not be shown, and the mechanism."""
        mechanism = StableHistogram(
            self._part("epsilon", share) * self.epsilon, self._part("delta", delta_share) * self.delta
        )
        # Not the number of values: it is known from the data alone.
        self._record(mechanism, purpose, {"minimum": mechanism.minimum, "threshold": mechanism.threshold})
        return mechanism.release(counts, self._source), mechanism

    def open_histogram(
        self, known: Integers, others: Integers, share: float, purpose: str, delta_share: float = 1.0
    ) -> tuple[Integers, Integers]:
        """Noisy counts of known values and of others, zero for all that are not shown. An entity is in one cell."""
        mechanism = OpenHistogram(
            self._part("epsilon", share) * self.epsilon, self._part("delta", delta_share) * self.delta
        )
        self._record(mechanism, purpose, {"known": len(known), "threshold": mechanism.others.threshold})
        return mechanism.release(known, others, self._source)

    def part(self, share: float, delta_share: float) -> "Budget":
        """A budget of its own out of this one, for a question that is many; what it spends is recorded here."""
        part = Budget(
            self._part("epsilon", share) * self.epsilon,
            self._part("delta", delta_share) * self.delta if delta_share else 0.0,
            self._source,
            column=self._column,
            records=self.records,
            records_deviation=self.records_deviation,
        )
        part.spends = self.spends
        return part

    def _part(self, what: str, share: float) -> float:
        assert 0 < share <= self._left[what] + _ROUNDING, f"{what}: {share} asked for, {self._left[what]} left"
        self._left[what] -= share
        return share

    def _record(
        self, mechanism: NoisyHistogram | StableHistogram | OpenHistogram, purpose: str, parameters: dict[str, Any]
    ) -> None:
        self.spends.append(
            Spend(
                mechanism=mechanism.name,
                purpose=purpose,
                epsilon=mechanism.epsilon,
                delta=mechanism.delta,
                column=self._column,
                parameters=parameters,
            )
        )


@dataclass(frozen=True)
class TableBudget:
    """How the budget of an analysis is split: a small part for the counts of records, the rest equally over columns.

    The columns are those of all tables together, and whatever else is released in the way of a column, such as lengths
    of sequences: sequential composition, since one entity has values in every one of them.

    Args:
        epsilon: For everything.
        delta: For everything.
        columns: Whatever shares the budget.
    """

    epsilon: float
    delta: float
    columns: tuple[Any, ...]

    @classmethod
    def of(cls, epsilon: float, delta: float, columns: Sequence[Any]) -> Self:
        """Check that every share is large enough to be noise at all; raises `InputError` where it is not."""
        least = SMALLEST_EPSILON * max(len(columns), 1) / ((1 - RECORDS_SHARE) * _SMALLEST_SHARE)
        if epsilon < least:
            raise InputError(
                f"value_protection_epsilon: expected at least {least:.2g} for {len(columns)} column(s), "
                f"found {epsilon:.2g}; raise it, or leave it out"
            )
        return cls(epsilon, delta, tuple(columns))

    def for_records(self, source: NoiseSource) -> Budget:
        """The budget of the counts of records; all of it where there is no column."""
        share = RECORDS_SHARE if self.columns else 1.0
        return Budget(share * self.epsilon, 0.0, source)

    def for_column(self, column: str, source: NoiseSource, records: int) -> Budget:
        """The budget of one column, of a table with this noisy number of training and validation records."""
        share = (1 - RECORDS_SHARE) / len(self.columns)
        deviation = math.sqrt(2) * standard_deviation(RECORDS_SHARE * self.epsilon)
        return Budget(
            share * self.epsilon,
            self.delta / len(self.columns),
            source,
            column=column,
            records=records,
            records_deviation=deviation,
        )
