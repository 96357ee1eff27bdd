"""Drafts: what one run has finished another one goes on with, whatever happened in between."""

import errno
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from synth_engine.domain import ArtefactError
from synth_engine.workspace import Artefact, Draft, Workspace, drafts, staging
from synth_engine.workspace import local as local_disk
from synth_engine.workspace.storage import file_names, folder_names
from tests.workspace.disks import make_read_only
from tests.workspace.helpers import content, put, tree

ARTEFACT = Artefact.SYNTHETIC_DATA
KEY, OTHER = b"k" * 32, b"o" * 32


@pytest.fixture(params=["local", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """On S3 as well where it says `everywhere`."""
    if request.param == "s3":
        return f"{request.getfixturevalue('bucket')}/ws"
    return str(tmp_path / "ws") if request.param == "local" else f"memory://{tmp_path}"


everywhere = pytest.mark.parametrize("root", ["local", "memory", "s3"], indirect=True)


def table(number: int) -> pa.Table:
    return pa.table({"number": [number] * (number + 1)})


def begin(workspace: Workspace, key: bytes = KEY, *, note: str = "first", alone: bool = True) -> Draft:
    return workspace.begin_draft(ARTEFACT, key, note=note, alone=alone)


def write(draft: Draft, *numbers: int) -> None:
    for number in numbers:
        draft.write_table(f"part{number}", table(number))


def leave(workspace: Workspace, *numbers: int, key: bytes = KEY) -> str:
    """What a run leaves that dies after so many files; returns the draft's id."""
    draft = begin(workspace, key)
    write(draft, *numbers)
    draft.release()
    return draft.id


def publish(workspace: Workspace, draft: Draft) -> None:
    workspace.publish(ARTEFACT, draft, draft.files, config={"size": 3}, inputs={"model": "m"})


def numbers_of(workspace: Workspace) -> list[int]:
    """The files of the published artefact, read the safe way and checked."""
    reader = workspace.read(ARTEFACT)
    found = [int(name.removeprefix("part")) for name in reader.manifest.files]
    assert all(reader.table(f"part{number}").equals(table(number)) for number in found)
    assert reader.manifest.row_counts == {f"part{number}": number + 1 for number in found}
    return found


def drafts_in(workspace: Workspace) -> list[str]:
    return [name for name in folder_names(workspace.root) if name.endswith(".draft")]


@everywhere
def test_a_draft_becomes_the_artefact_and_nothing_of_it_stays(workspace: Workspace):
    put(workspace, "old", artefact=ARTEFACT)
    draft = begin(workspace)
    write(draft, 2, 0, 1)
    assert set(content(workspace, ARTEFACT).values()) == {b"old"}
    publish(workspace, draft)
    assert numbers_of(workspace) == [0, 1, 2]
    made = workspace.manifest(ARTEFACT)
    assert (made.config, made.inputs) == ({"size": 3}, {"model": "m"})
    names = {"part0", "part1", "part2", "_manifest.json"}
    assert set(tree(workspace)) == {"/OriginalData/hash-key", *(f"/SyntheticData/{name}" for name in names)}


def test_the_manifest_is_that_of_files_written_at_once(workspace: Workspace):
    with workspace.replace(ARTEFACT, config={"size": 3}) as writer:
        for number in range(3):
            writer.write_table(f"part{number}", table(number))
    once = workspace.manifest(ARTEFACT)
    draft = begin(workspace)
    write(draft, 0, 1, 2)
    publish(workspace, draft)
    made = workspace.manifest(ARTEFACT)
    assert made.model_copy(update={"facts": {}, "inputs": {}}) == once


@everywhere
def test_what_a_run_left_another_one_goes_on_with(workspace: Workspace):
    left = leave(workspace, 0, 2)
    draft = begin(workspace, note="second")
    assert (draft.id, draft.note, list(draft.files)) == (left, "first", ["part0", "part2"])
    write(draft, 1)
    publish(workspace, draft)
    assert numbers_of(workspace) == [0, 1, 2]


def test_a_draft_that_was_published_is_not_gone_on_with(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):
    draft = begin(workspace)
    write(draft, 0)
    monkeypatch.setattr(Draft, "discard", Draft.release)  # dies right before
    publish(workspace, draft)
    monkeypatch.undo()
    assert workspace.is_published(ARTEFACT, draft.id)
    again = begin(workspace, note="second")
    assert (again.id != draft.id, again.note, list(again.files)) == (True, "second", [])


def test_another_key_is_another_draft(workspace: Workspace):
    left = leave(workspace, 0)
    draft = begin(workspace, OTHER)
    assert draft.id != left
    assert draft.files == {}


def test_no_file_is_taken_for_finished_that_is_not(workspace: Workspace):
    left = leave(workspace, 0, 1, 2)
    files = workspace.root / drafts_in(workspace)[0] / left
    first, second, third = sorted(file_names(files))
    (files / first).write_bytes(b"cut short")
    (files / second).rename(files / f".{'0' * 32}.new")
    (files / third).rename(files / "part2")
    draft = begin(workspace)
    assert draft.files == {}
    write(draft, 0, 1)
    publish(workspace, draft)
    assert numbers_of(workspace) == [0, 1]
    assert set(file_names(workspace.folder(ARTEFACT))) == {"part0", "part1", "_manifest.json"}


def test_files_without_the_record_are_not_gone_on_with(workspace: Workspace):
    """What was being removed when its run died: what is gone first is the record."""
    leave(workspace, 0)
    (workspace.root / drafts_in(workspace)[0] / "draft.json").unlink()
    assert begin(workspace).files == {}


def test_a_damaged_record_is_none(workspace: Workspace):
    leave(workspace, 0)
    (workspace.root / drafts_in(workspace)[0] / "draft.json").write_bytes(b"{")
    assert begin(workspace).files == {}


def test_of_two_that_want_a_draft_for_themselves_the_second_gets_its_own(local: Workspace):
    one = begin(local)
    two = begin(local, note="second")
    assert (two.id != one.id, two.note) == (True, "second")
    write(one, 0, 1)
    write(two, 5)
    publish(local, two)
    assert numbers_of(local) == [5]
    publish(local, one)
    assert numbers_of(local) == [0, 1]
    assert drafts_in(local) == []


def test_several_share_a_draft_but_not_with_who_wants_it_alone(local: Workspace):
    shared = [begin(local, alone=False) for _ in range(3)]
    assert len({draft.id for draft in shared}) == 1
    assert begin(local).id != shared[0].id
    for number, draft in enumerate(shared):
        write(draft, number)
        draft.release()
    assert list(begin(local).files) == ["part0", "part1", "part2"]


def test_workers_of_a_store_without_locks_share(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("synth_engine.workspace.locks._lock", lambda descriptor, wait, shared: False)
    one, two = begin(workspace), begin(workspace)
    assert one.id == two.id
    write(one, 0)
    write(two, 0, 1)
    publish(workspace, two)
    assert numbers_of(workspace) == [0, 1]
    one.discard()
    assert numbers_of(workspace) == [0, 1]


def test_two_workers_that_differ_do_not_spoil_each_others_file(workspace: Workspace):
    """As two kinds of processors may."""
    one, two = begin(workspace, alone=False), begin(workspace, alone=False)
    one.write_table("part3", table(3))
    two.write_table("part3", table(3).slice(1))
    one.release()
    publish(workspace, two)
    reader = workspace.read(ARTEFACT)
    assert reader.table("part3").num_rows == reader.manifest.row_counts["part3"]
    assert file_names(workspace.folder(ARTEFACT)) == ["_manifest.json", "part3"]


@everywhere
def test_threads_write_the_same_files(workspace: Workspace):
    draft = begin(workspace)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda i: write(draft, i % 5), range(20)))
    publish(workspace, draft)
    assert numbers_of(workspace) == list(range(5))


@everywhere
def test_a_draft_is_opened_until_it_is_published(workspace: Workspace):
    draft = begin(workspace, alone=False)
    draft.release()
    for number in range(2):
        opened = workspace.open_draft(ARTEFACT, draft.key, draft.id, alone=False)
        assert opened is not None
        write(opened, number)
        opened.release()
    assert not workspace.is_published(ARTEFACT, draft.id)
    last = workspace.open_draft(ARTEFACT, draft.key, draft.id, alone=True)
    assert last is not None
    publish(workspace, last)
    assert workspace.open_draft(ARTEFACT, draft.key, draft.id, alone=False) is None
    assert workspace.is_published(ARTEFACT, draft.id)
    begin(workspace).release()
    assert workspace.open_draft(ARTEFACT, draft.key, draft.id, alone=False) is None, "another one with the same key"


class Crash(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("steps", range(7))
def test_a_crash_at_each_rename_of_publishing_loses_no_file(
    local: Workspace, monkeypatch: pytest.MonkeyPatch, steps: int
):
    put(local, "old", artefact=ARTEFACT)
    draft = begin(local)
    write(draft, 0, 1, 2)
    crash_after(monkeypatch, os, "rename", steps)
    with pytest.raises(Crash):
        publish(local, draft)
    monkeypatch.undo()
    draft.release()
    continue_after(local, draft, is_published=steps >= 5)  # three files, the old version aside, the new one in place


@pytest.mark.parametrize("steps", range(10))
def test_a_crash_at_each_copy_of_publishing_loses_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, steps: int):
    store = Workspace(f"memory://{tmp_path}")
    put(store, "old", artefact=ARTEFACT)
    draft = begin(store)
    write(draft, 0, 1, 2)
    crash_after(monkeypatch, store.root.fs, "rm_file", steps)
    crash_after(monkeypatch, store.root.fs, "cp_file", max(0, steps - 4))
    with pytest.raises(Crash):
        publish(store, draft)
    monkeypatch.undo()
    continue_after(store, draft, is_published=steps >= 8)


def test_publishing_that_fails_leaves_the_old_version_and_the_draft(local: Workspace, monkeypatch: pytest.MonkeyPatch):
    put(local, "old", artefact=ARTEFACT)
    draft = begin(local)
    write(draft, 0, 1, 2)
    original = os.rename

    def rename(source: Path, target: Path) -> None:
        if target == Path(local.folder(ARTEFACT)) and source.name == "complete":
            raise OSError(errno.EIO, "Input/output error")
        original(source, target)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(ArtefactError, match="SyntheticData: cannot be written: Input/output error"):
        publish(local, draft)
    monkeypatch.undo()
    assert set(content(local, ARTEFACT).values()) == {b"old"}
    assert list(draft.files) == ["part0", "part1", "part2"]
    publish(local, draft)
    assert numbers_of(local) == [0, 1, 2]


def continue_after(workspace: Workspace, draft: Draft, *, is_published: bool) -> None:
    assert workspace.is_published(ARTEFACT, draft.id) == is_published
    again = begin(workspace)
    assert (again.id == draft.id) == (not is_published)
    assert list(again.files) == ([] if is_published else ["part0", "part1", "part2"])
    write(again, 3)
    expected = list(again.files)
    publish(workspace, again)
    assert [f"part{number}" for number in numbers_of(workspace)] == expected
    assert drafts_in(workspace) == []


def crash_after(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, times: int) -> None:
    """Let the process end at a call, once it was called so many times; at the latest when it is done otherwise."""
    original: Callable[..., object] = getattr(owner, name)
    left = times

    def call(*args: object) -> object:
        nonlocal left
        if left == 0:
            raise Crash
        left -= 1
        return original(*args)

    def end(self: Draft) -> None:
        raise Crash

    monkeypatch.setattr(owner, name, call)
    monkeypatch.setattr(Draft, "discard", end)


def test_a_draft_outlives_other_stages(workspace: Workspace):
    left = leave(workspace, 0)
    put(workspace, "meta", artefact=Artefact.TGT_META)
    put(workspace, "all at once", artefact=ARTEFACT)
    assert begin(workspace).id == left


def test_old_drafts_go_unless_somebody_works_on_them(local: Workspace):
    held = begin(local)
    write(held, 0)
    age(local)
    put(local, "meta", artefact=Artefact.TGT_META)
    assert list(held.files) == ["part0"]
    held.release()
    write(held, 1)
    put(local, "meta", artefact=Artefact.TGT_META)
    assert list(held.files) == ["part0", "part1"], "something was written to it just now"
    age(local)
    put(local, "meta", artefact=Artefact.TGT_META)
    assert drafts_in(local) == []


def age(workspace: Workspace) -> None:
    """Let all that is there be older than a draft may become."""
    long_ago = time.time() - staging.ABANDONED_AFTER - 60
    for folder, _, names in os.walk(workspace.root.path):
        for name in (".", *names):
            os.utime(os.path.join(folder, name), (long_ago, long_ago))


def test_on_object_stores_drafts_go_when_they_are_old(bucket: str, monkeypatch: pytest.MonkeyPatch):
    workspace = Workspace(f"{bucket}/ws")
    leave(workspace, 0)
    leave(workspace, 1, key=OTHER)
    put(workspace, "meta", artefact=Artefact.TGT_META)
    assert len(drafts_in(workspace)) == 2
    monkeypatch.setattr(staging, "ABANDONED_AFTER", -60)
    put(workspace, "meta", artefact=Artefact.TGT_META)
    assert drafts_in(workspace) == []


def test_a_local_disk_does_not_fill_up_with_drafts(local: Workspace):
    held = begin(local)
    for number in range(4):
        leave(local, 0, key=bytes([number]) * 32)
    assert len(drafts_in(local)) == 2, "the last one, and that which somebody works on"
    held.discard()


def test_drafts_of_other_artefacts_stay(local: Workspace):
    other = local.begin_draft(Artefact.TGT_DATA, KEY, note="", alone=True)
    other.release()
    leave(local, 0)
    assert local.open_draft(Artefact.TGT_DATA, other.key, other.id, alone=True) is not None


def test_a_full_disk_is_told_of_and_keeps_what_is_finished(small_disk: Path):
    workspace = Workspace(small_disk / "ws")
    draft = begin(workspace)
    write(draft, 0)
    big = pa.table({"bytes": [os.urandom(100_000) for _ in range(5)]})
    with pytest.raises(ArtefactError, match=r"SyntheticData: cannot be written: No space left on device.*make room"):
        draft.write_table("part1", big)
    assert list(draft.files) == ["part0"]
    write(draft, 1)
    publish(workspace, draft)
    assert numbers_of(workspace) == [0, 1]


def test_a_read_only_disk_is_told_of(small_disk: Path):
    workspace = Workspace(small_disk / "ws")
    leave(workspace, 0)
    draft = begin(workspace)
    make_read_only(small_disk)
    with pytest.raises(ArtefactError, match=r"SyntheticData: cannot be written: Read-only file system"):
        write(draft, 1)
    with pytest.raises(ArtefactError, match=r"SyntheticData: cannot be written: Read-only file system"):
        publish(workspace, draft)
    with pytest.raises(ArtefactError, match=r"SyntheticData: cannot be written: Read-only file system"):
        begin(workspace, OTHER)


def test_a_draft_that_vanished_is_told_of(local: Workspace):
    draft = begin(local)
    local_disk.remove(Path(drafts._folder(local.folder(ARTEFACT), draft.key)))
    with pytest.raises(ArtefactError, match="SyntheticData: cannot be written: No such file"):
        write(draft, 0)
