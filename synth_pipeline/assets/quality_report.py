"""quality_report: how good and how private the synthetic rows are, measured against training and held-out rows."""

from typing import Any

from dagster import MaterializeResult, Nothing, OpExecutionContext, Out, graph_asset, op

from synth_engine.report import judge, make_report, read_report
from synth_engine.workspace import Artefact
from synth_pipeline import metadata
from synth_pipeline.assets.shared import ASSET, CPU, REPORT, SHAREABLE, after, waiting_for
from synth_pipeline.release import ReportSettings, release_of
from synth_pipeline.stages import StageRun, running


@op(ins=waiting_for("synthetic_data"), out=Out(Nothing), **CPU)
def measure_report(context: OpExecutionContext) -> MaterializeResult[Any]:
    """Measure, unless that was done of the rows that are there, with the same settings."""
    with running(context, REPORT) as run:
        settings = ReportSettings.of(run.dataset, run.config)

        def measure(workspace_dir: str, update_progress: Any, **_: Any) -> None:
            make_report(
                workspace_dir,
                name=settings.name,
                seed=settings.seed,
                qa=settings.qa,
                limits=release_of(run.config).limits,
                update_progress=update_progress,
            )

        outcome = run.ensure(measure, settings)
        return run.result(outcome, _shown(run))


def _shown(run: StageRun) -> metadata.Metadata:
    report = read_report(run.workspace.root)
    verdict = judge(report, release_of(run.config).limits)
    record = run.record()
    drawn = record.distributions if record is not None else None
    shown = metadata.quality_report(report, verdict, run.workspace.folder(Artefact.REPORT), drawn)
    if drawn is None:
        run.remember(distributions=shown["figures"].value)
    return shown


@graph_asset(**ASSET, ins=after("synthetic_data"), kinds={"html"}, tags=SHAREABLE)
def quality_report(synthetic_data: Any) -> Any:
    """Fidelity, utility and privacy of the synthetic rows, each with what real rows reach; a page and a JSON file."""
    return measure_report(synthetic_data=synthetic_data)
