"""column_stats: a fitted encoding for every column, with rare values and extremes left out."""

from typing import Any

from dagster import MaterializeResult, Nothing, OpExecutionContext, Out, graph_asset, op
from pydantic import TypeAdapter

from synth_engine.encodings import AnyEncoding, AnyLanguageEncoding, Encoding, LanguageEncoding
from synth_engine.stages import analyze
from synth_engine.workspace import Artefact, Workspace
from synth_pipeline import metadata
from synth_pipeline.assets.shared import ANALYZE, ASSET, SHAREABLE, after, waiting_for
from synth_pipeline.sequences import released_lengths
from synth_pipeline.stages import RESOURCES, running

_COLUMNS = TypeAdapter(dict[str, AnyEncoding])
_WRITTEN = TypeAdapter(dict[str, AnyLanguageEncoding])


@op(ins=waiting_for("original_data"), out=Out(Nothing), required_resource_keys=RESOURCES)
def analyze_columns(context: OpExecutionContext) -> MaterializeResult[Any]:
    """Fit the encodings, unless data and settings are those of last time."""
    with running(context, ANALYZE) as run:
        outcome = run.ensure(analyze, run.config.analyze)
        protected = run.config.analyze.value_protection
        shown = metadata.column_stats(read_encodings(run.workspace), protected)
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
    return analyze_columns(original_data=original_data)
