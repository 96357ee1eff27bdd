"""Synthetic records of a language model, shard by shard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from synth_engine.domain import GenerateConfig, InputError
from synth_engine.domain.randomness import derive_seed, fresh_seed, generator
from synth_engine.encodings.language import LanguageEncoding
from synth_engine.language.grammar import ColumnGrammar, ColumnRules, compile_grammars
from synth_engine.language.requests import Requests
from synth_engine.language.sampler import DEFAULT_BATCH, sample
from synth_engine.stages.devices import resolve_device
from synth_engine.stages.generating import shard_sizes
from synth_engine.stages.generating.coming_subjects import ComingSubjects
from synth_engine.stages.generating.context_data import NO_CONTEXT, context_for
from synth_engine.stages.generating.even_numbers import even_numbers
from synth_engine.stages.generating.finished_rows import finished_schema
from synth_engine.stages.generating.opened_model import OpenedModel
from synth_engine.stages.generating.record_plan import RecordPlan, make_record_plan
from synth_engine.stages.generating.seed_data import SeedData, n_rows_of
from synth_engine.stages.keys import make_keys
from synth_engine.stages.language_data import TARGET, written
from synth_engine.stages.language_model import LanguageModel, WrittenColumns, load_language_model
from synth_engine.stages.layouts import parquet_table
from synth_engine.stages.model_files import Described
from synth_engine.stages.statistics import TableStatistics
from synth_engine.stages.table_input import TableLike
from synth_engine.workspace import Artefact, Manifest

Literals = dict[str, pa.Array]


@dataclass(frozen=True, eq=False)
class RecordSource:
    """Everything that a shard of records depends on. Use `open_source` to get one.

    Guarantees: a shard depends on the model, the settings, the seed and its number alone, so that shards may be made
    by any number of workers in any order; every record is valid.

    Args:
        statistics: Of the original table.
        columns: In the order in which they are written.
        model: Network and vocabulary.
        config: The user's settings.
        plan: What they come to.
        seed: Source of all randomness.
        n_rows: Number of records of all shards together.
        seeds: Columns that are given, without subjects.
        subjects: Whose records are written, one each; None where a record is its own subject.
        inputs: Manifests of what this was made from.
    """

    statistics: TableStatistics
    columns: WrittenColumns
    model: LanguageModel
    config: GenerateConfig
    plan: RecordPlan
    seed: int
    n_rows: int
    seeds: SeedData | None
    subjects: ComingSubjects | None
    inputs: Mapping[Artefact, Manifest]
    _compiled: dict[bool, Sequence[ColumnGrammar]] = field(default_factory=dict, init=False)

    unit: ClassVar[str] = "rows"

    @classmethod
    def of(
        cls, model: OpenedModel, config: GenerateConfig, seed_data: TableLike | None, ctx_data: TableLike | None
    ) -> Self:
        """Check all that is wanted of a model before any record is drawn; raises `InputError`."""
        statistics, described = model.statistics, Described.of_model(model.files)
        columns = WrittenColumns.of(described)
        filled = config.imputation.columns if config.imputation else ()
        seeds = None if seed_data is None else SeedData.of(seed_data, statistics, filled)
        is_flexible = model.configs.enable_flexible_generation
        plan = make_record_plan(config, statistics, columns.target, is_flexible=is_flexible, seeds=seeds)
        subjects = _subjects(described, config, ctx_data, seeds)
        if subjects is not None:
            seeds = subjects.seeds
        source = cls(
            statistics=statistics,
            columns=columns,
            model=load_language_model(model.files, resolve_device(config.device)),
            config=config,
            plan=plan,
            seed=fresh_seed() if config.random_state is None else config.random_state,
            n_rows=n_rows_of(config, statistics, seeds) if subjects is None else subjects.size,
            seeds=seeds,
            subjects=subjects,
            inputs=model.inputs,
        )
        source._check()
        return source

    @property
    def given(self) -> Mapping[str, pa.Table]:
        """Tables that the user gave, by parameter."""
        context = None if self.subjects is None else self.subjects.context
        given = {} if self.seeds is None else {"seed_data": self.seeds.table}
        return given if context is None else given | {"ctx_data": context.table}

    @property
    def n_shards(self) -> int:
        """Number of shards; one where there are no records, for the schema."""
        return max(1, -(-self.n_rows // shard_sizes.SHARD_RECORDS))

    def size(self, shard: int) -> int:
        """Number of records of one shard."""
        return min(shard_sizes.SHARD_RECORDS, self.n_rows - shard * shard_sizes.SHARD_RECORDS)

    def shard(self, shard: int) -> pa.Table:
        """The records of one shard, with the original columns and types."""
        start, n_rows = shard * shard_sizes.SHARD_RECORDS, self.size(shard)
        seeds = self._seeds_of(start, n_rows)
        drawn = self._draw(shard, start, n_rows, seeds)
        columns = {name: self.plan.encodings[name].read(each) for name, each in drawn.items()}
        if seeds is not None:
            columns |= {name: seeds.completed(name, columns[name]) for name in seeds.names if name in columns}
        columns |= self._keys(shard, start, n_rows, seeds)
        method = self.config.rare_category_replacement_method
        is_whole = self.subjects is None
        schema = finished_schema(self.statistics, method, self.seeds, in_all_rows=is_whole)
        return parquet_table(pa.table([columns[name] for name in schema.names], schema=schema))

    def _seeds_of(self, start: int, n_rows: int) -> SeedData | None:
        if self.subjects is not None:
            return self.subjects.given(start, np.ones(n_rows, np.int64))
        return None if self.seeds is None else self.seeds.slice(start, n_rows)

    def _draw(self, shard: int, start: int, n_rows: int, seeds: SeedData | None) -> Literals:
        """Literals of all columns; given ones as they are written, which may be protected."""
        context, given = self._context(start, n_rows), self._given(seeds)
        shares = self.plan.shares
        if shares is None:
            return self._sampled(self._requests(context, given, n_rows), self.grammars(), shard, "records")
        rng = generator(self.seed, "generate", shard, "shares")
        chosen = pa.array(shares.choose(even_numbers(start, n_rows, self.n_rows, rng)))
        given[TARGET + shares.column] = pa.array([*shares.literals, None], pa.large_string()).take(chosen)
        requests = self._requests(context, given, n_rows)
        is_other = np.asarray(chosen) == len(shares.literals)
        named, others = np.flatnonzero(~is_other), np.flatnonzero(is_other)
        parts = [
            self._sampled(requests.take(named), self.grammars(), shard, "records"),
            self._sampled(requests.take(others), self.grammars(shares.others), shard, "records of other categories"),
        ]
        place = pa.array(np.argsort(np.concatenate([named, others]), kind="stable"))
        return {name: pa.concat_arrays([part[name] for part in parts]).take(place) for name in self.plan.encodings}

    def _requests(self, context: Literals, given: Literals, n_rows: int) -> Requests:
        is_given = np.zeros((n_rows, len(self.plan.encodings)), np.bool_)
        for place, name in enumerate(self.plan.encodings):
            if TARGET + name in given:
                is_given[:, place] = given[TARGET + name].is_valid().to_numpy(zero_copy_only=False)
        return Requests(self.plan.orders(is_given), context, given)

    def _sampled(self, requests: Requests, grammars: Sequence[ColumnGrammar], shard: int, purpose: str) -> Literals:
        model = self.model
        rows = sample(
            model.network,
            model.vocabulary,
            model.vocabulary.wording([*self.columns.context], [*self.columns.target]),
            grammars,
            requests,
            generator=torch.Generator().manual_seed(derive_seed(self.seed, "generate", shard, purpose)),
            temperature=self.config.sampling_temperature,
            top_p=self.config.sampling_top_p,
            batch_size=self.config.batch_size or DEFAULT_BATCH,
        )
        columns = zip(*rows, strict=True) if rows else [()] * len(self.plan.encodings)
        return {
            name: pa.array(list(literals), pa.large_string())
            for name, literals in zip(self.plan.encodings, columns, strict=True)
        }

    def grammars(self, others: LanguageEncoding | None = None) -> Sequence[ColumnGrammar]:
        """What may be drawn in each column; in a rebalanced one what its other categories allow, if these are given."""
        is_replaced = others is not None
        if is_replaced not in self._compiled:
            shares = self.plan.shares
            replaced = {shares.column: others} if shares is not None and others is not None else {}
            rules = [
                ColumnRules(TARGET + name, encoding.grammar(nulls=self.plan.nulls[name]), encoding.longest)
                for name, encoding in {**self.plan.encodings, **replaced}.items()
            ]
            self._compiled[is_replaced] = compile_grammars(rules, self.model.vocabulary.for_grammars())
        return self._compiled[is_replaced]

    def _context(self, start: int, n_rows: int) -> Literals:
        context = None if self.subjects is None else self.subjects.context
        if context is None:
            return {}
        return context.literals(self.columns.context, start, n_rows)

    def _given(self, seeds: SeedData | None) -> Literals:
        """Literals of what is given; null where it is not."""
        if seeds is None:
            return {}
        names = [name for name in seeds.names if name in self.plan.encodings]
        columns = {name: self.plan.encodings[name] for name in names}
        try:
            literals = dict(written(seeds.table, columns, TARGET))
        except InputError as error:
            raise InputError(f"seed_data: {error}") from None
        return {
            TARGET + name: pc.if_else(pa.array(seeds.is_given(name)), literals[TARGET + name], None) for name in names
        }

    def _keys(self, shard: int, start: int, n_rows: int, seeds: SeedData | None) -> Literals:
        schema, keys = self.statistics.schema, self.statistics.keys
        found: Literals = {}
        if keys.context_key is not None and self.subjects is not None:
            rng = generator(self.seed, "generate", shard, "subjects")
            found[keys.context_key] = self.subjects.keys(start, n_rows, rng)
        key = keys.primary_key
        if key is not None and key != keys.context_key:
            rng = generator(self.seed, "generate", shard, "keys")
            made = make_keys(schema.field(key), n_rows, start, rng, taken=self._taken_keys)
            found[key] = seeds.completed(key, made) if seeds is not None and key in seeds.names else made
        return found

    @property
    def _taken_keys(self) -> pa.Array | None:
        name = self.statistics.keys.primary_key
        return self.seeds.table[name].combine_chunks() if self.seeds is not None and name in self.seeds.names else None

    def _check(self) -> None:
        """Refuse what could not be finished before the work of many shards is lost."""
        if self.seeds is not None:
            self._given(self.seeds)
        key = self.statistics.keys.primary_key
        if key is not None and self.n_rows > 0:
            field = self.statistics.schema.field(key)
            make_keys(field, 1, self.n_rows - 1, np.random.default_rng(0), taken=self._taken_keys)


def _subjects(
    described: Described, config: GenerateConfig, ctx_data: TableLike | None, seeds: SeedData | None
) -> ComingSubjects | None:
    key = described.target.keys.context_key
    if key is None:
        if ctx_data is not None:
            raise InputError(NO_CONTEXT)
        return None
    context = context_for(described, ctx_data, described.target.schema.field(key), drawn="records")
    subjects = ComingSubjects.of(config, described.target, context, seeds)
    if subjects.seeds is not None and np.diff(subjects.offsets).max(initial=0) > 1:
        raise InputError(f"seed_data: expected one row for each key of {key!r}, as the model has learned; found more")
    return subjects
