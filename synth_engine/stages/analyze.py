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
from synth_engine.encodings import AnyEncoding, Encoding, fitter
from synth_engine.stages.disclosure import Disclosure, disclosure_of
from synth_engine.stages.statistics import FILE_NAME, Keys, TableStatistics
from synth_engine.stages.table_schema import restore_types
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

    With ``value_protection_epsilon`` all of it is (ε, δ)-differentially private, with half of ``delta``: two tables of
    which one has all rows of one entity more give nearly the same statistics. (Which columns there are, their types,
    keys and the order of ordered dictionaries count as known.) Numbers of records are noisy, too. Every question to the
    data is a line of ``ModelStore/privacy-ledger.jsonl``; repeated analyses add up. With `differential_privacy`, but
    without ``value_protection_epsilon``, nothing here is differentially private, and the ledger says so.

    Args:
        value_protection: Leave out rare values and extremes that could point to a person.
        differential_privacy: With ``value_protection_epsilon``, statistics are differentially private. Of the other
            settings only ``delta`` matters here.
        workspace_dir: Path or fsspec URL of a workspace that was split.
        update_progress: Called with the number of columns done.
        random_state: Seed of the randomised protection thresholds and of the noise; None, the default, takes one that
            nobody knows, and noise from the operating system's secure source. Whoever knows the seed can undo the
            randomisation: set it for tests only.

    Raises:
        ArtefactError: the workspace was not split, or its files are damaged.
        InputError: an argument that cannot be used, or a column that its encoding type cannot take, named in the
            message.
    """
    config = AnalyzeConfig.of(
        value_protection=value_protection, differential_privacy=differential_privacy, random_state=random_state
    )
    workspace = Workspace(workspace_dir)
    data = workspace.read(Artefact.TGT_DATA)
    meta = workspace.read(Artefact.TGT_META, made_from={Artefact.TGT_DATA: data.manifest})
    types = {name: ModelEncodingType(kind) for name, kind in meta.json("encoding-types.json").items()}
    disclosure = disclosure_of(config, list(types))
    progress = Progress(update_progress, "analyze", total=max(len(types), 1), unit="columns")
    schema = pa.ipc.read_schema(pa.py_buffer(meta.bytes("schema.arrow")))
    n_training, n_validation = disclosure.record_counts([data.rows(TRAINING), data.rows(VALIDATION)])
    columns = _fit_columns(data, schema, types, disclosure, progress)
    statistics = TableStatistics(
        columns=cast(dict[str, AnyEncoding], columns),
        no_of_training_records=n_training,
        no_of_validation_records=n_validation,
        keys=Keys(**meta.json("keys.json")),
        value_protection=config.value_protection,
        differential_privacy=disclosure.privacy,
        arrow_schema=schema_to_text(schema),
    )
    # The seed stays out of the manifest: it would undo the randomised thresholds.
    settings = config.model_dump(mode="json", exclude={"random_state"})
    inputs = {Artefact.TGT_DATA: data.manifest, Artefact.TGT_META: meta.manifest}
    with workspace.replace(Artefact.TGT_STATS, config=settings, inputs=inputs) as writer:
        _record_spends(workspace, config, disclosure, data.manifest.digest)
        writer.write_json(FILE_NAME, statistics.model_dump(mode="json"))


def _record_spends(workspace: Workspace, config: AnalyzeConfig, disclosure: Disclosure, data_version: str) -> None:
    """Write down what is about to leave, before any of it does.

    Statistics without differential privacy need no ledger where nobody asked for any, but void one that is there.
    """
    if config.differential_privacy is not None or workspace.ledger.entries():
        workspace.ledger.add(disclosure.ledger_entries(data_version))


def _fit_columns(
    data: ArtefactReader,
    schema: pa.Schema,
    types: dict[str, ModelEncodingType],
    disclosure: Disclosure,
    progress: Progress,
) -> dict[str, Encoding]:
    parts = data.parts(TRAINING) + data.parts(VALIDATION)
    tables = [restore_types(data.table(name), schema) for name in parts]
    columns = {}
    for name, kind in types.items():
        try:
            columns[name] = _fit_column([table[name] for table in tables], kind, disclosure, name)
        except InputError as error:
            raise InputError(f"column {name!r}: {error}") from None
        progress.report(advance=1, column=name, rows=sum(table.num_rows for table in tables))
    return columns


def _fit_column(chunks: list[pa.ChunkedArray], kind: ModelEncodingType, disclosure: Disclosure, name: str) -> Encoding:
    fitting = fitter(kind)
    summaries = [fitting.summarise(chunk.combine_chunks()) for chunk in chunks]
    summary = reduce(lambda one, other: one.merge(other), summaries)
    return disclosure.fit(fitting, summary, chunks[0].type, name)
