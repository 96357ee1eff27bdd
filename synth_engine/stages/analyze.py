"""analyze: from raw rows to shareable statistics; the only stage that looks at values and tells anything of them."""

import warnings
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synth_engine.domain import AnalyzeConfig, DifferentialPrivacyConfig, ModelType, ProgressCallback
from synth_engine.domain.arrow_types import schema_to_text
from synth_engine.domain.progress import Progress
from synth_engine.encodings import AnyEncoding, ValueCounts
from synth_engine.encodings.language import LanguageEncoding
from synth_engine.stages.disclosure import Disclosure, disclosure_of
from synth_engine.stages.learning.spending import allowance_of
from synth_engine.stages.lengths import SequenceLengths
from synth_engine.stages.lists import ListEncoding
from synth_engine.stages.original import Original, OriginalTable
from synth_engine.stages.relations import Subjects
from synth_engine.stages.statistics import FILE_NAME, TableStatistics
from synth_engine.stages.summaries import SubjectsOf, TableSummary, summarise
from synth_engine.workspace import Artefact, ArtefactWriter, Manifest, Workspace
from synth_engine.workspace.artefacts import TRAINING, VALIDATION

_LENGTHS = "number of rows of a subject"


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

    People are counted, not rows: with a context key all rows of a subject are one person's. A column with more than
    250,000 different values is summarised from a random sample of the people, unless that must not be: without value
    protection, and with differential privacy, all of them are seen, and memory grows with their different values.

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
    original = Original.read(workspace)
    disclosure = disclosure_of(config, _questions(original))
    _check_allowance(workspace, config, disclosure)
    n_columns = len(original.target.types) + (len(original.context.types) if original.context else 0)
    progress = Progress(update_progress, "analyze", total=max(n_columns, 1), unit="columns")
    summaries = _summarise(original, disclosure, progress)
    target, context = _disclose(original, summaries, disclosure, progress)
    settings = config.model_dump(mode="json")
    with ExitStack() as stack:
        inputs: dict[Artefact, Manifest | ArtefactWriter] = {**original.inputs}
        if context is not None:
            beside = stack.enter_context(workspace.replace(Artefact.CTX_STATS, config=settings, inputs=original.inputs))
            beside.write_json(FILE_NAME, context.model_dump(mode="json"))
            inputs[Artefact.CTX_STATS] = beside
        writer = stack.enter_context(workspace.replace(Artefact.TGT_STATS, config=settings, inputs=inputs))
        _record_spends(workspace, config, disclosure, original.target.data.manifest.digest)
        writer.write_json(FILE_NAME, target.model_dump(mode="json"))
    if context is None:  # those of a former analysis
        workspace.remove(Artefact.CTX_STATS)


def _questions(original: Original) -> list[str]:
    """What is asked of the data, in equal parts of a budget: the columns of all tables, and lengths of sequences."""
    context = original.context
    of_context = [] if context is None else [_of_context(name) for name in context.types]
    of_lists = [] if context is None else [_of_lists(name) for name in context.types if context.holds_lists(name)]
    has_lengths = original.target.keys.context_key is not None and not _is_language(original)
    lengths = [_LENGTHS] if has_lengths else []
    return [*original.target.types, *of_context, *of_lists, *lengths]


def _is_language(original: Original) -> bool:
    return original.target.model_type == ModelType.LANGUAGE


def _of_context(name: str) -> str:
    return f"{name} (context)"


def _of_lists(name: str) -> str:
    return f"{name} (context), number of elements"


@dataclass(frozen=True, eq=False)
class _Summaries:
    """What the tables tell, exactly. Sensitive.

    Args:
        target: Summary of each column of the target.
        context: The same of the context table, empty where there is none.
        list_lengths: How many elements the lists of the context table have, by column.
        lengths: How many rows the subjects have; None where every row is a subject of its own.
        records: Number of subjects for training, and for validation.
    """

    target: dict[str, ValueCounts]
    context: dict[str, ValueCounts]
    list_lengths: dict[str, ValueCounts]
    lengths: ValueCounts | None
    records: list[int]


