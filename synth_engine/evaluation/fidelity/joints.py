"""Shares of classes and of combinations of two and three of them: accuracy by total variation distance.

Belongs here: which columns are looked at together, and the scores. Does not belong here: how classes are made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from synth_engine.domain.randomness import generator
from synth_engine.evaluation.classes import CodedColumns
from synth_engine.evaluation.columns import Floats
from synth_engine.evaluation.fidelity.counts import N_GROUPS, GroupedRows, accuracy, cramers_v, score, shares
from synth_engine.evaluation.fidelity.results import Difference, PairFidelity, Score
from synth_engine.evaluation.fidelity.samples import HOLDOUT, NAMES, SYNTHETIC, TRAINING

# All pairs of 45 columns.
MAX_PAIRS = 1_000
MAX_TRIPLES = 300
N_WORST = 10

Columns = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Accuracies:
    """Accuracy of several choices of columns.

    Args:
        columns: Places of the columns of each choice.
        synthetic: Shape (choices, 1 + groups): of the synthetic rows, and without each group of rows.
        ceiling: The same of the held-out rows.
        n_rows: Rows of the smallest table.
        association: Of pairs, Cramér's V in each table, shape (choices, tables).
    """

    columns: Sequence[Columns]
    synthetic: Floats
    ceiling: Floats
    n_rows: int
    association: Floats

    @property
    def mean(self) -> Score | None:
        """Over all choices; None where there is none."""
        return score(self.synthetic.mean(0), self.ceiling.mean(0), self.n_rows) if len(self.columns) else None

    def each(self) -> list[Score]:
        """Of every choice by itself."""
        return [score(one, top, self.n_rows) for one, top in zip(self.synthetic, self.ceiling, strict=True)]

    def worst(self) -> list[int]:
        """Places of the choices that are furthest below their ceiling, worst first; only of those below it."""
        gaps = self.ceiling[:, 0] - self.synthetic[:, 0]
        order = np.argsort(-gaps, kind="stable")[:N_WORST]
        return [int(place) for place in order if gaps[place] > 0]


@dataclass(frozen=True, eq=False)
class Joints:
    """Classes of three tables, ready to be counted together."""

    coded: CodedColumns
    rows: Mapping[str, GroupedRows]

    @property
    def n_rows(self) -> int:
        """Rows of the smallest table."""
        return min(len(rows.groups) for rows in self.rows.values())

    def accuracies(self, choices: Sequence[Columns]) -> Accuracies:
        """Accuracy of each choice of columns, and association where they are pairs."""
        found = [self._figures(columns) for columns in choices]
        both = np.array([each[0] for each in found], np.float64).reshape(len(found), 2, 1 + N_GROUPS)
        association = np.array([each[1] for each in found if each[1] is not None])
        return Accuracies(choices, both[:, 0], both[:, 1], self.n_rows, association)

    def _figures(self, columns: Columns) -> tuple[tuple[Floats, Floats], list[float] | None]:
        counts = {name: self.rows[name].counts(columns, self.coded.sizes) for name in NAMES}
        of = {name: shares(each) for name, each in counts.items()}
        both = accuracy(of[SYNTHETIC], of[TRAINING]), accuracy(of[HOLDOUT], of[TRAINING])
        if len(columns) != 2:
            return both, None
        shape = tuple(self.coded.sizes[column] for column in columns)
        return both, [cramers_v(counts[name].sum(1).reshape(shape)) for name in NAMES]

    def association(self, pairs: Accuracies) -> Difference | None:
        """Differences of Cramér's V."""
        if not pairs.columns:
            return None
        training, holdout, synthetic = pairs.association.T
        return difference(np.abs(synthetic - training), np.abs(holdout - training), pairs.columns, self.coded.names)

    def pair_scores(self, pairs: Accuracies) -> list[PairFidelity]:
        """The worst pairs by name."""
        names, scores = self.coded.names, pairs.each()
        return [
            PairFidelity(columns=(names[pairs.columns[i][0]], names[pairs.columns[i][1]]), accuracy=scores[i])
            for i in pairs.worst()
        ]


def difference(synthetic: Floats, holdout: Floats, pairs: Sequence[Columns], names: Sequence[str]) -> Difference:
    """Absolute differences of the coefficients of pairs of columns, as one figure."""
    first, second = pairs[int(synthetic.argmax())]
    return Difference(
        n_pairs=len(pairs),
        mean=float(synthetic.mean()),
        mean_floor=float(holdout.mean()),
        largest=float(synthetic.max()),
        largest_floor=float(holdout.max()),
        worst=(names[first], names[second]),
    )


def choose(n_columns: int, size: int, at_most: int, seed: int) -> list[Columns]:
    """Choices of `size` of `n_columns`: all of them, or so many at random."""
    n_all = comb(n_columns, size)
    if n_all <= at_most:
        return list(combinations(range(n_columns), size))
    rng, found = generator(seed, "choices", size), set[Columns]()
    while len(found) < at_most:
        found.add(tuple(sorted(int(place) for place in rng.choice(n_columns, size, replace=False))))
    return sorted(found)
