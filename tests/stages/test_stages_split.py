"""split: every row goes to exactly one file, the same one for the same seed."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth_engine import split
from synth_engine.workspace import Artefact, Workspace
from tests.stages.helpers import original
from tests.workspace.helpers import tree


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "ws")


def rows_of(tables: list[pa.Table]) -> list[int]:
    return [row for table in tables for row in table["row"].to_pylist()]


def numbered(n_rows: int) -> pd.DataFrame:
    return pd.DataFrame({"row": np.arange(n_rows), "text": [f"text {i % 7}" for i in range(n_rows)]})


@pytest.mark.parametrize("n_rows", [0, 1, 2, 10, 101])
@pytest.mark.parametrize("n_partitions", [1, 3, 20])
@pytest.mark.parametrize("share", [0.01, 0.8])
def test_every_row_is_in_one_file(root: str, n_rows: int, n_partitions: int, share: float):
    split(numbered(n_rows), n_partitions=n_partitions, trn_val_split=share, workspace_dir=root)
    training, validation = original(root, "trn"), original(root, "val")
    assert Counter(rows_of(training) + rows_of(validation)) == Counter(range(n_rows))
    assert len(training) == len(validation) == n_partitions
    assert len(rows_of(training)) == pytest.approx(n_rows * share, abs=1)
    for tables in (training, validation):
        sizes = [table.num_rows for table in tables]
        assert max(sizes) - min(sizes) <= 1


def test_repeated_rows_are_kept(root: str):
    table = pd.DataFrame({"row": [1, 1, 2, 2, 2, None]})
    split(table, n_partitions=2, workspace_dir=root)
    assert Counter(rows_of(original(root, "trn") + original(root, "val"))) == Counter({1: 2, 2: 3, None: 1})


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_single_row_is_for_training(root: str, share: float):
    split(numbered(1), trn_val_split=share, workspace_dir=root)
    assert rows_of(original(root, "trn")) == [0]
    assert rows_of(original(root, "val")) == []


@pytest.mark.parametrize(("share", "n_rows", "expected"), [(0.55, 100, 55), (0.8, 100, 80), (0.29, 100, 29)])
def test_shares_that_come_out_even_are_exact(root: str, share: float, n_rows: int, expected: int):
    split(numbered(n_rows), trn_val_split=share, workspace_dir=root)
    assert len(rows_of(original(root, "trn"))) == expected


def test_rows_are_shuffled(root: str):
    split(numbered(100), workspace_dir=root)
    rows = rows_of(original(root, "trn"))
    assert rows != sorted(rows)
    assert min(rows_of(original(root, "val"))) < 40


def test_rows_stay_together(root: str):
    split(numbered(100), n_partitions=3, workspace_dir=root)
    for table in original(root, "trn") + original(root, "val"):
        assert table["text"].to_pylist() == [f"text {row % 7}" for row in table["row"].to_pylist()]


def contents(root: str) -> dict[str, bytes]:
    """All files but the manifests, whose digests depend on the workspace's key."""
    return {name: data for name, data in tree(Workspace(root)).items() if "manifest" not in name and "key" not in name}


def test_the_same_table_and_seed_give_the_same_bytes(tmp_path: Path, table: pd.DataFrame):
    for name, seed in (("one", 5), ("two", 5), ("other", 6), ("default", None), ("zero", 0)):
        split(table, n_partitions=2, random_state=seed, workspace_dir=tmp_path / name)
    one, two, other, default, zero = (
        contents(str(tmp_path / name)) for name in ("one", "two", "other", "default", "zero")
    )
    assert one == two
    assert default == zero
    assert one.keys() == other.keys()
    assert one != other != default


def test_the_index_and_the_layout_in_memory_do_not_matter(tmp_path: Path, table: pd.DataFrame):
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    chunked = pa.concat_tables([arrow.slice(0, 50), arrow.slice(50, 1), arrow.slice(51)])
    longer = pa.concat_tables([arrow.slice(7, 5), arrow, arrow.slice(0, 9)])
    odd_index = table.set_index(pd.MultiIndex.from_product([["a", "a"], range(60)]))
    for i, variant in enumerate([arrow, chunked, longer.slice(5, 120), odd_index, table.set_index(table["id"] % 3)]):
        split(variant, workspace_dir=tmp_path / str(i))
    first = contents(str(tmp_path / "0"))
    for i in range(1, 5):
        assert contents(str(tmp_path / str(i))) == first


def test_settings_and_counts_are_in_the_manifest(root: str):
    split(numbered(10), n_partitions=2, trn_val_split=0.5, workspace_dir=root)
    manifest = Workspace(root).manifest(Artefact.TGT_DATA)
    assert manifest.row_counts == {
        "part.000000-trn.parquet": 3,
        "part.000000-val.parquet": 3,
        "part.000001-trn.parquet": 2,
        "part.000001-val.parquet": 2,
    }
    assert manifest.config["trn_val_split"] == 0.5
    meta = Workspace(root).read(Artefact.TGT_META, made_from={Artefact.TGT_DATA: manifest})
    assert meta.json("keys.json") == {"primary_key": None, "context_key": None}


def test_progress_counts_partitions(root: str):
    seen = []
    split(numbered(10), n_partitions=4, workspace_dir=root, update_progress=lambda **facts: seen.append(facts))
    assert [(facts["completed"], facts["total"]) for facts in seen] == [(i, 4) for i in range(5)]
    assert {facts["message"]["stage"] for facts in seen} == {"split"}
