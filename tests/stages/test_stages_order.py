"""Stages called too early, on inputs that changed since, on damaged artefacts, or where nobody may write."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth_engine import analyze, encode, generate, split, train
from synth_engine.domain import ArtefactError, InputError
from synth_engine.workspace import Artefact, Workspace
from tests.stages.helpers import SMALL, refused
from tests.workspace.disks import make_read_only
from tests.workspace.helpers import tree

Verb = Callable[..., None]
OTHER = pd.DataFrame({"a": range(30), "city": list("xyz") * 10})


@pytest.mark.parametrize(
    ("verb", "message"),
    [
        (analyze, "tgt-data: does not exist; run split first"),
        (encode, "tgt-data: does not exist; run split first"),
        (train, "tgt-stats: does not exist; run analyze first"),
        (generate, "tgt-stats: does not exist; run analyze first"),
    ],
)
def test_a_stage_in_an_empty_place_makes_nothing(verb: Verb, message: str, tmp_path: Path):
    with pytest.raises(ArtefactError, match=message):
        verb(workspace_dir=tmp_path / "ws")
    assert list(tmp_path.iterdir()) == []


NEEDS = [
    (analyze, Artefact.TGT_DATA, "split"),
    (analyze, Artefact.TGT_META, "split"),
    (encode, Artefact.TGT_DATA, "split"),
    (encode, Artefact.TGT_STATS, "analyze"),
    (train, Artefact.TGT_STATS, "analyze"),
    (train, Artefact.ENCODED_DATA, "encode"),
    (generate, Artefact.TGT_STATS, "analyze"),
    (generate, Artefact.MODEL_DATA, "train"),
]


@pytest.mark.parametrize(("verb", "needed", "maker"), NEEDS)
def test_a_stage_before_the_one_it_needs(ready: str, verb: Verb, needed: Artefact, maker: str):
    Workspace(ready).remove(needed)
    with refused(ready, ArtefactError, f"{needed.folder}: does not exist; run {maker} first"):
        verb(workspace_dir=ready)


@pytest.mark.parametrize(("verb", "needed", "maker"), NEEDS)
def test_a_stage_on_an_artefact_without_a_manifest(ready: str, verb: Verb, needed: Artefact, maker: str):
    (Workspace(ready).folder(needed) / "_manifest.json").unlink()
    with refused(ready, ArtefactError, rf"{needed.folder}: is incomplete \(no _manifest.json\); run {maker} first"):
        verb(workspace_dir=ready)


@pytest.mark.parametrize(("verb", "needed", "maker"), NEEDS)
def test_a_stage_on_files_that_were_changed(ready: str, verb: Verb, needed: Artefact, maker: str):
    for path in Path(ready, needed.folder).iterdir():
        if path.name != "_manifest.json":
            path.write_bytes(path.read_bytes()[:-1] + b"?")
    with refused(ready, ArtefactError, rf"{needed.folder}/.*: its content does not match the hash .*; run {maker}"):
        verb(workspace_dir=ready)


@pytest.mark.parametrize(("verb", "needed", "maker"), NEEDS)
def test_a_stage_on_a_manifest_of_the_future(ready: str, verb: Verb, needed: Artefact, maker: str):
    path = Path(ready, needed.folder, "_manifest.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with refused(ready, ArtefactError, rf"{needed.folder}/_manifest.json: has format 99, .* reads format 1; run"):
        verb(workspace_dir=ready)


@pytest.mark.parametrize(
    ("verb", "stale", "source"),
    [
        (encode, "ModelStore/tgt-stats", "OriginalData/tgt-data"),
        (train, "OriginalData/encoded-data", "OriginalData/tgt-data"),
    ],
)
def test_other_data_makes_what_came_from_the_old_data_useless(ready: str, verb: Verb, stale: str, source: str):
    split(OTHER, workspace_dir=ready)
    with refused(ready, ArtefactError, f"{stale}: was made from another version of {source} than .*; run "):
        verb(workspace_dir=ready)


@pytest.mark.parametrize(("verb", "stale"), [(train, "OriginalData/encoded-data"), (generate, "ModelStore/model-data")])
def test_other_statistics_make_what_came_from_the_old_ones_useless(ready: str, verb: Verb, stale: str):
    analyze(value_protection=False, workspace_dir=ready)
    with refused(ready, ArtefactError, f"{stale}: was made from another version of ModelStore/tgt-stats"):
        verb(workspace_dir=ready)


def test_a_split_that_was_cut_short_between_its_two_artefacts(ready: str, tmp_path: Path):
    split(OTHER, workspace_dir=tmp_path / "other")
    shutil.rmtree(Path(ready, "OriginalData/tgt-data"))
    shutil.copytree(tmp_path / "other/OriginalData/tgt-data", Path(ready, "OriginalData/tgt-data"))
    with refused(ready, ArtefactError, "tgt-meta: was made from another version of OriginalData/tgt-data.*; run split"):
        analyze(workspace_dir=ready)


def test_the_same_table_again_keeps_everything_valid(ready: str, table: pd.DataFrame):
    split(table, tgt_primary_key="id", workspace_dir=ready)
    encode(workspace_dir=ready)
    train(model=SMALL, max_epochs=0, workspace_dir=ready)
    generate(sample_size=1, workspace_dir=ready)


def test_generate_needs_nothing_but_the_model_store(ready: str):
    shutil.rmtree(Path(ready, "OriginalData"))
    generate(workspace_dir=ready, sample_size=3)
    assert Workspace(ready).read(Artefact.SYNTHETIC_DATA).rows() == 3


def test_train_needs_no_original_rows(ready: str):
    Workspace(ready).remove(Artefact.TGT_DATA)
    Workspace(ready).remove(Artefact.TGT_META)
    train(model=SMALL, max_epochs=0, workspace_dir=ready)


class BrokenOffError(Exception):
    """Raised by a callback in the middle of a stage."""


def breaks_off(call: int) -> Callable[..., None]:
    """A callback that raises when it is called for this time."""
    calls = 0

    def break_off(**_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            raise BrokenOffError("enough")

    return break_off


@pytest.mark.parametrize("verb", [lambda **k: split(OTHER, n_partitions=3, **k), analyze, encode, train])
@pytest.mark.parametrize("call", [1, 2])
def test_a_stage_that_is_broken_off_changes_nothing(ready: str, verb: Verb, call: int):
    if verb is encode and call > 1:
        return  # it leaves a draft to go on with, as a generation does; see test_stages_parts
    with refused(ready, BrokenOffError, "enough"):
        verb(workspace_dir=ready, update_progress=breaks_off(call))


def test_nor_does_a_generation_that_is_broken_off_before_its_first_shard(ready: str):
    with refused(ready, BrokenOffError, "enough"):
        generate(workspace_dir=ready, update_progress=breaks_off(1))


def test_a_generation_that_is_broken_off_later_leaves_a_draft_beside_all_that_was_there(ready: str):
    before = tree(Workspace(ready))
    with pytest.raises(BrokenOffError):
        generate(workspace_dir=ready, update_progress=breaks_off(2))
    after = tree(Workspace(ready))
    assert {name: after[name] for name in before} == before
    assert all(re.match(r"/?\.SyntheticData\.[0-9a-f]{32}\.draft/", name) for name in after.keys() - before.keys())
    generate(workspace_dir=ready)
    assert not [name for name in tree(Workspace(ready)) if ".draft" in name]


def test_a_column_that_analyze_refuses_leaves_the_statistics(ready: str):
    split(pa.table({"bad": pa.array([2**40] * 20, pa.timestamp("s"))}), workspace_dir=ready)
    with refused(ready, InputError, "^column 'bad': expected dates of the years 1 to 9999, found others; replace"):
        analyze(workspace_dir=ready)


@pytest.mark.parametrize("verb", [lambda **k: split(OTHER, **k), analyze, encode, train, generate])
def test_a_file_in_the_place_of_the_workspace(verb: Verb, tmp_path: Path):
    (tmp_path / "ws").write_text("mine")
    with pytest.raises(ArtefactError, match=r"ws/.*: (cannot be written: Not a directory|does not exist)"):
        verb(workspace_dir=tmp_path / "ws")
    assert (tmp_path / "ws").read_text() == "mine"


WRITES = [
    (lambda **k: split(OTHER, **k), Artefact.TGT_META),
    (lambda **k: split(OTHER, **k), Artefact.TGT_DATA),
    (analyze, Artefact.TGT_STATS),
    (encode, Artefact.ENCODED_DATA),
    (train, Artefact.MODEL_DATA),
    (generate, Artefact.SYNTHETIC_DATA),
]


@pytest.mark.parametrize(("verb", "made"), WRITES)
def test_a_file_in_the_place_of_the_artefact(ready: str, verb: Verb, made: Artefact):
    shutil.rmtree(Path(ready, made.folder))
    Path(ready, made.folder).write_text("mine")
    with refused(ready, ArtefactError, rf"{made.folder}: cannot be written: expected a folder or nothing there"):
        verb(workspace_dir=ready)


def test_a_full_disk(finished: Path, small_disk: Path):
    root = str(small_disk / "ws")
    shutil.copytree(finished, root, ignore=shutil.ignore_patterns("training-snapshot.pt"))  # it would fill the disk
    noise = pd.DataFrame({"noise": np.random.default_rng(0).random(100_000)})
    with refused(root, ArtefactError, "tgt-data: cannot be written: No space left on device.*make room"):
        split(noise, workspace_dir=root)
    with refused(root, ArtefactError, "SyntheticData: cannot be written: No space left on device"):
        generate(sample_size=100_000, workspace_dir=root)
    generate(sample_size=10, workspace_dir=root)


def test_a_read_only_disk(finished: Path, small_disk: Path):
    root = str(small_disk / "ws")
    shutil.copytree(finished, root, ignore=shutil.ignore_patterns("training-snapshot.pt"))
    make_read_only(small_disk)
    for verb, made in WRITES:
        with refused(root, ArtefactError, f"({made.folder}|OriginalData/.*): cannot be written: Read-only file system"):
            verb(workspace_dir=root)
