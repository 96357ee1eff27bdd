"""An analysis at work: what is asked of the tables, by partition, and what may be told of the answers.

Belongs here: what `analyze` and the steps of `synth_engine.stages.parts` have in common. Does not belong here: how a
column is summarised (`summaries`) or disclosed (`disclosure`).
"""

import json
import warnings
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any, Self

import pyarrow as pa

from synth_engine.domain import AnalyzeConfig, ModelType
from synth_engine.domain.arrow_types import schema_to_text
from synth_engine.encodings import AnyEncoding
from synth_engine.encodings.language import LanguageEncoding
from synth_engine.stages import exact_summaries
from synth_engine.stages.disclosure import Disclosure, disclosure_of
from synth_engine.stages.exact_summaries import Summaries
from synth_engine.stages.learning.spending import allowance_of
from synth_engine.stages.lengths import SequenceLengths
from synth_engine.stages.lists import ListEncoding
from synth_engine.stages.original import Original, OriginalTable
from synth_engine.stages.statistics import FILE_NAME, TableStatistics
from synth_engine.stages.summaries import Shares, Summariser
from synth_engine.workspace import Artefact, ArtefactWriter, Manifest, Workspace
from synth_engine.workspace.artefacts import TRAINING
from synth_engine.workspace.workspace import DRAFT

_LENGTHS = "number of rows of a subject"
OnColumn = Callable[[str], None]


class Analysis:
    """The tables of a workspace, and how they are to be disclosed.

    Args:
        workspace: Where they are, and where the statistics go.
        config: Parameters of `analyze`.
        original: The tables.
        disclosure: The way that is asked for.
    """

    def __init__(self, workspace: Workspace, config: AnalyzeConfig, original: Original, disclosure: Disclosure) -> None:
        self._workspace, self._config, self._original, self._disclosure = workspace, config, original, disclosure
        self._target, self._context = self._summarisers({}, {})

    @classmethod
    def begin(cls, workspace: Workspace, config: AnalyzeConfig, *, seed: int | None = None) -> Self:
        """Open the tables, and refuse, before any work, what would overdraw the workspace's allowance.

        Args:
            workspace: One that was split.
            config: Parameters of `analyze`.
            seed: That to go on with which another process drew, where `config` has none.
        """
        original = Original.read(workspace)
        disclosure = disclosure_of(config, _questions(original))
        disclosure.seed = disclosure.seed if seed is None else seed
        _check_allowance(workspace, config, disclosure)
        return cls(workspace, config, original, disclosure)

    @property
    def parts(self) -> list[str]:
        """Names of the partition files."""
        return self._original.target.parts

    @property
    def n_columns(self) -> int:
        """Number of columns to analyze, of all tables."""
        context = self._original.context
        return len(self._original.target.types) + (0 if context is None else len(context.types))

    @property
    def inputs(self) -> dict[str, str]:
        """Digest of each artefact that it looks at, by folder."""
        return {artefact.folder: manifest.digest for artefact, manifest in self._original.inputs.items()}

    @property
    def seed(self) -> int:
        """Of all that is random in it, but noise that is to be secure."""
        return self._disclosure.seed

    def summary(self, part: str) -> Summaries:
        """The exact summary of one partition of all tables. Sensitive.

        Raises:
            InputError: a column that its encoding type cannot take, named in the message.
        """
        subjects = None if _is_language(self._original) else self._original.subjects(part)  # else records are rows
        n_records = self._original.target.data.manifest.row_counts[part] if subjects is None else subjects.size
        is_training = part in set(self._original.target.data.parts(TRAINING))
        found = Summaries.of(
            self._target.summary(part, subjects),
            None if self._context is None else self._context.summary(part),
            None if subjects is None else SequenceLengths.summarise(subjects.lengths),
            (n_records, 0) if is_training else (0, n_records),
        )
        pa.default_memory_pool().release_unused()
        return found

    def first_look(self, parts: Iterable[str]) -> dict[str, Summaries]:
        """Summaries of as many partitions as it takes to know what to sample; mostly none, or one."""
        found = {}
        for part in parts:
            if self._target.is_decided and (self._context is None or self._context.is_decided):
                break
            found[part] = self.summary(part)
        return found

    def shares_to_json(self) -> bytes:
        """What `first_look` has found out, for others who summarise. Sensitive."""
        context = {} if self._context is None else self._context.shares
        return json.dumps([self._target.shares, context]).encode()

    def take_shares(self, data: bytes) -> None:
        """Go on with what another process has found out."""
        self._target, self._context = self._summarisers(*json.loads(data))

    def _summarisers(self, target: Shares, context: Shares) -> tuple[Summariser, Summariser | None]:
        original, disclosure = self._original, self._disclosure

        def of(table: OriginalTable, shares: Shares) -> Summariser:
            return Summariser(table, max_distinct=disclosure.max_distinct, seed=disclosure.seed, shares=shares)

        return of(original.target, target), None if original.context is None else of(original.context, context)

    def finish(self, summaries: Summaries, on_column: OnColumn, *, stacklevel: int, draft: str | None = None) -> None:
        """Disclose, record what that costs, and write the statistics.

        Args:
            summaries: Of all partitions; they are used up.
            on_column: Called with the name of each column that is done.
            stacklevel: As in `warnings.warn`, of whoever called this.
            draft: What the statistics shall tell of the draft that the summaries come from.
        """
        told: list[str] = []
        target, context = _Disclosing(self._original, summaries, self._disclosure, on_column, told).tables()
        for each in told:
            warnings.warn(each, stacklevel=stacklevel + 1)
        settings = self._config.model_dump(mode="json")
        with ExitStack() as stack:
            inputs: dict[Artefact, Manifest | ArtefactWriter] = {**self._original.inputs}
            if context is not None:
                beside = stack.enter_context(
                    self._workspace.replace(Artefact.CTX_STATS, config=settings, inputs=self._original.inputs)
                )
                beside.write_json(FILE_NAME, context.model_dump(mode="json"))
                inputs[Artefact.CTX_STATS] = beside
            writer = stack.enter_context(self._workspace.replace(Artefact.TGT_STATS, config=settings, inputs=inputs))
            writer.facts |= {} if draft is None else {DRAFT: draft}
            self._record_spends()
            writer.write_json(FILE_NAME, target.model_dump(mode="json"))
        if context is None:  # those of a former analysis
            self._workspace.remove(Artefact.CTX_STATS)

    def _record_spends(self) -> None:
        """Write down what is about to leave, before any of it does.

        Statistics without differential privacy need no ledger where nobody asked for any, but void one that is there.
        """
        ledger, privacy = self._workspace.ledger, self._config.differential_privacy
        if privacy is not None or ledger.entries():
            data_version = self._original.target.data.manifest.digest
            ledger.add(self._disclosure.ledger_entries(data_version), allowance_of(privacy))


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


