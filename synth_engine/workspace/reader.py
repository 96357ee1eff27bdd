"""Safe reading: an artefact is read through its manifest, and every file is checked against its hash."""

import builtins
import hashlib
import json
from collections.abc import Callable
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from synth_engine.domain import ArtefactError
from synth_engine.domain.buffers import detached
from synth_engine.workspace import storage
from synth_engine.workspace.artefacts import part_name
from synth_engine.workspace.manifest import FILE_NAME, FileEntry, Manifest

_Parsed = TypeVar("_Parsed")


class ArtefactReader:
    """The files of one complete artefact. Use `Workspace.read` to get one.

    Guarantees: all that one reader returns is of one version of the artefact, the one of its `manifest`, and lies in
    its folder. No file is ever run: whoever can write into a workspace can spoil it, and no more.

    Args:
        folder: Where the artefact is.
        manifest: What it consists of.
        current: Reads the manifest that is there now.
    """

    def __init__(self, folder: UPath, manifest: Manifest, current: Callable[[], Manifest]) -> None:
        self._folder = folder
        self._current = current
        self.manifest = manifest

    def bytes(self, name: str) -> bytes:
        """Content of a file; raises `ArtefactError` when it is not what the manifest says."""
        entry = self.manifest.files.get(name)
        if entry is None:
            raise ArtefactError(f"{self._folder}: expected a file {name}, the manifest has none; {self._advice()}")
        data = storage.read_inside(self._folder, name)
        if not _matches(data, entry):
            if self._current().digest != self.manifest.digest:
                raise ArtefactError(f"{self._folder}: was replaced by another process while it was read; try again")
            data = storage.read_inside(self._folder, name)  # it was only just being replaced by the same content
        if data is None:
            raise ArtefactError(f"{self._folder / name}: the manifest names it, it is missing; {self._advice()}")
        if not _matches(data, entry):
            raise ArtefactError(
                f"{self._folder / name}: its content does not match the hash in {FILE_NAME} "
                f"(it was changed or damaged after it was written); {self._advice()}"
            )
        return data

    def json(self, name: str) -> Any:
        """Content of a JSON file."""
        return self.parsed(name, json.loads)

    def parsed(self, name: str, parse: Callable[[builtins.bytes], _Parsed]) -> _Parsed:
        """What a parser that runs nothing makes of a file; raises `ArtefactError` where it can make nothing of it."""
        data = self.bytes(name)
        try:
            return parse(data)
        except MemoryError:
            raise
        except Exception as error:  # every library has its own
            raise ArtefactError(
                f"{self._folder / name}: expected what {self.manifest.stage} writes, found something else; "
                f"{self._advice()}"
            ) from error

    def table(self, name: str, columns: list[str] | None = None) -> pa.Table:
        """Content of a Parquet file; None stands for all its columns."""
        return self.parsed(name, lambda data: pq.read_table(pa.BufferReader(detached(data)), columns=columns))

    def schema(self, name: str) -> pa.Schema:
        """Content of a file with an Arrow schema."""
        return self.parsed(name, lambda data: pa.ipc.read_schema(pa.py_buffer(data)))

    def parts(self, role: str | None = None) -> list[str]:
        """Names of the partition files of a role (``trn``, ``val``), in order."""
        suffix = _tail(part_name(0, role))
        return sorted(name for name in self.manifest.files if name.startswith("part.") and _tail(name) == suffix)

    def rows(self, role: str | None = None) -> int:
        """Number of rows in the partition files of a role."""
        return sum(self.manifest.row_counts[name] for name in self.parts(role))

    def _advice(self) -> str:
        return f"run {self.manifest.stage} again"


def _matches(data: bytes | None, entry: FileEntry) -> bool:
    return data is not None and hashlib.sha256(data).hexdigest() == entry.sha256


def _tail(name: str) -> str:
    return name[len("part.000000") :]
