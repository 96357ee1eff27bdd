"""generate: as many rows as asked for, the same ones for the same seed, whatever the batches and shards."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth_engine import generate
from synth_engine.workspace import Artefact, Workspace
from tests.stages.helpers import synthetic
from tests.stages.test_stages_keys import set_shard_rows


def make(root: str, **arguments: Any) -> pa.Table:
    """Generate, and read what came of it; `arguments` go first."""
    generate(**{"workspace_dir": root, "random_state": 1} | arguments)
    return synthetic(root)


def files(root: str) -> dict[str, bytes]:
    reader = Workspace(root).read(Artefact.SYNTHETIC_DATA)
    return {name: reader.bytes(name) for name in reader.parts()}


@pytest.mark.parametrize("n_rows", [0, 1, 7, 1000])
def test_as_many_rows_as_asked_for(ready: str, table: pd.DataFrame, n_rows: int):
    twin = make(ready, sample_size=n_rows)
    assert twin.num_rows == n_rows
    assert twin.column_names == list(table.columns)
    assert Workspace(ready).read(Artefact.SYNTHETIC_DATA).rows() == n_rows


def test_none_means_as_many_as_there_were(ready: str, table: pd.DataFrame):
    assert make(ready, sample_size=None).num_rows == len(table)


@pytest.mark.parametrize(("n_rows", "n_files"), [(0, 1), (1, 1), (9, 1), (10, 1), (11, 2), (30, 3), (31, 4)])
def test_shards(ready: str, monkeypatch: pytest.MonkeyPatch, n_rows: int, n_files: int):
    set_shard_rows(monkeypatch, 10)
    twin = make(ready, sample_size=n_rows)
    assert list(files(ready)) == [f"part.{i:06d}.parquet" for i in range(n_files)]
    assert twin["id"].to_pylist() == list(range(1, n_rows + 1))


def test_shards_differ(ready: str, monkeypatch: pytest.MonkeyPatch):
    set_shard_rows(monkeypatch, 10)
    twin = make(ready, sample_size=20).drop(["id"])
    assert not twin.slice(0, 10).equals(twin.slice(10))


def test_fewer_rows_are_the_first_of_more_shards(ready: str, monkeypatch: pytest.MonkeyPatch):
    set_shard_rows(monkeypatch, 10)
    assert make(ready, sample_size=20).equals(make(ready, sample_size=30).slice(0, 20))


def test_the_same_seed_gives_the_same_bytes(ready: str, tmp_path: Path):
    shutil.copytree(ready, tmp_path / "copy")
    make(ready)
    first = files(ready)
    make(ready)
    assert files(ready) == first
    make(str(tmp_path / "copy"))
    assert files(str(tmp_path / "copy")) == first


def test_other_seeds_give_other_rows(ready: str):
    assert len({str(make(ready, random_state=seed)["amount"].to_pylist()) for seed in range(5)}) == 5


def test_without_a_seed_every_call_gives_other_rows(ready: str):
    assert not make(ready, random_state=None).equals(make(ready, random_state=None))


@pytest.mark.parametrize("batch_size", [1, 7, 119, 120, 10_000])
def test_the_batch_size_does_not_change_the_rows(ready: str, batch_size: int):
    expected = make(ready).to_pandas()
    twin = make(ready, batch_size=batch_size).to_pandas()
    pd.testing.assert_series_equal(twin.dtypes, expected.dtypes)
    # A batch of another size rounds otherwise, which may tip a draw that falls on the very border of two codes.
    assert (twin == expected).all(axis=1).mean() > 0.97


def test_at_temperature_zero_every_row_is_the_most_likely_one(ready: str):
    first = make(ready, sampling_temperature=0, random_state=1)
    other = make(ready, sampling_temperature=0, random_state=2)
    for name in ("city", "active"):
        assert len(set(first[name].to_pylist())) == 1
        assert first[name].equals(other[name])


def test_temperature_and_top_p_narrow_the_choice(ready: str):
    wide, narrow = make(ready, sample_size=500), make(ready, sample_size=500, sampling_temperature=0.2)
    assert kinds(narrow["city"]) <= kinds(wide["city"])
    assert shares(narrow["city"]).max() > shares(wide["city"]).max()
    nucleus = make(ready, sample_size=500, sampling_top_p=1e-6)
    assert kinds(nucleus["city"]) == 1


def kinds(column: pa.ChunkedArray) -> int:
    return len(set(column.to_pylist()))


def shares(column: pa.ChunkedArray) -> pd.Series:
    return column.to_pandas().value_counts(normalize=True)


def test_rows_are_not_those_of_the_original(ready: str, table: pd.DataFrame):
    twin = make(ready).to_pandas()
    assert len(twin.merge(table, on=["city", "amount", "since", "active"])) < 5


def test_values_stay_within_the_range_of_the_original(ready: str, table: pd.DataFrame):
    twin = make(ready, sample_size=2000).to_pandas()
    for name in ("amount", "since"):
        assert twin[name].min() >= table[name].min()
        assert twin[name].max() <= table[name].max()
    assert np.allclose(twin["amount"], twin["amount"].round(2))


def test_fewer_rows_leave_no_file_of_more_rows(ready: str, monkeypatch: pytest.MonkeyPatch):
    set_shard_rows(monkeypatch, 10)
    make(ready, sample_size=50)
    make(ready, sample_size=10)
    assert len(pd.read_parquet(Path(ready) / "SyntheticData")) == 10


def test_progress_counts_rows(ready: str, monkeypatch: pytest.MonkeyPatch):
    set_shard_rows(monkeypatch, 10)
    seen = []
    make(ready, sample_size=25, update_progress=lambda **facts: seen.append((facts["completed"], facts["total"])))
    assert seen == [(0, 25), (10, 25), (20, 25), (25, 25)]


def test_settings_are_in_the_manifest(ready: str):
    make(ready, sample_size=5, sampling_temperature=0.5)
    manifest = Workspace(ready).manifest(Artefact.SYNTHETIC_DATA)
    assert manifest.config["sampling_temperature"] == 0.5
    assert set(manifest.inputs) == {"ModelStore/model-data", "ModelStore/tgt-stats"}
