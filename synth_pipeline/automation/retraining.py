"""The sensor `retraining`: a drift report that asks for it starts a training.

Belongs here: from the report to the run. Does not belong here: what is drift (`drift`, `drift_report`).
"""

import os
from typing import Any

from dagster import (
    AssetKey,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    RunStatusSensorContext,
    SkipReason,
    run_status_sensor,
)
from dagster._core.storage.tags import PARTITION_NAME_TAG

from synth_pipeline.automation.drift_report import OUTCOME, REASON, STRATEGY, drift_report
from synth_pipeline.automation.failures import UI_VARIABLE, run_link
from synth_pipeline.automation.sensors import CONTENT_TAG, REASON_TAG, STRATEGY_TAG
from synth_pipeline.jobs import measure_drift, synthesize
from synth_pipeline.resources import Notice, Notifier


@run_status_sensor(
    name="retraining",
    run_status=DagsterRunStatus.SUCCESS,
    monitored_jobs=[measure_drift],
    request_job=synthesize,
    default_status=DefaultSensorStatus.RUNNING,
    description="Requests a training where a source drifted; tells operators where the privacy budget forbids it.",
)
def retraining(context: RunStatusSensorContext, notifier: Notifier) -> RunRequest | SkipReason:
    """One finished report."""
    run = context.dagster_run
    dataset, report = run.tags[PARTITION_NAME_TAG], report_of(context.instance, run)
    if report is None:
        return SkipReason(f"{dataset}: the run made no report")
    if report[OUTCOME] == "train":
        tags = {STRATEGY_TAG: report[STRATEGY], REASON_TAG: report[REASON]}
        content = {CONTENT_TAG: run.tags[CONTENT_TAG]} if CONTENT_TAG in run.tags else {}
        return RunRequest(run_key=run.run_id, partition_key=dataset, tags=tags | content)
    if report[OUTCOME] == "refuse":
        link = run_link(run.run_id, os.environ.get(UI_VARIABLE))
        title = f"{dataset}: drift without a budget"
        notice = Notice(title=title, text=report[REASON], dataset=dataset, run_id=run.run_id, link=link)
        notifier.notify(notice, context.log)
    return SkipReason(f"{dataset}: {report[REASON]}")


def report_of(instance: DagsterInstance, run: DagsterRun) -> dict[str, Any] | None:
    """Metadata of the report that a run made."""
    records = instance.get_records_for_run(run.run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION).records
    key: AssetKey = drift_report.key
    for record in records:
        made = record.asset_materialization
        if made is not None and made.asset_key == key:
            return {name: value.value for name, value in made.metadata.items()}
    return None
