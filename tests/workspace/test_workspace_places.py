"""Places: what a workspace may be given as, and places that cannot be written."""

import os
from pathlib import Path

import pytest
from upath import UPath

from synth_engine.domain import ArtefactError, InputError
from synth_engine.workspace import Artefact, Workspace
from synth_engine.workspace.storage import file_names, folder_names
from tests.workspace.disks import make_read_only
from tests.workspace.helpers import AWKWARD, content, put, tree


@pytest.mark.parametrize("kind", [str, Path, UPath, lambda path: f"file://{path}"])
def test_paths_of_every_kind(tmp_path: Path, kind: type):
    put(Workspace(kind(tmp_path / AWKWARD)), "content")
    assert set(content(Workspace(tmp_path / AWKWARD)).values()) == {b"content"}


def test_awkward_names_on_every_file_system(root: str):
    neighbour = Workspace(f"{root}/my ws ü 漢 axx 1% it's")
    put(neighbour, "neighbour")
    workspace = Workspace(f"{root}/{AWKWARD}")
    put(workspace, "old")
    put(workspace, "new")
    assert set(content(workspace).values()) == {b"new"}
    workspace.remove(Artefact.TGT_DATA)
    assert set(content(neighbour).values()) == {b"neighbour"}


def test_a_relative_path_stays_where_it_was_first_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    workspace = Workspace("ws")
    put(workspace, "one")
    with workspace.replace(Artefact.TGT_DATA, config={}) as writer:
        writer.write_bytes("file0", b"two")
        monkeypatch.chdir(tmp_path / "elsewhere")
        writer.write_bytes("file1", b"two")
    assert set(content(workspace).values()) == {b"two"}
    assert os.listdir(tmp_path / "elsewhere") == []


def test_the_home_folder_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    put(Workspace("~/ws"), "content")
    assert (tmp_path / "ws" / "OriginalData" / "tgt-data" / "file0").exists()
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize("wrong", ["", "  ", None, 3, "nothing-known://place", b"bytes"])
def test_what_is_no_path(wrong: object):
    with pytest.raises(InputError, match="workspace_dir: "):
        Workspace(wrong)  # type: ignore[arg-type]


def test_a_file_in_the_place_of_the_workspace(tmp_path: Path):
    (tmp_path / "ws").write_text("a file")
    with pytest.raises(ArtefactError, match=r"tgt-data: cannot be written: Not a directory .*choose another"):
        put(Workspace(tmp_path / "ws"), "new")
    assert not Workspace(tmp_path / "ws").has(Artefact.TGT_DATA)
    assert (tmp_path / "ws").read_text() == "a file"


def test_a_file_in_the_place_of_an_artefact_is_not_overwritten(local: Workspace):
    put(local, "meta", artefact=Artefact.TGT_META)
    local.folder(Artefact.TGT_DATA).write_text("mine")
    before = tree(local)
    with pytest.raises(ArtefactError, match=r"tgt-data: cannot be written: expected a folder or nothing there"):
        put(local, "new")
    assert tree(local) == before


def test_a_folder_in_the_place_of_a_file(local: Workspace):
    put(local, "old")
    (local.folder(Artefact.TGT_DATA) / "file1").unlink()
    (local.folder(Artefact.TGT_DATA) / "file1").mkdir()
    with pytest.raises(ArtefactError, match="file1: cannot be read: Is a directory"):
        content(local)


def test_a_linked_artefact_is_replaced_and_what_it_linked_to_stays(local: Workspace, tmp_path: Path):
    put(local, "old")
    folder = Path(local.folder(Artefact.TGT_DATA))
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert set(content(local).values()) == {b"old"}
    put(local, "new")
    assert set(content(local).values()) == {b"new"}
    assert folder_names(local.root / "OriginalData") == ["tgt-data"]
    assert (tmp_path / "elsewhere" / "file0").read_bytes() == b"old"


def test_a_place_where_nobody_may_write():
    if not Path("/proc/1").exists():
        pytest.skip("there is no /proc")
    with pytest.raises(ArtefactError, match=r"/proc/nowhere/.*tgt-data: cannot be written: "):
        put(Workspace("/proc/nowhere"), "new")


def test_a_full_disk_leaves_the_old_version(small_disk: Path):
    workspace = Workspace(small_disk / "ws")
    put(workspace, "x" * 20_000)
    before = tree(workspace)
    with pytest.raises(ArtefactError, match=r"tgt-data: cannot be written: No space left on device.*make room"):
        put(workspace, "y" * 100_000)
    assert tree(workspace) == before
    put(workspace, "z" * 20_000)
    assert content(workspace)["file0"][:1] == b"z"


def test_a_read_only_disk_can_be_read(small_disk: Path):
    workspace = Workspace(small_disk / "ws")
    put(workspace, "old")
    make_read_only(small_disk)
    assert set(content(workspace).values()) == {b"old"}
    with pytest.raises(ArtefactError, match=r"tgt-data: cannot be written: Read-only file system"):
        put(workspace, "new")
    with pytest.raises(ArtefactError, match=r"tgt-data: cannot be removed: Read-only file system"):
        workspace.remove(Artefact.TGT_DATA)
    assert set(content(workspace).values()) == {b"old"}


def test_a_bucket_that_does_not_exist_is_not_made(object_store: str):
    workspace = Workspace("s3://no-such-bucket/ws")
    assert not workspace.has(Artefact.TGT_DATA)
    with pytest.raises(ArtefactError, match=r"s3://no-such-bucket/.*: cannot be written: .*bucket does not exist"):
        put(workspace, "new")
    assert not UPath("s3://no-such-bucket").exists()


def test_no_credentials(object_store: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    root = UPath("s3://somewhere/ws", skip_instance_cache=True)
    with pytest.raises(ArtefactError, match=r"tgt-data.*: cannot be (read|written): .*credentials"):
        put(Workspace(root), "new")


def test_options_of_the_file_system_are_kept(bucket: str):
    workspace = Workspace(UPath(f"{bucket}/ws", use_listings_cache=False))
    put(workspace, "content")
    assert workspace.folder(Artefact.TGT_DATA).fs is workspace.root.fs
    assert len(file_names(workspace.folder(Artefact.TGT_DATA))) == 4
