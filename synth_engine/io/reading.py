"""From a file, or a folder of Parquet files, to a table."""

import lzma
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from synth_engine.domain import InputError
from synth_engine.io.csv_parsing import parse_csv
from synth_engine.io.csv_types import with_types
from synth_engine.io.places import ENDINGS, explained, format_of


def read_table(source: str | Path) -> pa.Table:
    """Read a table; the format follows from the name.

    Separated text must be UTF-8 with a line of column names. In ``.csv`` the separator may be a comma, a semicolon, a
    tab or a bar, whichever divides the first rows best; in ``.tsv`` it is the tab. An empty field is null, quoted or
    not; an empty line is a null in a table of one column, and nothing in others. Types follow from all values of a
    column, see `synth_engine.io.csv_types.with_types`.

    Args:
        source: Path or URL of a ``.csv``, ``.tsv`` (also with ``.gz``, ``.bz2``, ``.xz``, ``.zst``) or ``.parquet``
            file, or of a folder of Parquet files with the same columns.

    Raises:
        InputError: the source is missing, of an unknown kind, or damaged. The message quotes no data.
    """
    url = str(source)
    kind = format_of(url)
    with explained(url, "read"):
        fs, path = fsspec.url_to_fs(url)
        # Not asked where the name tells: a web server has no folders, and sends the whole file to find out.
        if (kind is None or kind.is_parquet) and not fs.isfile(path) and fs.isdir(path):
            return _read_folder(fs, path, url)
        if kind is None:
            found = "a file of another kind" if fs.exists(path) else "nothing there"
            raise InputError(f"{url}: expected a name that ends in {ENDINGS}, or a folder of the latter, found {found}")
        with fs.open(path, "rb") as file:
            if kind.is_parquet:
                return pq.read_table(file)
            content = file.read()
        table, separator = parse_csv(_decompressed(content, kind.codec, url), url, kind.separator)
        return with_types(table, decimal_comma=separator == ";")


def _read_folder(fs: Any, folder: str, url: str) -> pa.Table:
    """All Parquet files of a folder, as a data set that may be spread over folders named ``column=value``."""
    import pyarrow.dataset as pa_dataset  # takes long: it loads pandas

    files = [name for name in sorted(fs.find(folder)) if _is_part(name.removeprefix(folder))]
    if not files:
        raise InputError(f"{url}: expected a folder with .parquet files, found none in it")
    dataset = partial(
        pa_dataset.dataset,
        files,
        filesystem=fs,
        format="parquet",
        partitioning="hive",
        partition_base_dir=folder.rstrip("/"),
    )
    found = dataset()
    schemas = [part.physical_schema for part in found.get_fragments()]
    for name, schema in zip(files, schemas, strict=True):
        different = set(schema.names) ^ set(schemas[0].names)
        if different:
            raise InputError(
                f"{url}: expected files with the same columns, found {min(different)!r} in only one of "
                f"{files[0].removeprefix(folder)} and {name.removeprefix(folder)}"
            )
    partitions = [field for field in found.schema if field.name not in schemas[0].names]
    joint = pa.unify_schemas([*schemas, pa.schema(partitions)], promote_options="permissive")
    return dataset(schema=joint).to_table()


def _is_part(path: str) -> bool:
    """Whether a file of a data set holds rows: programs' own notes are in files that begin with ``_`` or ``.``."""
    is_hidden = any(name.startswith(("_", ".")) for name in path.split("/"))
    return path.lower().endswith((".parquet", ".pq")) and not is_hidden


def _decompressed(content: bytes, codec: str | None, url: str) -> bytes:
    if codec is None:
        return content
    try:
        if codec == "xz":
            return lzma.decompress(content)
        with pa.CompressedInputStream(pa.BufferReader(content), codec) as stream:
            return bytes(stream.read())
    except (OSError, EOFError, lzma.LZMAError):
        raise InputError(f"{url}: expected a whole {codec} file, found one that is damaged or cut short") from None
