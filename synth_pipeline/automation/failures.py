"""Failed runs: who is told, and what.

Belongs here: what of a failure is said outside of Dagster. Does not belong here: how it is sent (`resources`).
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from dagster import DagsterEvent, DagsterEventType, DefaultSensorStatus, RunFailureSensorContext, run_failure_sensor
from dagster._core.storage.tags import PARTITION_NAME_TAG, WILL_RETRY_TAG

from synth_pipeline.resources import Notice, Notifier

UI_VARIABLE = "SYNTH_UI_URL"


@dataclass(frozen=True)
class FailedStep:
    """What is known of a step that failed.

    Args:
        name: Of the step.
        description: Words made for users; None where an error was not foreseen.
        error: Type of the error.
    """

    name: str
    description: str | None
    error: str


def failure_notice(
    run_id: str, job: str, dataset: str | None, steps: Sequence[FailedStep], message: str, ui: str | None
) -> Notice:
    """The notice about a failed run.

    Words of errors that nobody foresaw are left out: they can quote values of the data.

    Args:
        run_id: Of the run.
        job: Its job.
        dataset: Its partition.
        steps: Those that failed, the first one first.
        message: What Dagster says of the end of the run; used where no step failed.
        ui: URL of the web server, if there is one.
    """
    first = steps[0] if steps else None
    told = message if first is None else first.description or f"unexpected {first.error}; the log of the run tells more"
    return Notice(
        title=f"{dataset or job}: the run failed",
        text=" ".join(told.split()),
        dataset=dataset,
        step=first.name if first else None,
        run_id=run_id,
        link=run_link(run_id, ui),
    )


def run_link(run_id: str, ui: str | None) -> str | None:
    """Where the web server shows a run."""
    return f"{ui.rstrip('/')}/runs/{run_id}" if ui else None


@run_failure_sensor(
    name="failures",
    default_status=DefaultSensorStatus.RUNNING,
    description="Tells operators of runs that failed and are not tried again. Runs that somebody cancelled are none.",
)
def failures(context: RunFailureSensorContext, notifier: Notifier) -> None:
    """Notify; a webhook that is down is only logged."""
    run = context.dagster_run
    if run.tags.get(WILL_RETRY_TAG) == "true":
        context.log.info(f"run {run.run_id} failed and is tried again; nobody is told")
        return
    steps = [_failed_step(event) for event in context.get_step_failure_events()]
    dataset = run.tags.get(PARTITION_NAME_TAG)
    message = _end(context.failure_event)
    notice = failure_notice(run.run_id, run.job_name, dataset, steps, message, os.environ.get(UI_VARIABLE))
    notifier.notify(notice, context.log)


def _failed_step(event: DagsterEvent) -> FailedStep:
    data = event.step_failure_data
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    described = data.user_failure_data.description if data.user_failure_data else None
    return FailedStep(str(event.step_key), described, (error.cls_name if error else None) or "error")


def _end(event: DagsterEvent) -> str:
    error = event.job_failure_data.error if event.event_type is DagsterEventType.RUN_FAILURE else None
    if error is not None:
        return f"it ended before its first step, by an unexpected {error.cls_name}; the log of the run tells more"
    return event.message or "its process is gone"
