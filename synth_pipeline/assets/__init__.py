"""The assets: one file per artefact, in the order in which they are made."""

from synth_pipeline.assets.column_stats import column_stats
from synth_pipeline.assets.encoded_data import encoded_data
from synth_pipeline.assets.model_store import model_store
from synth_pipeline.assets.original_data import original_data
from synth_pipeline.assets.published_data import published_data
from synth_pipeline.assets.quality_report import quality_report
from synth_pipeline.assets.shadow_audit import shadow_audit
from synth_pipeline.assets.synthetic_data import synthetic_data

__all__ = [
    "column_stats",
    "encoded_data",
    "model_store",
    "original_data",
    "published_data",
    "quality_report",
    "shadow_audit",
    "synthetic_data",
]
