"""Several processes on one workspace at the same moment."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from upath import UPath

from synth_engine.domain import ArtefactError
from synth_engine.workspace import Artefact, Workspace, storage
from tests.workspace.helpers import content, put
from tests.workspace.processes import FILES, keys_of, writer

REPLACED = "was replaced by another process while it was read; try again"


def test_a_reader_among_writers_sees_whole_versions_only(tmp_path: Path):
    root = str(tmp_path)
    with writer(root, "one"), writer(root, "two"), writer(root, "three"):
        read_until_enough(Workspace(root))
    put(Workspace(root), "end")
    assert set(content(Workspace(root)).values()) == {b"end"}


def read_until_enough(workspace: Workspace) -> None:
    """Read an artefact again and again, until versions of all writers were seen whole and some were replaced."""
    versions: set[str] = set()
    replaced = 0
    end = time.monotonic() + 60
    while len({version.split()[0] for version in versions}) < 3 or len(versions) < 30 or replaced < 10:
        assert time.monotonic() < end, "the test is void unless there were several versions"
        assert workspace.has(Artefact.TGT_DATA), "there is a version at any moment"
        try:
            files = content(workspace)
        except ArtefactError as error:
            if REPLACED not in str(error):
                raise
            replaced += 1
            continue
        assert len(files) == FILES
        assert len(set(files.values())) == 1
        versions.add(" ".join(files["file0"][:30].decode().split()[:2]))


def test_a_reader_keeps_to_its_version(workspace: Workspace):
    put(workspace, "old")
    reader = workspace.read(Artefact.TGT_DATA)
    assert reader.bytes("file0") == b"old"
    put(workspace, "new")
    with pytest.raises(ArtefactError, match=REPLACED):
        reader.bytes("file1")


def test_a_reader_does_not_mind_the_same_content_written_again(workspace: Workspace):
    put(workspace, "same")
    reader = workspace.read(Artefact.TGT_DATA)
    put(workspace, "same")
    assert reader.bytes("file1") == b"same"


def test_the_last_of_two_writers_wins(workspace: Workspace):
    with workspace.replace(Artefact.TGT_DATA, config={}) as slow:
        slow.write_bytes("file0", b"slow")
        put(workspace, "fast", n_files=4)
        assert set(content(workspace).values()) == {b"fast"}
    assert content(workspace) == {"file0": b"slow"}


@pytest.mark.parametrize("place", ["local", "s3"])
def test_processes_that_start_together_agree_on_the_key(place: str, tmp_path: Path, request: pytest.FixtureRequest):
    root = str(tmp_path) if place == "local" else request.getfixturevalue("bucket")
    agreed = keys_of(root, n_workspaces=8, n_processes=3)
    assert len(agreed) == 1
    assert len(set(agreed.pop())) == 8


def test_threads_of_one_process(local: Workspace):
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda i: put(local, f"version {i}"), range(40)))
    assert len(set(content(local).values())) == 1
    assert storage.folder_names(local.root / "OriginalData") == ["tgt-data"]


def test_what_another_client_of_an_object_store_did_is_seen(bucket: str):
    ours, theirs = Workspace(f"{bucket}/ws"), Workspace(UPath(f"{bucket}/ws", skip_instance_cache=True))
    assert ours.root.fs is not theirs.root.fs
    put(ours, "x" * 10)
    ours.root.fs.find(ours.root.path)  # fills the cache with listings and sizes
    put(theirs, "y" * 20_000, n_files=2)
    assert content(ours) == {"file0": b"y" * 20_000, "file1": b"y" * 20_000}
    ours.root.fs.find(ours.root.path)
    put(theirs, "z", n_files=5)
    put(ours, "end", n_files=1)
    assert storage.file_names(ours.folder(Artefact.TGT_DATA)) == ["_manifest.json", "file0"]
    close(theirs)


def close(workspace: Workspace) -> None:
    """Let go of the connections of a client that nobody else has."""
    fs = workspace.root.fs
    fs.close_session(fs.loop, fs.s3)
