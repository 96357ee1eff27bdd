"""Attacks on differentially private summaries by statistics: encodings of neighbouring tables, told apart."""

import numpy as np
import pyarrow as pa
import pytest

from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.encodings import fitter
from synth_engine.privacy import ValueProtection
from tests.encodings.test_encodings_release import budget, rng
from tests.privacy.empirical import Runs, least_epsilon

RUNS = 80
DELTA = 1e-2
FAILURE = 1e-6

# What sixty have, what eight have, and what one more has.
TABLES = {
    Kind.TABULAR_CATEGORICAL: ("common", "rare"),
    Kind.TABULAR_NUMERIC_AUTO: (0, 10**6),
    Kind.TABULAR_NUMERIC_DIGIT: (0, 10**6),
    Kind.TABULAR_CHARACTER: ("aaa", "þþþþ"),
    Kind.TABULAR_LAT_LONG: ("48.2082,16.3738", "-33.8568,151.2153"),
    Kind.AUTO: ("48.2082,16.3738", "Quux-Þ"),
}
# Those that ask the data many questions take half a minute and more.
SLOW = {Kind.TABULAR_CHARACTER, Kind.TABULAR_LAT_LONG, Kind.TABULAR_NUMERIC_DIGIT}
by_kind = pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.slow if kind in SLOW else ()) for kind in TABLES]
)


def runs(kind: Kind, n_more: int, entities: np.ndarray | None, epsilon: float) -> Runs:
    """The answer of a run is how far the encoding reaches for what one more has: its code, by its own encoding."""
    by, (common, rare) = fitter(kind), TABLES[kind]
    column = pa.array([common] * 60 + [rare] * (8 + n_more))
    searched = pa.array([rare])
    counts = by.summarise(column, entities)

    def repeated(n_runs: int, seed: int) -> np.ndarray:
        answers = []
        for run in range(n_runs):
            spent = budget(epsilon, DELTA, seed=seed * RUNS + run, records=68)
            released = by.release(counts, column.type, spent)
            encoding = by.fit(released, column.type, ValueProtection(enabled=False), rng())
            answers.append(int(encoding.encode(searched).sum()))
        return np.array(answers)

    return repeated


@by_kind
def test_neighbouring_tables_cannot_be_told_apart_better_than_epsilon_says(kind):
    found = least_epsilon(runs(kind, 0, None, 1.0), runs(kind, 1, None, 1.0), RUNS, DELTA, FAILURE)
    assert found <= 1.0


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Kind.TABULAR_CHARACTER, Kind.TABULAR_LAT_LONG])
def test_nor_by_one_entity_with_very_many_rows(kind):
    """And where its rows count as two hundred people's, the attack succeeds: it can see what it looks for."""
    without, with_one = np.arange(68), np.array([*range(68), *[68] * 200])
    assert least_epsilon(runs(kind, 0, without, 1.0), runs(kind, 200, with_one, 1.0), RUNS, DELTA, FAILURE) <= 1.0
    assert least_epsilon(runs(kind, 0, None, 1.0), runs(kind, 200, None, 1.0), RUNS, DELTA, FAILURE) > 1.0
