"""Artefacts that are not what their manifest says, and manifests that say nothing we know."""

import json
from collections.abc import Callable

import pytest
from upath import UPath

from synth_engine.domain import ArtefactError
from synth_engine.workspace import Artefact, Workspace
from tests.workspace.helpers import content, put

MANIFEST = "_manifest.json"


@pytest.fixture
def folder(workspace: Workspace) -> UPath:
    """A complete artefact."""
    put(workspace, "content")
    return workspace.folder(Artefact.TGT_DATA)


def test_a_file_that_was_changed(workspace: Workspace, folder: UPath):
    (folder / "file1").write_bytes(b"CONTENT")
    with pytest.raises(ArtefactError, match=r"file1: its content does not match the hash in _manifest.json.*run split"):
        content(workspace)


def test_a_file_that_was_cut_short(workspace: Workspace, folder: UPath):
    (folder / "file1").write_bytes(b"conte")
    with pytest.raises(ArtefactError, match=r"file1: its content does not match"):
        content(workspace)


def test_a_file_that_was_removed(workspace: Workspace, folder: UPath):
    (folder / "file1").unlink()
    with pytest.raises(ArtefactError, match=r"file1: the manifest names it, it is missing; run split again"):
        content(workspace)


def test_a_file_that_never_was(workspace: Workspace, folder: UPath):
    with pytest.raises(ArtefactError, match=r"tgt-data: expected a file nothing, the manifest has none; run split"):
        workspace.read(Artefact.TGT_DATA).bytes("nothing")


def test_a_file_too_many_is_not_looked_at(workspace: Workspace, folder: UPath):
    (folder / "part.000009-trn.parquet").write_bytes(b"x")
    assert workspace.read(Artefact.TGT_DATA).parts("trn") == []


def test_a_missing_manifest(workspace: Workspace, folder: UPath):
    (folder / MANIFEST).unlink()
    assert not workspace.has(Artefact.TGT_DATA)
    with pytest.raises(ArtefactError, match=r"tgt-data: is incomplete \(no _manifest.json\); run split"):
        workspace.manifest(Artefact.TGT_DATA)


def changed(**values: object) -> Callable[[bytes], bytes]:
    return lambda text: json.dumps(json.loads(text) | values).encode()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: b"", "is damaged, it is not JSON"),
        (lambda text: text[: len(text) // 2], "is damaged, it is not JSON"),
        (lambda text: b"\xff\xfe" + text, "is damaged, it is not JSON"),
        (lambda text: b"[]", "has format None, this version of synth_engine reads format 1"),
        (changed(format=2), "has format 2, this version of synth_engine reads format 1"),
        (changed(files=3), "is damaged at files"),
        (changed(unheard_of=3), "is damaged at unheard_of"),
    ],
)
def test_a_manifest_that_cannot_be_read(local: Workspace, damage: Callable[[bytes], bytes], message: str):
    put(local, "content")
    path = local.folder(Artefact.TGT_DATA) / MANIFEST
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ArtefactError, match=rf"_manifest.json: {message}; run split again"):
        local.manifest(Artefact.TGT_DATA)


def test_what_is_damaged_can_be_replaced(workspace: Workspace, folder: UPath):
    (folder / MANIFEST).write_bytes(b"?")
    (folder / "file1").unlink()
    put(workspace, "new")
    assert set(content(workspace).values()) == {b"new"}


@pytest.mark.parametrize("key", [b"", b"short", b"x" * 64])
def test_a_damaged_key_is_told_of(local: Workspace, key: bytes):
    put(local, "content")
    (local.root / "OriginalData" / "hash-key").write_bytes(key)
    with pytest.raises(ArtefactError, match=r"hash-key: expected 64 hexadecimal digits; remove it"):
        put(local, "new")
    assert set(content(local).values()) == {b"content"}
