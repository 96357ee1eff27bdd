"""analyze: from raw rows to shareable statistics; the only stage that looks at values and tells anything of them."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

from synth_engine.domain import AnalyzeConfig, DifferentialPrivacyConfig, ProgressCallback
from synth_engine.domain.arrow_types import schema_to_text
from synth_engine.domain.progress import Progress
from synth_engine.domain.randomness import fresh_seed, generator
from synth_engine.encodings import AnyEncoding, ValueCounts, fitter
from synth_engine.privacy import ValueProtection
from synth_engine.stages.lengths import SequenceLengths
from synth_engine.stages.original import Original, OriginalTable
from synth_engine.stages.relations import Subjects
from synth_engine.stages.statistics import FILE_NAME, TableStatistics
from synth_engine.stages.summaries import MAX_DISTINCT, SubjectsOf, summarise
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
    target = _target_statistics(original, protection, seed, progress)
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
    original: Original, protection: ValueProtection, seed: int, progress: Progress
) -> TableStatistics:
    table = original.target
    lengths: list[ValueCounts] = []
    n_subjects: dict[str, int] = {}

    def subjects(part: str) -> Subjects | None:
        found = original.subjects(part)
        if found is not None:
            lengths.append(SequenceLengths.summarise(found.lengths))
            n_subjects[part] = found.size
        return found

    columns = _fit_columns(table, subjects, protection, (seed, "analyze"), progress)
    seq_len = SequenceLengths()
    if lengths:
        seq_len = SequenceLengths.fit(ValueCounts.merged(lengths), protection, generator(seed, "analyze lengths"))

    def records(role: str) -> int:
        """Subjects where there are some, rows otherwise."""
        return sum(n_subjects[part] for part in table.data.parts(role)) if n_subjects else table.data.rows(role)

    return TableStatistics(
        columns=columns,
        no_of_training_records=records(TRAINING),
        no_of_validation_records=records(VALIDATION),
        seq_len=seq_len,
        is_sequential=not seq_len.is_one,
        keys=table.keys,
        value_protection=protection.enabled,
        arrow_schema=schema_to_text(table.schema),
    )


def _context_statistics(
    table: OriginalTable, protection: ValueProtection, seed: int, progress: Progress
) -> TableStatistics:
    return TableStatistics(
        columns=_fit_columns(table, lambda part: None, protection, (seed, "analyze context"), progress),
        no_of_training_records=table.data.rows(TRAINING),
        no_of_validation_records=table.data.rows(VALIDATION),
        keys=table.keys,
        value_protection=protection.enabled,
        arrow_schema=schema_to_text(table.schema),
    )


def _fit_columns(
    table: OriginalTable,
    subjects: SubjectsOf,
    protection: ValueProtection,
    seed: tuple[int, str],
    progress: Progress,
) -> dict[str, AnyEncoding]:
    """Summarise all columns, partition by partition, then fit one after the other.

    Args:
        table: The table.
        subjects: Whom the rows of a partition belong to.
        protection: What may be known of them.
        seed: Seed, and what it is for.
        progress: To report to; reading all partitions is half of the work on a column.
    """
    share = len(table.types) / (2 * max(len(table.parts), 1))
    summaries = summarise(
        table,
        subjects,
        max_distinct=MAX_DISTINCT if protection.enabled else None,
        seed=seed[0],
        on_part=lambda part: progress.report(advance=share, file=part),
    )
    columns = {}
    for name, kind in table.types.items():
        dtype = table.schema.field(name).type
        columns[name] = fitter(kind).fit(summaries.pop(name), dtype, protection, generator(*seed, name))
        progress.report(advance=0.5, column=name)
    return cast(dict[str, AnyEncoding], columns)
