"""analyze: from raw rows to shareable statistics; the only stage that looks at values and tells anything of them."""

from collections.abc import Mapping
from contextlib import ExitStack
from functools import reduce
from pathlib import Path
from typing import Any, cast

import numpy as np

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
from synth_engine.encodings import AnyEncoding, Encoding, Entities, fitter
from synth_engine.privacy import ValueProtection
from synth_engine.stages.lengths import SequenceLengths
from synth_engine.stages.original import Original, OriginalTable
from synth_engine.stages.relations import Subjects
from synth_engine.stages.statistics import FILE_NAME, TableStatistics
from synth_engine.stages.unavailable import refuse
from synth_engine.workspace import Artefact, ArtefactWriter, Manifest, Workspace
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

    Makes ``ModelStore/tgt-stats/stats.json`` and, with a context table, ``ModelStore/ctx-stats/stats.json``. They hold
    a fitted encoding for every column, and what may be known of the lengths of sequences.

    People are counted, not rows: with a context key all rows of a subject are one person's.

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
    original = Original.read(workspace)
    tables = [table for table in (original.target, original.context) if table is not None]
    total = sum(len(table.types) for table in tables)
    progress = Progress(update_progress, "analyze", total=max(total, 1), unit="columns")
    seed = fresh_seed() if config.random_state is None else config.random_state
    protection = ValueProtection(enabled=config.value_protection)
    subjects = {part: original.subjects(part) for part in original.target.parts}
    target = _target_statistics(original.target, subjects, protection, seed, progress)
    settings = config.model_dump(mode="json")
    with ExitStack() as stack:
        inputs: dict[Artefact, Manifest | ArtefactWriter] = {**original.inputs}
        if original.context is not None:
            context = _context_statistics(original.context, protection, seed, progress)
            beside = stack.enter_context(workspace.replace(Artefact.CTX_STATS, config=settings, inputs=original.inputs))
            beside.write_json(FILE_NAME, context.model_dump(mode="json"))
            inputs[Artefact.CTX_STATS] = beside
        writer = stack.enter_context(workspace.replace(Artefact.TGT_STATS, config=settings, inputs=inputs))
        writer.write_json(FILE_NAME, target.model_dump(mode="json"))
    if original.context is None:  # those of a former analysis
        workspace.remove(Artefact.CTX_STATS)


def _target_statistics(
    table: OriginalTable,
    subjects: Mapping[str, Subjects | None],
    protection: ValueProtection,
    seed: int,
    progress: Progress,
) -> TableStatistics:
    known = {part: each for part, each in subjects.items() if each is not None}
    lengths = SequenceLengths()
    if known:
        summaries = (SequenceLengths.summarise(each.lengths) for each in known.values())
        counts = reduce(lambda one, other: one.merge(other), summaries)
        lengths = SequenceLengths.fit(counts, protection, generator(seed, "analyze lengths"))
    entities = {part: each.places for part, each in known.items()}
    return TableStatistics(
        columns=_fit_columns(table, entities, protection, (seed, "analyze"), progress),
        no_of_training_records=_records(table, known, TRAINING),
        no_of_validation_records=_records(table, known, VALIDATION),
        seq_len=lengths,
        is_sequential=not lengths.is_one,
        keys=table.keys,
        value_protection=protection.enabled,
        arrow_schema=schema_to_text(table.schema),
    )


def _context_statistics(
    table: OriginalTable, protection: ValueProtection, seed: int, progress: Progress
) -> TableStatistics:
    return TableStatistics(
        columns=_fit_columns(table, {}, protection, (seed, "analyze context"), progress),
        no_of_training_records=table.data.rows(TRAINING),
        no_of_validation_records=table.data.rows(VALIDATION),
        keys=table.keys,
        value_protection=protection.enabled,
        arrow_schema=schema_to_text(table.schema),
    )


def _records(table: OriginalTable, subjects: Mapping[str, Subjects], role: str) -> int:
    """Subjects where there are some, rows otherwise."""
    if not subjects:
        return table.data.rows(role)
    return sum(subjects[part].size for part in table.data.parts(role))


def _fit_columns(
    table: OriginalTable,
    entities: Mapping[str, Entities],
    protection: ValueProtection,
    seed: tuple[int, str],
    progress: Progress,
) -> dict[str, AnyEncoding]:
    """Fit all columns of a table, one after the other.

    Args:
        table: The table.
        entities: Whom the rows of each partition belong to; empty where each is a subject of its own.
        protection: What may be known of them.
        seed: Seed, and what it is for.
        progress: To report to.
    """
    columns = {}
    for name, kind in table.types.items():
        try:
            columns[name] = _fit_column(table, name, kind, entities, protection, generator(*seed, name))
        except InputError as error:
            raise InputError(f"column {name!r}: {error}") from None
        progress.report(advance=1, column=name, rows=table.data.rows(TRAINING) + table.data.rows(VALIDATION))
    return cast(dict[str, AnyEncoding], columns)


def _fit_column(
    table: OriginalTable,
    name: str,
    kind: ModelEncodingType,
    entities: Mapping[str, Entities],
    protection: ValueProtection,
    rng: np.random.Generator,
) -> Encoding:
    """Only the column itself is read, one partition at a time."""
    fitting = fitter(kind)
    summaries = (fitting.summarise(table.column(part, name), entities.get(part)) for part in table.parts)
    summary = reduce(lambda one, other: one.merge(other), summaries)
    return fitting.fit(summary, table.schema.field(name).type, protection, rng)
