"""Synthetic rows of a tabular model, shard by shard: the half of `generate` that needs torch."""

from dataclasses import dataclass

import pyarrow as pa
import torch

from synth_engine.domain import GenerateConfig
from synth_engine.domain.randomness import derive_seed, generator
from synth_engine.encodings import draws_nulls
from synth_engine.stages.keys import make_keys
from synth_engine.stages.layouts import parquet_table
from synth_engine.stages.statistics import TableStatistics
from synth_engine.tabular.interventions import Interventions
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.sampler import DEFAULT_BATCH, sample

# Part of what a seed means: another size gives other rows.
SHARD_ROWS = 65_536


@dataclass(frozen=True)
class RowSource:
    """Everything that a shard of rows depends on.

    Guarantees: a shard depends on the model, the settings, the seed and its number alone, so that shards may be made
    by any number of workers in any order.
    """

    statistics: TableStatistics
    network: TabularNetwork | None
    config: GenerateConfig
    seed: int

    def shard(self, shard: int, n_rows: int) -> pa.Table:
        """The rows of one shard, with the original columns and types."""
        columns = self._modelled_columns(shard, n_rows)
        schema = self.statistics.schema
        key = self.statistics.keys.primary_key
        if key is not None:
            rng = generator(self.seed, "generate", shard, "keys")
            columns[key] = make_keys(schema.field(key), n_rows, shard * SHARD_ROWS, rng)
        fields = [self._field(schema.field(name)) for name in schema.names]
        arrays = [columns[name] for name in schema.names]
        return parquet_table(pa.table(arrays, schema=pa.schema(fields, metadata=schema.metadata)))

    def _field(self, field: pa.Field) -> pa.Field:
        """The field as declared; only where none but protected values could have filled it, it may be null."""
        encoding = self.statistics.columns.get(field.name)
        if field.nullable or encoding is None:
            return field
        return field.with_nullable(draws_nulls(encoding, self.config.rare_category_replacement_method))

    def _modelled_columns(self, shard: int, n_rows: int) -> dict[str, pa.Array]:
        if self.network is None:
            return {}
        codes = sample(
            self.network,
            n_rows,
            torch.Generator().manual_seed(derive_seed(self.seed, "generate", shard, "codes")),
            interventions=self._interventions(self.network),
            batch_size=self.config.batch_size or DEFAULT_BATCH,
        ).numpy()
        columns = {}
        for name, encoding in self.statistics.columns.items():
            rng = generator(self.seed, "generate", shard, "decode", name)
            columns[name] = encoding.decode(codes[:, self.network.layout.places(name)], rng)
        return columns

    def _interventions(self, network: TabularNetwork) -> Interventions:
        forbidden: dict[int, list[int]] = {}
        for name, encoding in self.statistics.columns.items():
            never = encoding.never_drawn(self.config.rare_category_replacement_method)
            places = dict(zip(encoding.cardinalities, network.layout.places(name), strict=True))
            forbidden |= {places[part]: codes for part, codes in never.items() if codes}
        return Interventions(self.config.sampling_temperature, self.config.sampling_top_p, forbidden)
