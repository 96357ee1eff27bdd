"""Staging: the successor of an artefact is put together beside it, and takes its place as a whole.

An object store has no rename of folders: there the old manifest goes first and the new one comes last, so that a crash
in between leaves an artefact that says it is incomplete.

What a run that died leaves behind may be a copy of the whole original table, so the next run clears it away. On a local
disk a staging folder is locked as long as its run lives. Elsewhere it counts as abandoned when nothing was written to
it for `ABANDONED_AFTER` seconds. So does a draft (`synth_engine.workspace.drafts`) on any disk: it is there to outlive
its run.
"""

import errno
import re
import time
import uuid
from collections.abc import Iterable, Mapping

from upath import UPath

from synth_engine.workspace import local, storage
from synth_engine.workspace.locks import FolderLock
from synth_engine.workspace.manifest import FILE_NAME
from synth_engine.workspace.storage import is_local, local_path

ABANDONED_AFTER = 24 * 3600
_STAGED = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{32}\.(?P<kind>staging|draft)")


class Staging:
    """A fresh folder beside `target`; beside, so that sensitive data is never staged outside its own half.

    Guarantees: until `publish` is called `target` is untouched; once it returns `target` is complete. On a local disk
    no other run takes the folder for abandoned while this object lives.
    """

    def __init__(self, target: UPath) -> None:
        self._target = target
        self.folder = target.parent / f".{target.name}.{uuid.uuid4().hex}.staging"
        self._lock: FolderLock | None = None
        if is_local(target):
            local.check_replaceable(local_path(target))
            parent, folder = local_path(target.parent), local_path(self.folder)
            parent.mkdir(parents=True, exist_ok=True)
            with FolderLock(parent):  # no sweep comes between making and locking
                folder.mkdir()
                self._lock = FolderLock(folder)

    def publish(self, names: Iterable[str]) -> None:
        """Let the staged files with these names take the place of the target."""
        missing = set(names) - set(storage.file_names(self.folder))
        if missing:
            raise FileNotFoundError(errno.ENOENT, f"{', '.join(sorted(missing))} vanished while being staged")
        if is_local(self._target):
            local.swap(local_path(self._target), local_path(self.folder))
        else:
            staged = storage.file_names(self.folder)
            replace_files(self._target, {name: self.folder / name for name in staged})

    def discard(self) -> None:
        """Remove what is left of the folder. Never hides an exception that is on its way."""
        try:
            storage.remove_or_warn(self.folder)
        finally:
            if self._lock is not None:
                self._lock.release()


def replace_files(folder: UPath, staged: Mapping[str, UPath]) -> None:
    """Let staged files take the place of those in a folder of an object store.

    Args:
        folder: Where they go.
        staged: Where they are, by the names that they get; with a manifest.
    """
    fs = folder.fs
    old = set(storage.file_names(folder))
    # Stale files go before the manifest comes: who reads the folder without it must not see them beside the new ones.
    for name in sorted(old - staged.keys() | old & {FILE_NAME}, key=lambda name: name != FILE_NAME):
        fs.rm_file((folder / name).path)
    for name in sorted(staged, key=lambda name: (name == FILE_NAME, name)):
        fs.cp_file(staged[name].path, (folder / name).path)


def recover(folder: UPath) -> None:
    """Wait for a swap that is under way, and mend one that was cut short."""
    if is_local(folder):
        local.recover(local_path(folder))


def sweep(folders: Iterable[UPath]) -> None:
    """Clear away what runs that died left beside these artefacts: staged files, and versions that were replaced."""
    targets = list(folders)
    for parent in {folder.parent for folder in targets}:
        ours = {folder.name for folder in targets if folder.parent == parent}
        if not is_local(parent):
            _sweep_staged(parent, ours)
        elif parent.is_dir():
            with FolderLock(local_path(parent)):
                _sweep_staged(parent, ours)
            for name in ours:
                local.clear(local_path(parent / name))


def _sweep_staged(parent: UPath, ours: set[str]) -> None:
    for name in storage.folder_names(parent):
        found = _STAGED.fullmatch(name)
        if found is not None and found["name"] in ours and _is_abandoned(parent / name, found["kind"] == "draft"):
            storage.remove_or_warn(parent / name)


def _is_abandoned(folder: UPath, is_draft: bool) -> bool:
    locked = local.is_locked(local_path(folder)) if is_local(folder) else None
    if locked is None or (is_draft and not locked):
        return storage.is_untouched_since(folder, time.time() - ABANDONED_AFTER)
    return not locked
