"""encoded_data: the original rows as integer codes, ready for training."""

from typing import Any

from dagster import MaterializeResult, Nothing, OpExecutionContext, Out, graph_asset, op

from synth_engine.stages import PartsPlan, encode_parts, finish_encoding, plan_encoding
from synth_engine.workspace import Artefact
from synth_pipeline import metadata
from synth_pipeline.assets.column_stats import read_encodings
from synth_pipeline.assets.shared import ASSET, CPU, ENCODE, PLANS, SENSITIVE, WORKS, after, ending, waiting_for
from synth_pipeline.parts import Outputs, do_parts, finish, plan_parts
from synth_pipeline.stages import running


@op(**PLANS, **CPU, ins=waiting_for("original_data", "column_stats"))
def plan_codes(context: OpExecutionContext) -> Outputs:
    """See whether data or encodings are others than last time; only then there is work for others."""
    with running(context, ENCODE) as run:
        yield from plan_parts(run, None, plan_encoding)


@op(out=Out(float), **WORKS, **CPU)
def encode_partitions(context: OpExecutionContext, work: dict[str, Any]) -> float:
    """Encode the rows of some partition files."""
    with running(context, ENCODE) as run:
        return do_parts(run, work, encode_parts)


@op(**CPU, ins=ending("original_data", "column_stats"), out=Out(Nothing))
def gather_codes(context: OpExecutionContext, plan: dict[str, Any], done: list[float]) -> MaterializeResult[Any]:
    """Let the codes of all partitions take the place of those of last time."""
    with running(context, ENCODE) as run:

        def publish(made: dict[str, Any]) -> None:
            finish_encoding(PartsPlan.model_validate(made), workspace_dir=run.place)

        outcome = finish(run, plan, done, publish)
        manifest = run.workspace.manifest(Artefact.ENCODED_DATA)
        shown = metadata.encoded_data(manifest, read_encodings(run.workspace))
        return run.result(outcome, shown | metadata.speed(shown["dagster/row_count"], outcome.seconds))


@graph_asset(**ASSET, ins=after("original_data", "column_stats"), kinds={"parquet"}, tags=SENSITIVE)
def encoded_data(original_data: Any, column_stats: Any) -> Any:
    """The original rows as integer codes. As sensitive as the rows themselves."""
    plan, work = plan_codes(original_data=original_data, column_stats=column_stats)
    done = work.map(encode_partitions).collect()
    return gather_codes(plan=plan, done=done, original_data=original_data, column_stats=column_stats)
