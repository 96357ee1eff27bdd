"""The summary of one column: its distinct values, with the number of rows and of entities that hold each.

Sensitive: it is exact. It stays in memory or under ``OriginalData/`` and is never part of a fitted encoding.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Counts = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Levels = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ValueCounts:
    """Distinct non-null values in ascending order, and how often they occur.

    Merging is associative and commutative, so any partitioning of the rows gives the summary of the whole table,
    as long as the rows of one entity lie in one partition.

    Why `lowest` and `highest`: one customer with a thousand different amounts adds a thousand to the sum of `entities`,
    but has a single smallest one. Only these tell how many entities lie at or beyond a bound.

    Why `one_each`: differential privacy needs counts that one entity changes by one. So each entity takes part with a
    single row, the middle one of its rows in their order; which one that is depends on nobody else.

    Args:
        values: Distinct values, ascending; of a type that Arrow can sort and hash.
        rows: Number of rows that hold each.
        entities: Number of distinct entities that hold each.
        lowest: Number of entities of which each is the smallest value; adds up to the entities that have any.
        highest: Number of entities of which each is the largest value.
        null_rows: Number of rows without a value; NaN is none.
        null_entities: Number of entities with at least one such row.
        levels: The order that an ordered dictionary gives to its values; None where the type gives none, empty where
            partitions contradict each other.
        one_each: Number of entities whose middle row holds each value; None where every row is an entity of its own.
        null_one_each: Number of entities whose middle row has no value; not used where `one_each` is None.
        hidden_entities: About how many entities may have values that the summary leaves out; an exact one leaves out
            none.
        is_noisy: Whether differential privacy made it: then values are not those of the column.
    """

    values: pa.Array
    rows: Counts
    entities: Counts
    lowest: Counts
    highest: Counts
    null_rows: int
    null_entities: int
    levels: Levels | None = None
    one_each: Counts | None = None
    null_one_each: int = 0
    hidden_entities: int = 0
    is_noisy: bool = False

    @classmethod
    def of(cls, values: pa.Array, entities: Counts | None = None) -> Self:
        """Count one partition.

        Args:
            values: The column; nulls and NaN both count as null.
            entities: Whom each row belongs to, as integers; None where every row is an entity of its own.
        """
        is_null = values.is_null(nan_is_null=True)
        n_nulls = is_null.true_count
        present = values.filter(pc.invert(is_null)) if n_nulls else values
        if entities is None:
            counted = present.value_counts()
            order = pc.array_sort_indices(counted.field("values"))
            rows = counted.field("counts").to_numpy()[order.to_numpy()].astype(np.int64)
            return cls(counted.field("values").take(order), rows, rows, rows, rows, n_nulls, n_nulls)
        null = is_null.to_numpy(zero_copy_only=False)
        distinct, places = _places(present)
        counts = _count_entities(places, entities[~null], len(distinct))
        of_row = np.full(len(values), len(distinct), np.int64)
        of_row[~null] = places
        one_each = np.bincount(of_row[_middle_rows(entities)], minlength=len(distinct) + 1).astype(np.int64)
        return cls(
            distinct,
            *counts,
            n_nulls,
            len(np.unique(entities[null])),
            one_each=one_each[:-1],
            null_one_each=int(one_each[-1]),
        )

    def merge(self, other: Self) -> Self:
        """The summary of both partitions together."""
        return self.merged([self, other])

    @classmethod
    def merged(cls, summaries: Sequence[Self]) -> Self:
        """The summary of several partitions together; faster than to merge one after the other."""
        if len(summaries) == 1:
            return summaries[0]
        distinct, places = _places(pa.concat_arrays([each.values for each in summaries]))

        def added(counts: list[Counts]) -> Counts:
            return _summed(places, np.concatenate(counts), len(distinct))

        is_flat = all(each.one_each is None for each in summaries)
        rows = added([each.rows for each in summaries])
        if is_flat and all(each.entities is each.rows for each in summaries):
            entities = lowest = highest = rows
        else:
            entities = added([each.entities for each in summaries])
            lowest = added([each.lowest for each in summaries])
            highest = added([each.highest for each in summaries])
        return cls(
            distinct,
            rows,
            entities,
            lowest,
            highest,
            sum(each.null_rows for each in summaries),
            sum(each.null_entities for each in summaries),
            reduce(_common_levels, (each.levels for each in summaries)),
            None if is_flat else added([each.contributions[0] for each in summaries]),
            0 if is_flat else sum(each.contributions[1] for each in summaries),
            sum(each.hidden_entities for each in summaries),
            any(each.is_noisy for each in summaries),
        )

    def where(self, keep: Mask) -> Self:
        """The summary of some of the values. Entities of which the smallest value is not among them count for less."""
        rows, entities, lowest, highest = (
            counts[keep] for counts in (self.rows, self.entities, self.lowest, self.highest)
        )
        if self.entities is self.lowest:  # every row is an entity of its own, and stays known as that
            entities = lowest = highest = rows
        return replace(
            self,
            values=self.values.filter(pa.array(keep)),
            rows=rows,
            entities=entities,
            lowest=lowest,
            highest=highest,
            one_each=None if self.one_each is None else self.one_each[keep],
        )

    @property
    def contributions(self) -> tuple[Counts, int]:
        """Number of entities that stand for each value, and for null, where each stands for one of its rows only."""
        return (self.rows, self.null_rows) if self.one_each is None else (self.one_each, self.null_one_each)

    @property
    def total_rows(self) -> int:
        """Number of rows, nulls included."""
        return int(self.rows.sum()) + self.null_rows


def _summed(places: Counts, counts: Counts, size: int) -> Counts:
    """Sum of the counts at each place; exact, unlike `bincount` with weights, which are floats."""
    total = np.zeros(size, np.int64)
    np.add.at(total, places, counts)
    return total


def _common_levels(one: Levels | None, other: Levels | None) -> Levels | None:
    if one is None or other is None:
        return other if one is None else one
    return one if one == other else ()


def _places(values: pa.Array) -> tuple[pa.Array, Counts]:
    """The distinct values in ascending order, and the place of each value among them."""
    encoded = values.dictionary_encode()
    order = pc.array_sort_indices(encoded.dictionary)
    place_of_code = np.empty(len(order), np.int64)
    place_of_code[order.to_numpy()] = np.arange(len(order))
    return encoded.dictionary.take(order), place_of_code[encoded.indices.to_numpy()]


def _middle_rows(entities: Counts) -> Counts:
    """Index of the middle row of each entity."""
    order = np.argsort(entities, kind="stable")
    _, starts, lengths = np.unique(entities[order], return_index=True, return_counts=True)
    middle: Counts = order[starts + lengths // 2]
    return middle


def _count_entities(places: Counts, entities: Counts, size: int) -> tuple[Counts, Counts, Counts, Counts]:
    """For each place the rows, the distinct entities, and the entities of which it is the first and the last place."""
    order = np.lexsort((places, entities))
    by_entity, entities = places[order], entities[order]
    starts = np.ones(len(order) + 1, dtype=bool)  # one more than rows: the end of the last entity
    starts[1:-1] = entities[1:] != entities[:-1]
    is_new = starts[:-1].copy()
    is_new[1:] |= by_entity[1:] != by_entity[:-1]

    def count(which: Counts) -> Counts:
        return np.bincount(which, minlength=size).astype(np.int64)

    return count(places), count(by_entity[is_new]), count(by_entity[starts[:-1]]), count(by_entity[starts[1:]])
