"""Combinations that the user allows, checked against the categories that columns have, as rows of codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from synth_engine.constraints import as_written, texts_of
from synth_engine.domain import CombinationsConstraint, Constraint, InputError
from synth_engine.encodings.patterns import patterns
from synth_engine.stages.generating.modelled import categories_of
from synth_engine.stages.generating.seed_data import SeedData
from synth_engine.stages.statistics import TableStatistics
from synth_engine.tabular.combinations import NO_SUCH, Combinations, Ids
from synth_engine.tabular.interventions import UNKNOWN
from synth_engine.tabular.layout import Layout

# Of several constraints with columns in common all rows that go together are written down.
MAX_JOINED = 100_000

Row = tuple[str | None, ...]


@dataclass(frozen=True, eq=False)
class AllowedCombinations:
    """Combinations of columns, and the identifiers of their values.

    Args:
        columns: Their names.
        combinations: In terms of codes.
        ids: For each column the identifier of every value that a combination has.
        first: Place of the first of the constraints that these are of.
    """

    columns: Sequence[str]
    combinations: Combinations
    ids: Sequence[Mapping[str | None, int]]
    first: int

    def known(self, seeds: SeedData | None) -> list[Ids | None]:
        """Identifiers of what is given, `UNKNOWN` where nothing is, for each column; None where it is not in seeds."""
        return [self._of_column(name, ids, seeds) for name, ids in zip(self.columns, self.ids, strict=True)]

    def check(self, seeds: SeedData | None) -> None:
        """Raise `InputError` where nothing is left to draw: for any row, or for some that are given."""
        n_rows, named = 1 if seeds is None else seeds.n_rows, ", ".join(map(repr, self.columns))
        known = [np.full(n_rows, UNKNOWN) if ids is None else ids for ids in self.known(seeds)]
        different, of_row = patterns(np.stack(known, 1))
        is_possible = np.asarray(self.combinations.matches(different).any(1))
        n_impossible = int((~is_possible[of_row]).sum())
        if not n_impossible:
            return
        if seeds is None or not set(self.columns) & set(seeds.names):
            raise InputError(
                f"constraints.{self.first}: none of the combinations of {named} can be drawn: of each a value is "
                "unknown to the model, rare or not to be shown; name others"
            )
        raise InputError(
            f"seed_data: {n_impossible} row(s) go with no combination of {named} that constraints.{self.first} allows, "
            "or whose other values can be drawn; change them, or the constraint"
        )

    @staticmethod
    def _of_column(name: str, ids: Mapping[str | None, int], seeds: SeedData | None) -> Ids | None:
        if seeds is None or name not in seeds.names:
            return None
        texts, places = texts_of(seeds.table[name].combine_chunks())
        of_text = np.array([ids.get(text, NO_SUCH) for text in texts], np.int64)
        return np.where(seeds.is_given(name), of_text[places], UNKNOWN)


def make_combinations(
    said: Sequence[Constraint],
    statistics: TableStatistics,
    layout: Layout,
    forbidden: Mapping[int, Sequence[int]],
) -> list[AllowedCombinations]:
    """One table of combinations for all constraints that have columns in common.

    Raises:
        InputError: a constraint that no row could keep, naming it and the column.
    """
    tables: list[tuple[int, list[str], list[Row]]] = []
    for place, item in enumerate(said):
        if isinstance(item, CombinationsConstraint):
            table = (place, list(item.columns), _rows(item, f"constraints.{place}", statistics))
            for other in [other for other in tables if set(other[1]) & set(item.columns)]:
                tables.remove(other)
                table = _joined(other, table)
            tables.append(table)
    return [_in_codes(*table, statistics, layout, forbidden) for table in tables]


def _rows(constraint: CombinationsConstraint, where: str, statistics: TableStatistics) -> list[Row]:
    for name in constraint.columns:
        categories_of(name, where, statistics)
    types = [_value_type(statistics.columns[name].dtype) for name in constraint.columns]
    rows = (tuple(as_written(text, dtype) for text, dtype in zip(row, types, strict=True)) for row in constraint.rows)
    return list(dict.fromkeys(rows))


def _joined(
    one: tuple[int, list[str], list[Row]], other: tuple[int, list[str], list[Row]]
) -> tuple[int, list[str], list[Row]]:
    shared = [name for name in one[1] if name in other[1]]
    added = [name for name in other[1] if name not in one[1]]
    of_shared: dict[Row, list[Row]] = {}
    for row in other[2]:
        of_name = dict(zip(other[1], row, strict=True))
        of_shared.setdefault(tuple(of_name[name] for name in shared), []).append(tuple(of_name[name] for name in added))
    rows: list[Row] = []
    for row in one[2]:
        of_name = dict(zip(one[1], row, strict=True))
        rows += [(*row, *rest) for rest in of_shared.get(tuple(of_name[name] for name in shared), [])]
        if len(rows) > MAX_JOINED:
            raise InputError(
                f"constraints: combinations {one[0]} and {other[0]}, which share column {shared[0]!r}, allow more than "
                f"{MAX_JOINED:,} together; give the combinations of all their columns at once"
            )
    return one[0], [*one[1], *added], rows


def _in_codes(
    first: int,
    columns: list[str],
    rows: list[Row],
    statistics: TableStatistics,
    layout: Layout,
    forbidden: Mapping[int, Sequence[int]],
) -> AllowedCombinations:
    sub_columns = [layout.places(name)[0] for name in columns]
    all_ids, is_drawn = [], []
    for place, (name, k) in enumerate(zip(columns, sub_columns, strict=True)):
        encoding = statistics.columns[name]
        null = int(encoding.encode(pa.nulls(1, encoding.dtype))[0, 0])
        codes: dict[str | None, int] = {None: null}
        codes.update(encoding.named_codes().items())
        n_codes = layout.cardinalities[k]
        unseen = (text for text in dict.fromkeys(row[place] for row in rows) if text not in codes)
        all_ids.append(codes | {text: n_codes + index for index, text in enumerate(unseen)})
        drawn = np.ones(n_codes, np.bool_)
        drawn[list(forbidden.get(k, ()))] = False
        is_drawn.append(drawn)
    ids = [[of_column[text] for of_column, text in zip(all_ids, row, strict=True)] for row in rows]
    table = np.array(ids, np.int64).reshape(len(rows), len(columns))
    return AllowedCombinations(columns, Combinations(sub_columns, table, is_drawn), all_ids, first)


def _value_type(dtype: pa.DataType) -> pa.DataType:
    return dtype.value_type if pa.types.is_dictionary(dtype) else dtype
