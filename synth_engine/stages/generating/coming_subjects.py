"""Subjects whose events are to be drawn: who they are, what is known of them, which of their events are given."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import torch

from synth_engine.domain import GenerateConfig, InputError
from synth_engine.sequences.context import Context
from synth_engine.stages.generating.context_data import ContextData
from synth_engine.stages.generating.seed_data import SeedData
from synth_engine.stages.keys import make_keys
from synth_engine.stages.relations import Integers, Subjects
from synth_engine.stages.statistics import TableStatistics

_WHAT = "context key"


@dataclass(frozen=True, eq=False)
class ComingSubjects:
    """Subjects in the order in which their events are drawn: those that are known, then new ones.

    Args:
        size: How many.
        field: The context key of the target.
        known: Keys of the first ones.
        context: What is given of all of them; None where the model knows of no context table.
        seeds: The first events of some, subject by subject.
        offsets: Where the seeds of each subject begin, and where the last ones end: (size + 1,).
    """

    size: int
    field: pa.Field
    known: pa.Array
    context: ContextData | None
    seeds: SeedData | None
    offsets: Integers

    @classmethod
    def of(
        cls,
        config: GenerateConfig,
        statistics: TableStatistics,
        context: ContextData | None,
        seeds: SeedData | None,
    ) -> Self:
        """Check that they go together.

        Args:
            config: Settings of `generate`.
            statistics: Of the original target table.
            context: The subjects that are given.
            seeds: Events that are given, in any order of subjects.

        Raises:
            InputError: a number of subjects that contradicts those that are given; seeds without subject; more new
                subjects than there are keys.
        """
        key = statistics.keys.context_key
        assert key is not None
        field = statistics.schema.field(key)
        known, offsets = pa.nulls(0, field.type), np.zeros(1, np.int64)
        if context is not None:
            known, offsets = context.keys, np.zeros(context.size + 1, np.int64)
        if seeds is not None:
            subjects, rows = _subjects(seeds, key, known if context is not None else None)
            seeds, offsets = seeds.take(rows), subjects.offsets
            if context is None:
                known = seeds.table[key].combine_chunks().take(pa.array(offsets[:-1]))
        size = _size(config, statistics, len(known), ("seed_data", "ctx_data")[context is not None], seeds)
        offsets = np.append(offsets, np.full(size - len(known), offsets[-1]))
        if size > len(known):  # refused before the work of many shards is lost
            make_keys(field, 1, size - len(known) - 1, np.random.default_rng(0), taken=known, what=_WHAT)
        return cls(size, field, known, context, seeds, offsets)

    def keys(self, start: int, n_rows: int, rng: np.random.Generator) -> pa.Array:
        """Keys of some of them."""
        known = self.known.slice(start, n_rows)
        if len(known) == n_rows:
            return known
        first_new = start + len(known) - len(self.known)
        new = make_keys(self.field, n_rows - len(known), first_new, rng, taken=self.known, what=_WHAT)
        return pa.concat_arrays([known, new])

    def context_codes(self, start: int, n_rows: int) -> Context:
        """Codes of what is known of some of them."""
        if self.context is None:
            return Context(torch.zeros(n_rows, 0, dtype=torch.int32))
        return self.context.codes(start, n_rows)

    def n_given(self, start: int, n_rows: int) -> Integers:
        """How many events of each of some are given."""
        lengths: Integers = np.diff(self.offsets[start : start + n_rows + 1])
        return lengths

    def given(self, start: int, lengths: Integers) -> SeedData | None:
        """What is given of the events of some of them, which have so many events each; None where nothing is."""
        first, last = self.offsets[start], self.offsets[start + len(lengths)]
        if self.seeds is None or first == last:
            return None
        n_given = self.n_given(start, len(lengths))
        shift = (np.cumsum(lengths) - lengths) - (np.cumsum(n_given) - n_given)
        places = np.arange(last - first) + np.repeat(shift, n_given)
        return self.seeds.slice(first, last - first).among(places, int(lengths.sum()))


def _subjects(seeds: SeedData, key: str, known: pa.Array | None) -> tuple[Subjects, Integers]:
    """Whom the seeds belong to, subject by subject, and which row comes first, second and so on."""
    if key not in seeds.names:
        raise InputError(
            f"seed_data: expected a column {key!r}, the context key, for its rows are the first events of a subject; "
            f"found {', '.join(seeds.names)}"
        )
    context = None if known is None else pa.table({key: known})
    found = Subjects.of(seeds.table, key, context, key, argument="seed_data")
    return found.reordered(np.arange(found.size))


def _size(config: GenerateConfig, statistics: TableStatistics, n_known: int, where: str, seeds: SeedData | None) -> int:
    """Number of subjects."""
    asked = config.sample_size
    if where == "ctx_data" and asked not in (None, n_known):
        raise InputError(
            f"sample_size: ctx_data has {n_known} subject(s), whose events are generated, found {asked}; leave it out"
        )
    if where == "ctx_data" or (seeds is not None and asked is None):
        return n_known
    if asked is not None and asked < n_known:
        raise InputError(
            f"sample_size: seed_data has events of {n_known} subject(s), who are all generated, found {asked}; "
            "leave it out, or ask for more"
        )
    return statistics.total_records if asked is None else asked
