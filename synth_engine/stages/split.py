"""split: from the user's tables to partition files of training and validation rows."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from synth_engine.domain import (
    ArtefactError,
    InputError,
    ModelEncodingType,
    ModelType,
    ProgressCallback,
    SplitConfig,
)
from synth_engine.domain.progress import Progress
from synth_engine.stages.column_types import model_type_of, resolve_encoding_types
from synth_engine.stages.division import Division
from synth_engine.stages.language_data import check_one_each
from synth_engine.stages.models import check_installed
from synth_engine.stages.relations import Integers, Subjects, check_primary_key
from synth_engine.stages.table_input import TableLike, check_storable, to_arrow
from synth_engine.workspace import Artefact, ArtefactWriter, Workspace
from synth_engine.workspace.artefacts import TRAINING, VALIDATION, part_name

DEFAULT_SEED = 0


def split(  # noqa: PLR0913
    tgt_data: TableLike,
    *,
    ctx_data: TableLike | None = None,
    tgt_primary_key: str | None = None,
    ctx_primary_key: str | None = None,
    tgt_context_key: str | None = None,
    model_type: str | ModelType | None = None,
    tgt_encoding_types: dict[str, str | ModelEncodingType] | None = None,
    ctx_encoding_types: dict[str, str | ModelEncodingType] | None = None,
    n_partitions: int = 1,
    trn_val_split: float = 0.8,
    workspace_dir: str | Path = "engine-ws",
    update_progress: ProgressCallback | None = None,
    random_state: int | None = None,
) -> None:
    """Split a table, or two related ones, into training and validation rows, stored as partitioned Parquet files.

    Makes ``OriginalData/tgt-data`` and ``OriginalData/tgt-meta`` and, with a context table, ``OriginalData/ctx-data``
    and ``OriginalData/ctx-meta``. Subjects are shuffled; the same tables and `random_state` give the same files.

    Subjects are the rows of the context table; without one the distinct context keys; without these the rows. All rows
    of a subject are in one file, next to each other and in the order of the input. The files of both tables have the
    same names, and their subjects the same order. A context row that nothing refers to is a sequence of length zero.

    A context column may hold lists of plain values; its encoding type is that of their elements.

    Args:
        tgt_data: The table, as a pandas frame of any dtype backend or as a `pyarrow.Table`.
        ctx_data: Table of the subjects whose events `tgt_data` holds; needs `ctx_primary_key` and `tgt_context_key`.
        tgt_primary_key: Column with a unique, non-null key per row; it is not modelled but made anew in generation.
        ctx_primary_key: The same for the context table.
        tgt_context_key: Column that tells whom a row belongs to; refers to `ctx_primary_key` where there is a context.
        model_type: ``TABULAR`` or ``LANGUAGE``. None decides by the encoding types: one ``LANGUAGE_...`` in the target
            makes all of it a language model. For that a subject has one row at most, and there are no lists.
        tgt_encoding_types: Encoding type by column; columns that are not named have ``AUTO``.
        ctx_encoding_types: The same for the context table.
        n_partitions: Number of files that the subjects are spread over.
        trn_val_split: Share of subjects for training, between 0 and 1, both excluded.
        workspace_dir: Path or fsspec URL of the workspace.
        update_progress: Called with the number of partitions done.
        random_state: Seed of the shuffle; None stands for 0.

    Raises:
        InputError: a table or an argument that cannot be used, named in the message. The workspace is left as it was.
    """
    config = SplitConfig.of(
        tgt_primary_key=tgt_primary_key,
        ctx_primary_key=ctx_primary_key,
        tgt_context_key=tgt_context_key,
        model_type=model_type,
        tgt_encoding_types=tgt_encoding_types,
        ctx_encoding_types=ctx_encoding_types,
        n_partitions=n_partitions,
        trn_val_split=trn_val_split,
        random_state=random_state,
    )
    _check_combination(ctx_data is not None, config)
    model_type = model_type_of(config)
    check_installed(model_type)
    workspace = Workspace(workspace_dir)
    target, context, subjects = _source_tables(tgt_data, ctx_data, config, model_type)
    progress = Progress(update_progress, "split", total=config.n_partitions, unit="partitions")
    seed = DEFAULT_SEED if config.random_state is None else config.random_state
    division = Division.of(target.table.num_rows, subjects, config.trn_val_split, config.n_partitions, seed)
    # One inside the other: what can fail has been done when all take their places, one right after the other.
    with ExitStack() as stack:
        data = stack.enter_context(workspace.replace(Artefact.TGT_DATA, config=config.model_dump(mode="json")))
        _write_parts(data, target, division.rows, config.n_partitions, progress)
        inputs = {Artefact.TGT_DATA: data}
        if context is not None:
            beside = stack.enter_context(workspace.replace(Artefact.CTX_DATA, config={}, inputs=inputs))
            _write_parts(beside, context, division.subjects, config.n_partitions)
            _write_meta(stack, workspace, Artefact.CTX_META, context, {Artefact.CTX_DATA: beside}, model_type)
            inputs = {**inputs, Artefact.CTX_DATA: beside}
        _write_meta(stack, workspace, Artefact.TGT_META, target, inputs, model_type)
    if context is None:  # that of a former split
        workspace.remove(Artefact.CTX_META)
        workspace.remove(Artefact.CTX_DATA)


def _check_combination(has_context: bool, config: SplitConfig) -> None:
    needed = {"ctx_primary_key": config.ctx_primary_key, "tgt_context_key": config.tgt_context_key}
    missing = [name for name, value in needed.items() if value is None]
    if has_context and missing:
        raise InputError(
            f"{missing[0]}: expected the name of a column beside ctx_data, found None; "
            "the two tables are related by ctx_primary_key and tgt_context_key"
        )
    unused = [name for name in ("ctx_primary_key", "ctx_encoding_types") if getattr(config, name)]
    if not has_context and unused:
        raise InputError(f"{unused[0]}: there is no ctx_data that it could be about; pass that as well or leave it out")


@dataclass(frozen=True)
class _Source:
    """A checked table of the user; `argument` is its name there."""

    argument: str
    table: pa.Table
    types: dict[str, ModelEncodingType]
    keys: dict[str, str | None]


def _source_tables(
    tgt_data: TableLike, ctx_data: TableLike | None, config: SplitConfig, model_type: ModelType
) -> tuple[_Source, _Source | None, Subjects | None]:
    """Both tables, and whom the rows of the target belong to, if not each to itself."""
    table = to_arrow(tgt_data, "tgt_data")
    check_primary_key(table, config.tgt_primary_key, "tgt_primary_key")
    keys = {"primary_key": config.tgt_primary_key, "context_key": config.tgt_context_key}
    context = None
    if ctx_data is not None:
        beside = to_arrow(ctx_data, "ctx_data", lists=True)
        check_primary_key(beside, config.ctx_primary_key, "ctx_primary_key")
        own = {"primary_key": config.ctx_primary_key, "context_key": None}
        types = resolve_encoding_types(beside.schema, config.ctx_encoding_types or {}, own, "ctx", model_type)
        context = _Source("ctx_data", beside, types, own)
    subjects = None
    if config.tgt_context_key is not None:
        rows = None if context is None else context.table
        subjects = Subjects.of(table, config.tgt_context_key, rows, config.ctx_primary_key)
    if model_type == ModelType.LANGUAGE:
        check_one_each(subjects, config.tgt_context_key)
    types = resolve_encoding_types(table.schema, config.tgt_encoding_types or {}, keys, "tgt", model_type)
    if model_type == ModelType.LANGUAGE and not types:
        raise InputError("tgt_data: expected a column beside the keys, for a language model has nothing to write else")
    return _Source("tgt_data", table, types, keys), context, subjects


def _write_parts(
    writer: ArtefactWriter,
    source: _Source,
    rows_of: Callable[[int, str], Integers],
    n_partitions: int,
    progress: Progress | None = None,
) -> None:
    try:
        for part in range(n_partitions):
            for role in (TRAINING, VALIDATION):
                writer.write_table(part_name(part, role), source.table.take(pa.array(rows_of(part, role))))
            if progress is not None:
                progress.report(advance=1, rows=source.table.num_rows)
    except (pa.ArrowException, ArtefactError):
        check_storable(source.table, source.argument)
        raise


def _write_meta(
    stack: ExitStack,
    workspace: Workspace,
    artefact: Artefact,
    source: _Source,
    inputs: Mapping[Artefact, ArtefactWriter],
    model_type: ModelType,
) -> None:
    types: dict[str, Any] = {name: str(kind) for name, kind in source.types.items()}
    config = {"encoding_types": types, "model_type": str(model_type)}
    meta = stack.enter_context(workspace.replace(artefact, config=config, inputs=dict(inputs)))
    meta.write_json("encoding-types.json", types)
    meta.write_json("keys.json", source.keys)
    meta.write_bytes("schema.arrow", source.table.schema.serialize().to_pybytes())
