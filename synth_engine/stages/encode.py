"""encode: from raw partition files to partition files of integer codes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa

from synth_engine.domain import InputError, ModelType, ProgressCallback
from synth_engine.domain.progress import Progress
from synth_engine.encodings import Encoding, Entities
from synth_engine.parallel import map_in_threads
from synth_engine.stages.encoded_columns import SmallCodes, list_of_structs, small_codes
from synth_engine.stages.language_data import encode_records
from synth_engine.stages.lists import encode_lists
from synth_engine.stages.original import Original
from synth_engine.stages.part_work import PartsPlan, PartWork
from synth_engine.stages.relations import Subjects
from synth_engine.stages.statistics import FILE_NAME, TableStatistics
from synth_engine.workspace import Artefact, Manifest, Workspace

# Neither can be the name of a sub-column, for these have `__` in them.
LENGTH, EVENTS = "length", "events"


def encode(
    *,
    workspace_dir: str | Path = "engine-ws",
    update_progress: ProgressCallback | None = None,
) -> None:
    """Encode the split and analyzed data of a workspace.

    Makes ``OriginalData/encoded-data``: one integer column per sub-column, named ``<column>__<sub-column>``.

    With a context key there is one row per subject. It holds the codes of the context table's columns, where there is
    one; then ``length``, the number of events; then ``events``, a list with a struct of codes for each event, in order.
    A context column of lists is ``<column>__length_<sub-column>``, the codes of the number of elements, and
    ``<column>__list``, a list with a struct of codes for each element, of the first ones where these are too many.
    A subject without events has an empty list; one with more than the protected maximum has the first of them.
    Where the target has no columns but its keys, there is no ``events``.

    For a language model there is one row per record, with a JSON literal for each column: ``tgt/<column>`` and, with a
    context table, ``ctx/<column>``. Context rows that no record refers to are left out.

    Args:
        workspace_dir: Path or fsspec URL of a workspace that was split and analyzed.
        update_progress: Called with the number of files done.

    Raises:
        ArtefactError: a stage before this one has not run on the data that is there, or its files are damaged.
    """
    with EncodingWork.begin(Workspace(workspace_dir), alone=True) as encoding:
        plan = encoding.plan
        progress = Progress(update_progress, "encode", total=len(plan.parts), unit="files")
        if plan.done:
            progress.report(advance=len(plan.done), continued_from=len(plan.done))
        for part in plan.missing:
            progress.report(advance=1, file=part, rows=encoding.encode(part))
        encoding.finish()


class EncodingWork:
    """An encoding at work: the tables, the statistics, and the draft of the codes. A context manager."""

    def __init__(self, work: PartWork, plan: PartsPlan, original: Original, statistics: "_Statistics") -> None:
        self.plan = plan
        self._work, self._original, self._statistics = work, original, statistics

    @classmethod
    def begin(cls, workspace: Workspace, *, alone: bool) -> Self:
        """Check everything, plan, and go on with what an interrupted run left; alone, or to be joined by workers."""
        original, statistics, inputs = _opened(workspace)
        facts = {"parts": original.target.parts, "inputs": inputs}
        work = PartWork.begin(workspace, Artefact.ENCODED_DATA, facts, alone=alone)
        with work.released_on_error():
            return cls(work, work.plan(original.target.parts, inputs, {}), original, statistics)

    @classmethod
    def open(cls, workspace: Workspace, plan: PartsPlan, *, alone: bool) -> Self | None:
        """Work on what was planned before; None if it has been published. Alone to finish it.

        Raises:
            ArtefactError: it is no longer there, or not what is to be encoded any more.
        """
        work = PartWork.open(workspace, Artefact.ENCODED_DATA, plan, alone=alone)
        if work is None:
            return None
        with work.released_on_error():
            original, statistics, inputs = _opened(workspace)
            work.check_inputs(plan, inputs)
            return cls(work, plan, original, statistics)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: Any) -> None:
        self._work.__exit__(*raised)

    def missing(self, parts: Iterable[str]) -> list[str]:
        """Which of these partitions are not encoded yet."""
        return self._work.missing(parts)

    def encode(self, part: str) -> int:
        """Encode a partition and put it away; returns the number of rows that were encoded."""
        self._work.draft.write_table(part, self._statistics.encode(self._original, part))
        pa.default_memory_pool().release_unused()
        return self._original.target.data.manifest.row_counts[part]

    def finish(self) -> None:
        """Publish the codes, if nobody else has; raises `ArtefactError` where some are missing."""
        if self._work.is_complete(self.plan):
            parts = set(self.plan.parts)
            files = {name: file for name, file in self._work.draft.files.items() if name in parts}
            draft, inputs = self._work.draft, self.plan.inputs
            self._work.workspace.publish(Artefact.ENCODED_DATA, draft, files, config={}, inputs=inputs)


@dataclass(frozen=True)
class _Statistics:
    """Statistics of the target and, where there is one, of the context table."""

    target: TableStatistics
    context: TableStatistics | None

    def encode(self, original: Original, part: str) -> pa.Table:
        """The codes of one partition."""
        events, subjects = original.target.table(part), original.subjects(part)
        if original.target.model_type == ModelType.LANGUAGE:
            context = original.context
            rows = None
            if context is not None and subjects is not None:
                rows = context.table(part).take(pa.array(subjects.places))
            of_context = {} if self.context is None else self.context.language
            return encode_records(events, self.target.language, rows, of_context)
        if subjects is None:
            return encode_table(events, self.target.columns)
        encoded: dict[str, Any] = {}
        if original.context is not None and self.context is not None:
            encoded = encode_context(original.context.table(part), self.context)
        return pa.table(encoded | encode_events(events, subjects, self.target.columns, self.target.seq_len.max))


def _opened(workspace: Workspace) -> tuple[Original, _Statistics, dict[str, str]]:
    """The tables, their statistics, and the digest of each artefact that these are, by folder."""
    original = Original.read(workspace)
    statistics, made = _read_statistics(workspace, original)
    manifests = original.inputs | made
    return original, statistics, {artefact.folder: manifest.digest for artefact, manifest in manifests.items()}


def _read_statistics(workspace: Workspace, original: Original) -> tuple[_Statistics, dict[Artefact, Manifest]]:
    about = workspace.read(Artefact.TGT_STATS, made_from={Artefact.TGT_DATA: original.target.data.manifest})
    target = TableStatistics.model_validate(about.json(FILE_NAME))
    if original.context is None:
        return _Statistics(target, None), {Artefact.TGT_STATS: about.manifest}
    beside = workspace.read(Artefact.CTX_STATS, made_from={Artefact.CTX_DATA: original.context.data.manifest})
    workspace.read(Artefact.TGT_STATS, made_from={Artefact.CTX_STATS: beside.manifest})
    context = TableStatistics.model_validate(beside.json(FILE_NAME))
    made = {Artefact.TGT_STATS: about.manifest, Artefact.CTX_STATS: beside.manifest}
    return _Statistics(target, context), made


def encode_table(table: pa.Table, columns: Mapping[str, Encoding]) -> pa.Table:
    """Codes of every modelled column, in the smallest unsigned integers that hold them."""
    return pa.table(dict(_encode_columns(table, columns, None)))


def encode_context(table: pa.Table, statistics: TableStatistics) -> dict[str, Any]:
    """Columns of codes of a context table, one row for each of its rows: flat columns first, then those of lists.

    Args:
        table: Rows with the modelled columns, in plain types: those of the statistics' schema.
        statistics: Of the context table that the model was made with.
    """
    flat = dict(_encode_columns(table, statistics.columns, None))
    return flat | dict(encode_lists(table, statistics.lists))


def encode_events(
    events: pa.Table, subjects: Subjects, columns: Mapping[str, Encoding], longest: int
) -> dict[str, pa.Array]:
    """Number of events of each subject, and their codes as a list of structs.

    Args:
        events: Events, subject by subject.
        subjects: Whom they belong to.
        columns: Encodings of the events' columns.
        longest: How many events of a subject are kept, the first ones.
    """
    if subjects.lengths.max(initial=0) > longest:
        is_kept = subjects.ordinals < longest
        events, subjects = events.filter(pa.array(is_kept)), Subjects(subjects.places[is_kept], subjects.size)
    codes = dict(_encode_columns(events, columns, subjects.places))
    lengths = pa.array(subjects.lengths.astype(np.uint32))
    if not codes:
        return {LENGTH: lengths}
    return {LENGTH: lengths, EVENTS: list_of_structs(codes, subjects.offsets)}


def _encode_columns(
    table: pa.Table, columns: Mapping[str, Encoding], entities: Entities | None
) -> Iterator[tuple[str, SmallCodes]]:
    def encoded(name: str) -> dict[str, SmallCodes]:
        encoding = columns[name]
        try:
            codes = encoding.encode_events(table[name].combine_chunks(), entities)
        except InputError as error:
            raise InputError(f"column {name!r}: {error}") from None
        return small_codes(name, codes, encoding.cardinalities)

    for parts in map_in_threads(encoded, columns):
        yield from parts.items()
