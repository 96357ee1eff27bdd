"""How analyze discloses what it finds: past thresholds, or with differential privacy. One class for each.

Belongs here: what all columns of an analysis share (seed, noise, budget, spends). Does not belong here: mechanisms, and
what a column's type makes of them.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import pyarrow as pa

from synth_engine.domain import AnalyzeConfig
from synth_engine.domain.randomness import fresh_seed, generator
from synth_engine.encodings import ValueCounts
from synth_engine.encodings.fitting import FitterOf
from synth_engine.privacy import (
    NoiseSource,
    Spend,
    TableBudget,
    ValueProtection,
    secure_source,
    seeded_source,
)
from synth_engine.stages.lengths import SequenceLengths
from synth_engine.stages.statistics import AnalysisPrivacy
from synth_engine.stages.summaries import MAX_DISTINCT
from synth_engine.workspace import LedgerEntry

Fitted = TypeVar("Fitted")
# Delta is for analysis and training together, in equal parts.
_ANALYSIS_SHARE_OF_DELTA = 0.5
NOT_PRIVATE = Spend(
    mechanism="thresholds on exact counts: not differentially private", purpose="statistics", epsilon=None, delta=None
)


class Disclosure(ABC):
    """What leaves one analysis, of all tables together.

    Attributes:
        seed: Of everything that is drawn, but noise that is to be secure.
        value_protection: Whether values of few people are left out.
        privacy: The guarantee of differential privacy; None where there is none.
        max_distinct: Beyond so many different values a column may be looked at in a sample; None where it must not.
    """

    value_protection: bool = True
    privacy: AnalysisPrivacy | None = None
    max_distinct: int | None = None

    def __init__(self, random_state: int | None) -> None:
        self.seed = fresh_seed() if random_state is None else random_state

    @abstractmethod
    def record_counts(self, counts: Sequence[int]) -> list[int]:
        """The numbers of records to publish for these; a record is counted in one of them."""

    @abstractmethod
    def fit(self, fitting: FitterOf[Fitted], summary: ValueCounts, dtype: pa.DataType, column: str) -> Fitted:
        """The shareable encoding of a column."""

    @abstractmethod
    def lengths(self, summary: ValueCounts, question: str) -> SequenceLengths:
        """The shareable lengths of sequences."""

    @abstractmethod
    def spends(self) -> list[Spend]:
        """What all that was asked so far has cost."""

    def ledger_entries(self, data_version: str) -> list[LedgerEntry]:
        """The spends as lines for the ledger."""
        facts = {} if self.privacy is None else {"secure_noise": self.privacy.secure_noise}
        return [
            LedgerEntry(
                stage="analyze",
                mechanism=spend.mechanism,
                purpose=spend.purpose,
                column=spend.column,
                parameters=spend.parameters | facts,
                epsilon=spend.epsilon,
                delta=spend.delta,
                data_version=data_version,
            )
            for spend in self.spends()
        ]

    def _rng(self, column: str) -> np.random.Generator:
        return generator(self.seed, "analyze", column)


class ThresholdDisclosure(Disclosure):
    """Values that enough entities hold, if protection is on; exact counts of records. Not differentially private."""

    def __init__(self, protection: ValueProtection, random_state: int | None) -> None:
        super().__init__(random_state)
        self._protection = protection
        self.value_protection = protection.enabled
        self.max_distinct = MAX_DISTINCT if protection.enabled else None

    def record_counts(self, counts: Sequence[int]) -> list[int]:
        """As they are."""
        return list(counts)

    def fit(self, fitting: FitterOf[Fitted], summary: ValueCounts, dtype: pa.DataType, column: str) -> Fitted:
        """Fit to the exact summary, with thresholds."""
        return fitting.fit(summary, dtype, self._protection, self._rng(column))

    def lengths(self, summary: ValueCounts, question: str) -> SequenceLengths:
        """Fit to the exact summary, with thresholds."""
        return SequenceLengths.fit(summary, self._protection, self._rng(question))

    def spends(self) -> list[Spend]:
        """One spend without a bound."""
        return [NOT_PRIVATE]


class PrivateDisclosure(Disclosure):
    """Everything with differential privacy.

    Guarantees:
        - everything that this object returns is (ε, δ)-differentially private together: what `fit` returns depends on
          the data through `FitterOf.release` alone, which is given a part of the budget, and the counts of records have
          noise, with another part;
        - noise comes from the operating system's secure source, unless `random_state` is given.

    Args:
        budget: How ε and δ are split.
        random_state: Seed of the noise, for tests only.
    """

    def __init__(self, budget: TableBudget, random_state: int | None) -> None:
        super().__init__(random_state)
        self.privacy = AnalysisPrivacy(epsilon=budget.epsilon, delta=budget.delta, secure_noise=random_state is None)
        self._budget = budget
        self._records: int = 0
        self._spends: list[Spend] = []

    def record_counts(self, counts: Sequence[int]) -> list[int]:
        """With noise, and never below zero. Ask for them once, before the columns."""
        budget = self._budget.for_records(self._source("records"))
        noisy, _ = budget.histogram(np.array(counts, np.int64), 1.0, "numbers of records")
        self._spends += budget.spends
        shown: list[int] = noisy.clip(0).tolist()
        self._records = sum(shown)
        return shown

    def fit(self, fitting: FitterOf[Fitted], summary: ValueCounts, dtype: pa.DataType, column: str) -> Fitted:
        """Fit to what is released of the summary; there is nothing left to protect in it."""
        budget = self._budget.for_column(column, self._source("column", column), self._records)
        released = fitting.release(summary, dtype, budget)
        self._spends += budget.spends
        return fitting.fit(released, dtype, ValueProtection(enabled=False), self._rng(column))

    def lengths(self, summary: ValueCounts, question: str) -> SequenceLengths:
        """Fit to what is released of the summary."""
        budget = self._budget.for_column(question, self._source("column", question), self._records)
        released = SequenceLengths.release(summary, budget)
        self._spends += budget.spends
        return SequenceLengths.fit(released, ValueProtection(enabled=False), self._rng(question))

    def spends(self) -> list[Spend]:
        """One for each question to the data."""
        return list(self._spends)

    def _source(self, *purpose: str) -> NoiseSource:
        is_secure = self.privacy is not None and self.privacy.secure_noise
        return secure_source if is_secure else seeded_source(generator(self.seed, "analyze", "noise", *purpose))


def disclosure_of(config: AnalyzeConfig, columns: Sequence[str]) -> Disclosure:
    """The way that an analysis is asked to disclose.

    Args:
        config: Settings of the analysis.
        columns: All columns, of both tables, that share the budget.
    """
    privacy = config.differential_privacy
    if privacy is None or privacy.value_protection_epsilon is None:
        return ThresholdDisclosure(ValueProtection(enabled=config.value_protection), config.random_state)
    delta = _ANALYSIS_SHARE_OF_DELTA * privacy.delta
    return PrivateDisclosure(TableBudget.of(privacy.value_protection_epsilon, delta, columns), config.random_state)
