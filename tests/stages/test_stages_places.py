"""The five verbs on every kind of file system."""

from pathlib import Path
from uuid import uuid4

import pandas as pd
import pyarrow.parquet as pq
import pytest
from upath import UPath

from synth_engine import analyze, encode, generate, split, train
from synth_engine.workspace import Artefact, Workspace
from tests.stages.helpers import run_all, synthetic
from tests.workspace.helpers import AWKWARD, tree


@pytest.fixture(params=["local", "memory", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "local":
        return str(tmp_path / AWKWARD)
    if request.param == "memory":
        return f"memory://{uuid4().hex}/{AWKWARD}"
    return f"{request.getfixturevalue('bucket')}/{AWKWARD}"


def test_the_five_verbs_give_the_same_rows_everywhere(root: str, table: pd.DataFrame, finished: Path):
    twin = run_all(table, root, tgt_primary_key="id")
    assert twin.equals(synthetic(str(finished)))
    assert set(tree(Workspace(root))) == set(tree(Workspace(finished)))


def test_the_artefacts_have_their_names(finished: Path):
    assert set(tree(Workspace(finished))) == {
        "/OriginalData/hash-key",
        "/OriginalData/tgt-data/part.000000-trn.parquet",
        "/OriginalData/tgt-data/part.000000-val.parquet",
        "/OriginalData/tgt-data/_manifest.json",
        "/OriginalData/tgt-meta/encoding-types.json",
        "/OriginalData/tgt-meta/keys.json",
        "/OriginalData/tgt-meta/schema.arrow",
        "/OriginalData/tgt-meta/_manifest.json",
        "/OriginalData/encoded-data/part.000000-trn.parquet",
        "/OriginalData/encoded-data/part.000000-val.parquet",
        "/OriginalData/encoded-data/_manifest.json",
        "/ModelStore/tgt-stats/stats.json",
        "/ModelStore/tgt-stats/_manifest.json",
        "/ModelStore/model-data/model-weights.pt",
        "/ModelStore/model-data/model-configs.json",
        "/ModelStore/model-data/model-statistics.json",
        "/ModelStore/model-data/training-snapshot.pt",
        "/ModelStore/model-data/progress-messages.csv",
        "/ModelStore/model-data/_manifest.json",
        "/SyntheticData/part.000000.parquet",
        "/SyntheticData/_manifest.json",
    }


def test_other_tools_read_the_synthetic_data_as_one_folder(finished: Path, table: pd.DataFrame):
    twin = pd.read_parquet(finished / "SyntheticData")
    assert list(twin.columns) == list(table.columns)
    assert len(twin) == len(table)
    assert pq.read_table(finished / "SyntheticData").num_rows == len(table)


def test_a_workspace_may_be_given_as_any_kind_of_path(tmp_path: Path, table: pd.DataFrame):
    for kind in (str, Path, UPath):
        split(table, workspace_dir=kind(tmp_path / kind.__name__))
        assert Workspace(tmp_path / kind.__name__).has(Artefact.TGT_META)


def test_a_relative_path_means_the_folder_of_the_moment_of_the_call(
    tmp_path: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)

    def move(**_: object) -> None:
        monkeypatch.chdir(tmp_path / "elsewhere")

    split(table, workspace_dir="ws", update_progress=move)
    assert Workspace(tmp_path / "ws").has(Artefact.TGT_META)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_no_seed_is_handed_over(table: pd.DataFrame, tmp_path: Path):
    """Whoever knows the seed of `analyze` can undo its thresholds, also where `train` was given the same one."""
    root, seed = str(tmp_path), 12345678987
    split(table, workspace_dir=root)
    analyze(workspace_dir=root, random_state=seed)
    encode(workspace_dir=root)
    train(workspace_dir=root, max_epochs=0.1, random_state=seed)
    generate(workspace_dir=root, sample_size=5, random_state=seed)
    files = tree(Workspace(root))
    assert any(name.startswith("/ModelStore/model-data") for name in files)
    assert [name for name, content in files.items() if str(seed).encode() in content] == []
