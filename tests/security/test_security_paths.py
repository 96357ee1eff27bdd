"""Paths in a workspace lead nowhere else: not by names in manifests, not by links, not by what drafts are called."""

import hashlib
import json
from functools import partial
from pathlib import Path

import pytest
from upath import UPath

from synth_engine import analyze, encode, generate
from synth_engine.domain import ArtefactError, UserError
from synth_engine.report import make_report
from synth_engine.workspace import Artefact, Workspace
from synth_engine.workspace.manifest import Manifest
from synth_pipeline.catalog import Catalog, CatalogError
from synth_pipeline.records import Record, read_record, write_record
from synth_pipeline.release import verify
from tests.security.attackers import rewrite

KEY, SECRET = bytes(32), b"what lies outside"
ESCAPES = [
    "../outside",
    "../../outside",
    "/etc/hostname",
    "part.000000/../../outside",
    "part./../../x-trn.parquet",
    "sub/file",
    "..",
    ".",
    "",
    "..\\outside",
    "C:outside",
    "C:\\outside",
    "s3://bucket/outside",
    "nul\0",
]


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file that is none of the workspace's."""
    path = tmp_path / "outside"
    path.write_bytes(SECRET)
    return path


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace with one small artefact."""
    workspace = Workspace(tmp_path / "ws")
    with workspace.replace(Artefact.TGT_DATA, config={}) as writer:
        writer.write_bytes("file", b"content")
    return workspace


def local(workspace: Workspace, artefact: Artefact = Artefact.TGT_DATA) -> Path:
    return Path(workspace.folder(artefact).path)


def entry_of(content: bytes) -> dict[str, object]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


@pytest.mark.parametrize("name", ESCAPES)
def test_a_manifest_that_names_files_elsewhere(name, workspace, outside):
    rewrite(workspace, Artefact.TGT_DATA, lambda manifest: manifest["files"].update({name: entry_of(SECRET)}))
    with pytest.raises(ArtefactError, match=r"_manifest\.json: is damaged at files"):
        workspace.read(Artefact.TGT_DATA)


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname"])
def test_a_manifest_that_counts_rows_elsewhere(name, workspace):
    rewrite(workspace, Artefact.TGT_DATA, lambda manifest: manifest["row_counts"].update({name: 1}))
    with pytest.raises(ArtefactError, match=r"_manifest\.json: is damaged at row_counts"):
        workspace.read(Artefact.TGT_DATA)


VERBS = {
    Artefact.TGT_DATA: [analyze, make_report],
    Artefact.TGT_META: [analyze, encode],
    Artefact.TGT_STATS: [encode, partial(generate, sample_size=5)],
    Artefact.MODEL_DATA: [partial(generate, sample_size=5)],
    Artefact.SYNTHETIC_DATA: [make_report],
}


@pytest.mark.parametrize("artefact", VERBS)
def test_no_verb_follows_a_manifest_or_a_link_out_of_the_workspace(artefact, table_workspace, tmp_path):
    """Files lie outside, with exactly the content that the manifest tells of."""
    folder, elsewhere = local(table_workspace, artefact), tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in table_workspace.manifest(artefact).files:
        (folder / name).rename(elsewhere / name)
        (folder / name).symlink_to(elsewhere / name)
    before = {path: path.read_bytes() for path in elsewhere.iterdir()}
    for verb in VERBS[artefact]:
        with pytest.raises(ArtefactError, match="expected a file of this folder, found a link out of it"):
            verb(workspace_dir=table_workspace.root)

    def elsewhere_too(manifest):
        manifest["files"] = {f"../../../elsewhere/{name}": entry for name, entry in manifest["files"].items()}

    rewrite(table_workspace, artefact, elsewhere_too)
    for verb in VERBS[artefact]:
        with pytest.raises(ArtefactError, match="is damaged at files"):
            verb(workspace_dir=table_workspace.root)
    assert {path: path.read_bytes() for path in elsewhere.iterdir()} == before


def test_a_link_within_the_folder_is_read(workspace):
    folder = local(workspace)
    (folder / "file").rename(folder / "real")
    (folder / "file").symlink_to("real")
    assert workspace.read(Artefact.TGT_DATA).bytes("file") == b"content"


def test_a_manifest_that_is_a_link(workspace, tmp_path):
    path = local(workspace) / "_manifest.json"
    path.rename(tmp_path / "manifest")
    path.symlink_to(tmp_path / "manifest")
    with pytest.raises(ArtefactError, match="found a link out of it"):
        workspace.read(Artefact.TGT_DATA)


@pytest.mark.parametrize("name", [".hash-key.new", ".privacy-ledger.jsonl.new"])
def test_links_in_the_place_of_temporary_files(name, table_workspace, outside):
    """The names of these are known: who writes through such a link writes outside."""
    root = Path(table_workspace.root.path)
    if name == ".hash-key.new":
        (root / "OriginalData" / "hash-key").unlink()
        (root / "OriginalData" / name).symlink_to(outside)
    else:
        (root / "ModelStore" / name).symlink_to(outside)
    analyze(workspace_dir=root, differential_privacy={"value_protection_epsilon": 1.0})
    assert outside.read_bytes() == SECRET


def test_a_link_in_the_place_of_a_draft(workspace, tmp_path):
    """A draft that is begun anew clears its folder: not that of somebody else."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "precious").write_bytes(SECRET)
    folder = local(workspace)
    (folder.parent / f".{folder.name}.{KEY[:16].hex()}.draft").symlink_to(home)
    draft = workspace.begin_draft(Artefact.TGT_DATA, KEY, note="", alone=True)
    draft.write("file", b"new")
    draft.discard()
    assert [path.name for path in home.iterdir()] == ["precious"]


