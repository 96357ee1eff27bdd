"""Writing the files of an artefact: each is hashed and counted while it is written."""

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from synth_engine.workspace.manifest import FileEntry, digest_of
from synth_engine.workspace.storage import explained


class _HashingFile(io.RawIOBase):
    """A write-only file that hashes and counts what passes through it."""

    def __init__(self, sink: IO[bytes]) -> None:
        self._sink = sink
        self._hash = hashlib.sha256()
        self._count = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._hash.update(data)
        self._count += len(data)
        self._sink.write(data)
        return len(data)

    def tell(self) -> int:
        return self._count

    def entry(self) -> FileEntry:
        return FileEntry(sha256=self._hash.hexdigest(), bytes=self._count)


class ArtefactWriter:
    """Collects the files of one artefact in a staging folder. Use `Workspace.replace` to get one.

    Args:
        folder: Where the artefact will be; errors speak of it.
        staging: Where its files are until then.
        key: Key of the workspace's digests.
    """

    def __init__(self, folder: UPath, staging: UPath, key: bytes) -> None:
        self._folder, self._staging, self._key = folder, staging, key
        self.files: dict[str, FileEntry] = {}
        self.row_counts: dict[str, int] = {}
        self.facts: dict[str, Any] = {}

    @property
    def digest(self) -> str:
        """Keyed digest of the files written so far."""
        return digest_of(self.files, self._key)

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """A binary file to write sequentially."""
        with explained(self._folder, "written"), (self._staging / name).open("wb") as sink:
            hashing = _HashingFile(sink)
            yield hashing  # type: ignore[misc]
        self.files[name] = hashing.entry()

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write a whole file at once."""
        with self.open(name) as file:
            file.write(data)

    def write_json(self, name: str, value: Any) -> None:
        """Write a value as JSON, readable and with stable bytes."""
        self.write_bytes(name, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())

    def write_table(self, name: str, table: pa.Table) -> None:
        """Write a Parquet file and count its rows."""
        with self.open(name) as file:
            pq.write_table(table, file)
        self.row_counts[name] = table.num_rows
