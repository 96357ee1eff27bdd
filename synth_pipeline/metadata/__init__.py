"""What the engine made, as metadata that the Dagster UI shows. Pure: facts in, metadata out.

Belongs here: how facts look on an asset's page. Does not belong here: finding the facts. No value of a real row may
ever be shown.
"""

from synth_pipeline.metadata.columns import Columns, column_stats, encoded_data
from synth_pipeline.metadata.common import (
    Metadata,
    markdown_picture,
    markdown_table,
    privacy,
    provenance,
    speed,
    table_schema,
    value_privacy,
)
from synth_pipeline.metadata.model import model_store
from synth_pipeline.metadata.original import original_data
from synth_pipeline.metadata.release import published_data, quality_report, shadow_audit, verdict
from synth_pipeline.metadata.synthetic import N_PREVIEW_ROWS, distributions, quality, synthetic_data

__all__ = [
    "N_PREVIEW_ROWS",
    "Columns",
    "Metadata",
    "column_stats",
    "distributions",
    "encoded_data",
    "markdown_picture",
    "markdown_table",
    "model_store",
    "original_data",
    "privacy",
    "provenance",
    "published_data",
    "quality",
    "quality_report",
    "shadow_audit",
    "speed",
    "synthetic_data",
    "table_schema",
    "value_privacy",
    "verdict",
]
