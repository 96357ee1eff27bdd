"""How often classes occur, alone and together, and how far two tables are apart in that.

Everything is counted once for each of a few groups of rows. So a figure without one group is a subtraction away, and
the delete-a-group jackknife (Kott, 2001) gives an interval at the price of the figure itself.
Belongs here: counts, distances, intervals. Does not belong here: columns and their types; which figures there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synth_engine.domain.randomness import generator
from synth_engine.evaluation.classes import CodedColumns, Codes
from synth_engine.evaluation.columns import Floats
from synth_engine.evaluation.fidelity.results import Interval, Score

Counts = npt.NDArray[np.int64]
Groups = npt.NDArray[np.int32]

N_GROUPS = 10
# Of Student's t with nine degrees of freedom, 97.5 %.
_T = 2.2622


def random_groups(n: int, seed: int, *purpose: str) -> Groups:
    """A group for each of `n` rows or subjects; groups differ in size by one at most."""
    groups: Groups = generator(seed, "groups", *purpose).permutation(np.arange(n, dtype=np.int32) % N_GROUPS)
    return groups


@dataclass(frozen=True, eq=False)
class GroupedRows:
    """Codes of one table and the group of each row.

    Args:
        codes: Shape (columns, rows).
        groups: Shape (rows,).
    """

    codes: Codes
    groups: Groups

    @property
    def per_group(self) -> Counts:
        """Rows of each group, shape (groups,)."""
        return np.bincount(self.groups, minlength=N_GROUPS)

    def counts(self, columns: Sequence[int], sizes: Sequence[int]) -> Counts:
        """Rows of each combination of classes in each group, shape (combinations, groups).

        Args:
            columns: Places of the columns.
            sizes: Numbers of classes of all columns.
        """
        n_cells, cell = 1, np.zeros(len(self.groups), np.int32)
        for column in columns:
            n_cells *= sizes[column]
            cell = cell * np.int32(sizes[column]) + self.codes[column]
        found = np.bincount(cell * np.int32(N_GROUPS) + self.groups, minlength=n_cells * N_GROUPS)
        return found.reshape(n_cells, N_GROUPS)


def distances(coded: CodedColumns, one: str, other: str, choices: Sequence[Sequence[int]]) -> Floats:
    """Total variation distance of two tables, for each choice of columns: shape (choices,).

    Args:
        coded: The tables.
        one: Name of a table.
        other: Name of the other one.
        choices: Places of the columns that are looked at together.
    """
    rows = [GroupedRows(coded.tables[name], np.zeros(coded.tables[name].shape[1], np.int32)) for name in (one, other)]
    found = [[shares(table.counts(columns, coded.sizes))[:, 0] for table in rows] for columns in choices]
    return np.array([np.abs(first - second).sum() / 2 for first, second in found])


def without_each(counts: Counts) -> Floats:
    """Sums over groups: of all of them, then without the first, the second, ...; shape (..., 1 + groups)."""
    total = counts.sum(axis=-1, keepdims=True)
    return np.concatenate([total, total - counts], axis=-1).astype(np.float64)


def shares(counts: Counts) -> Floats:
    """Share of each combination in all rows, and without each group; shape (combinations, 1 + groups)."""
    sums = without_each(counts)
    totals = sums.sum(axis=0)
    return sums / np.where(totals > 0, totals, 1)


def accuracy(one: Floats, other: Floats) -> Floats:
    """One minus the total variation distance of shares, shape (1 + groups,)."""
    found: Floats = 1 - np.abs(one - other).sum(axis=0) / 2
    return found


def score(synthetic: Floats, ceiling: Floats, n_rows: int) -> Score:
    """Figures with what they are without each group, shape (1 + groups,), as one score with intervals.

    Args:
        synthetic: Of the synthetic rows.
        ceiling: Of the held-out rows.
        n_rows: Rows, or subjects, of the smallest table: intervals need two in each group.
    """
    if n_rows < 2 * N_GROUPS:
        return Score(synthetic=float(synthetic[0]), ceiling=float(ceiling[0]))
    low, high = jackknife_interval(synthetic)
    return Score(
        synthetic=float(synthetic[0]),
        ceiling=float(ceiling[0]),
        interval=(max(low, 0.0), min(high, 1.0)),
        shortfall_interval=jackknife_interval(ceiling - synthetic),
    )


def jackknife_interval(figures: Floats) -> Interval:
    """Interval of 95 % of a figure, from what it is without each group: shape (1 + groups,).

    Distances have a corner at 0, for which the jackknife is not made: near the ceiling it is a fifth or more too wide.
    """
    parts = figures[1:]
    deviation = float(np.sqrt((len(parts) - 1) / len(parts) * np.square(parts - parts.mean()).sum()))
    return float(figures[0]) - _T * deviation, float(figures[0]) + _T * deviation


def cramers_v(counts: Counts) -> float:
    """Association of two columns from 0 to 1, corrected for bias (Bergsma, 2013); 0 where one is constant.

    Args:
        counts: Rows by class of the one and of the other column, shape (classes, classes).

    >>> round(cramers_v(np.array([[50, 0], [0, 50]])), 6)
    1.0
    """
    table = counts[counts.sum(1) > 0][:, counts.sum(0) > 0].astype(np.float64)
    n = table.sum()
    if min(table.shape) < 2 or n < 2:
        return 0.0
    expected = np.outer(table.sum(1), table.sum(0)) / n
    phi = float((np.square(table - expected) / expected).sum() / n)
    rows, columns = table.shape
    corrected = max(0.0, phi - (rows - 1) * (columns - 1) / (n - 1))
    side = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    return float(min(1.0, np.sqrt(corrected / side))) if side > 0 else 0.0
