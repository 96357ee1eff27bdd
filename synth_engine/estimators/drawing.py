"""Rows drawn with a model, and their way into pandas."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from synth_engine.domain import GenerateConfig, RareCategoryReplacementMethod
from synth_engine.stages.layouts import original_table, plain_table
from synth_engine.stages.table_input import TableLike
from synth_engine.workspace import Workspace


def draw_rows(
    workspace: Workspace,
    config: GenerateConfig,
    seed_data: TableLike | None = None,
    ctx_data: TableLike | None = None,
) -> pa.Table:
    """All rows of a draw in memory, with their original types; see `generate`."""
    from synth_engine.stages.generating.opening import open_source  # it needs torch

    source = open_source(workspace, config, seed_data, ctx_data)
    return original_table(pa.concat_tables([source.shard(shard) for shard in range(source.n_shards)]))


def draw_for(workspace: Workspace, given: pa.Table, n_draws: int, **settings: Any) -> pa.Table:
    """For each row that is given `n_draws` rows, next to each other; in plain layout.

    Rare categories are drawn as others: who predicts or fills in wants a value that there is.
    """
    config = GenerateConfig.of(
        sample_size=given.num_rows * n_draws,
        rare_category_replacement_method=RareCategoryReplacementMethod.sample,
        **settings,
    )
    repeated = given.take(np.repeat(np.arange(given.num_rows), n_draws)) if given.num_columns else None
    return plain_table(draw_rows(workspace, config, repeated)).combine_chunks()


def as_frame(table: pa.Table) -> pd.DataFrame:
    """The table in pandas: in the types of the frame that was fitted, or in Arrow's own if it was no frame."""
    original = original_table(table)
    is_of_pandas = b"pandas" in (original.schema.metadata or {})
    frame: pd.DataFrame = original.to_pandas(types_mapper=None if is_of_pandas else pd.ArrowDtype)
    return frame
