"""Writing and reading artefacts, on every kind of file system."""

import pyarrow as pa
import pytest

from synth_engine.domain import ArtefactError
from synth_engine.workspace import Artefact, Workspace
from synth_engine.workspace.storage import file_names, folder_names
from tests.workspace.helpers import content, put, tree


def test_what_was_written_is_read(workspace: Workspace):
    table = pa.table({"a": [1, 2, 3]})
    with workspace.replace(Artefact.TGT_DATA, config={"n": 1}) as writer:
        writer.write_table("part.000000-trn.parquet", table)
        writer.write_json("facts.json", {"ü": [1, None]})
        writer.write_bytes("raw", b"\x00\xff")
        writer.facts = {"finished": True}
    reader = workspace.read(Artefact.TGT_DATA)
    assert reader.table("part.000000-trn.parquet").equals(table)
    assert reader.json("facts.json") == {"ü": [1, None]}
    assert reader.bytes("raw") == b"\x00\xff"
    assert reader.parts("trn") == ["part.000000-trn.parquet"]
    assert reader.parts("val") == []
    assert reader.rows("trn") == 3
    assert reader.manifest.config == {"n": 1}
    assert reader.manifest.facts == {"finished": True}
    assert reader.manifest.stage == "split"
    assert reader.manifest.total_bytes == sum(len(reader.bytes(name)) for name in reader.manifest.files)


def test_replacing_leaves_nothing_of_the_old_version(workspace: Workspace):
    put(workspace, "old", n_files=5)
    put(workspace, "new", n_files=2)
    assert content(workspace) == {"file0": b"new", "file1": b"new"}
    assert file_names(workspace.folder(Artefact.TGT_DATA)) == ["_manifest.json", "file0", "file1"]


def test_nothing_but_the_artefact_is_left_behind(workspace: Workspace):
    put(workspace, "old")
    put(workspace, "new")
    assert folder_names(workspace.root) == ["OriginalData"]
    assert folder_names(workspace.root / "OriginalData") == ["tgt-data"]
    assert file_names(workspace.root / "OriginalData") == ["hash-key"]


def test_an_exception_leaves_everything_as_it_was(workspace: Workspace):
    put(workspace, "old", n_files=3)
    before = tree(workspace)
    with pytest.raises(KeyError), workspace.replace(Artefact.TGT_DATA, config={}) as writer:  # noqa: PT012
        writer.write_bytes("file0", b"new")
        raise KeyError
    assert tree(workspace) == before


def test_an_exception_in_the_first_writing_leaves_no_artefact(workspace: Workspace):
    with pytest.raises(KeyError), workspace.replace(Artefact.TGT_DATA, config={}) as writer:  # noqa: PT012
        writer.write_bytes("file0", b"new")
        raise KeyError
    assert not workspace.has(Artefact.TGT_DATA)
    assert [name for name in tree(workspace) if "tgt-data" in name] == []


def test_the_digest_depends_on_the_files_alone(workspace: Workspace):
    put(workspace, "one")
    first = workspace.manifest(Artefact.TGT_DATA).digest
    put(workspace, "two")
    assert workspace.manifest(Artefact.TGT_DATA).digest != first
    put(workspace, "one")
    assert workspace.manifest(Artefact.TGT_DATA).digest == first


def test_the_digest_tells_nothing_to_who_has_not_the_key(workspace: Workspace, tmp_path):
    put(workspace, "one")
    other = Workspace(tmp_path / "other")
    put(other, "one")
    assert workspace.manifest(Artefact.TGT_DATA).files == other.manifest(Artefact.TGT_DATA).files
    assert workspace.manifest(Artefact.TGT_DATA).digest != other.manifest(Artefact.TGT_DATA).digest


def test_seeds_can_be_compared_but_not_read(workspace: Workspace, tmp_path):
    seeds = [12345678987, 12345678987, 7]
    recorded = []
    for seed in seeds:
        with workspace.replace(Artefact.TGT_DATA, config={"random_state": seed, "n": 1}):
            pass
        recorded.append(workspace.manifest(Artefact.TGT_DATA).config)
    assert recorded[0] == recorded[1] == workspace.recorded({"random_state": seeds[0], "n": 1})
    assert recorded[0] != recorded[2]
    assert recorded[0] != Workspace(tmp_path / "other").recorded({"random_state": seeds[0], "n": 1})
    assert "12345678987" not in str(recorded)
    assert workspace.recorded({"random_state": None, "n": 1}) == {"random_state": None, "n": 1}
    assert workspace.recorded({"n": 1}) == {"n": 1}


def test_an_artefact_knows_what_it_was_made_from(workspace: Workspace):
    put(workspace, "one")
    data = workspace.manifest(Artefact.TGT_DATA)
    with workspace.replace(Artefact.TGT_STATS, config={}, inputs={Artefact.TGT_DATA: data}) as writer:
        writer.write_bytes("stats.json", b"{}")
    workspace.read(Artefact.TGT_STATS, made_from={Artefact.TGT_DATA: data})
    put(workspace, "two")
    with pytest.raises(ArtefactError, match=r"tgt-stats: was made from another version of .*tgt-data.*run analyze"):
        workspace.read(Artefact.TGT_STATS, made_from={Artefact.TGT_DATA: workspace.manifest(Artefact.TGT_DATA)})


def test_an_artefact_made_from_one_that_is_still_being_written(workspace: Workspace):
    with workspace.replace(Artefact.TGT_DATA, config={}) as data:
        data.write_bytes("file0", b"data")
        with workspace.replace(Artefact.TGT_META, config={}, inputs={Artefact.TGT_DATA: data}) as meta:
            meta.write_bytes("file0", b"meta")
    workspace.read(Artefact.TGT_META, made_from={Artefact.TGT_DATA: workspace.manifest(Artefact.TGT_DATA)})


def test_removing(workspace: Workspace):
    put(workspace, "one")
    workspace.remove(Artefact.TGT_DATA)
    workspace.remove(Artefact.TGT_DATA)
    assert not workspace.has(Artefact.TGT_DATA)
    assert file_names(workspace.folder(Artefact.TGT_DATA)) == []


def test_a_missing_artefact_says_which_stage_makes_it(workspace: Workspace):
    assert not workspace.has(Artefact.ENCODED_DATA)
    with pytest.raises(ArtefactError, match=r"encoded-data: does not exist; run encode first"):
        workspace.read(Artefact.ENCODED_DATA)