def _summarise(original: Original, disclosure: Disclosure, progress: Progress) -> _Summaries:
    lengths: list[ValueCounts] = []
    n_records = dict(original.target.data.manifest.row_counts)

    def subjects(part: str) -> Subjects | None:
        found = None if _is_language(original) else original.subjects(part)  # else records are rows
        if found is not None:
            lengths.append(SequenceLengths.summarise(found.lengths))
            n_records[part] = found.size
        return found

    def of_table(table: OriginalTable, subjects: SubjectsOf) -> TableSummary:
        share = len(table.types) / (2 * len(table.parts))  # reading is half of the work on a column
        return summarise(
            table,
            subjects,
            max_distinct=disclosure.max_distinct,
            seed=disclosure.seed,
            on_part=lambda part: progress.report(advance=share, file=part),
        )

    target = of_table(original.target, subjects)
    context = TableSummary({}, {}) if original.context is None else of_table(original.context, lambda part: None)
    records = [sum(n_records[part] for part in original.target.data.parts(role)) for role in (TRAINING, VALIDATION)]
    of_subjects = ValueCounts.merged(lengths) if lengths else None
    return _Summaries(target.columns, context.columns, context.list_lengths, of_subjects, records)


def _disclose(
    original: Original, summaries: _Summaries, disclosure: Disclosure, progress: Progress
) -> tuple[TableStatistics, TableStatistics | None]:
    """What of it may be known: statistics of the target and, where there is one, of the context table."""
    records = disclosure.record_counts(summaries.records)  # subjects, hence those of both tables

    def columns(table: OriginalTable, exact: dict[str, ValueCounts], is_context: bool) -> dict[str, Any]:
        fitted = {}
        for name in table.types:
            asked, dtype, summary = (
                _of_context(name) if is_context else name,
                table.schema.field(name).type,
                exact.pop(name),
            )
            fitted[name] = disclosure.fit(table.fitter(name), summary, dtype, asked)
            if isinstance(fitted[name], LanguageEncoding):
                _warn(asked, fitted[name].loses(summary))
            progress.report(advance=0.5, column=name)
        return fitted

    def list_encoding(table: OriginalTable, name: str, elements: AnyEncoding) -> ListEncoding:
        lengths = disclosure.lengths(summaries.list_lengths[name], _of_lists(name))
        return ListEncoding(dtype=table.schema.field(name).type, elements=elements, lengths=lengths)

    def statistics(table: OriginalTable, exact: dict[str, ValueCounts], lengths: SequenceLengths) -> TableStatistics:
        fitted = columns(table, exact, table is original.context)
        flat = {name for name in fitted if not _is_language(original) and not table.holds_lists(name)}
        return TableStatistics(
            columns={name: encoding for name, encoding in fitted.items() if name in flat},
            lists={name: list_encoding(table, name, fitted[name]) for name in fitted if table.holds_lists(name)},
            language=fitted if _is_language(original) else {},
            no_of_training_records=records[0],
            no_of_validation_records=records[1],
            seq_len=lengths,
            is_sequential=not lengths.is_one,
            keys=table.keys,
            value_protection=disclosure.value_protection,
            differential_privacy=disclosure.privacy,
            arrow_schema=schema_to_text(table.schema),
        )

    lengths = SequenceLengths()
    if summaries.lengths is not None:
        lengths = disclosure.lengths(summaries.lengths, _LENGTHS)
    target = statistics(original.target, summaries.target, lengths)
    if original.context is None:
        return target, None
    return target, statistics(original.context, summaries.context, SequenceLengths())


def _warn(column: str, lost: str | None) -> None:
    if lost is not None:
        warnings.warn(f"column {column!r}: {lost}", stacklevel=6)  # of whoever called analyze


def _check_allowance(workspace: Workspace, config: AnalyzeConfig, disclosure: Disclosure) -> None:
    """Refuse, before any work, an analysis that would overdraw what the workspace is allowed."""
    allowance, privacy = allowance_of(config.differential_privacy), disclosure.privacy
    if allowance is not None:
        wanted = {name: [getattr(privacy, name, None)] for name in ("epsilon", "delta")}
        allowance.check(workspace.ledger.entries(), wanted)


def _record_spends(workspace: Workspace, config: AnalyzeConfig, disclosure: Disclosure, data_version: str) -> None:
    """Write down what is about to leave, before any of it does.

    Statistics without differential privacy need no ledger where nobody asked for any, but void one that is there.
    """
    if config.differential_privacy is not None or workspace.ledger.entries():
        allowance = allowance_of(config.differential_privacy)
        workspace.ledger.add(disclosure.ledger_entries(data_version), allowance)