@pytest.mark.parametrize("name", ["../../../outside", "/tmp", "..", ""])
def test_a_draft_whose_id_is_a_path(name, workspace):
    before = sorted(Path(workspace.root.path).parent.iterdir())
    draft = workspace.begin_draft(Artefact.TGT_DATA, KEY, note="", alone=True)
    draft.release()
    record = local(workspace).parent / f".tgt-data.{KEY[:16].hex()}.draft" / "draft.json"
    record.write_text(json.dumps({"id": name, "note": ""}))
    assert workspace.open_draft(Artefact.TGT_DATA, draft.key, name, alone=True) is None
    again = workspace.begin_draft(Artefact.TGT_DATA, KEY, note="", alone=True)
    assert again.id not in (name, draft.id)
    again.write("file", b"new")
    assert list(again.files) == ["file"]
    again.discard()
    assert sorted(Path(workspace.root.path).parent.iterdir()) == before


@pytest.mark.parametrize("name", ["files", "complete"])
def test_links_within_a_draft(name, workspace, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "precious").write_bytes(SECRET)
    manifest = workspace.manifest(Artefact.TGT_DATA).model_dump() | {"files": {"precious": entry_of(SECRET)}}
    manifest["row_counts"] = {"precious": 0}
    (home / "_manifest.json").write_text(Manifest(**manifest).model_dump_json())
    draft = workspace.begin_draft(Artefact.TGT_DATA, KEY, note="", alone=True)
    draft.release()
    folder = local(workspace).parent / f".tgt-data.{KEY[:16].hex()}.draft"
    if name == "files":
        (folder / draft.id).rmdir()
    (folder / (draft.id if name == "files" else name)).symlink_to(home)
    again = workspace.begin_draft(Artefact.TGT_DATA, KEY, note="", alone=True)
    again.write("file", b"new")
    again.discard()
    assert sorted(path.name for path in home.iterdir()) == ["_manifest.json", "precious"]


def test_a_record_of_the_pipeline_that_is_a_link(workspace, outside):
    folder = Path(workspace.root.path) / "OriginalData" / "pipeline"
    folder.mkdir()
    (folder / "column_stats.json").symlink_to(outside)
    with pytest.raises(ArtefactError, match="found a link out of it"):
        read_record(workspace, "column_stats", "1")
    record = Record(version="1", seconds=1.0)
    write_record(workspace, "column_stats", record)
    assert read_record(workspace, "column_stats", "1") == record
    assert outside.read_bytes() == SECRET


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/b", "..", ".", "", "a\\b", "C:x"])
def test_names_of_datasets(name, tmp_path):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "x.yaml").write_text("source: x.csv\n")
    catalog = Catalog(UPath(tmp_path / "datasets"))
    for use in (catalog.load, partial(catalog.write, text="source: x.csv\n"), partial(catalog.check, text="")):
        with pytest.raises(CatalogError, match="expected a name of a-z"):
            use(name)
    assert [path.name for path in sorted(tmp_path.rglob("*"))] == ["datasets", "x.yaml"]


@pytest.mark.parametrize("version", ["../../elsewhere/good/1", "/tmp", ".."])
def test_a_publication_whose_latest_version_lies_elsewhere(version, tmp_path):
    (tmp_path / "latest.json").write_text(json.dumps({"version": version}))
    with pytest.raises(UserError, match=r"latest\.json: expected the name of a version"):
        verify(UPath(tmp_path))
