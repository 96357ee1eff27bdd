"""Synthetic events of subjects, shard by shard: whole subjects with all that happens to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import numpy as np
import pyarrow as pa
import torch

from synth_engine.domain import GenerateConfig
from synth_engine.domain.randomness import derive_seed, fresh_seed, generator
from synth_engine.sequences.context import Context
from synth_engine.sequences.network import SequenceNetwork
from synth_engine.sequences.sampler import draw_events
from synth_engine.stages.devices import resolve_device
from synth_engine.stages.generating.coming_subjects import ComingSubjects
from synth_engine.stages.generating.context_data import context_for
from synth_engine.stages.generating.draw_plan import DrawPlan, make_plan
from synth_engine.stages.generating.drawn_lengths import Lengths, drawn_lengths
from synth_engine.stages.generating.finished_rows import finished_schema
from synth_engine.stages.generating.opened_model import OpenedModel
from synth_engine.stages.generating.relative_dates import within_ranges
from synth_engine.stages.generating.seed_data import SeedData
from synth_engine.stages.generating.shard_sizes import subjects_per_shard
from synth_engine.stages.keys import counts_up, make_keys
from synth_engine.stages.layouts import parquet_table
from synth_engine.stages.model_files import Described, layout_of, load_sequence_network
from synth_engine.stages.relations import Integers
from synth_engine.stages.statistics import TableStatistics
from synth_engine.stages.table_input import TableLike
from synth_engine.tabular.given import Given
from synth_engine.tabular.interventions import Mask
from synth_engine.tabular.sampler import DEFAULT_BATCH
from synth_engine.workspace import Artefact, Manifest


@dataclass(frozen=True, eq=False)
class SequenceSource:
    """Everything that a shard of subjects depends on. Use `open_source` to get one.

    Guarantees: a shard depends on the model, the settings, the seed and its number alone, so that shards may be made
    by any number of workers in any order. All events of a subject are in one shard, next to each other and in order.

    Args:
        statistics: Of the original table.
        network: Of subjects and their events.
        config: The user's settings.
        plan: What they come to for each event.
        seed: Source of all randomness.
        subjects: Whose events are drawn.
        inputs: Manifests of what this was made from.
    """

    statistics: TableStatistics
    network: SequenceNetwork
    config: GenerateConfig
    plan: DrawPlan
    seed: int
    subjects: ComingSubjects
    inputs: Mapping[Artefact, Manifest]
    # Numbers of events of shards, for keys that count up through all of them.
    _n_events: dict[int, int] = field(default_factory=dict, init=False)

    unit: ClassVar[str] = "subjects"

    @classmethod
    def of(
        cls, model: OpenedModel, config: GenerateConfig, seed_data: TableLike | None, ctx_data: TableLike | None
    ) -> Self:
        """Check all that is wanted of a model before any event is drawn; raises `InputError`."""
        statistics, described = model.statistics, Described.of_model(model.files)
        key = statistics.keys.context_key
        assert key is not None
        context = context_for(described, ctx_data, statistics.schema.field(key))
        filled = config.imputation.columns if config.imputation else ()
        seeds = None if seed_data is None else SeedData.of(seed_data, statistics, filled)
        if seeds is not None:
            seeds.check_encodable(statistics.columns)
        is_flexible = model.configs.enable_flexible_generation
        source = cls(
            statistics=statistics,
            plan=make_plan(config, statistics, layout_of(statistics), is_flexible=is_flexible, seeds=seeds),
            subjects=ComingSubjects.of(config, statistics, context, seeds),
            network=load_sequence_network(model.files, described, resolve_device(config.device)),
            config=config,
            seed=fresh_seed() if config.random_state is None else config.random_state,
            inputs=model.inputs,
        )
        source._check_last_key()
        return source

    @property
    def given(self) -> Mapping[str, pa.Table]:
        """Tables that the user gave, by parameter."""
        seeds, context = self.subjects.seeds, self.subjects.context
        given = {} if seeds is None else {"seed_data": seeds.table}
        return given if context is None else given | {"ctx_data": context.table}

    @property
    def n_rows(self) -> int:
        """Number of subjects."""
        return self.subjects.size

    @property
    def n_shards(self) -> int:
        """Number of shards; one where there are no subjects, for the schema."""
        return max(1, -(-self.n_rows // self._per_shard))

    def size(self, shard: int) -> int:
        """Number of subjects of one shard."""
        return min(self._per_shard, self.n_rows - shard * self._per_shard)

    def shard(self, shard: int) -> pa.Table:
        """The events of one shard, with the original columns and types."""
        start, context = shard * self._per_shard, self._context_codes(shard)
        lengths = self._lengths(shard, context)
        entities = np.repeat(np.arange(len(lengths)), lengths)
        seeds = self.subjects.given(start, lengths)
        columns = self._modelled_columns(shard, context, lengths, seeds)
        keys = self.statistics.keys
        assert keys.context_key is not None
        if keys.primary_key is not None:
            columns[keys.primary_key] = self._primary_keys(shard, len(entities))
        if seeds is not None:
            columns |= {name: seeds.completed(name, columns[name]) for name in seeds.names if name in columns}
        owners = self.subjects.keys(start, len(lengths), generator(self.seed, "generate", shard, "subjects"))
        columns[keys.context_key] = owners.take(pa.array(entities))
        method = self.config.rare_category_replacement_method
        schema = finished_schema(self.statistics, method, self.subjects.seeds, in_all_rows=False)
        rows = pa.table([columns[name] for name in schema.names], schema=schema)
        return parquet_table(self.plan.constraints.checked(rows))

    @property
    def _per_shard(self) -> int:
        return subjects_per_shard(self.statistics.seq_len)

    def _context_codes(self, shard: int) -> Context:
        codes = self.subjects.context_codes(shard * self._per_shard, self.size(shard))
        return codes.to(self.network.knots_N.device)

    def _lengths(self, shard: int, context: Context) -> Lengths:
        least = self.subjects.n_given(shard * self._per_shard, self.size(shard))
        seed = derive_seed(self.seed, "generate", shard, "lengths")
        lengths = drawn_lengths(self.network, self.statistics.seq_len, context, least, self.config, seed)
        self._n_events[shard] = int(lengths.sum())
        return lengths

    def _modelled_columns(
        self, shard: int, context: Context, lengths: Lengths, seeds: SeedData | None
    ) -> dict[str, pa.Array]:
        if not self.statistics.columns:
            return {}
        entities = np.repeat(np.arange(len(lengths)), lengths)
        codes = draw_events(
            self.network,
            context,
            torch.from_numpy(lengths),
            lambda step: derive_seed(self.seed, "generate", shard, "event", step),
            given=None if seeds is None else self._given(seeds, entities),
            interventions=replace(self.plan.interventions, masks=self._masks(seeds, lengths)),
            order=self.plan.order,
            batch_size=self.config.batch_size or DEFAULT_BATCH,
        ).numpy()
        columns = {}
        for name, encoding in self.statistics.columns.items():
            rng = generator(self.seed, "generate", shard, "decode", name)
            known = seeds.table[name].combine_chunks() if seeds is not None and name in seeds.names else None
            own = codes[:, self.network.layout.events.places(name)]
            columns[name] = encoding.decode_events(own, entities, rng, known)
        return self.plan.constraints.settled(columns, codes, seeds, generator(self.seed, "generate", shard, "settle"))

    def _masks(self, seeds: SeedData | None, lengths: Lengths) -> list[Mask]:
        events = self.network.layout.events
        return [*self.plan.constraints.masks(seeds), *within_ranges(self.statistics.columns, events, lengths)]

    def _given(self, seeds: SeedData, entities: Integers) -> Given:
        layout = self.network.layout.events
        given = Given.nothing(seeds.n_rows, len(layout.cardinalities), layout.n_columns)
        for index, (name, encoding) in enumerate(self.statistics.columns.items()):
            if name in seeds.names:
                given.codes_NK[:, layout.places(name)] = torch.from_numpy(seeds.codes(name, encoding, entities))
                given.is_given_NC[:, index] = torch.from_numpy(seeds.is_given(name))
        return given

    def _primary_keys(self, shard: int, n_rows: int) -> pa.Array:
        name = self.statistics.keys.primary_key
        field, start = self.statistics.schema.field(name), 0
        if counts_up(field.type):
            for before in range(shard):
                if before not in self._n_events:
                    self._lengths(before, self._context_codes(before))
                start += self._n_events[before]
        rng = generator(self.seed, "generate", shard, "keys")
        return make_keys(field, n_rows, start, rng, taken=self._taken_keys)

    @property
    def _taken_keys(self) -> pa.Array | None:
        seeds, name = self.subjects.seeds, self.statistics.keys.primary_key
        return seeds.table[name].combine_chunks() if seeds is not None and name in seeds.names else None

    def _check_last_key(self) -> None:
        """Refuse more events than there are keys before the work of many shards is lost, where that is sure."""
        name = self.statistics.keys.primary_key
        n_rows = self.n_rows * self.statistics.seq_len.min
        if name is not None and n_rows > 0:
            make_keys(self.statistics.schema.field(name), 1, n_rows - 1, generator(0, "generate", "last key"))
