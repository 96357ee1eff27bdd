"""analyze: from raw rows to shareable statistics; the only stage that looks at values and tells anything of them."""

from functools import reduce
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from synth_engine.domain import (
    AnalyzeConfig,
    DifferentialPrivacyConfig,
    InputError,
    ModelEncodingType,
    ProgressCallback,
)
from synth_engine.domain.arrow_types import schema_to_text
from synth_engine.domain.progress import Progress
from synth_engine.domain.randomness import fresh_seed, generator
from synth_engine.encodings import AnyEncoding, Encoding, fitter
from synth_engine.privacy import ValueProtection
from synth_engine.stages.statistics import FILE_NAME, Keys, TableStatistics
from synth_engine.stages.table_schema import restore_types
from synth_engine.stages.unavailable import refuse
from synth_engine.workspace import Artefact, ArtefactReader, Workspace
from synth_engine.workspace.artefacts import TRAINING, VALIDATION


def analyze(
    *,
    value_protection: bool = True,
    differential_privacy: DifferentialPrivacyConfig | dict[str, Any] | None = None,
    workspace_dir: str | Path = "engine-ws",
    update_progress: ProgressCallback | None = None,
    random_state: int | None = None,
) -> None:
    """Gather column statistics that give away nothing about single people.

    Makes ``ModelStore/tgt-stats/stats.json``, which holds a fitted encoding for every column.

    Args:
        value_protection: Leave out rare values and extremes that could point to a person.
        differential_privacy: Not available yet.
        workspace_dir: Path or fsspec URL of a workspace that was split.
        update_progress: Called with the number of columns done.
        random_state: Seed of the randomised protection thresholds; None, the default, takes one that nobody knows.
            Whoever knows the seed can undo that randomisation: set it for tests only.

    Raises:
        ArtefactError: the workspace was not split, or its files are damaged.
        InputError: a column that its encoding type cannot take, named in the message.
    """
    config = AnalyzeConfig.of(
        value_protection=value_protection, differential_privacy=differential_privacy, random_state=random_state
    )
    refuse("analyze", differential_privacy=config.differential_privacy)
    workspace = Workspace(workspace_dir)
    data = workspace.read(Artefact.TGT_DATA)
    meta = workspace.read(Artefact.TGT_META, made_from={Artefact.TGT_DATA: data.manifest})
    types = {name: ModelEncodingType(kind) for name, kind in meta.json("encoding-types.json").items()}
    progress = Progress(update_progress, "analyze", total=max(len(types), 1), unit="columns")
    schema = pa.ipc.read_schema(pa.py_buffer(meta.bytes("schema.arrow")))
    columns = _fit_columns(data, schema, types, config, progress)
    statistics = TableStatistics(
        columns=cast(dict[str, AnyEncoding], columns),
        no_of_training_records=data.rows(TRAINING),
        no_of_validation_records=data.rows(VALIDATION),
        keys=Keys(**meta.json("keys.json")),
        value_protection=config.value_protection,
        arrow_schema=schema_to_text(schema),
    )
    settings = config.model_dump(mode="json")
    inputs = {Artefact.TGT_DATA: data.manifest, Artefact.TGT_META: meta.manifest}
    with workspace.replace(Artefact.TGT_STATS, config=settings, inputs=inputs) as writer:
        writer.write_json(FILE_NAME, statistics.model_dump(mode="json"))


def _fit_columns(
    data: ArtefactReader,
    schema: pa.Schema,
    types: dict[str, ModelEncodingType],
    config: AnalyzeConfig,
    progress: Progress,
) -> dict[str, Encoding]:
    seed = fresh_seed() if config.random_state is None else config.random_state
    protection = ValueProtection(enabled=config.value_protection)
    parts = data.parts(TRAINING) + data.parts(VALIDATION)
    tables = [restore_types(data.table(name), schema) for name in parts]
    columns = {}
    for name, kind in types.items():
        try:
            columns[name] = _fit_column([table[name] for table in tables], kind, protection, seed, name)
        except InputError as error:
            raise InputError(f"column {name!r}: {error}") from None
        progress.report(advance=1, column=name, rows=sum(table.num_rows for table in tables))
    return columns


def _fit_column(
    chunks: list[pa.ChunkedArray], kind: ModelEncodingType, protection: ValueProtection, seed: int, name: str
) -> Encoding:
    fitting = fitter(kind)
    summaries = [fitting.summarise(chunk.combine_chunks()) for chunk in chunks]
    summary = reduce(lambda one, other: one.merge(other), summaries)
    return fitting.fit(summary, chunks[0].type, protection, generator(seed, "analyze", name))
