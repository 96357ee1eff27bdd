"""column_stats: a fitted encoding for every column, in which no single person can be seen."""

from functools import partial
from typing import Any

from dagster import MaterializeResult, Nothing, OpExecutionContext, Out, graph_asset, op
from pydantic import TypeAdapter

from synth_engine.encodings import AnyEncoding, AnyLanguageEncoding, Encoding, LanguageEncoding
from synth_engine.stages import PartsPlan, finish_analysis, plan_analysis, summarise_parts
from synth_engine.workspace import Artefact, Workspace
from synth_pipeline import metadata
from synth_pipeline.assets.shared import ANALYZE, ASSET, CPU, PLANS, SHAREABLE, WORKS, after, ending, waiting_for
from synth_pipeline.parts import Outputs, do_parts, finish, plan_parts
from synth_pipeline.sequences import released_lengths
from synth_pipeline.stages import running

_COLUMNS = TypeAdapter(dict[str, AnyEncoding])
_WRITTEN = TypeAdapter(dict[str, AnyLanguageEncoding])


@op(**PLANS, **CPU, ins=waiting_for("original_data"))
def plan_statistics(context: OpExecutionContext) -> Outputs:
    """See whether data or settings are others than last time; only then there is work for others."""
    with running(context, ANALYZE) as run:
        yield from plan_parts(run, run.config.analyze, partial(plan_analysis, run.config.analyze))


@op(out=Out(float), **WORKS, **CPU)
def summarise_partitions(context: OpExecutionContext, work: dict[str, Any]) -> float:
    """Count the values in some partition files. What was counted stays with the rows until the encodings are fitted."""
    with running(context, ANALYZE) as run:
        return do_parts(run, work, summarise_parts)


@op(**CPU, ins=ending("original_data"), out=Out(Nothing))
def fit_encodings(context: OpExecutionContext, plan: dict[str, Any], done: list[float]) -> MaterializeResult[Any]:
    """Fit the encodings to what all partitions tell, as far as it may be known."""
    with running(context, ANALYZE) as run:

        def publish(made: dict[str, Any]) -> None:
            finish_analysis(PartsPlan.model_validate(made), workspace_dir=run.place)

        outcome = finish(run, plan, done, publish)
        protected = run.config.analyze.value_protection
        shown = metadata.column_stats(read_encodings(run.workspace), protected)
        shown |= metadata.speed(sum(run.workspace.manifest(Artefact.TGT_DATA).row_counts.values()), outcome.seconds)
        lengths = released_lengths(_statistics(run.workspace), run.config)
        return run.result(outcome, shown | lengths | metadata.value_privacy(run.config))


def read_encodings(workspace: Workspace) -> dict[str, Encoding | LanguageEncoding]:
    """The fitted encodings of a workspace, by column."""
    found = _statistics(workspace)
    return {**_COLUMNS.validate_python(found["columns"]), **_WRITTEN.validate_python(found.get("language", {}))}


def _statistics(workspace: Workspace) -> dict[str, Any]:
    statistics: dict[str, Any] = workspace.read(Artefact.TGT_STATS).json("stats.json")
    return statistics


@graph_asset(**ASSET, ins=after("original_data"), kinds={"json"}, tags=SHAREABLE)
def column_stats(original_data: Any) -> Any:
    """Encodings and protected value ranges of all columns: everything that is published about the original table."""
    plan, work = plan_statistics(original_data=original_data)
    return fit_encodings(plan=plan, done=work.map(summarise_partitions).collect(), original_data=original_data)
