"""What `analyze` finds in the tables of a workspace, before anything of it is disclosed: merged, stored, restored.

Belongs here: summaries of all tables together. Does not belong here: how one column is summarised (`summaries`), what
may be known of them (`disclosure`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import pyarrow as pa

from synth_engine.encodings import ValueCounts
from synth_engine.parallel import map_in_threads
from synth_engine.stages.stored_counts import counts_from_arrow, counts_to_arrow
from synth_engine.stages.summaries import TableSummary

LENGTHS = "lengths"
_RECORDS = b"records"


def of_target(column: str) -> str:
    """Name of the summary of a column of the target. A column may be called anything, also ``lengths``."""
    return f"target/column/{column}"


def of_context(column: str) -> str:
    """The same of the context table."""
    return f"context/column/{column}"


def of_lists(column: str) -> str:
    """Name of the summary of how many elements the lists of a column of the context table have."""
    return f"context/elements/{column}"


@dataclass(frozen=True, eq=False)
class Summaries:
    """What some partitions of the tables tell, exactly. Sensitive.

    Args:
        counts: Summaries of all columns, of the lengths of lists, and under `LENGTHS`, where rows belong to subjects,
            of how many they have.
        records: Number of subjects for training, and for validation.
    """

    counts: dict[str, ValueCounts]
    records: tuple[int, int]

    @classmethod
    def of(
        cls, target: TableSummary, context: TableSummary | None, lengths: ValueCounts | None, records: tuple[int, int]
    ) -> Self:
        """Put together what the tables tell."""
        counts = {of_target(name): each for name, each in target.columns.items()}
        if context is not None:
            counts |= {of_context(name): each for name, each in context.columns.items()}
            counts |= {of_lists(name): each for name, each in context.list_lengths.items()}
        return cls(counts | ({} if lengths is None else {LENGTHS: lengths}), records)

    @classmethod
    def merged(cls, summaries: Iterable[Self]) -> Self:
        """The summaries of the partitions of all of them together, of one at least.

        Guarantees: associative and commutative, so it does not matter who has summarised what, and in which order.
        Takes them as they come, so few are in memory at a time.
        """
        piles: dict[str, _Pile] = {}
        training = validation = 0
        for each in summaries:
            training, validation = training + each.records[0], validation + each.records[1]
            piles = piles or {name: _Pile() for name in each.counts}
            _add(piles, each.counts)
        merged = dict(zip(piles, map_in_threads(_Pile.result, piles.values()), strict=True))
        return cls(merged, (training, validation))

    def to_bytes(self) -> bytes:
        """As an Arrow stream: plain data, of which nothing is ever run."""
        arrays = {name: counts_to_arrow(counts) for name, counts in self.counts.items()}
        fields = [pa.field(name, array.type) for name, array in arrays.items()]
        schema = pa.schema(fields, metadata={_RECORDS: " ".join(map(str, self.records))})
        # A table without any column has no rows: then the metadata is all there is to tell.
        batch = pa.record_batch(list(arrays.values()), schema=schema)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as stream:
            stream.write_batch(batch)
        return bytes(sink.getvalue())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote."""
        with pa.ipc.open_stream(pa.py_buffer(data)) as stream:
            (batch,) = stream
        training, validation = map(int, batch.schema.metadata[_RECORDS].split())
        arrays: Mapping[str, pa.StructArray] = dict(zip(batch.schema.names, batch.columns, strict=True))
        return cls({name: counts_from_arrow(array) for name, array in arrays.items()}, (training, validation))


class _Pile:
    """Summaries of one column that wait to be merged: until they are as large as what was merged before.

    So each value is looked at a few times only.
    """

    def __init__(self) -> None:
        self._counts: list[ValueCounts] = []

    def add(self, counts: ValueCounts) -> None:
        self._counts.append(counts)
        if sum(len(each.values) for each in self._counts[1:]) > len(self._counts[0].values):
            self.result()

    def result(self) -> ValueCounts:
        self._counts = [type(self._counts[0]).merged(self._counts)]
        return self._counts[0]


def _add(piles: dict[str, _Pile], counts: dict[str, ValueCounts]) -> None:
    list(map_in_threads(lambda name: piles[name].add(counts[name]), piles))
