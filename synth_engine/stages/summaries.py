"""Summaries of all columns of a table, partition by partition, columns side by side, in bounded memory.

Belongs here: reading, sampling. Does not belong here: what a summary holds, what is made of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
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

Shares = Mapping[str, float | None]
"""Share of the subjects that each column is summarised from; None where that is not known yet."""


@dataclass(frozen=True, eq=False)
class TableSummary:
    """What some partitions of a table tell, exactly. Sensitive.

    Args:
        columns: Summary of each modelled column; where it holds lists, of their elements.
        list_lengths: How many elements the lists have, of each column that holds lists.
    """

    columns: dict[str, ValueCounts]
    list_lengths: dict[str, ValueCounts]


class Summariser:
    """Summarises partitions of a table.

    Where the first partition that is not empty lets expect more than `max_distinct` different values of a column, only
    a share of the subjects is looked at, so that about as many are left. `split` shuffles subjects, so partitions
    resemble each other.

    Guarantees: protection can only grow by sampling, for fewer people are seen. The sample depends on the seed and the
    partition alone, and on the shares.

    Args:
        table: The table; one partition of it is in memory at a time.
        max_distinct: Different values of a column beyond which it is sampled; None samples never.
        seed: Seed of the sample.
        shares: What another one has found out of `shares`.

    Attributes:
        shares: Share of the subjects that each column is summarised from; None before it is known. All are known once a
            partition was summarised that is not empty.
    """

    def __init__(
        self,
        table: OriginalTable,
        *,
        max_distinct: int | None,
        seed: int,
        shares: Shares | None = None,
    ) -> None:
        self._table, self._max_distinct, self._seed = table, max_distinct, seed
        self._n_rows = sum(table.data.manifest.row_counts[part] for part in table.parts)
        self._lists = {name for name in table.types if is_list(table.schema.field(name).type)}
        self.shares = dict(shares or {name: self._share_without_looking(name) for name in table.types})

    @property
    def is_decided(self) -> bool:
        """Whether all shares are known."""
        return None not in self.shares.values()

    def _share_without_looking(self, name: str) -> float | None:
        """A column has no more different values than rows, unless these are lists."""
        is_small = self._max_distinct is None or (name not in self._lists and self._n_rows <= self._max_distinct)
        return 1.0 if is_small else None

    def summary(self, part: str, subjects: Subjects | None = None) -> TableSummary:
        """The sensitive summary of every modelled column in one partition.

        Args:
            part: Name of the partition.
            subjects: Whom its rows belong to; None where each is a subject of its own.

        Raises:
            InputError: values that an encoding cannot take, naming the column.
        """
        rows = self._table.table(part, list(self.shares))
        entities = None if subjects is None else subjects.places

        def counted(name: str) -> tuple[ValueCounts, ValueCounts | None]:
            values = rows[name].combine_chunks()
            lengths = SequenceLengths.summarise(lengths_of(values)) if name in self._lists else None
            try:
                return self._counts(name, part, values, entities), lengths
            except InputError as error:
                raise InputError(f"column {name!r}: {error}") from None

        found = dict(zip(self.shares, map_in_threads(counted, self.shares), strict=True))
        columns = {name: counts for name, (counts, _) in found.items()}
        return TableSummary(columns, {name: lengths for name, (_, lengths) in found.items() if lengths is not None})

    def _counts(self, name: str, part: str, values: pa.Array, entities: Entities | None) -> ValueCounts:
        fitting, share = self._table.fitter(name), self.shares[name]
        if share is None:
            counts = fitting.summarise(values, entities)
            if not len(values) or self._max_distinct is None:
                return counts
            share = self.shares[name] = share_for(counts, len(values), self._n_rows, self._max_distinct)
            if share == 1:
                return counts
        return summarise_sample(fitting, part, values, entities, share=share, seed=self._seed)


def share_for(counts: ValueCounts, n_rows_of_part: int, n_rows: int, max_distinct: int) -> float:
    """Share of the subjects of whom about so many different values are left, by what a partition has of them.

    Args:
        counts: Exact summary of the partition.
        n_rows_of_part: Number of its rows, one at least.
        n_rows: Number of rows of all partitions.
        max_distinct: So many different values.
    """
    expected = len(counts.values) * n_rows / n_rows_of_part
    return min(1.0, max_distinct / max(expected, 1.0))


def summarise_sample(
    fitting: FitterOf[Any], part: str, values: pa.Array, entities: Entities | None, *, share: float, seed: int
) -> ValueCounts:
    """The summary of a share of the subjects of a partition, each with all of its rows."""
    if share == 1:
        return fitting.summarise(values, entities)
    rng = generator(seed, "analyze", "sample", part)
    n_subjects = len(values) if entities is None else int(entities.max(initial=-1)) + 1
    is_seen: npt.NDArray[np.bool_] = rng.random(n_subjects) < share
    rows = is_seen if entities is None else is_seen[entities]
    return fitting.summarise(values.filter(pa.array(rows)), None if entities is None else entities[rows])
