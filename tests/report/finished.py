"""Workspaces in which all stages seem to have run, with synthetic rows of the test's choice."""

from pathlib import Path

import pyarrow as pa

from synth_engine import split
from synth_engine.stages.layouts import parquet_table
from synth_engine.stages.original import Original
from synth_engine.workspace import Artefact, Workspace


def finished(
    folder: Path,
    table: pa.Table,
    synthetic: pa.Table | None = None,
    *,
    constraints: list | None = None,
    privacy: dict | None = None,
    **keys: str,
) -> Workspace:
    """Split a table in halves; statistics and model are empty, synthetic rows are given (None: the training rows)."""
    split(table, workspace_dir=folder, trn_val_split=0.5, random_state=0, **keys)
    workspace = Workspace(folder)
    original = Original.read(workspace)
    for artefact, needs in ((Artefact.TGT_STATS, Artefact.TGT_META), (Artefact.MODEL_DATA, Artefact.TGT_STATS)):
        with workspace.replace(artefact, config={}, inputs={needs: workspace.manifest(needs)}) as writer:
            writer.write_json("none.json", {})
            writer.facts["privacy"] = privacy if artefact is Artefact.MODEL_DATA else None
    if synthetic is None:
        synthetic = pa.concat_tables([original.target.table(part) for part in original.target.data.parts("trn")])
    put(workspace, synthetic, constraints)
    return workspace


def put(workspace: Workspace, synthetic: pa.Table, constraints: list | None = None) -> None:
    """Let rows take the place of the synthetic ones."""
    inputs = {Artefact.MODEL_DATA: workspace.manifest(Artefact.MODEL_DATA)}
    config = {"constraints": constraints}
    with workspace.replace(Artefact.SYNTHETIC_DATA, config=config, inputs=inputs) as writer:
        writer.write_table("part.000000.parquet", parquet_table(synthetic))
