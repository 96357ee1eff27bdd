"""Nulls: how many each column has, and which columns are null together.

Belongs here: figures on nulls alone. Does not belong here: nulls as a class among others, which `joints` counts.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from synth_engine.encodings.patterns import patterns
from synth_engine.evaluation.classes import CodedColumns
from synth_engine.evaluation.fidelity.counts import Counts, GroupedRows, accuracy, score, shares, without_each
from synth_engine.evaluation.fidelity.results import MissingValues
from synth_engine.evaluation.fidelity.samples import HOLDOUT, NAMES, SYNTHETIC, TRAINING

# Of so many sets of columns, the commonest among training rows, each has a share of its own.
N_PATTERNS = 100

Nulls = npt.NDArray[np.bool_]


def nulls_of(coded: CodedColumns, name: str) -> Nulls:
    """Which cells of a table are null, shape (columns, rows)."""
    last = np.array(coded.sizes, np.int16)[:, None] - np.int16(1)
    found: Nulls = coded.tables[name] == last
    return found


def missing_values(coded: CodedColumns, rows: Mapping[str, GroupedRows]) -> MissingValues | None:
    """Figures on nulls; None where there is no null at all."""
    nulls = {name: nulls_of(coded, name) for name in NAMES}
    with_nulls = np.flatnonzero(np.any([each.any(1) for each in nulls.values()], axis=0))
    if not len(with_nulls):
        return None
    nulls = {name: each[with_nulls] for name, each in nulls.items()}
    n_rows = min(each.shape[1] for each in nulls.values())
    of_columns = {name: _null_shares(nulls[name], rows[name]) for name in NAMES}
    away = {name: np.abs(of_columns[name] - of_columns[TRAINING]) for name in (HOLDOUT, SYNTHETIC)}
    of_patterns = {name: shares(counts) for name, counts in _pattern_counts(nulls, rows).items()}
    return MissingValues(
        columns=score(1 - away[SYNTHETIC].mean(0), 1 - away[HOLDOUT].mean(0), n_rows),
        patterns=score(
            accuracy(of_patterns[SYNTHETIC], of_patterns[TRAINING]),
            accuracy(of_patterns[HOLDOUT], of_patterns[TRAINING]),
            n_rows,
        ),
        n_columns=len(with_nulls),
        worst=coded.names[with_nulls[int(away[SYNTHETIC][:, 0].argmax())]],
    )


def _null_shares(nulls: Nulls, rows: GroupedRows) -> npt.NDArray[np.float64]:
    """Share of nulls of each column, and without each group; shape (columns, 1 + groups)."""
    n_groups = len(rows.per_group)
    counts = np.stack([np.bincount(rows.groups[column], minlength=n_groups) for column in nulls])
    totals = without_each(rows.per_group)
    return without_each(counts) / np.where(totals > 0, totals, 1)


def _pattern_counts(nulls: Mapping[str, Nulls], rows: Mapping[str, GroupedRows]) -> dict[str, Counts]:
    """Rows of each set of null columns in each group, the rare sets as the last one."""
    ends = np.cumsum([0, *(each.shape[1] for each in nulls.values())])
    _, of_row = patterns(np.concatenate([each.T for each in nulls.values()]).astype(np.int8))
    places = {name: of_row[ends[i] : ends[i + 1]] for i, name in enumerate(nulls)}
    frequent = np.argsort(-np.bincount(places[TRAINING], minlength=int(of_row.max()) + 1), kind="stable")
    rank = np.empty(len(frequent), np.int64)
    rank[frequent] = np.minimum(np.arange(len(frequent)), N_PATTERNS)
    counts = {}
    for name, table in rows.items():
        n_groups = len(table.per_group)
        cells = rank[places[name]] * n_groups + table.groups
        found = np.bincount(cells, minlength=(N_PATTERNS + 1) * n_groups)
        counts[name] = found.reshape(N_PATTERNS + 1, n_groups)
    return counts
