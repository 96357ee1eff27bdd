"""Runs that die at any moment: what was there stays whole, and what they leave behind is cleared away."""

import errno
import os
import random
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from synth_engine.domain import ArtefactError
from synth_engine.workspace import Artefact, Workspace, staging
from synth_engine.workspace import local as local_disk
from synth_engine.workspace.locks import FolderLock
from synth_engine.workspace.storage import file_names, folder_names
from tests.workspace.helpers import content, put, tree
from tests.workspace.processes import FILES, writer


def test_a_killed_process_leaves_a_whole_artefact_and_the_next_one_cleans_up(tmp_path: Path):
    chance = random.Random(0)
    workspace = Workspace(tmp_path)
    left_over = set()
    for attempt in range(20):
        with writer(str(tmp_path), f"attempt {attempt}"):
            time.sleep(chance.uniform(0, 0.02))
        left_over |= set(folder_names(workspace.root / "OriginalData"))
        files = content(workspace)
        assert len(files) == FILES
        assert len(set(files.values())) == 1
        assert files["file0"].startswith(f"attempt {attempt} ".encode())
    assert len(left_over) > 5, "the test is void unless most were killed in the middle of writing"
    put(workspace, "end")
    assert folder_names(workspace.root / "OriginalData") == ["tgt-data"]
    assert set(content(workspace).values()) == {b"end"}


@pytest.mark.parametrize("renames", range(3))
def test_a_crash_at_each_rename_of_the_swap(local: Workspace, monkeypatch: pytest.MonkeyPatch, renames: int):
    put(local, "old")
    crash_after(monkeypatch, renames)
    with pytest.raises(Crash):
        put(local, "new")
    monkeypatch.undo()
    assert set(content(local).values()) == {b"new" if renames == 2 else b"old"}
    put(local, "newest")
    assert set(content(local).values()) == {b"newest"}
    assert folder_names(local.root / "OriginalData") == ["tgt-data"]


def test_a_swap_that_fails_puts_the_old_version_back_at_once(local: Workspace, monkeypatch: pytest.MonkeyPatch):
    put(local, "old")
    before = tree(local)
    original = os.rename

    def rename(source: Path, target: Path) -> None:
        if source.name.endswith(".staging"):
            raise OSError(errno.EIO, "Input/output error")
        original(source, target)

    monkeypatch.setattr(local_disk.os, "rename", rename)
    with pytest.raises(ArtefactError, match="tgt-data: cannot be written: Input/output error"):
        put(local, "new")
    assert tree(local) == before


def test_other_stages_recover_too(local: Workspace, monkeypatch: pytest.MonkeyPatch):
    put(local, "old")
    crash_after(monkeypatch, 1)
    with pytest.raises(Crash):
        put(local, "new")
    monkeypatch.undo()
    assert not local.folder(Artefact.TGT_DATA).exists()
    put(local, "meta", artefact=Artefact.TGT_META)
    assert local.folder(Artefact.TGT_DATA).exists()
    assert set(content(local).values()) == {b"old"}


class Crash(BaseException):
    """Stands for the end of the process: nothing is tidied up after it."""


def crash_after(monkeypatch: pytest.MonkeyPatch, renames: int) -> None:
    """Let the process end at a rename, or right after the second one; what `finally` does on the way is undone."""
    done = 0
    original = os.rename

    def rename(source: Path, target: Path) -> None:
        nonlocal done
        if done == renames:
            raise Crash
        original(source, target)
        done += 1
        if done == 2 == renames:
            raise Crash

    monkeypatch.setattr(local_disk.os, "rename", rename)
    monkeypatch.setattr(staging.Staging, "discard", lambda self: self._lock.release())


def leave_behind(workspace: Workspace, artefact: Artefact) -> Path:
    """What a killed run leaves: staged files that nobody locks."""
    folder = workspace.folder(artefact)
    left = folder.parent / f".{folder.name}.{'0' * 32}.staging"
    (left / "part.000000-trn.parquet").parent.mkdir(parents=True, exist_ok=True)
    (left / "part.000000-trn.parquet").write_bytes(b"sensitive")
    return left


@pytest.mark.parametrize("artefact", Artefact)
def test_leftovers_of_dead_runs_are_removed_by_any_stage(local: Workspace, artefact: Artefact):
    left = leave_behind(local, artefact)
    put(local, "new", artefact=Artefact.TGT_STATS)
    assert not left.exists()


def test_leftovers_of_living_runs_stay(local: Workspace):
    with local.replace(Artefact.TGT_DATA, config={}) as artefact:
        artefact.write_bytes("file0", b"first")
        put(local, "meta", artefact=Artefact.TGT_META)
        put(local, "second")
        artefact.write_bytes("file1", b"first")
    assert content(local) == {"file0": b"first", "file1": b"first"}


def test_leftovers_of_a_run_in_another_process_stay_while_it_lives(tmp_path: Path):
    with writer(str(tmp_path), "writer") as process:
        for _ in range(20):
            put(Workspace(tmp_path), "meta", artefact=Artefact.TGT_META)
        assert process.is_alive()


