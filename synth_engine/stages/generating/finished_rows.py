"""The schema of the rows that are written: original names, order and types; nullable where nulls may be."""

import pyarrow as pa

from synth_engine.domain import RareCategoryReplacementMethod
from synth_engine.encodings import draws_nulls
from synth_engine.stages.generating.seed_data import SeedData
from synth_engine.stages.statistics import TableStatistics


def finished_schema(
    statistics: TableStatistics, method: RareCategoryReplacementMethod, seeds: SeedData | None, *, in_all_rows: bool
) -> pa.Schema:
    """The schema of all shards; fields are as declared, but nullable too where nulls may be given or drawn.

    Args:
        statistics: Of the original table.
        method: What is shown in place of rare categories; where no other value may be shown it can be null.
        seeds: What is given, of all shards together.
        in_all_rows: Whether every row to come has its seed.
    """

    def has_nulls(name: str) -> bool:
        is_given = seeds is not None and name in seeds.names and name not in seeds.filled
        if is_given and seeds is not None and (seeds.table[name].null_count or in_all_rows):
            return bool(seeds.table[name].null_count)
        if name in statistics.language:
            encoding = statistics.language[name]
            return encoding.has_nulls or not encoding.has_values
        return name in statistics.columns and draws_nulls(statistics.columns[name], method)

    schema = statistics.schema
    fields = [field if field.nullable else field.with_nullable(has_nulls(field.name)) for field in schema]
    return pa.schema(fields, metadata=schema.metadata)
