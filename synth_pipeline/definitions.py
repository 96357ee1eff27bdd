"""Dagster's entrance: everything that the pipeline defines, put together."""

from typing import Any

from dagster import Definitions, load_asset_checks_from_package_module, load_assets_from_package_module

from synth_pipeline import assets, checks
from synth_pipeline.automation.conditions import condition_sensors, with_conditions
from synth_pipeline.automation.drift_report import drift_report
from synth_pipeline.automation.failures import failures
from synth_pipeline.automation.releases import releases
from synth_pipeline.automation.retraining import retraining
from synth_pipeline.automation.schedules import schedules
from synth_pipeline.automation.sensors import arrivals
from synth_pipeline.compute import executor, handover
from synth_pipeline.jobs import REQUESTABLE, audit
from synth_pipeline.resources import Listener, Notifier, Storage


def build_definitions(**resource_overrides: Any) -> Definitions:
    """The pipeline's definitions, with resources replaced by name (``storage``, ``listener``, ``notifier``)."""
    return Definitions(
        assets=with_conditions([*load_assets_from_package_module(assets), drift_report]),
        asset_checks=load_asset_checks_from_package_module(checks),
        jobs=[*REQUESTABLE, audit],
        sensors=[arrivals, schedules, retraining, releases, failures, *condition_sensors()],
        resources={
            "storage": Storage(),
            "listener": Listener(),
            "notifier": Notifier(),
            "io_manager": handover(),
            **resource_overrides,
        },
        executor=executor(),
    )


defs = build_definitions()
