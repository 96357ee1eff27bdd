"""Rank correlations of all columns with an order at once, by a few matrix products.

Belongs here: Spearman's coefficient. Does not belong here: which columns have an order.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from synth_engine.evaluation.classes import Kind
from synth_engine.evaluation.columns import Comparable, Floats, numbers_of
from synth_engine.evaluation.fidelity.joints import Columns, difference
from synth_engine.evaluation.fidelity.results import Difference
from synth_engine.evaluation.fidelity.samples import HOLDOUT, SYNTHETIC, TRAINING

_CHUNK = 65_536
# More columns make matrices of ranks that are large, and a list of pairs that nobody reads.
MAX_COLUMNS = 200


def rank_difference(tables: Comparable, kinds: Sequence[Kind]) -> Difference | None:
    """How far rank correlations are from those of the training rows; of pairs for which each table has one.

    Args:
        tables: The rows compared.
        kinds: Of all columns.
    """
    names = [name for name, kind in zip(tables.values, kinds, strict=True) if kind in (Kind.NUMBER, Kind.DATE)]
    names = names[:MAX_COLUMNS]
    pairs: list[Columns] = list(combinations(range(len(names)), 2))
    if not pairs:
        return None
    places = tuple(np.array(pairs).T)
    found = {
        called: rank_correlations([numbers_of(table.columns[name]) for name in names])[places]
        for called, table in tables.tables.items()
    }
    of_synthetic = np.abs(found[SYNTHETIC] - found[TRAINING])
    of_holdout = np.abs(found[HOLDOUT] - found[TRAINING])
    known = np.flatnonzero(~np.isnan(of_synthetic + of_holdout))
    if not len(known):
        return None
    return difference(of_synthetic[known], of_holdout[known], [pairs[i] for i in known], names)


def rank_correlations(columns: Sequence[Floats]) -> Floats:
    """Correlations of the ranks of columns, shape (columns, columns); NaN where one is constant or all null.

    Ranks are of each column's values; of a pair those rows count in which neither is NaN.
    """
    ranks = np.stack([_centred_ranks(column) for column in columns])
    sums = np.zeros((4, len(columns), len(columns)))
    for start in range(0, ranks.shape[1], _CHUNK):
        part = ranks[:, start : start + _CHUNK]
        is_there = (~np.isnan(part)).astype(np.float64)
        part = np.nan_to_num(part)
        sums += np.stack([is_there @ is_there.T, part @ is_there.T, np.square(part) @ is_there.T, part @ part.T])
    n, of_one, squares, products = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = products - of_one * of_one.T / n
        variance = squares - np.square(of_one) / n
        # what is left of a constant column by rounding is no variance
        variance[variance <= 1e-9 * n] = np.nan
        correlations: Floats = covariance / np.sqrt(variance * variance.T)
    return correlations


def _centred_ranks(column: Floats) -> Floats:
    """Mean ranks of equal values, from -1 to 1; NaN stays."""
    from scipy.stats import rankdata

    is_there = ~np.isnan(column)
    ranks = np.full(len(column), np.nan)
    n = int(is_there.sum())
    if n:
        ranks[is_there] = (rankdata(column[is_there]) - (n + 1) / 2) / n * 2
    return ranks
