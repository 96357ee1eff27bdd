"""From a table, or one that comes in parts, to a file, whole or not at all."""

import lzma
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from synth_engine.domain import InputError
from synth_engine.io.places import ENDINGS, Format, explained, format_of


def write_table(table: pa.Table, target: str | Path) -> None:
    """Write a table as separated text or Parquet, by the name; folders on the way are made.

    Guarantees: a file that was there is replaced as a whole, or left as it was.

    In text a null is an empty field, and a duration reads like ``1 days 00:00:03``.

    Args:
        table: The table.
        target: Path or URL that ends as in `read_table`.

    Raises:
        InputError: the target cannot be written, or a column has a type that text cannot hold.
    """
    write_tables([table], target)


def write_tables(tables: Iterable[pa.Table], target: str | Path) -> None:
    """Write tables with the same columns one after another into one file, as `write_table` does with one of them.

    Args:
        tables: At least one; no more than one is in memory at a time, if they come from a generator.
        target: Path or URL that ends as in `read_table`.

    Raises:
        InputError: as in `write_table`.
    """
    url = str(target)
    kind = _format(url)
    with explained(url, "written"), _replacing(url) as file:
        if kind.is_parquet:
            _write_parquet(iter(tables), file)
        else:
            _write_text((_as_text(table, url) for table in tables), file, kind)


def check_target(target: str | Path) -> None:
    """Find out whether `write_table` could write there, before hours of work and not after; makes the folder.

    Raises:
        InputError: the name says nothing of the format, or a local target is a folder or cannot be made.
    """
    url = str(target)
    _format(url)
    with explained(url, "written"):
        fs, path = fsspec.url_to_fs(url)
        if _is_local(fs):
            place = _made_room(path, url)
            with tempfile.TemporaryFile(dir=place.parent):
                pass


def _format(url: str) -> Format:
    kind = format_of(url)
    if kind is None or url.endswith("/"):
        raise InputError(f"{url}: expected the name of a file that ends in {ENDINGS}")
    return kind


@contextmanager
def _replacing(url: str) -> Iterator[IO[bytes]]:
    """A file to write into that takes the place of the target at the end, if all went well."""
    fs, path = fsspec.url_to_fs(url)
    if not _is_local(fs):
        # Stores complete even an upload that failed half-way, so it begins when all is there.
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / "table"
            with local.open("wb") as file:
                yield file
            fs.makedirs(fs._parent(path), exist_ok=True)
            fs.put_file(str(local), path)
        return
    place = _made_room(path, url)
    temporary = place.parent / f".{place.name}.{uuid.uuid4().hex}"
    try:
        with temporary.open("xb") as file:
            yield file
        if place.exists():
            shutil.copymode(place, temporary)
        os.replace(temporary, place)
    finally:
        temporary.unlink(missing_ok=True)


def _made_room(path: str, url: str) -> Path:
    """Where exactly a local file goes, in a folder that exists."""
    place = Path(os.path.realpath(path))  # a link stays a link
    if place.is_dir():
        raise InputError(f"{url}: expected the name of a file, found a folder")
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _is_local(fs: Any) -> bool:
    return isinstance(fs, LocalFileSystem)


def _write_parquet(tables: Iterator[pa.Table], file: IO[bytes]) -> None:
    first = next(tables)
    with pq.ParquetWriter(file, first.schema) as writer:
        for table in chain([first], tables):
            writer.write_table(table)


def _write_text(tables: Iterator[pa.Table], file: IO[bytes], kind: Format) -> None:
    options = pa_csv.WriteOptions(delimiter=kind.separator or ",")
    first = next(tables)
    with ExitStack() as stack:
        sink: Any = file
        if kind.codec == "xz":
            sink = stack.enter_context(lzma.open(file, "wb"))
        elif kind.codec is not None:
            sink = stack.enter_context(pa.CompressedOutputStream(file, kind.codec))
        writer = stack.enter_context(pa_csv.CSVWriter(sink, first.schema, write_options=options))
        for table in chain([first], tables):
            writer.write_table(table)


def _as_text(table: pa.Table, url: str) -> pa.Table:
    """Columns that Arrow cannot write, or not so that they can be read, as ones that it can."""
    columns = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        try:
            columns.append(_readable(column))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise InputError(
                f"{url}: column {name!r} holds {column.type} values, which text cannot hold; "
                "choose a name that ends in .parquet"
            ) from None
    if len(columns) == 1:  # an empty line would be read as no row at all, by many
        columns = [columns[0].cast(pa.string()).fill_null("")]
    return pa.Table.from_arrays(columns, names=table.column_names)


def _readable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    dtype = column.type
    if pa.types.is_dictionary(dtype):
        return _readable(column.cast(dtype.value_type))
    if pa.types.is_duration(dtype):
        texts = column.to_pandas().astype(str)
        return pc.if_else(column.is_null(), pa.scalar(None, pa.string()), pa.chunked_array([pa.array(texts)]))
    if pa.types.is_nested(dtype) or _is_binary(dtype) or pa.types.is_string_view(dtype):
        return column.cast(pa.large_string())
    return column


def _is_binary(dtype: pa.DataType) -> bool:
    tests = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)
    return any(test(dtype) for test in tests)
