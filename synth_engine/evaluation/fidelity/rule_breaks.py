"""Rows that break constraints, of all rows given: these are no estimates, so nothing is sampled.

Belongs here: counting, and what to say of a constraint that does not fit the table. Does not belong here: what a
constraint means, which is in `synth_engine.constraints`.
"""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from synth_engine.constraints import violations
from synth_engine.domain import Constraint, InequalityConstraint, InputError, RangeConstraint
from synth_engine.evaluation.columns import values_of
from synth_engine.evaluation.fidelity.results import ConstraintFidelity, Interval, Rows
from synth_engine.evaluation.fidelity.samples import SYNTHETIC


def broken_constraints(tables: Mapping[str, pa.Table], constraints: Sequence[Constraint]) -> list[ConstraintFidelity]:
    """How many rows of each table break each constraint.

    Raises:
        InputError: a constraint speaks of a column that is not there, or that it cannot be about.
    """
    return [_of_one(tables, constraint, place) for place, constraint in enumerate(constraints)]


def _of_one(tables: Mapping[str, pa.Table], constraint: Constraint, place: int) -> ConstraintFidelity:
    broken = {}
    for called, table in tables.items():
        _check(table, constraint, f"constraints[{place}], {called}")
        try:
            broken[called] = violations(table, [constraint])[0]
        except InputError as error:
            about = ", ".join(map(repr, constraint.columns))
            raise InputError(f"constraints[{place}], {called}, {about}: {error}") from None
    n = tables[SYNTHETIC].num_rows
    return ConstraintFidelity(
        type=constraint.type,
        columns=list(constraint.columns),
        broken=Rows(**broken),
        share=broken[SYNTHETIC] / n if n else 0.0,
        interval=exact_interval(broken[SYNTHETIC], n),
    )


def _check(table: pa.Table, constraint: Constraint, where: str) -> None:
    missing = [name for name in constraint.columns if name not in table.column_names]
    if missing:
        raise InputError(f"{where}: expected a column {missing[0]!r}, found none; correct its name")
    kinds = [values_of(table.schema.field(name).type) for name in constraint.columns]
    if "nested values" in kinds:
        name = constraint.columns[kinds.index("nested values")]
        raise InputError(f"{where}: expected single values, {name!r} has nested ones; leave the constraint out")
    # a message of Arrow's own would quote the value that is no number
    if isinstance(constraint, RangeConstraint) and kinds[0] not in ("numbers", "dates", "nulls"):
        raise InputError(
            f"{where}: expected a column of numbers or dates, {constraint.column!r} holds {kinds[0]}; "
            "leave the constraint out, or name another column"
        )
    if isinstance(constraint, InequalityConstraint):
        if "nulls" in kinds:
            return
        with_order = ("numbers", "dates", "times of day", "durations")
        if kinds[0] != kinds[1] or kinds[0] not in with_order:
            raise InputError(
                f"{where}: expected two columns of numbers, or two of dates, found {kinds[0]} in {constraint.low!r} "
                f"and {kinds[1]} in {constraint.high!r}"
            )


def exact_interval(n_found: int, n: int, level: float = 0.95) -> Interval:
    """Interval of a share by Clopper and Pearson (1934): never too narrow.

    >>> [round(end, 4) for end in exact_interval(0, 100)]
    [0.0, 0.0362]
    """
    from scipy.stats import beta

    tail = (1 - level) / 2
    low = float(beta.ppf(tail, n_found, n - n_found + 1)) if n_found else 0.0
    high = float(beta.ppf(1 - tail, n_found + 1, n - n_found)) if n_found < n else 1.0
    return low, high
