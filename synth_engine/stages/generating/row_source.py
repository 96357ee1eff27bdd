"""Synthetic rows of a tabular model, shard by shard: the half of `generate` that needs torch."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from synth_engine.domain import GenerateConfig, InputError
from synth_engine.domain.randomness import derive_seed, fresh_seed, generator
from synth_engine.encodings import draws_nulls
from synth_engine.stages.devices import resolve_device
from synth_engine.stages.generating.draw_plan import DrawPlan, Parity, make_plan
from synth_engine.stages.generating.even_numbers import even_numbers
from synth_engine.stages.generating.seed_data import SeedData
from synth_engine.stages.keys import make_keys
from synth_engine.stages.layouts import parquet_table
from synth_engine.stages.model_files import CONFIGS_FILE, ModelConfigs, layout_of, load_network
from synth_engine.stages.statistics import FILE_NAME, TableStatistics
from synth_engine.stages.table_input import TableLike
from synth_engine.tabular.given import Given
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.parity import draw_evenly, probabilities_of, tilted
from synth_engine.tabular.sampler import DEFAULT_BATCH, sample
from synth_engine.workspace import Artefact, Manifest, Workspace

# Part of what a seed means: another size gives other rows.
SHARD_ROWS = 65_536
# From so many rows the shares of a target are found that all groups are to have; they are off by a few in a thousand.
PILOT_ROWS = 32_768


@dataclass(frozen=True)
class RowSource:
    """Everything that a shard of rows depends on. Use `open_rows` to get one.

    Guarantees: a shard depends on the model, the settings, the seed and its number alone, so that shards may be made
    by any number of workers in any order.

    Args:
        statistics: Of the original table.
        network: None where there is no column to model.
        config: The user's settings.
        plan: What they come to.
        seed: Source of all randomness.
        n_rows: Number of rows of all shards together.
        seeds: Columns that are given.
        inputs: Manifests of what this was made from.
    """

    statistics: TableStatistics
    network: TabularNetwork | None
    config: GenerateConfig
    plan: DrawPlan
    seed: int
    n_rows: int
    seeds: SeedData | None
    inputs: Mapping[Artefact, Manifest]

    @property
    def n_shards(self) -> int:
        """Number of shards; one where there are no rows, for the schema."""
        return max(1, -(-self.n_rows // SHARD_ROWS))

    def shard(self, shard: int) -> pa.Table:
        """The rows of one shard, with the original columns and types."""
        start = shard * SHARD_ROWS
        n_rows = min(SHARD_ROWS, self.n_rows - start)
        seeds = self.seeds.slice(start, n_rows) if self.seeds else None
        columns = self._modelled_columns(shard, n_rows, seeds)
        if seeds is not None:
            columns |= {name: seeds.completed(name, columns.get(name)) for name in seeds.names}
        schema = self.statistics.schema
        key = self.statistics.keys.primary_key
        if key is not None and key not in columns:
            columns[key] = make_keys(schema.field(key), n_rows, start, generator(self.seed, "generate", shard, "keys"))
        fields = [self._field(schema.field(name)) for name in schema.names]
        arrays = [columns[name] for name in schema.names]
        rows = pa.table(arrays, schema=pa.schema(fields, metadata=schema.metadata))
        return parquet_table(self.plan.constraints.checked(rows))

    def _field(self, field: pa.Field) -> pa.Field:
        """The field as declared; nullable too where seeds have nulls, or none but protected values can fill it."""
        encoding = self.statistics.columns.get(field.name)
        if field.nullable:
            return field
        is_seeded = self.seeds is not None and field.name in self.seeds.names
        if is_seeded and self.seeds is not None and field.name not in self.seeds.filled:
            return field.with_nullable(self.seeds.table[field.name].null_count > 0)
        if encoding is None:
            return field
        return field.with_nullable(draws_nulls(encoding, self.config.rare_category_replacement_method))

    def _modelled_columns(self, shard: int, n_rows: int, seeds: SeedData | None) -> dict[str, pa.Array]:
        if self.network is None:
            return {}
        codes = self._codes(self.network, shard, n_rows, seeds).numpy()
        columns = {}
        for name, encoding in self.statistics.columns.items():
            if seeds is not None and name in seeds.names and name not in seeds.filled:
                continue
            rng = generator(self.seed, "generate", shard, "decode", name)
            columns[name] = encoding.decode(codes[:, self.network.layout.places(name)], rng)
        return self.plan.constraints.settled(columns, codes, seeds, generator(self.seed, "generate", shard, "settle"))

    def _codes(self, network: TabularNetwork, shard: int, n_rows: int, seeds: SeedData | None) -> Tensor:
        rng = generator(self.seed, "generate", shard, "order of even numbers")
        numbers = even_numbers(shard * SHARD_ROWS, n_rows, self.n_rows, rng)
        codes = self._draw(network, n_rows, seeds, numbers, "generate", shard, "codes")
        if self.plan.parity is None:
            return codes
        drawing = torch.Generator().manual_seed(derive_seed(self.seed, "generate", shard, "parity"))
        probabilities = self._of_target(network, codes, seeds, self.plan.parity)
        groups = _groups(codes, self.plan.parity)
        fair = tilted(probabilities, groups, self._fair_shares)
        codes[:, self.plan.parity.target] = draw_evenly(fair, groups, drawing).int()
        return codes

    def _draw(
        self,
        network: TabularNetwork,
        n_rows: int,
        seeds: SeedData | None,
        numbers: "np.typing.NDArray[np.float64]",
        *purpose: str | int,
    ) -> Tensor:
        return sample(
            network,
            n_rows,
            torch.Generator().manual_seed(derive_seed(self.seed, *purpose)),
            given=None if seeds is None else self._given(network, seeds),
            interventions=replace(self.plan.interventions, masks=self.plan.constraints.masks(seeds)),
            order=self.plan.order,
            numbers=dict.fromkeys(self.plan.interventions.shares, torch.from_numpy(numbers)),
            batch_size=self.config.batch_size or DEFAULT_BATCH,
        )

    def _given(self, network: TabularNetwork, seeds: SeedData) -> Given:
        layout = network.layout
        given = Given.nothing(seeds.n_rows, len(layout.cardinalities), layout.n_columns)
        for index, (name, encoding) in enumerate(self.statistics.columns.items()):
            if name in seeds.names:
                given.codes_NK[:, layout.places(name)] = torch.from_numpy(seeds.codes(name, encoding))
                given.is_given_NC[:, index] = torch.from_numpy(seeds.is_given(name))
        return given

    def _of_target(self, network: TabularNetwork, codes: Tensor, seeds: SeedData | None, parity: Parity) -> Tensor:
        """Probabilities of a target given all else; not those that rebalancing fixes, which ignore all else."""
        interventions = replace(self.plan.interventions, shares={}, masks=self.plan.constraints.masks(seeds))
        batch_size = self.config.batch_size or DEFAULT_BATCH
        return probabilities_of(network, codes, parity.target, interventions, batch_size)

    @cached_property
    def _fair_shares(self) -> Tensor:
        """The shares of the target's codes that every group is to have: those that all rows have without fairness."""
        assert self.network is not None
        assert self.plan.parity is not None
        n_rows, seeds = PILOT_ROWS, self.seeds
        if seeds is not None:
            step = max(1, -(-self.n_rows // PILOT_ROWS))
            seeds = replace(seeds, table=seeds.table.take(pa.array(np.arange(0, self.n_rows, step))))
            n_rows = seeds.n_rows
        numbers = even_numbers(0, n_rows, n_rows, generator(self.seed, "generate", "pilot"))
        codes = self._draw(self.network, n_rows, seeds, numbers, "generate", "pilot codes")
        size = self.network.layout.cardinalities[self.plan.parity.target]
        counts = torch.bincount(codes[:, self.plan.parity.target], minlength=size).double()
        return counts / counts.sum().clamp(min=1)


def open_rows(workspace: Workspace, config: GenerateConfig, seed_data: TableLike | None = None) -> RowSource:
    """Open the model of a workspace, and check all that is wanted of it before any row is drawn.

    Args:
        workspace: With a trained model; needs of it nothing but ``ModelStore``.
        config: Settings of `generate`.
        seed_data: Columns that are given.

    Raises:
        ArtefactError: there is no trained model, or its files are damaged.
        InputError: something that the model cannot do, naming the parameter and the column.
    """
    device = resolve_device(config.device)
    stats = workspace.read(Artefact.TGT_STATS)
    model = workspace.read(Artefact.MODEL_DATA, made_from={Artefact.TGT_STATS: stats.manifest})
    if not model.manifest.facts.get("finished", True):
        warnings.warn(
            f"{workspace.folder(Artefact.MODEL_DATA)}: its training was interrupted, so the best model up to then is "
            "used; run train with model_state_strategy='RESUME' to go on with it",
            stacklevel=4,
        )
    statistics = TableStatistics.model_validate(stats.json(FILE_NAME))
    configs = ModelConfigs.model_validate(model.json(CONFIGS_FILE))
    filled = config.imputation.columns if config.imputation else ()
    seeds = None if seed_data is None else SeedData.of(seed_data, statistics, filled)
    if seeds is not None:
        seeds.check_encodable(statistics.columns)
    layout = layout_of(statistics)
    plan = make_plan(config, statistics, layout, is_flexible=configs.enable_flexible_generation, seeds=seeds)
    source = RowSource(
        statistics=statistics,
        network=load_network(model, statistics, device),
        config=config,
        plan=plan,
        seed=fresh_seed() if config.random_state is None else config.random_state,
        n_rows=_n_rows(config, statistics, seeds),
        seeds=seeds,
        inputs={Artefact.MODEL_DATA: model.manifest, Artefact.TGT_STATS: stats.manifest},
    )
    _check_last_key(source)
    return source


def _n_rows(config: GenerateConfig, statistics: TableStatistics, seeds: SeedData | None) -> int:
    if seeds is None:
        return statistics.total_records if config.sample_size is None else config.sample_size
    if config.sample_size not in (None, seeds.n_rows):
        raise InputError(
            f"sample_size: seed_data has {seeds.n_rows} row(s), which is how many are generated, found "
            f"{config.sample_size}; leave it out"
        )
    return seeds.n_rows


def _check_last_key(source: RowSource) -> None:
    """Refuse more rows than there are keys before the work of many shards is lost."""
    key = source.statistics.keys.primary_key
    is_made = key is not None and not (source.seeds is not None and key in source.seeds.names)
    if is_made and source.n_rows > 0:
        field = source.statistics.schema.field(key)
        make_keys(field, 1, source.n_rows - 1, generator(0, "generate", "last key"))


def _groups(codes: Tensor, parity: Parity) -> Tensor:
    """Index of the group of each row: rows with the same sensitive codes are one."""
    groups: Tensor = torch.unique(codes[:, parity.sensitive], dim=0, return_inverse=True)[1]
    return groups
