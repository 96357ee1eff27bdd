"""Attacks on what is told with differential privacy: encodings of neighbouring tables, told apart by statistics."""

import numpy as np
import pyarrow as pa
import pytest

from synth_engine.encodings.language.text import LanguageText
from synth_engine.privacy import ValueProtection
from tests.encodings.test_encodings_release import budget, rng
from tests.privacy.empirical import Runs, least_epsilon

RUNS = 60
DELTA = 1e-2
FAILURE = 1e-6

# What sixty have, and what eight and one more have. Numbers, dates and categories are released as in tabular models.
COMMON, RARE = "some words", "Quuxine " * 40


def runs(n_more: int, epsilon: float, entities: np.ndarray | None = None) -> Runs:
    """The answer of a run is how much of what one more has is still there when it was written and read."""
    values = pa.array([COMMON] * 60 + [RARE] * (8 + n_more))
    counts = LanguageText.summarise(values, entities)

    def repeated(n_runs: int, seed: int) -> np.ndarray:
        answers = []
        for run in range(n_runs):
            spent = budget(epsilon, DELTA, seed=seed * RUNS + run, records=68)
            encoding = LanguageText.fit(
                LanguageText.release(counts, values.type, spent), values.type, ValueProtection(enabled=False), rng()
            )
            (literal,) = encoding.write(pa.array([RARE])).to_pylist()
            told = any("Quux" in word for word in encoding.words())
            answers.append(len(literal) + told * 10**6)
        return np.array(answers)

    return repeated


def test_neighbouring_tables_cannot_be_told_apart_better_than_epsilon_says():
    assert least_epsilon(runs(0, 1.0), runs(1, 1.0), RUNS, DELTA, FAILURE) <= 1.0


@pytest.mark.slow
def test_nor_by_one_entity_with_very_many_rows():
    """And where its rows count as two hundred people's, the attack succeeds: it can see what it looks for."""
    without, with_one = np.arange(68), np.array([*range(68), *[68] * 200])
    found = least_epsilon(runs(0, 1.0, without), runs(200, 1.0, with_one), RUNS, DELTA, FAILURE)
    assert found <= 1.0
    assert least_epsilon(runs(0, 1.0), runs(200, 1.0), RUNS, DELTA, FAILURE) > 1.0
