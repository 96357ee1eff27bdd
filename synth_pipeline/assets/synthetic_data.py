"""synthetic_data: new rows drawn from the model, and figures on how like the original they are."""

import time
from typing import Any

import pyarrow as pa
from dagster import MaterializeResult, MetadataValue, Nothing, OpExecutionContext, Out, graph_asset, op

from synth_engine.stages import GenerationPlan, draw_shards, finish_generation, plan_generation
from synth_engine.workspace import Artefact, Workspace
from synth_pipeline import metadata
from synth_pipeline.assets.shared import (
    ASSET,
    CPU,
    GENERATE,
    GPU,
    PLANS,
    SHAREABLE,
    WORKS,
    after,
    ending,
    waiting_for,
)
from synth_pipeline.distributions import MAX_COLUMNS, measure_distributions
from synth_pipeline.fan_out import Planned, Work, outputs, rows_per_op
from synth_pipeline.fidelity import MAX_ROWS, Fidelity, measure_fidelity
from synth_pipeline.parents import Parent
from synth_pipeline.parts import Outputs, finish, nothing_to_do
from synth_pipeline.records import write_record
from synth_pipeline.sequences import synthetic_sequences
from synth_pipeline.stages import StageRun, running


@op(**PLANS, **CPU, ins=waiting_for("model_store"))
def plan_rows(context: OpExecutionContext) -> Outputs:
    """See whether model, settings or the twin of the parent are others than last time; only then there is work."""
    with running(context, GENERATE) as run:
        begin, remember, because = time.monotonic(), {}, None
        if run.parent is not None:
            twin = run.parent.twin_digest()  # before the twin is read: one that comes in between is noticed later
            remember = {"twin_of_context": twin}
            because = _why_again(run, run.parent, twin)
        reason = run.why(run.config.generate, because)
        if reason is None:
            yield from nothing_to_do()
            return
        plan = plan_generation(run.config.generate, **_given(run.parent), workspace_dir=run.place)
        planned = Planned(
            reason=reason,
            seconds=time.monotonic() - begin,
            plan=plan.model_dump(mode="json"),
            remember=remember,
        )
        rows = plan.n_rows / plan.n_shards
        shards = plan.missing or (0,)
        yield from outputs(planned, shards, weight=lambda shard: rows, per_op=rows_per_op(), total=plan.n_rows)


def _why_again(run: StageRun, parent: Parent, twin: str) -> str | None:
    known = run.record()
    told = "changed" if known and known.twin_of_context else "was not seen before"
    changed = known is None or known.twin_of_context != twin
    return f"the synthetic data of {parent.name!r} {told}" if changed else None


def _given(parent: Parent | None) -> dict[str, pa.Table]:
    """Synthetic subjects for events, or synthetic rows that lack these columns: no original row is looked at."""
    return {} if parent is None else {"ctx_data" if parent.is_context else "seed_data": parent.twin()}


@op(out=Out(float), **WORKS, **GPU)
def draw_rows(context: OpExecutionContext, work: dict[str, Any]) -> float:
    """Draw some shards of the rows from the model."""
    with running(context, GENERATE) as run:
        told, begin = Work[int].model_validate(work), time.monotonic()
        draw_shards(
            GenerationPlan.model_validate(told.plan),
            told.items,
            **_given(run.parent),
            workspace_dir=run.place,
            update_progress=told.within_whole(run.callback()),
        )
        return time.monotonic() - begin


@op(**CPU, ins=ending("original_data", "model_store"), out=Out(Nothing))
def measure_quality(context: OpExecutionContext, plan: dict[str, Any], done: list[float]) -> MaterializeResult[Any]:
    """Let the new rows take the place of those of last time, and compare them with validation rows."""
    with running(context, GENERATE) as run:

        def publish(made: dict[str, Any]) -> None:
            finish_generation(GenerationPlan.model_validate(made), workspace_dir=run.place)

        outcome = finish(run, plan, done, publish)
        reader = run.workspace.read(Artefact.SYNTHETIC_DATA)
        preview = reader.table(reader.parts()[0]).slice(0, metadata.N_PREVIEW_ROWS)
        folder = run.workspace.folder(Artefact.SYNTHETIC_DATA)
        shown = metadata.synthetic_data(reader.rows(), preview, folder, outcome.seconds, _figures(run))
        shown |= _distributions(run)
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


def _distributions(run: StageRun) -> metadata.Metadata:
    """Of the columns that are least like the original, if there are many."""
    record = run.record()
    if record is not None and record.distributions is not None:
        return {"distributions": MetadataValue.md(record.distributions)} if record.distributions else {}
    synthetic = _rows(run.workspace, Artefact.SYNTHETIC_DATA, None)
    real = None if _is_private(run) else _rows(run.workspace, Artefact.TGT_DATA, "trn")
    keys = {run.config.primary_key, run.config.context_key}
    names = [name for name in synthetic.column_names if name not in keys]
    if len(names) > MAX_COLUMNS and record is not None and record.fidelity is not None:
        gaps = {name: each.synthetic - each.ceiling for name, each in record.fidelity.columns.items()}
        names.sort(key=lambda name: gaps.get(name, 0.0))
    found = measure_distributions(synthetic, real, names, entity_key=run.config.context_key)
    shown = metadata.distributions(found, _is_private(run))
    if record is not None:
        drawn = shown["distributions"].value if shown else ""
        write_record(run.workspace, run.stage.asset, record.model_copy(update={"distributions": drawn}))
    return shown


def _is_private(run: StageRun) -> bool:
    """Whether differential privacy was asked for, here or for those whose rows these are."""
    configs = [run.config, *([run.parent.config] if run.parent else [])]
    return any(each.analyze.differential_privacy or each.train.differential_privacy for each in configs)


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
    plan, work = plan_rows(model_store=model_store)
    done = work.map(draw_rows).collect()
    return measure_quality(plan=plan, done=done, original_data=original_data, model_store=model_store)
