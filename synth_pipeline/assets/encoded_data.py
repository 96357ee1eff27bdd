"""encoded_data: the original rows as integer codes, ready for training."""

from typing import Any

from dagster import MaterializeResult, Nothing, OpExecutionContext, Out, graph_asset, op

from synth_engine.stages import encode
from synth_engine.workspace import Artefact
from synth_pipeline import metadata
from synth_pipeline.assets.column_stats import read_encodings
from synth_pipeline.assets.shared import ASSET, ENCODE, SENSITIVE, after, waiting_for
from synth_pipeline.stages import RESOURCES, running


@op(ins=waiting_for("original_data", "column_stats"), out=Out(Nothing), required_resource_keys=RESOURCES)
def encode_rows(context: OpExecutionContext) -> MaterializeResult[Any]:
    """Encode, unless data and encodings are those of last time."""
    with running(context, ENCODE) as run:
        outcome = run.ensure(encode)
        manifest = run.workspace.manifest(Artefact.ENCODED_DATA)
        return run.result(outcome, metadata.encoded_data(manifest, read_encodings(run.workspace)))


@graph_asset(**ASSET, ins=after("original_data", "column_stats"), kinds={"parquet"}, tags=SENSITIVE)
def encoded_data(original_data: Any, column_stats: Any) -> Any:
    """The original rows as integer codes. As sensitive as the rows themselves."""
    return encode_rows(original_data=original_data, column_stats=column_stats)
