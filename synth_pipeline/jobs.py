"""Jobs: what can be launched as one run."""

from dagster import define_asset_job

from synth_pipeline import assets

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

REQUESTABLE = [synthesize, prepare]
"""Those that sensors request."""
