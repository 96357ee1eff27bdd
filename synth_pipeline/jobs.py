"""Jobs: what can be launched as one run."""

from dagster import define_asset_job

from synth_pipeline import assets
from synth_pipeline.automation.drift_report import drift_report

synthesize = define_asset_job(
    "synthesize",
    selection=[getattr(assets, name) for name in assets.__all__],
    description="From a dataset's table to its synthetic twin. What is current already is not made again.",
)

prepare = define_asset_job(
    "prepare",
    selection=[assets.original_data, assets.column_stats, assets.encoded_data],
    description="From a dataset's table to codes, where model and rows are made by other runs, on other machines.",
)

measure_drift = define_asset_job(
    "measure_drift",
    selection=[drift_report],
    description="How far a changed source is from what the model was trained with. Nothing is trained.",
)

REQUESTABLE = [synthesize, prepare, measure_drift]
"""Those that sensors request."""
