"""model_store: the trained model."""

import csv
import io
from typing import Any

from dagster import MaterializeResult, Nothing, OpExecutionContext, Out, graph_asset, op

from synth_engine.stages import train
from synth_engine.workspace import Artefact, ArtefactReader
from synth_pipeline import metadata
from synth_pipeline.assets.shared import ASSET, SHAREABLE, TRAIN, after, waiting_for
from synth_pipeline.compute import GPU, compute_tags, pool
from synth_pipeline.stages import RESOURCES, running


@op(
    ins=waiting_for("encoded_data", "column_stats"),
    out=Out(Nothing),
    required_resource_keys=RESOURCES,
    tags=compute_tags(GPU),
    pool=pool(GPU),
)
def train_model(context: OpExecutionContext) -> MaterializeResult[Any]:
    """Train, unless codes, encodings and settings are those of last time. Observations tell how it goes."""
    with running(context, TRAIN) as run:
        outcome = run.ensure(train, run.config.train)
        model = run.workspace.read(Artefact.MODEL_DATA)
        name = model.json("model-configs.json")["model"]
        shown = metadata.model_store(_read_history(model), model.manifest.facts, name)
        return run.result(outcome, shown | metadata.privacy(run.config, model.manifest))


def _read_history(model: ArtefactReader) -> list[dict[str, float | None]]:
    text = model.bytes("progress-messages.csv").decode()
    return [{name: _number(cell) for name, cell in row.items()} for row in csv.DictReader(io.StringIO(text))]


def _number(cell: str) -> float | None:
    return float({"True": "1", "False": "0"}.get(cell, cell)) if cell else None


@graph_asset(**ASSET, ins=after("encoded_data", "column_stats"), kinds={"pytorch"}, tags=SHAREABLE)
def model_store(encoded_data: Any, column_stats: Any) -> Any:
    """The generative model of the table, and the history of its training."""
    return train_model(encoded_data=encoded_data, column_stats=column_stats)
