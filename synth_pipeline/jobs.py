"""Jobs: what can be launched as one run."""

from dagster import AssetSelection, define_asset_job

from synth_pipeline import assets
from synth_pipeline.automation.drift_report import drift_report

synthesize = define_asset_job(
    "synthesize",
    selection=[
        assets.original_data,
        assets.column_stats,
        assets.encoded_data,
        assets.model_store,
        assets.synthetic_data,
    ],
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

release = define_asset_job(
    "release",
    selection=AssetSelection.assets(assets.quality_report, assets.published_data)
    | AssetSelection.checks_for_assets(assets.quality_report),
    description="Measure how good and how private synthetic rows are, judge them, and publish what passes.",
)

audit = define_asset_job(
    "audit",
    selection=[assets.shadow_audit],
    description="Attack the settings of a dataset by small models with and without people who stand out.",
)

REQUESTABLE = [synthesize, prepare, measure_drift, release]
"""Those that sensors request."""
