"""original_data: the user's table, split into training and validation rows."""

from functools import partial
from typing import Any

import pyarrow as pa
from dagster import MaterializeResult, Nothing, OpExecutionContext, Out, graph_asset, op

from synth_engine.io import read_table
from synth_engine.stages import split
from synth_engine.workspace import Artefact
from synth_pipeline import metadata
from synth_pipeline.assets.shared import ASSET, SENSITIVE, SPLIT
from synth_pipeline.sources import Fingerprint, fingerprint
from synth_pipeline.stages import RESOURCES, StageRun, running


@op(out=Out(Nothing), required_resource_keys=RESOURCES)
def split_source(context: OpExecutionContext) -> MaterializeResult[Any]:
    """Read the dataset's source and split it, unless its content and the settings are those of last time."""
    with running(context, SPLIT) as run:
        source, because = _look_at_source(run)
        settings = run.config.split_settings
        # The source is read inside: a run that has nothing to do reads it once, for its hash.
        outcome = run.ensure(partial(_split, run.config.source), settings, because=because, source=source)
        manifest = run.workspace.manifest(Artefact.TGT_DATA)
        schema = run.workspace.read(Artefact.TGT_META).bytes("schema.arrow")
        arrow_schema = pa.ipc.read_schema(pa.py_buffer(schema))
        return run.result(outcome, metadata.original_data(manifest, arrow_schema, run.config.source, source))


def _look_at_source(run: StageRun) -> tuple[Fingerprint, str | None]:
    """Fingerprint of the source, and why it asks for a new split, if it does."""
    record = run.record()
    known = record.source if record else None
    found = fingerprint(run.config.source, known.salt if known else None)
    if known is None:
        return found, "the source was not seen before"
    return found, None if found == known else "the source changed"


def _split(source: str, **parameters: Any) -> None:
    split(read_table(source), **parameters)


@graph_asset(**ASSET, kinds={"parquet"}, tags=SENSITIVE)
def original_data() -> Any:
    """The dataset's table as it is, split into training and validation rows. Holds real rows: never hand it over."""
    return split_source()
