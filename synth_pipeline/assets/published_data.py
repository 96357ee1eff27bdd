"""published_data: synthetic rows that passed the gate, with their report and signed evidence."""

from typing import Any

from dagster import (
    AssetObservation,
    Config,
    DataVersion,
    Failure,
    MaterializeResult,
    Nothing,
    OpExecutionContext,
    Out,
    graph_asset,
    op,
)
from pydantic import Field

from synth_engine.domain import UserError
from synth_engine.report import Report, Verdict, current_report, judge
from synth_pipeline import metadata
from synth_pipeline.assets.shared import ASSET, CPU, PUBLISH, SHAREABLE, after, waiting_for
from synth_pipeline.release import Override, Release, publish, release_of
from synth_pipeline.resources import Notice, Storage
from synth_pipeline.stages import RESOURCES, StageRun, running


class OverrideConfig(Config):
    """Who publishes against the verdict, and why; both are recorded in the evidence, for everybody to read."""

    override_by: str = Field("", description="Name of the person who takes responsibility.")
    override_reason: str = Field("", description="Why it is published although checks forbid it.")


@op(ins=waiting_for("quality_report"), out=Out(Nothing), **CPU | {"required_resource_keys": RESOURCES | {"notifier"}})
def publish_rows(context: OpExecutionContext, config: OverrideConfig) -> MaterializeResult[Any]:
    """Judge the report that is there now, whatever ran before, and publish what passes."""
    with running(context, PUBLISH) as run:
        override = Override.of(config.override_by, config.override_reason)
        report = _report(run)
        release = release_of(run.config)
        verdict = judge(report, release.limits)
        if verdict.passed:
            override = None  # there is nothing to override
        elif override is None:
            raise _refused(run, verdict)
        storage: Storage = context.resources.storage
        made = publish(
            Release(run.dataset, run.config, run.workspace, report, verdict, override, context.run_id),
            storage.published(release.publish_to),
        )
        if made.is_new and override is not None:
            text = f"{override.by} published against {len(verdict.blocking)} checks: {override.reason}"
            notice = Notice(
                title="Published against the verdict", text=text, dataset=run.dataset, run_id=context.run_id
            )
            context.resources.notifier.notify(notice, context.log)
        shown = metadata.published_data(made.evidence, made.folder, made.is_new)
        run.end(shown)
        return MaterializeResult(metadata=shown, data_version=DataVersion(made.evidence.version))


def _report(run: StageRun) -> Report:
    report = current_report(run.workspace.root)
    if report is None:
        raise UserError("there is no report about the rows that are there now; materialise quality_report first")
    return report


def _refused(run: StageRun, verdict: Verdict) -> Failure:
    """What the run fails with; the asset's own page, where a failure leaves nothing, gets an observation."""
    reasons = "\n".join(f"* {finding.check}: {finding.says}" for finding in verdict.blocking)
    told = (
        f"{run.dataset} was not published, {len(verdict.blocking)} checks forbid it:\n{reasons}\n"
        "Mend what they say and make the rows anew; change release.limits in the dataset's file if they are not meant; "
        "or launch this asset with override_by and override_reason, which are recorded."
    )
    shown = metadata.verdict(verdict)
    run.context.log_event(
        AssetObservation(asset_key=run.stage.asset, partition=run.dataset, description=told, metadata=shown)
    )
    return Failure(description=told, metadata=shown, allow_retries=False)


@graph_asset(**ASSET, ins=after("quality_report"), kinds={"parquet"}, tags=SHAREABLE)
def published_data(quality_report: Any) -> Any:
    """A copy of rows, report and signed evidence where others take them from; only of rows that passed the gate."""
    return publish_rows(quality_report=quality_report)
