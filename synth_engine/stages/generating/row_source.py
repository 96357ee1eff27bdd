"""Synthetic rows of a flat table, shard by shard."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from synth_engine.domain import GenerateConfig
from synth_engine.domain.randomness import derive_seed, fresh_seed, generator
from synth_engine.stages.devices import resolve_device
from synth_engine.stages.generating import shard_sizes
from synth_engine.stages.generating.draw_plan import DrawPlan, Parity, make_plan
from synth_engine.stages.generating.even_numbers import even_numbers
from synth_engine.stages.generating.finished_rows import finished_schema
from synth_engine.stages.generating.opened_model import OpenedModel
from synth_engine.stages.generating.seed_data import SeedData, n_rows_of
from synth_engine.stages.keys import make_keys
from synth_engine.stages.layouts import parquet_table
from synth_engine.stages.model_files import layout_of, load_network
from synth_engine.stages.statistics import TableStatistics
from synth_engine.stages.table_input import TableLike
from synth_engine.tabular.given import Given
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.parity import draw_evenly, probabilities_of, tilted
from synth_engine.tabular.sampler import DEFAULT_BATCH, sample
from synth_engine.workspace import Artefact, Manifest

# From so many rows the shares of a target are found that all groups are to have; they are off by a few in a thousand.
PILOT_ROWS = 32_768


@dataclass(frozen=True)
class RowSource:
    """Everything that a shard of rows depends on. Use `open_source` to get one.

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

    unit: ClassVar[str] = "rows"

    @classmethod
    def of(cls, model: OpenedModel, config: GenerateConfig, seed_data: TableLike | None) -> Self:
        """Check all that is wanted of a model before any row is drawn; raises `InputError`."""
        statistics, device = model.statistics, resolve_device(config.device)
        filled = config.imputation.columns if config.imputation else ()
        seeds = None if seed_data is None else SeedData.of(seed_data, statistics, filled)
        if seeds is not None:
            seeds.check_encodable(statistics.columns)
        is_flexible = model.configs.enable_flexible_generation
        source = cls(
            statistics=statistics,
            plan=make_plan(config, statistics, layout_of(statistics), is_flexible=is_flexible, seeds=seeds),
            network=load_network(model.files, statistics, device),
            config=config,
            seed=fresh_seed() if config.random_state is None else config.random_state,
            n_rows=n_rows_of(config, statistics, seeds),
            seeds=seeds,
            inputs=model.inputs,
        )
        _check_last_key(source)
        return source

    @property
    def given(self) -> Mapping[str, pa.Table]:
        """Tables that the user gave, by parameter."""
        return {} if self.seeds is None else {"seed_data": self.seeds.table}

    @property
    def n_shards(self) -> int:
        """Number of shards; one where there are no rows, for the schema."""
        return max(1, -(-self.n_rows // shard_sizes.SHARD_ROWS))

    def size(self, shard: int) -> int:
        """Number of rows of one shard."""
        return min(shard_sizes.SHARD_ROWS, self.n_rows - shard * shard_sizes.SHARD_ROWS)

    def shard(self, shard: int) -> pa.Table:
        """The rows of one shard, with the original columns and types."""
        start, n_rows = shard * shard_sizes.SHARD_ROWS, self.size(shard)
        seeds = self.seeds.slice(start, n_rows) if self.seeds else None
        columns = self._modelled_columns(shard, n_rows, seeds)
        if seeds is not None:
            columns |= {name: seeds.completed(name, columns.get(name)) for name in seeds.names}
        schema = self.statistics.schema
        key = self.statistics.keys.primary_key
        if key is not None and key not in columns:
            columns[key] = make_keys(schema.field(key), n_rows, start, generator(self.seed, "generate", shard, "keys"))
        method = self.config.rare_category_replacement_method
        finished = finished_schema(self.statistics, method, self.seeds, in_all_rows=True)
        rows = pa.table([columns[name] for name in schema.names], schema=finished)
        return parquet_table(self.plan.constraints.checked(rows))

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
        numbers = even_numbers(shard * shard_sizes.SHARD_ROWS, n_rows, self.n_rows, rng)
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
