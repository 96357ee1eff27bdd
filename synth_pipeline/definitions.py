"""Dagster's entrance: everything that the pipeline defines, put together."""

from typing import Any

from dagster import Definitions, load_asset_checks_from_package_module, load_assets_from_package_module

from synth_pipeline import assets, checks
from synth_pipeline.compute import executor, handover
from synth_pipeline.jobs import synthesize
from synth_pipeline.resources import Listener, Storage


def build_definitions(**resource_overrides: Any) -> Definitions:
    """The pipeline's definitions, with resources replaced by name (``storage``, ``listener``)."""
    return Definitions(
        assets=load_assets_from_package_module(assets),
        asset_checks=load_asset_checks_from_package_module(checks),
        jobs=[synthesize],
        resources={"storage": Storage(), "listener": Listener(), "io_manager": handover(), **resource_overrides},
        executor=executor(),
    )


defs = build_definitions()
