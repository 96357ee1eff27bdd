"""encode: from raw partition files to partition files of integer codes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    workspace = Workspace(workspace_dir)
    original = Original.read(workspace)
    statistics, made = _read_statistics(workspace, original)
    parts = original.target.parts
    progress = Progress(update_progress, "encode", total=len(parts), unit="files")
    with workspace.replace(Artefact.ENCODED_DATA, config={}, inputs=original.inputs | made) as writer:
        for name in parts:
            writer.write_table(name, statistics.encode(original, name))
            pa.default_memory_pool().release_unused()
            progress.report(advance=1, file=name, rows=original.target.data.manifest.row_counts[name])


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
