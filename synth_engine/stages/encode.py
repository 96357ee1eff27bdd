"""encode: from raw partition files to partition files of integer codes."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from synth_engine.domain import InputError, ProgressCallback
from synth_engine.domain.progress import Progress
from synth_engine.encodings import Encoding
from synth_engine.stages.statistics import FILE_NAME, TableStatistics
from synth_engine.stages.table_schema import restore_types
from synth_engine.workspace import Artefact, Workspace
from synth_engine.workspace.artefacts import TRAINING, VALIDATION


def encode(
    *,
    workspace_dir: str | Path = "engine-ws",
    update_progress: ProgressCallback | None = None,
) -> None:
    """Encode the split and analyzed data of a workspace.

    Makes ``OriginalData/encoded-data``: one integer column per sub-column, named ``<column>__<sub-column>``.

    Args:
        workspace_dir: Path or fsspec URL of a workspace that was split and analyzed.
        update_progress: Called with the number of files done.

    Raises:
        ArtefactError: a stage before this one has not run on the data that is there, or its files are damaged.
    """
    workspace = Workspace(workspace_dir)
    data = workspace.read(Artefact.TGT_DATA)
    stats = workspace.read(Artefact.TGT_STATS, made_from={Artefact.TGT_DATA: data.manifest})
    statistics = TableStatistics.model_validate(stats.json(FILE_NAME))
    parts = data.parts(TRAINING) + data.parts(VALIDATION)
    progress = Progress(update_progress, "encode", total=len(parts), unit="files")
    inputs = {Artefact.TGT_DATA: data.manifest, Artefact.TGT_STATS: stats.manifest}
    with workspace.replace(Artefact.ENCODED_DATA, config={}, inputs=inputs) as writer:
        for name in parts:
            table = restore_types(data.table(name), statistics.schema)
            encoded = encode_table(table, statistics.columns)
            writer.write_table(name, encoded)
            progress.report(advance=1, file=name, rows=encoded.num_rows)


def encode_table(table: pa.Table, columns: Mapping[str, Encoding]) -> pa.Table:
    """Codes of every modelled column, in the smallest unsigned integers that hold them."""
    encoded = {}
    for name, encoding in columns.items():
        try:
            codes = encoding.encode(table[name].combine_chunks())
        except InputError as error:
            raise InputError(f"column {name!r}: {error}") from None
        for place, (part, size) in enumerate(encoding.cardinalities.items()):
            encoded[sub_column(name, part)] = codes[:, place].astype(np.min_scalar_type(size - 1))
    return pa.table(encoded)


def sub_column(column: str, part: str) -> str:
    """Name of a sub-column in the encoded data. Part names have no ``__``, so that names cannot collide."""
    return f"{column}__{part}"
