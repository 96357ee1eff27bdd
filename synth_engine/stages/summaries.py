"""Summaries of all columns of a table: one pass over its partitions, columns side by side, in bounded memory.

Belongs here: reading, sampling, merging. Does not belong here: what a summary holds, what is made of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from synth_engine.domain import InputError
from synth_engine.domain.randomness import generator
from synth_engine.encodings import Entities, ValueCounts
from synth_engine.encodings.fitting import FitterOf
from synth_engine.encodings.list_arrays import is_list, lengths_of
from synth_engine.parallel import map_in_threads
from synth_engine.stages.lengths import SequenceLengths
from synth_engine.stages.original import OriginalTable
from synth_engine.stages.relations import Subjects

# Columns with more different values are summarised from a sample of the subjects. A number needs no more for its bins,
# and what so few people share that the sample misses them is rare.
MAX_DISTINCT = 250_000

SubjectsOf = Callable[[str], Subjects | None]
Lengths = dict[str, list[ValueCounts]]


class ColumnSummary:
    """The summary of one column, partition by partition.

    Where the first partition lets expect more than `max_distinct` different values, it keeps only a share of the
    subjects, so that about as many are left. `split` shuffles subjects, so partitions resemble each other.

    Guarantees: protection can only grow by sampling, for fewer people are seen. The sample depends on the seed and the
    partition alone.

    Args:
        fitting: What the column is to be fitted with.
        n_rows: Rows of all partitions.
        max_distinct: How many different values are kept; None keeps all.
        seed: Seed of the sample.
    """

    def __init__(self, fitting: FitterOf[Any], n_rows: int, max_distinct: int | None, seed: int) -> None:
        self._fitter = fitting
        self._n_rows, self._max_distinct, self._seed = n_rows, max_distinct, seed
        self._share: float | None = None if max_distinct else 1.0
        self._pile: list[ValueCounts] = []

    def add(self, part: str, values: pa.Array, entities: Entities | None) -> None:
        """Take in one partition."""
        if self._share is not None:
            self._put(self._summarise(part, values, entities))
            return
        counts = self._summarise(part, values, entities)
        if len(values) and self._max_distinct:
            expected = len(counts.values) * self._n_rows / len(values)
            self._share = min(1.0, self._max_distinct / max(expected, 1.0))
            if self._share < 1:
                counts = self._summarise(part, values, entities)
        self._put(counts)

    def result(self) -> ValueCounts:
        """The summary of all partitions so far, of which there must be one."""
        self._pile = [type(self._pile[0]).merged(self._pile)]
        return self._pile[0]

    def _put(self, counts: ValueCounts) -> None:
        """Merge when what waits is as large as what was merged: each value is looked at a few times only."""
        self._pile.append(counts)
        waiting = sum(len(each.values) for each in self._pile[1:])
        if waiting > len(self._pile[0].values):
            self.result()

    def _summarise(self, part: str, values: pa.Array, entities: Entities | None) -> ValueCounts:
        if self._share is None or self._share == 1:
            return self._fitter.summarise(values, entities)
        rng = generator(self._seed, "analyze", "sample", part)
        n_subjects = len(values) if entities is None else int(entities.max(initial=-1)) + 1
        is_seen = rng.random(n_subjects) < self._share
        rows = is_seen if entities is None else is_seen[entities]
        return self._fitter.summarise(values.filter(pa.array(rows)), None if entities is None else entities[rows])


@dataclass(frozen=True, eq=False)
class TableSummary:
    """What a table tells, exactly. Sensitive.

    Args:
        columns: Summary of each modelled column; where it holds lists, of their elements.
        list_lengths: How many elements the lists have, of each column that holds lists.
    """

    columns: dict[str, ValueCounts]
    list_lengths: dict[str, ValueCounts]


def summarise(
    table: OriginalTable,
    subjects: SubjectsOf,
    *,
    max_distinct: int | None,
    seed: int,
    on_part: Callable[[str], None],
) -> TableSummary:
    """The sensitive summary of every modelled column.

    Args:
        table: The table; one partition of it is in memory at a time.
        subjects: Whom the rows of a partition belong to; None where each is a subject of its own.
        max_distinct: Different values of a column beyond which it is sampled; None samples never.
        seed: Seed of the sample.
        on_part: Called when a partition is done.

    Raises:
        InputError: values that an encoding cannot take, naming the column.
    """
    n_rows = sum(table.data.manifest.row_counts[part] for part in table.parts)
    types = {name: table.schema.field(name).type for name in table.types}
    columns = {name: ColumnSummary(table.fitter(name), n_rows, max_distinct, seed) for name in table.types}
    lengths: Lengths = {name: [] for name in columns if is_list(types[name])}
    for part in table.parts:
        _add_part(columns, lengths, part, table, subjects(part))
        pa.default_memory_pool().release_unused()
        on_part(part)
    merged = dict(zip(columns, map_in_threads(ColumnSummary.result, columns.values()), strict=True))
    return TableSummary(merged, {name: ValueCounts.merged(parts) for name, parts in lengths.items()})


def _add_part(
    columns: dict[str, ColumnSummary], lengths: Lengths, part: str, table: OriginalTable, subjects: Subjects | None
) -> None:
    """Take in one partition. A function of its own, so that its rows are gone before the next ones are read."""
    rows = table.table(part, list(columns))
    entities = None if subjects is None else subjects.places

    def add(name: str) -> None:
        values = rows[name].combine_chunks()
        if name in lengths:
            lengths[name].append(SequenceLengths.summarise(lengths_of(values)))
        try:
            columns[name].add(part, values, entities)
        except InputError as error:
            raise InputError(f"column {name!r}: {error}") from None

    list(map_in_threads(add, columns))
