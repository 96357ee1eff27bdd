"""split: from the user's table to partition files of training and validation rows."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.domain import (
    ArtefactError,
    InputError,
    ModelEncodingType,
    ModelType,
    ProgressCallback,
    SplitConfig,
)
from synth_engine.domain.progress import Progress
from synth_engine.domain.randomness import generator
from synth_engine.encodings import detect, fitter
from synth_engine.stages.keys import is_key_type
from synth_engine.stages.table_input import TableLike, check_storable, to_arrow
from synth_engine.stages.unavailable import refuse
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
    """Split a table into training and validation rows, stored as partitioned Parquet files.

    Makes ``OriginalData/tgt-data`` and ``OriginalData/tgt-meta``. Rows are shuffled; the same table and `random_state`
    give the same files.

    Args:
        tgt_data: The table, as a pandas frame of any dtype backend or as a `pyarrow.Table`.
        ctx_data: Context table; not available yet.
        tgt_primary_key: Column with a unique, non-null key per row; it is not modelled but made anew in generation.
        ctx_primary_key: Key of the context table; not available yet.
        tgt_context_key: Column that refers to the context table; not available yet.
        model_type: ``TABULAR``; ``LANGUAGE`` is not available yet. None decides by the encoding types.
        tgt_encoding_types: Encoding type by column; columns that are not named have ``AUTO``.
        ctx_encoding_types: The same for the context table; not available yet.
        n_partitions: Number of files that the rows are spread over.
        trn_val_split: Share of rows for training, between 0 and 1, both excluded.
        workspace_dir: Path or fsspec URL of the workspace.
        update_progress: Called with the number of partitions done.
        random_state: Seed of the shuffle; None stands for 0.

    Raises:
        InputError: a table or an argument that cannot be used, named in the message. The workspace is left as it was.
        NotImplementedError: a parameter or an encoding type that is not available yet.
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
    refuse(
        "split",
        ctx_data=ctx_data,
        ctx_primary_key=ctx_primary_key,
        tgt_context_key=tgt_context_key,
        ctx_encoding_types=ctx_encoding_types or None,  # naming no column says nothing
        model_type=config.model_type if config.model_type == ModelType.LANGUAGE else None,
    )
    workspace = Workspace(workspace_dir)
    table = to_arrow(tgt_data, "tgt_data")
    _check_primary_key(table, config.tgt_primary_key)
    types = resolve_encoding_types(table.schema, config.tgt_encoding_types or {}, config.tgt_primary_key)
    progress = Progress(update_progress, "split", total=config.n_partitions, unit="partitions")
    settings = config.model_dump(mode="json")
    # One inside the other: what can fail has been done when the two take their places, one right after the other.
    with workspace.replace(Artefact.TGT_DATA, config=settings) as data:
        try:
            _write_data(data, table, config, progress)
        except (pa.ArrowException, ArtefactError):
            check_storable(table, "tgt_data")
            raise
        resolved = {"encoding_types": {name: str(kind) for name, kind in types.items()}}
        with workspace.replace(Artefact.TGT_META, config=resolved, inputs={Artefact.TGT_DATA: data}) as meta:
            meta.write_json("encoding-types.json", resolved["encoding_types"])
            meta.write_json("keys.json", {"primary_key": config.tgt_primary_key, "context_key": None})
            meta.write_bytes("schema.arrow", table.schema.serialize().to_pybytes())


def resolve_encoding_types(
    schema: pa.Schema, asked: dict[str, ModelEncodingType], primary_key: str | None
) -> dict[str, ModelEncodingType]:
    """The encoding type of every modelled column, AUTO resolved by the Arrow type."""
    unknown = sorted(set(asked) - set(schema.names))
    if unknown:
        raise InputError(
            f"tgt_encoding_types: expected columns of the table, found {unknown[0]!r}; leave it out or correct its name"
        )
    if primary_key in asked:
        raise InputError(f"tgt_encoding_types: {primary_key!r} is the primary key, which is not modelled; leave it out")
    types = {}
    for field in schema:
        if field.name == primary_key:
            continue
        try:
            types[field.name] = _resolve(field.type, asked.get(field.name, ModelEncodingType.AUTO))
        except InputError as error:
            raise InputError(f"tgt_data: column {field.name!r}: {error}") from None
        except NotImplementedError as error:
            raise NotImplementedError(f"tgt_encoding_types: column {field.name!r}: {error}") from None
    return types


def _resolve(dtype: pa.DataType, asked: ModelEncodingType) -> ModelEncodingType:
    if asked == ModelEncodingType.AUTO:
        try:
            return detect(dtype)
        except InputError as error:
            raise InputError(f"{error}; convert it first, for example to text, or drop it") from None
    if not fitter(asked).accepts(dtype):
        raise InputError(f"encoding type {asked} does not take values of type {dtype}; leave it at AUTO or convert it")
    return asked


def _check_primary_key(table: pa.Table, key: str | None) -> None:
    if key is None:
        return
    if key not in table.column_names:
        raise InputError(f"tgt_primary_key: expected a column of the table, found {key!r}; correct the name")
    column = table[key]
    if not is_key_type(column.type):
        raise InputError(
            f"tgt_primary_key: column {key!r} must be text or numbers, found {column.type}; "
            "convert it to text, or leave tgt_primary_key out"
        )
    n_nulls = pc.sum(pc.is_null(column, nan_is_null=True)).as_py() or 0
    if n_nulls:
        raise InputError(
            f"tgt_primary_key: column {key!r} must not have nulls, found {n_nulls}; drop or fill these rows"
        )
    repeated = table.num_rows - _count_distinct(column)
    if repeated:
        raise InputError(
            f"tgt_primary_key: column {key!r} must be unique, found {repeated} repeated value(s); "
            "remove the duplicates or choose another key"
        )


def _count_distinct(column: pa.ChunkedArray) -> int:
    if len(column) == 0:
        return 0
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.cast(column.type.storage_type)
    elif pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return int(pc.count_distinct(column).as_py())


def _write_data(writer: ArtefactWriter, table: pa.Table, config: SplitConfig, progress: Progress) -> None:
    seed = DEFAULT_SEED if config.random_state is None else config.random_state
    order = generator(seed, "split").permutation(table.num_rows)
    # Up, so that a single row is there to learn from; but not for what floating point adds to 0.55 * 100.
    n_training = int(np.ceil(np.round(table.num_rows * config.trn_val_split, 6)))
    rows_of = {
        TRAINING: np.array_split(order[:n_training], config.n_partitions),
        VALIDATION: np.array_split(order[n_training:], config.n_partitions),
    }
    for part in range(config.n_partitions):
        for role, parts in rows_of.items():
            writer.write_table(part_name(part, role), table.take(pa.array(parts[part])))
        progress.report(advance=1, rows=table.num_rows)
