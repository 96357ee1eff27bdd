"""Inequalities and ranges that the user wants, checked against what columns can hold, as orders of columns."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

import numpy as np

from synth_engine.constraints import range_of
from synth_engine.domain import Constraint, InequalityConstraint, InputError, RangeConstraint
from synth_engine.encodings.axes import Axis, make_axes
from synth_engine.stages.generating.modelled import check_modelled
from synth_engine.stages.statistics import TableStatistics
from synth_engine.tabular.interventions import UNKNOWN
from synth_engine.tabular.layout import Layout
from synth_engine.tabular.ordered import Order, OrderedColumn, OrderMask, Pair


def make_orders(
    said: Sequence[Constraint],
    statistics: TableStatistics,
    layout: Layout,
    forbidden: Mapping[int, Sequence[int]],
) -> list[Order]:
    """One order for all columns that inequalities connect, and for each that has a range only.

    Raises:
        InputError: a constraint that no row could keep, naming it and the column.
    """
    ordered = {
        place: item for place, item in enumerate(said) if isinstance(item, InequalityConstraint | RangeConstraint)
    }
    for place, item in ordered.items():
        for name in item.columns:
            _check_order(name, f"constraints.{place}", statistics)
    pairs = [Pair(item.low, item.high, item.strict) for item in said if isinstance(item, InequalityConstraint)]
    ranges = {place: item for place, item in ordered.items() if isinstance(item, RangeConstraint)}
    found = []
    for names in _connected([item.columns for item in ordered.values()], pairs):
        axes = make_axes({name: statistics.columns[name] for name in names}, "constraints")
        columns = {
            name: OrderedColumn(axes[name], layout.places(name), forbidden.get(layout.places(name)[0], ()))
            for name in names
        }
        for place, item in ranges.items():
            if item.column in columns:
                columns[item.column] = _within(columns[item.column], item, f"constraints.{place}", axes[item.column])
        order = Order(columns, [pair for pair in pairs if pair.low in columns])
        _check_possible(order)
        found.append(order)
    return found


def _check_order(name: str, where: str, statistics: TableStatistics) -> None:
    check_modelled(name, where, statistics)
    encoding = statistics.columns[name]
    if encoding.extent(np.zeros((1, 1), np.int32)) is None:
        raise InputError(
            f"{where}: column {name!r} must be encoded as numbers or dates; its encoding is {encoding.type}; choose "
            "another one in split"
        )


def _connected(groups: Sequence[Sequence[str]], pairs: Sequence[Pair]) -> list[list[str]]:
    """Columns that constraints connect, each after those that it must not be below."""
    before: dict[str, set[str]] = {name: set() for group in groups for name in group}
    for pair in pairs:
        before[pair.high].add(pair.low)
    try:
        sequence = list(TopologicalSorter(before).static_order())
    except CycleError as error:
        circle = ", ".join(map(repr, error.args[1]))
        raise InputError(f"constraints: inequalities go in a circle: {circle}; leave one of them out") from None
    group_of = {name: {name} for name in sequence}
    for pair in pairs:
        joined = group_of[pair.low] | group_of[pair.high]
        group_of |= dict.fromkeys(joined, joined)
    groups_in_order = {id(group): [name for name in sequence if name in group] for group in group_of.values()}
    return list(groups_in_order.values())


def _within(column: OrderedColumn, constraint: RangeConstraint, where: str, axis: Axis) -> OrderedColumn:
    low, high = range_of(constraint, axis.encoding.dtype, where)
    lowest = column.lowest if low is None else max(column.lowest, axis.place(low))
    highest = column.highest if high is None else min(column.highest, axis.place(high))
    narrowed = replace(column, lowest=lowest, highest=highest)
    if not _has_values(Order({constraint.column: narrowed}, []), constraint.column):
        raise InputError(
            f"{where}: no value of column {constraint.column!r} that may be shown lies in the range; widen it"
        )
    return narrowed


def _check_possible(order: Order) -> None:
    for pair in order.pairs:
        alone = Order({name: order.columns[name] for name in order.columns if name in (pair.low, pair.high)}, [pair])
        if not _has_values(alone, pair.low):
            relation = "below" if pair.strict else "at most"
            raise InputError(
                f"constraints: no value of column {pair.low!r} that may be shown is {relation} one of {pair.high!r}; "
                "leave the inequality or a range out"
            )
    for name in order.columns:
        if not _has_values(order, name):
            raise InputError(
                f"constraints: all inequalities and ranges together leave no value to column {name!r}; leave one out"
            )


def _has_values(order: Order, name: str) -> bool:
    """Whether a column has values while all columns have: or none at all, and is null in any case."""
    unknown = {item: np.full((1, len(column.sub_columns)), UNKNOWN) for item, column in order.columns.items()}
    spans = OrderMask(order, {}).spans(unknown, np.zeros(1, np.int64))
    # what is null in any case binds nobody
    sure = {item: replace(span, is_value=np.array([not order.columns[item].is_empty])) for item, span in spans.items()}
    low, high = order.bounds(sure)[name]
    return bool(low[0] <= high[0]) or order.columns[name].is_empty