def test_what_is_not_ours_stays(local: Workspace):
    others = [".tgt-data.staging", ".mine.00000000000000000000000000000000.staging", ".git", "notes"]
    for name in others:
        (local.root / "OriginalData" / name).mkdir(parents=True)
    put(local, "new")
    assert set(others) < set(folder_names(local.root / "OriginalData"))


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without locks, as some network disks are."""
    monkeypatch.setattr("synth_engine.workspace.locks._lock", lambda descriptor, wait, shared: False)


@pytest.mark.usefixtures("no_locks")
def test_without_locks_leftovers_go_when_they_are_old(local: Workspace):
    put(local, "old")
    left = leave_behind(local, Artefact.TGT_DATA)
    put(local, "new")
    assert left.exists()
    long_ago = time.time() - staging.ABANDONED_AFTER - 60
    os.utime(left / "part.000000-trn.parquet", (long_ago, long_ago))
    put(local, "new")
    assert left.exists(), "the folder itself is young"
    os.utime(left, (long_ago, long_ago))
    put(local, "new")
    assert not left.exists()


def test_on_object_stores_leftovers_go_when_they_are_old(bucket: str, monkeypatch: pytest.MonkeyPatch):
    workspace = Workspace(f"{bucket}/ws")
    left = leave_behind(workspace, Artefact.TGT_DATA)
    put(workspace, "one")
    assert file_names(left) == ["part.000000-trn.parquet"]
    monkeypatch.setattr(staging, "ABANDONED_AFTER", -60)
    put(workspace, "two")
    assert file_names(left) == []
    assert set(content(workspace).values()) == {b"two"}


def test_a_leftover_that_cannot_be_removed_is_told_of(local: Workspace, monkeypatch: pytest.MonkeyPatch):
    left = leave_behind(local, Artefact.TGT_DATA)

    def refuse(path: Path) -> None:
        raise PermissionError(1, "Operation not permitted", str(path))

    monkeypatch.setattr(local_disk.shutil, "rmtree", refuse)
    with pytest.warns(UserWarning, match=r"staging: left over, cannot be removed .*; remove it by hand"):
        put(local, "new")
    assert left.exists()
    assert set(content(local).values()) == {b"new"}


def test_a_run_whose_staged_files_vanish_fails_and_leaves_the_old_version(workspace: Workspace):
    put(workspace, "old")
    with (  # noqa: PT012
        pytest.raises(ArtefactError, match="cannot be written: file0 vanished"),
        workspace.replace(Artefact.TGT_DATA, config={}) as artefact,
    ):
        artefact.write_bytes("file0", b"new")
        (artefact._staging / "file0").unlink()
    assert set(content(workspace).values()) == {b"old"}


@pytest.mark.parametrize("steps", range(8))
def test_a_crash_at_each_step_on_an_object_store_is_visible(monkeypatch: pytest.MonkeyPatch, steps: int):
    workspace = Workspace(f"memory://{uuid4().hex}")
    put(workspace, "old", n_files=3)
    fail_after(monkeypatch, workspace, steps)
    with pytest.raises(Crash):
        put(workspace, "new", n_files=2)
    monkeypatch.undo()
    if steps == 0:
        assert set(content(workspace).values()) == {b"old"}
    elif steps < 5:  # manifest and file2 removed, two files copied, the manifest not yet
        assert not workspace.has(Artefact.TGT_DATA)
        with pytest.raises(ArtefactError, match=r"is incomplete \(no _manifest.json\); run split"):
            workspace.read(Artefact.TGT_DATA)
    else:
        assert set(content(workspace).values()) == {b"new"}
    put(workspace, "newest", n_files=1)
    assert content(workspace) == {"file0": b"newest"}
    assert file_names(workspace.folder(Artefact.TGT_DATA)) == ["_manifest.json", "file0"]


def fail_after(monkeypatch: pytest.MonkeyPatch, workspace: Workspace, steps: int) -> None:
    """Let the process end after a number of removals and copies."""
    left = steps

    def counted(original: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object) -> object:
            nonlocal left
            if left == 0:
                raise Crash
            left -= 1
            return original(*args)

        return call

    for name in ("rm_file", "cp_file"):
        monkeypatch.setattr(workspace.root.fs, name, counted(getattr(workspace.root.fs, name)))


def test_a_lock_is_exclusive_and_ends_with_its_holder(tmp_path: Path):
    with FolderLock(tmp_path) as lock:
        if not lock.works:
            pytest.skip("this file system knows no locks")
        with pytest.raises(BlockingIOError):
            FolderLock(tmp_path, wait=False)
        assert local_disk.is_locked(tmp_path)
    assert local_disk.is_locked(tmp_path) is False
    assert tree(Workspace(tmp_path)) == {}


def test_no_warnings_in_ordinary_use(workspace: Workspace):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        put(workspace, "one")
        put(workspace, "two")
        workspace.remove(Artefact.TGT_DATA)
