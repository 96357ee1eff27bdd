"""The fast fidelity report: tables in, figures out, in seconds.

What is compared with what: the training rows are the reference, since they are the most. The synthetic rows get a score
against them, and as many held-out rows get the same score, which is the ceiling: no honest sample is nearer to the
training rows than rows that nobody has trained on. Below it, something was not learned; above it, training rows come
back.
Belongs here: the order of the steps. Does not belong here: any figure.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import comb
from typing import Any

import numpy as np
import pyarrow as pa

from synth_engine.domain import Constraint, InputError
from synth_engine.evaluation.classes import CodedColumns, Kind, code_columns
from synth_engine.evaluation.columns import Comparable, Places, comparable, plain_column, values_of
from synth_engine.evaluation.fidelity.counts import GroupedRows, random_groups, score
from synth_engine.evaluation.fidelity.joints import MAX_PAIRS, MAX_TRIPLES, Accuracies, Joints, choose
from synth_engine.evaluation.fidelity.missing import missing_values, nulls_of
from synth_engine.evaluation.fidelity.ranks import MAX_COLUMNS, rank_difference
from synth_engine.evaluation.fidelity.results import ColumnFidelity, Correlations, Fidelity, Rows, Score, Shares
from synth_engine.evaluation.fidelity.rule_breaks import broken_constraints
from synth_engine.evaluation.fidelity.samples import NAMES, TRAINING, Owners, choose_rows, choose_subjects, default_rows
from synth_engine.evaluation.fidelity.sequences import Both, Events, sequence_fidelity


def measure_fidelity(
    training: pa.Table,
    holdout: pa.Table,
    synthetic: pa.Table,
    *,
    keys: Iterable[str] = (),
    context_key: str | None = None,
    constraints: Sequence[Constraint] | None = None,
    seed: int = 0,
    max_rows: int | None = None,
) -> Fidelity:
    """Compare synthetic with training rows, and held-out with training rows as what can be reached.

    The order of the rows does not matter, but that of each subject's events where there is a `context_key`; where rows
    are left out, and for the groups that intervals rest on, it is chance by `seed` which ones are.

    Args:
        training: Rows that the model was trained on.
        holdout: Rows of the same origin that it was not.
        synthetic: Rows to judge. The columns of all three have the same names, in any order, and kinds of values.
        keys: Columns to leave out.
        context_key: Column that says whom a row belongs to. Then figures on sequences are there, too.
        constraints: What every row is to fulfil.
        seed: Chooses rows, pairs and triples of columns where there are too many, and groups for intervals.
        max_rows: Rows of each table that are compared at most; None is ten million cells.

    Raises:
        InputError: columns that do not fit each other, constraints that do not fit the columns, `max_rows` below 1.
    """
    if max_rows is not None and max_rows < 1:
        raise InputError(f"max_rows: expected at least 1, found {max_rows}")
    given = dict(zip(NAMES, (training, holdout, synthetic), strict=True))
    tables = comparable(given, keys if context_key is None else [*keys, context_key])
    owners = None if context_key is None else {name: _owners(given[name], context_key, name) for name in NAMES}
    broken = broken_constraints(given, constraints or [])
    limit = default_rows(len(tables.values)) if max_rows is None else max_rows
    n_rows = {name: table.num_rows for name, table in given.items()}
    chosen = choose_rows(n_rows, limit, seed) if owners is None else choose_subjects(owners, limit, seed)
    why_not = _why_not(tables, n_rows if owners is None else {name: len(each.lengths) for name, each in owners.items()})
    notes = why_not + _left_out_rows(owners, context_key)
    figures: dict[str, Any] = dict(_NOTHING)
    if not why_not:
        events = None if owners is None else {name: _events(owners[name], chosen[name], name, seed) for name in NAMES}
        figures |= _figures(tables.taking(chosen), events, seed)
        notes += _bounds(figures, n_rows, chosen)
    return Fidelity(
        **figures,
        constraints=broken,
        left_out=dict(tables.left_out),
        given=Rows(**n_rows),
        compared=Rows(**{name: len(chosen[name]) for name in NAMES}),
        notes=notes,
    )


_NOTHING: Mapping[str, Any] = {
    **dict.fromkeys(("accuracy", "univariate", "bivariate", "trivariate", "missing", "sequences")),
    "columns": {},
    "correlations": Correlations(rank=None, association=None),
    "worst_columns": [],
    "worst_pairs": [],
    "n_pairs": 0,
    "n_triples": 0,
}


def _owners(table: pa.Table, context_key: str, called: str) -> Owners:
    if context_key not in table.column_names:
        raise InputError(f"context_key: expected a column of {called}, found no {context_key!r}; correct its name")
    if values_of(table.schema.field(context_key).type) == "nested values":
        raise InputError(f"context_key: expected single values, {context_key!r} of {called} has nested ones")
    return Owners.of(plain_column(table[context_key]))


def _why_not(tables: Comparable, n: Mapping[str, int]) -> list[str]:
    """Why nothing can be compared; empty where something can.

    Args:
        tables: Their columns.
        n: Rows, or subjects, of each table.
    """
    why = [f"nothing is compared: no row in {name} that could be" for name in NAMES if not n[name]]
    return why if tables.values else [*why, "nothing is compared: no column but keys and those left out"]


def _left_out_rows(owners: Mapping[str, Owners] | None, context_key: str | None) -> list[str]:
    n_of_nobody = {name: int((each.of_row < 0).sum()) for name, each in (owners or {}).items()}
    return [f"{n:,} row(s) of {name} have no {context_key!r} and are left out" for name, n in n_of_nobody.items() if n]


def _bounds(figures: Mapping[str, Any], n_rows: Mapping[str, int], chosen: Mapping[str, Places]) -> list[str]:
    """What was left out at random, or for the number of columns."""
    notes = [
        f"{len(chosen[name]):,} of {n_rows[name]:,} rows of {name} are compared, chosen at random"
        for name in NAMES
        if len(chosen[name]) < n_rows[name]
    ]
    n_columns = len(figures["columns"])
    for what, n, n_all in (
        ("pairs", figures["n_pairs"], comb(n_columns, 2)),
        ("triples", figures["n_triples"], comb(n_columns, 3)),
    ):
        if n < n_all:
            notes.append(f"{n:,} of {n_all:,} {what} of columns are looked at, chosen at random")
    n_ordered = sum(column.kind in (Kind.NUMBER, Kind.DATE) for column in figures["columns"].values())
    if n_ordered > MAX_COLUMNS:
        notes.append(f"rank correlations are of the first {MAX_COLUMNS} of {n_ordered:,} columns of numbers and dates")
    return notes


def _events(owners: Owners, places: Places, name: str, seed: int) -> Events:
    _, of_row = np.unique(owners.of_row[places], return_inverse=True)
    return Events(of_row, random_groups(int(of_row[-1]) + 1, seed, name))


def _figures(tables: Comparable, events: Mapping[str, Events] | None, seed: int) -> dict[str, Any]:
    coded = code_columns(tables, TRAINING)
    groups = {
        name: random_groups(tables.tables[name].n_rows, seed, name) if events is None else events[name].group_of_row
        for name in NAMES
    }
    rows = {name: GroupedRows(coded.tables[name], groups[name]) for name in NAMES}
    joints, n = Joints(coded, rows), len(coded.names)
    singles, pairs, triples = (
        joints.accuracies(choose(n, size, most, seed)) for size, most in ((1, n), (2, MAX_PAIRS), (3, MAX_TRIPLES))
    )
    sequences, coherence = (None, None) if events is None else sequence_fidelity(tables, coded, events)
    return {
        "accuracy": _overall([singles, pairs, triples], coherence, min(map(len, groups.values()))),
        "univariate": singles.mean,
        "bivariate": pairs.mean,
        "trivariate": triples.mean,
        "columns": _columns(coded, singles),
        "correlations": Correlations(rank=rank_difference(tables, coded.kinds), association=joints.association(pairs)),
        "missing": missing_values(coded, rows),
        "sequences": sequences,
        "worst_columns": [coded.names[place] for place in singles.worst()],
        "worst_pairs": joints.pair_scores(pairs),
        "n_pairs": len(pairs.columns),
        "n_triples": len(triples.columns),
    }


def _overall(accuracies: Sequence[Accuracies], coherence: Both | None, n_rows: int) -> Score:
    both = [(each.synthetic.mean(0), each.ceiling.mean(0)) for each in accuracies if len(each.columns)]
    both += [coherence] if coherence else []
    return score(np.mean([each[0] for each in both], 0), np.mean([each[1] for each in both], 0), n_rows)


def _columns(coded: CodedColumns, singles: Accuracies) -> dict[str, ColumnFidelity]:
    nulls = {name: nulls_of(coded, name).mean(1) for name in NAMES}
    return {
        name: ColumnFidelity(
            kind=coded.kinds[place],
            accuracy=each,
            nulls=Shares(**{called: float(nulls[called][place]) for called in NAMES}),
        )
        for place, (name, each) in enumerate(zip(coded.names, singles.each(), strict=True))
    }
