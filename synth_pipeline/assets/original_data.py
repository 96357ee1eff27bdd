"""original_data: the user's table, split into training and validation rows."""

from functools import partial
from typing import Any

from dagster import MaterializeResult, Nothing, OpExecutionContext, Out, graph_asset, op

from synth_engine.stages import split
from synth_engine.workspace import Artefact
from synth_pipeline import metadata
from synth_pipeline.assets.shared import ASSET, CPU, SENSITIVE, SPLIT
from synth_pipeline.parents import source_table
from synth_pipeline.sequences import original_sequences
from synth_pipeline.sources import Fingerprint, fingerprint
from synth_pipeline.stages import StageRun, running


@op(out=Out(Nothing), **CPU)
def split_source(context: OpExecutionContext) -> MaterializeResult[Any]:
    """Read the dataset's source, and its context's, and split; unless contents and settings are those of last time."""
    with running(context, SPLIT) as run:
        sources, because = _look_at_sources(run)
        left_out, known = _left_out(run), run.record()
        if because is None and known is not None and known.left_out != left_out:
            because = f"what is left out changed from {list(known.left_out)} to {list(left_out)}"
        settings = run.config.split_settings(run.subjects.config if run.subjects else None)
        # Sources are read inside: a run that has nothing to do reads them once, for their hashes.
        outcome = run.ensure(
            partial(_split, run), settings, because=because, remember={**sources, "left_out": left_out}
        )
        manifest = run.workspace.manifest(Artefact.TGT_DATA)
        schema = run.workspace.read(Artefact.TGT_META).schema("schema.arrow")
        shown = metadata.original_data(manifest, schema, run.config.source, sources["source"])
        shown |= metadata.speed(shown["dagster/row_count"], outcome.seconds)
        return run.result(outcome, shown | original_sequences(run.workspace, run.config))


def _look_at_sources(run: StageRun) -> tuple[dict[str, Fingerprint], str | None]:
    """Fingerprints of what the split reads, as its record names them, and why they ask for a new one, if they do."""
    urls = {"source": run.config.source} | ({"source_of_context": run.subjects.config.source} if run.subjects else {})
    record = run.record()
    found, reasons = {}, []
    for name, url in urls.items():
        known: Fingerprint | None = getattr(record, name, None)
        found[name] = fingerprint(url, known.salt if known else None)
        if found[name] != known:
            told = f"the {name.replace('_', ' ')}"
            reasons.append(f"{told} changed" if known else f"{told} was not seen before")
    return found, reasons[0] if reasons else None


def _left_out(run: StageRun) -> tuple[str, ...]:
    """Columns that are not read, of the source and of that of the context."""
    of_context = run.subjects.config.leave_out if run.subjects else ()
    return (*run.config.leave_out, *(f"{run.config.context}: {name}" for name in of_context))


def _split(run: StageRun, **parameters: Any) -> None:
    split(source_table(run.config), ctx_data=run.subjects.original() if run.subjects else None, **parameters)


@graph_asset(**ASSET, kinds={"parquet"}, tags=SENSITIVE)
def original_data() -> Any:
    """The dataset's table as it is, split into training and validation rows. Holds real rows: never hand it over."""
    return split_source()
