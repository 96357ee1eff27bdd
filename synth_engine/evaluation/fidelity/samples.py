"""Which rows are compared: as many synthetic as held-out ones, so that neither has an advantage by its number.

The more rows a sample has, the nearer it comes to the training rows by chance alone. Of related tables whole subjects
are chosen: half of somebody's events say nothing about their length.
Belongs here: the choice. Does not belong here: what is compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from synth_engine.domain.randomness import generator
from synth_engine.evaluation.columns import Places

TRAINING, HOLDOUT, SYNTHETIC = "training", "holdout", "synthetic"
NAMES = (TRAINING, HOLDOUT, SYNTHETIC)

# 300,000 rows of 32 columns: memory and time depend on cells.
MAX_CELLS = 10_000_000

Subjects = npt.NDArray[np.int64]


def default_rows(n_columns: int) -> int:
    """How many rows of each table are compared where nobody says."""
    return max(1, MAX_CELLS // max(n_columns, 1))


def choose_rows(n_rows: Mapping[str, int], max_rows: int, seed: int) -> dict[str, Places]:
    """Places of the rows of each table that are compared, in their order; all of them where that is possible."""
    n_equal = min(n_rows[HOLDOUT], n_rows[SYNTHETIC], max_rows)
    wanted = {TRAINING: min(n_rows[TRAINING], max_rows), HOLDOUT: n_equal, SYNTHETIC: n_equal}
    return {name: _some(n_rows[name], wanted[name], seed, name) for name in NAMES}


def _some(n: int, wanted: int, seed: int, name: str) -> Places:
    if wanted == n:
        return np.arange(n)
    return np.sort(generator(seed, "rows", name).choice(n, wanted, replace=False))


@dataclass(frozen=True, eq=False)
class Owners:
    """Whose each row of a table is.

    Args:
        of_row: Number of the subject, -1 where the key is null; shape (rows,).
        lengths: Rows of each subject, shape (subjects,).
    """

    of_row: Subjects
    lengths: Places

    @classmethod
    def of(cls, key: pa.Array) -> "Owners":
        """Subjects by the values of their key."""
        if pa.types.is_null(key.type):
            return cls(np.full(len(key), -1, np.int64), np.empty(0, np.int64))
        encoded = key if pa.types.is_dictionary(key.type) else key.dictionary_encode()
        of_row: Subjects = encoded.indices.cast(pa.int64()).fill_null(-1).to_numpy()
        _, ranked = np.unique(of_row[of_row >= 0], return_inverse=True)  # a dictionary may have unused entries
        of_row = of_row.copy()
        of_row[of_row >= 0] = ranked
        return cls(of_row, np.bincount(ranked.ravel()).astype(np.int64))


def choose_subjects(owners: Mapping[str, Owners], max_rows: int, seed: int) -> dict[str, Places]:
    """Places of the rows of the subjects that are compared, subject by subject, each subject's in their order.

    As many synthetic as held-out subjects; of no table more than `max_rows` rows, but at least one subject.
    """
    chosen = {}
    for name in NAMES:
        order = generator(seed, "subjects", name).permutation(len(owners[name].lengths))
        fits = int((np.cumsum(owners[name].lengths[order]) <= max_rows).sum())
        chosen[name] = order[: max(fits, 1)]
    n_equal = min(len(chosen[HOLDOUT]), len(chosen[SYNTHETIC]))
    chosen |= {name: chosen[name][:n_equal] for name in (HOLDOUT, SYNTHETIC)}
    return {name: _rows_of(owners[name], chosen[name]) for name in NAMES}


def _rows_of(owners: Owners, subjects: Subjects) -> Places:
    is_chosen = np.zeros(len(owners.lengths) + 1, np.bool_)  # the last is for rows of nobody
    is_chosen[subjects] = True
    places = np.flatnonzero(is_chosen[owners.of_row])
    return places[np.argsort(owners.of_row[places], kind="stable")]
