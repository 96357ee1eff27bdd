"""Declarative automation: an asset is made anew when the data version of something that it is made from has changed.

For deployments with machines of their own for models: there `arrivals` requests the run up to the codes, and these
sensors request the rest, one sensor for each class of machines, so that no GPU waits for work that needs none. On one
machine `synthesize` makes everything in one run, and they are stopped.

Belongs here: conditions, and which sensor evaluates them. Does not belong here: what a class of machines means.
"""

from collections.abc import Sequence
from typing import Any

from dagster import (
    AssetSelection,
    AssetSpec,
    AutomationCondition,
    AutomationConditionSensorDefinition,
    DefaultSensorStatus,
    map_asset_specs,
)

from synth_pipeline.automation.sensors import REASON_TAG, separate_runs
from synth_pipeline.compute import CLASS_TAG

_NEWS = AutomationCondition.any_deps_match(
    AutomationCondition.data_version_changed() | AutomationCondition.will_be_requested()
)


def _when(news: AutomationCondition[Any], label: str) -> AutomationCondition[Any]:
    """`AutomationCondition.eager()` would also fire after runs that found nothing to do."""
    return (
        news.since_last_handled()
        & ~AutomationCondition.any_deps_missing()
        & ~AutomationCondition.any_deps_in_progress()
        & ~AutomationCondition.in_progress()
    ).with_label(label)


INPUTS_CHANGED = _when(_NEWS, "the data version of an input changed")
# Original rows are only what synthetic ones are compared with.
MODEL_CHANGED = _when(_NEWS.allow(AssetSelection.assets("model_store")), "the data version of the model changed")
CONDITIONS = {
    "column_stats": INPUTS_CHANGED,
    "encoded_data": INPUTS_CHANGED,
    "model_store": INPUTS_CHANGED,
    "synthetic_data": MODEL_CHANGED,
}
"""By asset. A root has no inputs in Dagster: whoever knows of new files, `arrivals`, asks for it."""

MADE_BY = {
    "cpu": ("original_data", "column_stats", "encoded_data"),
    "gpu": ("model_store", "synthetic_data"),
}
"""Assets by the class of machines that makes them."""


def with_conditions(assets: Sequence[Any]) -> Sequence[Any]:
    """The assets, with the condition on those that are made of others."""

    def with_condition(spec: AssetSpec) -> AssetSpec:
        condition = CONDITIONS.get(spec.key.to_user_string())
        return spec if condition is None else spec.replace_attributes(automation_condition=condition)

    return list(map_asset_specs(with_condition, assets))


def condition_sensors() -> list[AutomationConditionSensorDefinition]:
    """One for each class of machines; running where the environment asks for separate runs."""
    status = DefaultSensorStatus.RUNNING if separate_runs() else DefaultSensorStatus.STOPPED
    return [
        AutomationConditionSensorDefinition(
            f"changed_inputs_{compute}",
            target=list(names),
            run_tags={CLASS_TAG: compute, REASON_TAG: "the data version of an input changed"},
            default_status=status,
            description=f"Requests runs of {', '.join(names)} when what they are made from has changed.",
        )
        for compute, names in MADE_BY.items()
    ]
