"""Drafts: files of an artefact that is made part by part, by one run or several, and that outlive a run that dies.

A draft is found again by its key, which stands for all that its files depend on. So a run that was killed is continued
by one with the same settings, and several processes and machines can work on the same draft.

A file gets its name when it is complete, in one step, and its name says how many rows and bytes it has and what its
hash is. So one listing tells what is there: no journal can contradict it, and of two workers that make the same file
neither spoils what the other has done.

Of the drafts of one artefact only the one begun last is kept, and those that somebody works on.
"""

import hashlib
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict
from upath import UPath

from synth_engine.domain import ArtefactError
from synth_engine.workspace import local, storage
from synth_engine.workspace.locks import FolderLock
from synth_engine.workspace.manifest import FILE_NAME, FileEntry, Manifest
from synth_engine.workspace.staging import replace_files
from synth_engine.workspace.storage import is_local, local_path

_FOLDER = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{32}\.draft")
_FILE = re.compile(r"(?P<name>.+)\.(?P<rows>\d+)-(?P<bytes>\d+)-(?P<sha256>[0-9a-f]{64})")
_ID = re.compile(r"[0-9a-f]{32}")
_RECORD = "draft.json"
# Where the files of a local draft are put together, with their manifest, before they take the place of the artefact.
_COMPLETE = "complete"


@dataclass(frozen=True)
class DraftFile:
    """A finished file of a draft.

    Args:
        entry: What the manifest of the artefact will say of it.
        rows: Number of its rows.
    """

    entry: FileEntry
    rows: int

    def staged_as(self, name: str) -> str:
        """What the file `name` is called in the draft."""
        return f"{name}.{self.rows}-{self.entry.bytes}-{self.entry.sha256}"


