"""Rows drawn with a model, as frames with the original types."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from synth_engine.domain import GenerateConfig
from synth_engine.stages.layouts import original_table
from synth_engine.stages.table_input import TableLike
from synth_engine.workspace import Workspace


def draw_rows(workspace: Workspace, config: GenerateConfig, seed_data: TableLike | None = None) -> pd.DataFrame:
    """All rows of a draw in memory, see `generate`."""
    from synth_engine.stages.row_source import open_rows

    source = open_rows(workspace, config, seed_data)
    return as_frame(pa.concat_tables([source.shard(shard) for shard in range(source.n_shards)]))


def draw_for(workspace: Workspace, given: pa.Table, n_draws: int, settings: dict[str, Any]) -> pd.DataFrame:
    """For each row that is given `n_draws` rows, next to each other."""
    method = "SAMPLE"  # who predicts or fills in wants a value that there is
    n_rows = given.num_rows * n_draws
    config = GenerateConfig.of(sample_size=n_rows, rare_category_replacement_method=method, **settings)
    if not given.num_columns:
        return draw_rows(workspace, config)
    return draw_rows(workspace, config, given.take(np.repeat(np.arange(given.num_rows), n_draws)))


def as_frame(table: pa.Table) -> pd.DataFrame:
    """The table in pandas: in the types of the frame that was fitted, or in Arrow's own if it was no frame."""
    original = original_table(table)
    is_of_pandas = b"pandas" in (original.schema.metadata or {})
    frame: pd.DataFrame = original.to_pandas(types_mapper=None if is_of_pandas else pd.ArrowDtype)
    return frame
