"""synthetic_data: new rows drawn from the model, and figures on how like the original they are."""

from typing import Any

import pyarrow as pa
from dagster import In, MaterializeResult, Nothing, OpExecutionContext, Out, graph_asset, op

from synth_engine.stages import generate
from synth_engine.workspace import Artefact, Workspace
from synth_pipeline import metadata
from synth_pipeline.assets.shared import ASSET, GENERATE, SHAREABLE, after, waiting_for
from synth_pipeline.fidelity import MAX_ROWS, Fidelity, measure_fidelity
from synth_pipeline.records import write_record
from synth_pipeline.stages import RESOURCES, Outcome, StageRun, running


@op(ins=waiting_for("model_store"), out=Out(dict), required_resource_keys=RESOURCES)
def generate_rows(context: OpExecutionContext) -> dict[str, Any]:
    """Generate, unless model and settings are those of last time."""
    with running(context, GENERATE) as run:
        return run.ensure(generate, run.config.generate).model_dump()


@op(
    ins={"generated": In(dict), **waiting_for("original_data", "model_store")},
    out=Out(Nothing),
    required_resource_keys=RESOURCES,
)
def measure_quality(context: OpExecutionContext, generated: dict[str, Any]) -> MaterializeResult[Any]:
    """Compare synthetic and validation rows, unless that was done for these rows before."""
    with running(context, GENERATE) as run:
        outcome = Outcome.model_validate(generated)
        reader = run.workspace.read(Artefact.SYNTHETIC_DATA)
        preview = reader.table(reader.parts()[0]).slice(0, metadata.N_PREVIEW_ROWS)
        folder = run.workspace.folder(Artefact.SYNTHETIC_DATA)
        shown = metadata.synthetic_data(reader.rows(), preview, folder, outcome.seconds, _figures(run))
        return run.result(outcome, shown | metadata.privacy(run.config, run.workspace.manifest(Artefact.MODEL_DATA)))


def _figures(run: StageRun) -> Fidelity | None:
    record = run.record()
    if record is not None and record.fidelity is not None:
        return record.fidelity
    training, validation = (_rows(run.workspace, Artefact.TGT_DATA, role) for role in ("trn", "val"))
    synthetic = _rows(run.workspace, Artefact.SYNTHETIC_DATA, None)
    keys = [run.config.primary_key] if run.config.primary_key else []
    figures = measure_fidelity(synthetic, training, validation, keys=keys)
    if record is not None:
        write_record(run.workspace, run.stage.asset, record.model_copy(update={"fidelity": figures}))
    return figures


def _rows(workspace: Workspace, artefact: Artefact, role: str | None) -> pa.Table:
    """As many rows as the comparison looks at."""
    reader = workspace.read(artefact)
    tables: list[pa.Table] = []
    for name in reader.parts(role):
        tables.append(reader.table(name))
        if sum(table.num_rows for table in tables) >= MAX_ROWS:
            break
    return pa.concat_tables(tables)


@graph_asset(**ASSET, ins=after("model_store", "original_data"), kinds={"parquet"}, tags=SHAREABLE)
def synthetic_data(model_store: Any, original_data: Any) -> Any:
    """The synthetic twin: new rows with the schema of the original table, and how like the original they are."""
    generated = generate_rows(model_store=model_store)
    # The last op gets all inputs of the asset: Dagster notes the versions of those only.
    return measure_quality(generated=generated, original_data=original_data, model_store=model_store)
