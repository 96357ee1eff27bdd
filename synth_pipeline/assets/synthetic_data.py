"""synthetic_data: new rows drawn from the model, and figures on how like the original they are."""

from functools import partial
from typing import Any

import pyarrow as pa
from dagster import In, MaterializeResult, Nothing, OpExecutionContext, Out, graph_asset, op

from synth_engine.stages import generate
from synth_engine.workspace import Artefact, Workspace
from synth_pipeline import metadata
from synth_pipeline.assets.shared import ASSET, GENERATE, SHAREABLE, after, waiting_for
from synth_pipeline.compute import GPU, compute_tags, pool
from synth_pipeline.fidelity import MAX_ROWS, Fidelity, measure_fidelity
from synth_pipeline.parents import Parent
from synth_pipeline.records import write_record
from synth_pipeline.sequences import synthetic_sequences
from synth_pipeline.stages import RESOURCES, Outcome, StageRun, running


@op(
    ins=waiting_for("model_store"),
    out=Out(dict),
    required_resource_keys=RESOURCES,
    tags=compute_tags(GPU),
    pool=pool(GPU),
)
def generate_rows(context: OpExecutionContext) -> dict[str, Any]:
    """Generate, unless model, settings and the twin of the parent are those of last time."""
    with running(context, GENERATE) as run:
        if run.parent is None:
            return run.ensure(generate, run.config.generate).model_dump()
        twin = run.parent.twin_digest()  # before the twin itself is read: one that comes in between is noticed later
        known = run.record()
        told = "changed" if known and known.twin_of_context else "was not seen before"
        changed = known is None or known.twin_of_context != twin
        because = f"the synthetic data of {run.parent.name!r} {told}" if changed else None
        verb = partial(_generate_for, run.parent)
        outcome = run.ensure(verb, run.config.generate, because=because, remember={"twin_of_context": twin})
        return outcome.model_dump()


def _generate_for(parent: Parent, **parameters: Any) -> None:
    """Events of synthetic subjects, or the columns that synthetic rows lack: no original row is looked at."""
    given = {"ctx_data" if parent.is_context else "seed_data": parent.twin()}
    generate(**given, **parameters)


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
        shown |= synthetic_sequences(run.workspace, run.config, run.subjects) | _privacy(run)
        return run.result(outcome, shown)


def _privacy(run: StageRun) -> metadata.Metadata:
    """How people are protected; where there is a parent, also in what is known of that."""
    shown = metadata.privacy(run.config, run.workspace.manifest(Artefact.MODEL_DATA))
    if run.parent is None or not run.parent.workspace.has(Artefact.MODEL_DATA):
        return shown
    beside = metadata.privacy(run.parent.config, run.parent.workspace.manifest(Artefact.MODEL_DATA))
    whose = "context" if run.parent.is_context else "given_columns"
    return shown | {f"differential_privacy_of_{whose}": beside["differential_privacy"]}


def _figures(run: StageRun) -> Fidelity | None:
    record = run.record()
    if record is not None and record.fidelity is not None:
        return record.fidelity
    training, validation = (_rows(run.workspace, Artefact.TGT_DATA, role) for role in ("trn", "val"))
    synthetic = _rows(run.workspace, Artefact.SYNTHETIC_DATA, None)
    keys = [key for key in (run.config.primary_key, run.config.context_key) if key]
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