class _Record(BaseModel):
    """What is noted down when a draft is begun. Its files lie in a folder named by the `id`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    note: str


class Draft:
    """A draft that this process works on. Use `Workspace.begin_draft` or `Workspace.open_draft` to get one.

    Guarantees: what `files` tells of is complete. On a local disk nobody removes a draft while somebody works on it.

    Args:
        target: Where the artefact will be.
        key: What the draft is found by: 32 hexadecimal digits.
        lock: On its folder, where there are locks.

    Attributes:
        id: Another one for every draft that was ever begun, also with the same key.
        note: What was noted down when it was begun.
    """

    def __init__(self, target: UPath, key: str, lock: FolderLock | None) -> None:
        self._target, self._lock = target, lock
        self.key = key
        self._folder = _folder(target, key)
        self.id, self.note = "", ""

    @property
    def files(self) -> dict[str, DraftFile]:
        """What is there, by the name that it will have in the artefact, sorted."""
        found = {}
        with storage.explained(self._target, "read"):
            sizes = storage.file_sizes(self._folder / self.id)
        for staged, size in sizes.items():
            told = _FILE.fullmatch(staged)
            if told is not None and size == int(told["bytes"]):
                found[told["name"]] = DraftFile(FileEntry(sha256=told["sha256"], bytes=size), int(told["rows"]))
        return dict(sorted(found.items()))

    def write_table(self, name: str, table: pa.Table) -> None:
        """Write a Parquet file. Several workers may write the same one."""
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        self.write(name, memoryview(sink.getvalue()), rows=table.num_rows)

    def write(self, name: str, data: bytes | memoryview, *, rows: int = 0) -> None:
        """Write any file."""
        file = DraftFile(FileEntry(sha256=hashlib.sha256(data).hexdigest(), bytes=memoryview(data).nbytes), rows)
        with storage.explained(self._target, "written"):
            storage.put(self._folder / self.id / file.staged_as(name), data)

    def read(self, name: str) -> bytes:
        """Content of a finished file; raises `ArtefactError` where there is none, or it is damaged."""
        file = self.files.get(name)
        folder, staged = self._folder / self.id, name if file is None else file.staged_as(name)
        data = None if file is None else storage.read_inside(folder, staged)
        if data is None or file is None or hashlib.sha256(data).hexdigest() != file.entry.sha256:
            raise ArtefactError(f"{folder / staged}: is missing or damaged; do the work again that it is a part of")
        return data

    def publish(self, manifest: Manifest, files: dict[str, DraftFile]) -> None:
        """Let these files of the draft take the place of the artefact. `discard` it then."""
        data = manifest.model_dump_json(indent=1).encode()
        staged = {name: self._folder / self.id / file.staged_as(name) for name, file in files.items()}
        if not is_local(self._folder):
            storage.put(self._folder / FILE_NAME, data)
            replace_files(self._target, staged | {FILE_NAME: self._folder / FILE_NAME})
            return
        try:
            self._swap(data, staged)
        except BaseException:
            self.take_back()
            raise

    def _swap(self, manifest: bytes, staged: dict[str, UPath]) -> None:
        complete = local_path(self._folder / _COMPLETE)
        complete.mkdir()
        local.put(complete / FILE_NAME, manifest)
        for name, path in staged.items():
            os.rename(local_path(path), complete / name)
        local.swap(local_path(self._target), complete)

    def discard(self) -> None:
        """Remove the draft, and let go of it. Never hides an exception that is on its way."""
        try:
            storage.remove_or_warn(self._folder / _RECORD)  # first: what is cut short must not look like a draft
            storage.remove_or_warn(self._folder)
        finally:
            self.release()

    def release(self) -> None:
        """Let go of it, so that others may go on with it or remove it."""
        if self._lock is not None:
            self._lock.release()

    def load(self) -> bool:
        """Take note of what it is; False where there is none."""
        text = storage.read(self._folder / _RECORD)
        try:
            record = _Record.model_validate_json(text or b"")
        except ValueError:
            return False
        is_ours = _ID.fullmatch(record.id) is not None  # it is the name of a folder
        if not is_ours or any(storage.leads_outside(self._folder / name) for name in (record.id, _COMPLETE)):
            return False
        self.id, self.note = record.id, record.note
        return True

    def create(self, note: str) -> None:
        """Begin it. Where several do so at once, on a store without locks, it is that of the first one."""
        for name in [*storage.file_names(self._folder), *storage.folder_names(self._folder)]:
            storage.remove(self._folder / name)
        record = _Record(id=uuid.uuid4().hex, note=note)
        data = record.model_dump_json().encode()
        if is_local(self._folder):
            local_path(self._folder / record.id).mkdir()
            storage.put(self._folder / _RECORD, data)
        else:
            storage.create(self._folder / _RECORD, data)
        self.load()

    def take_back(self) -> None:
        """Undo what `publish` did of its work before it was cut short."""
        complete = self._folder / _COMPLETE
        text = storage.read(complete / FILE_NAME) if is_local(self._folder) else None
        if text is not None:
            manifest = Manifest.from_json(text)
            for name in set(storage.file_names(complete)) & manifest.files.keys():
                file = DraftFile(manifest.files[name], manifest.row_counts[name])
                os.rename(local_path(complete / name), local_path(self._folder / self.id / file.staged_as(name)))
        storage.remove(complete)


def begin(target: UPath, key: str, note: str, *, is_over: str | None, alone: bool) -> Draft:
    """Go on with the draft of a key, or begin it. Where another process has it for itself, begin a separate one.

    Args:
        target: Where the artefact will be.
        key: 32 hexadecimal digits that stand for all that the files depend on.
        note: What to remember with a draft that is begun.
        is_over: The `id` of a draft that has been published.
        alone: Work on it as the only one.
    """
    with _alone_beside(target):
        draft = _attached(target, key, alone) or _attached(target, uuid.uuid4().hex, alone)
        assert draft is not None
        try:
            if draft.load() and draft.id != is_over:
                draft.take_back()
            else:
                draft.create(note)
            _remove_others(target, draft.key)
        except BaseException:
            draft.release()
            raise
    return draft


def open_again(target: UPath, key: str, draft_id: str, *, alone: bool) -> Draft | None:
    """The draft with this key and this `id`; None if it is no longer there. Waits until others allow it.

    Args:
        target: Where the artefact will be.
        key: What it is found by.
        draft_id: What it was called when it was begun.
        alone: Work on it as the only one.
    """
    try:
        folder = _folder(target, key)
        draft = Draft(target, key, FolderLock(local_path(folder), shared=not alone) if is_local(folder) else None)
    except FileNotFoundError:
        return None
    try:
        if draft.load() and draft.id == draft_id:
            if alone:
                draft.take_back()
            return draft
    except BaseException:
        draft.release()
        raise
    draft.release()
    return None


def _folder(target: UPath, key: str) -> UPath:
    return target.parent / f".{target.name}.{key}.draft"


@contextmanager
def _alone_beside(target: UPath) -> Iterator[None]:
    """No sweep, and nobody else who begins a draft, comes between."""
    if not is_local(target):
        yield
        return
    local.check_replaceable(local_path(target))
    parent = local_path(target.parent)
    parent.mkdir(parents=True, exist_ok=True)
    with FolderLock(parent):
        yield


def _attached(target: UPath, key: str, alone: bool) -> Draft | None:
    if not is_local(target):
        return Draft(target, key, None)
    folder = local_path(_folder(target, key))
    if folder.is_symlink():  # what is in there is not ours to clear away
        folder.unlink()
    folder.mkdir(exist_ok=True)
    try:
        return Draft(target, key, FolderLock(folder, wait=False, shared=not alone))
    except BlockingIOError:
        return None


def _remove_others(target: UPath, key: str) -> None:
    """The disk must not fill up with drafts that nobody will ever finish."""
    for name in storage.folder_names(target.parent) if is_local(target) else []:
        found = _FOLDER.fullmatch(name)
        other = target.parent / name
        is_other = found is not None and found["name"] == target.name and other != _folder(target, key)
        if is_other and local.is_locked(local_path(other)) is False:
            storage.remove_or_warn(other)
