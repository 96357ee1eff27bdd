"""Tables at the edge of what is a table: each goes through all five verbs."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth_engine import generate
from synth_engine.workspace import Artefact, Workspace
from tests.stages.helpers import fit, run_all, synthetic, through_parquet


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "ws")


def assert_like(twin: pa.Table, table: pd.DataFrame | pa.Table, n_rows: int) -> None:
    """The twin has the columns and types of the table."""
    expected = through_parquet(table).schema
    assert twin.schema.names == expected.names
    assert twin.schema.types == expected.types
    assert twin.num_rows == n_rows


SCHEMA = {
    "id": pa.int64(),
    "text": pa.string(),
    "number": pa.float64(),
    "day": pa.date32(),
    "time": pa.timestamp("us", "UTC"),
    "flag": pa.bool_(),
    "kind": pa.dictionary(pa.int8(), pa.string()),
    "nothing": pa.null(),
}


@pytest.mark.parametrize("n_rows", [0, 5])
@pytest.mark.parametrize("n_partitions", [1, 3])
def test_a_table_without_rows(root: str, n_rows: int, n_partitions: int):
    empty = pa.schema(SCHEMA).empty_table()
    twin = run_all(empty, root, tgt_primary_key="id", n_partitions=n_partitions, sample_size=n_rows)
    assert_like(twin, empty, n_rows)
    assert twin["id"].to_pylist() == [1, 2, 3, 4, 5][:n_rows]
    assert set(twin["number"].to_pylist()) <= {None}


def test_a_table_without_rows_has_a_twin_without_rows(root: str):
    table = pd.DataFrame({"a": pd.Series([], dtype="int64"), "b": pd.Series([], dtype=object)})
    assert_like(run_all(table, root), table, 0)
    assert Workspace(root).read(Artefact.SYNTHETIC_DATA).parts() == ["part.000000.parquet"]


def row(i: int) -> dict[str, Any]:
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    return {
        "id": i,
        "text": f"text {i}",
        "number": i / 4,
        "day": start.date() + datetime.timedelta(i),
        "time": start + datetime.timedelta(hours=i),
        "flag": i % 2 == 0,
        "kind": "ab"[i % 2],
        "nothing": None,
    }


@pytest.mark.parametrize("n_rows", [1, 2, 3])
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_a_table_with_hardly_any_rows(root: str, n_rows: int, share: float):
    columns = {name: pa.array([row(i)[name] for i in range(n_rows)], dtype) for name, dtype in SCHEMA.items()}
    table = pa.table(columns)
    twin = run_all(table, root, tgt_primary_key="id", trn_val_split=share)
    assert_like(twin, table, n_rows)
    assert not set(twin["text"].to_pylist()) & set(table["text"].to_pylist())


@pytest.mark.parametrize("n_rows", [0, 1, 30])
def test_a_table_of_nothing_but_a_key(root: str, n_rows: int):
    table = pd.DataFrame({"id": pd.Series([f"key {i}" for i in range(n_rows)], dtype="str")})
    twin = run_all(table, root, tgt_primary_key="id")
    assert_like(twin, table, n_rows)
    assert len(set(twin["id"].to_pylist())) == n_rows
    generate(workspace_dir=root, sample_size=7)
    assert synthetic(root).num_rows == 7
    assert Workspace(root).manifest(Artefact.MODEL_DATA).facts["finished"]


SINGLE = {
    "numbers": pd.Series(np.random.default_rng(0).normal(size=60)),
    "few numbers": pd.Series([1, 2, 3] * 20),
    "texts": pd.Series(["x", "y"] * 30),
    "unique texts": pd.Series([f"unique {i}" for i in range(60)]),
    "days": pd.Series(pd.date_range("2020-01-01", periods=60)),
    "constant number": pd.Series([7.5] * 60),
    "constant text": pd.Series(["same"] * 60),
    "constant day": pd.Series(pd.to_datetime(["2024-02-29"] * 60)),
    "constant flag": pd.Series([True] * 60),
    "nulls": pd.Series([None] * 60, dtype=object),
    "NaNs": pd.Series([np.nan] * 60),
    "missing days": pd.Series([pd.NaT] * 60).astype("datetime64[us]"),
    "missing Int64": pd.Series([pd.NA] * 60, dtype="Int64"),
    "missing categories": pd.Series([None] * 60, dtype="category"),
    "missing text": pd.Series([None] * 60, dtype="string"),
}


@pytest.mark.parametrize("values", SINGLE.values(), ids=SINGLE.keys())
def test_a_table_of_one_column(root: str, values: pd.Series):
    table = pd.DataFrame({"only": values})
    twin = run_all(table, root)
    assert_like(twin, table, 60)
    made, seen = set(twin["only"].to_pylist()), set(pa.array(values, from_pandas=True).to_pylist())
    if len(seen) == 1:
        assert made == seen


def test_a_column_of_rare_texts_shows_none_of_them(root: str):
    table = pd.DataFrame({"letter": [f"Unique Person {i} writes: {'ab' * i}" for i in range(60)], "a": [1, 2] * 30})
    twin = run_all(table, root)
    assert set(twin["letter"].to_pylist()) == {"_RARE_"}
    assert_not_shared(root, "Unique Person")
    generate(workspace_dir=root, rare_category_replacement_method="SAMPLE")
    assert not [text for text in synthetic(root)["letter"].to_pylist() if text and "Unique" in text]


def assert_not_shared(root: str, secret: str) -> None:
    for path in [*Path(root, "ModelStore").rglob("*"), *Path(root, "SyntheticData").rglob("*")]:
        assert path.is_dir() or secret.encode() not in path.read_bytes()


@pytest.mark.parametrize("secret", ["Zoë Æsop-Quux", "QXQXQXQXQX", "Anna-Maria Magdalena von und zu Hohenberg"])
def test_a_name_unlike_all_others_shows_nowhere(root: str, secret: str):
    rng = np.random.default_rng(0)
    names = ["".join(rng.choice(list("aeinorst"), size)) for size in rng.integers(4, 12, 300)]
    twin = run_all(pd.DataFrame({"name": [*names, secret], "a": range(301)}), root)["name"].to_pylist()
    assert_not_shared(root, secret)
    assert {character for name in twin for character in name} == set("aeinorst")
    assert max(map(len, twin)) <= 11
    assert len(set(twin)) > 200


def test_a_place_unlike_all_others_shows_nowhere(root: str):
    north, east = np.random.default_rng(0).normal([[48.2], [16.4]], 0.1, (2, 300))
    places = [f"{a:.4f},{b:.4f}" for a, b in zip(north, east, strict=True)]
    run_all(pd.DataFrame({"place": [*places, "-77.8463,166.6683", "nowhere"], "a": range(302)}), root)
    twin = synthetic(root)["place"].to_pylist()
    for secret in ("-77.8463", "166.6683", "nowhere"):
        assert_not_shared(root, secret)
    assert all(47 < float(place.split(",")[0]) < 49.5 and len(place) == 15 for place in twin)


@pytest.mark.parametrize("max_epochs", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_wide_table(root: str, max_epochs: int):
    rng = np.random.default_rng(0)
    numbers = {f"n{i}": rng.integers(0, 3, 50) for i in range(250)}
    texts = {f"t{i}": rng.choice(["x", "y"], 50) for i in range(250)}
    table = pd.DataFrame(numbers | texts)
    assert_like(run_all(table, root, sample_size=20, max_epochs=max_epochs), table, 20)


def test_long_texts(root: str):
    table = pd.DataFrame({"long": ["x" * 1_000_000, "ü" * 100_000] * 15, "a": range(30)})
    twin = run_all(table, root)
    assert set(twin["long"].to_pylist()) <= set(table["long"])


NAMES = [
    *("", " ", "a/b", "../up", "a__cat", "a__", "__a", "a__b__cat", "a.b", 'quo"te', "quo'te", "back\\slash"),
    *("new\nline", "tab\t", "\0", "漢字", "😀", "e\u0301", "é", "%s{x}", "$ref", "A", "a", "index"),
    *("__index_level_0__", "None", "x" * 500),
]


def test_awkward_column_names(root: str):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({name: rng.choice(["x", "y"], 40) for name in NAMES})
    table[NAMES[3]] = rng.normal(size=40)
    assert_like(run_all(table, root), table, 40)
    assert list(pd.read_parquet(Path(root) / "SyntheticData").columns) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_awkward_names_of_keys(root: str, name: str):
    table = pd.DataFrame({name: range(10), "other": [1, 2] * 5})
    twin = run_all(table, root, tgt_primary_key=name, tgt_encoding_types={"other": "TABULAR_CATEGORICAL"})
    assert twin[name].to_pylist() == list(range(1, 11))


def test_awkward_values(root: str):
    values = ["", " ", "_RARE_", "null", "None", "nan", "\0", "\n", '"', "é", "e\u0301", "漢", "😀", "1", "1.0", "-0"]
    table = pd.DataFrame({"text": values * 15})
    twin = run_all(table, root, sample_size=500)
    assert set(twin["text"].to_pylist()) <= set(values)
    assert len(set(twin["text"].to_pylist())) > 10


def test_values_that_differ_only_in_their_type_stay_apart(root: str):
    fit(pd.DataFrame({"a": ["1", "1.0", "01"] * 20, "b": [0.1 + 0.2, 0.3, 0.30000000000000004] * 20}), root)
    generate(workspace_dir=root, sample_size=200)
    assert set(synthetic(root)["a"].to_pylist()) == {"1", "1.0", "01"}
    assert set(synthetic(root)["b"].to_pylist()) <= {0.3, 0.30000000000000004}