class _Disclosing:
    """What of the summaries may be known: statistics of the target and, where there is one, of the context table.

    Args:
        original: The tables.
        summaries: What they tell, exactly; used up, so that memory is freed on the way.
        disclosure: What may be known of it.
        on_column: Called with the name of each column that is done.
        told: Gets what users should hear of what columns lose.
    """

    def __init__(
        self, original: Original, summaries: Summaries, disclosure: Disclosure, on_column: OnColumn, told: list[str]
    ) -> None:
        self._original, self._summaries, self._disclosure = original, summaries, disclosure
        self._on_column, self._told = on_column, told

    def tables(self) -> tuple[TableStatistics, TableStatistics | None]:
        """The statistics of all tables."""
        records = self._disclosure.record_counts(self._summaries.records)  # subjects, hence those of both tables
        lengths = SequenceLengths()
        if exact_summaries.LENGTHS in self._summaries.counts:
            lengths = self._disclosure.lengths(self._summaries.counts[exact_summaries.LENGTHS], _LENGTHS)
        target = self._statistics(self._original.target, lengths, records)
        if self._original.context is None:
            return target, None
        return target, self._statistics(self._original.context, SequenceLengths(), records)

    def _statistics(self, table: OriginalTable, lengths: SequenceLengths, records: list[int]) -> TableStatistics:
        fitted = {name: self._fitted(table, name) for name in table.types}
        is_language = _is_language(self._original)
        flat = {name for name in fitted if not is_language and not table.holds_lists(name)}
        return TableStatistics(
            columns={name: encoding for name, encoding in fitted.items() if name in flat},
            lists={name: self._lists(table, name, fitted[name]) for name in fitted if table.holds_lists(name)},
            language=fitted if is_language else {},
            no_of_training_records=records[0],
            no_of_validation_records=records[1],
            seq_len=lengths,
            is_sequential=not lengths.is_one,
            keys=table.keys,
            value_protection=self._disclosure.value_protection,
            differential_privacy=self._disclosure.privacy,
            arrow_schema=schema_to_text(table.schema),
        )

    def _fitted(self, table: OriginalTable, name: str) -> Any:
        is_context = table is self._original.context
        summary_of = exact_summaries.of_context if is_context else exact_summaries.of_target
        asked, dtype = _of_context(name) if is_context else name, table.schema.field(name).type
        summary = self._summaries.counts.pop(summary_of(name))
        encoding = self._disclosure.fit(table.fitter(name), summary, dtype, asked)
        if isinstance(encoding, LanguageEncoding) and (lost := encoding.loses(summary)) is not None:
            self._told.append(f"column {asked!r}: {lost}")
        self._on_column(name)
        return encoding

    def _lists(self, table: OriginalTable, name: str, elements: AnyEncoding) -> ListEncoding:
        exact = self._summaries.counts[exact_summaries.of_lists(name)]
        lengths = self._disclosure.lengths(exact, _of_lists(name))
        return ListEncoding(dtype=table.schema.field(name).type, elements=elements, lengths=lengths)


def _check_allowance(workspace: Workspace, config: AnalyzeConfig, disclosure: Disclosure) -> None:
    """Refuse, before any work, an analysis that would overdraw what the workspace is allowed."""
    allowance, privacy = allowance_of(config.differential_privacy), disclosure.privacy
    if allowance is not None:
        wanted = {name: [getattr(privacy, name, None)] for name in ("epsilon", "delta")}
        allowance.check(workspace.ledger.entries(), wanted)
