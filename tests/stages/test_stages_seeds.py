"""generate with seed data: what is given comes back as it is, in its place; all else is drawn to fit it."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth_engine.domain import InputError
from tests.stages.helpers import fit, refused
from tests.stages.test_stages_generate import files, make
from tests.stages.test_stages_keys import set_shard_rows

SEEDS = pd.DataFrame(
    {
        "active": [True, False, None, True],
        "city": ["Graz", "Rust", None, "Vienna"],  # Rust was never there
        "amount": [100.5, None, -1e6, 99.99],  # nor was anything near minus a million
    }
)


@pytest.mark.parametrize("names", [["city"], ["amount", "city"], ["active", "amount", "city"]])
def test_given_values_come_back_unchanged(ready: str, names: list[str]):
    twin = make(ready, seed_data=SEEDS[names])
    assert twin.column_names == ["id", "city", "amount", "since", "active"]
    for name in names:
        assert twin[name].to_pylist() == pa.array(SEEDS[name], from_pandas=True).to_pylist()
    assert twin["since"].null_count == 0
    assert twin["id"].to_pylist() == [1, 2, 3, 4]


def test_keys_of_the_seeds_are_kept(ready: str):
    twin = make(ready, seed_data=pd.DataFrame({"id": [7, 3, 5]}))
    assert twin["id"].to_pylist() == [7, 3, 5]
    assert twin.num_rows == 3
    assert twin.drop(["id"])["city"].null_count == 0


def test_all_columns_given_is_the_table_itself(ready: str, table: pd.DataFrame):
    assert make(ready, seed_data=table).to_pandas().equals(table.astype({"since": "datetime64[us]"}))


def test_no_seeds_give_no_rows(ready: str):
    twin = make(ready, seed_data=SEEDS.iloc[:0])
    assert twin.num_rows == 0
    assert twin.schema.equals(make(ready, sample_size=0).schema)


def test_shards_keep_the_order_of_rows(ready: str, monkeypatch: pytest.MonkeyPatch):
    seeds = pd.DataFrame({"city": [f"Nr. {i}" for i in range(25)]})
    set_shard_rows(monkeypatch, 10)
    assert make(ready, seed_data=seeds)["city"].to_pylist() == seeds["city"].tolist()
    assert len(files(ready)) == 3


def test_types_are_the_original_ones_whatever_seeds_have(ready: str):
    seeds = pa.table(
        {
            "id": pa.array([1, 2], pa.uint8()),
            "city": pa.array(["Graz", "Linz"]).dictionary_encode(),
            "amount": pa.array([1, 2], pa.int16()),
            "since": pa.array(["2020-05-01", None]),
            "active": pa.nulls(2),
        }
    )
    twin = make(ready, seed_data=seeds)
    assert twin.schema.types == make(ready).schema.types
    assert twin["since"].to_pylist() == [pd.Timestamp("2020-05-01"), None]
    assert twin["active"].to_pylist() == [None, None]


@pytest.mark.parametrize("as_arrow", [False, True])
def test_index_and_notes_of_seeds_do_not_matter(ready: str, as_arrow: bool):
    seeds = SEEDS[["city"]].set_index(pd.Index([9, 9, 1, 0], name="city nr"))
    given: Any = pa.Table.from_pandas(seeds) if as_arrow else seeds
    if as_arrow:
        given = given.drop(["city nr"])
    assert make(ready, seed_data=given).equals(make(ready, seed_data=SEEDS[["city"]]))


# --- filling gaps -----------------------------------------------------------------------------------------------------


def test_only_gaps_of_imputed_columns_are_filled(ready: str):
    twin = make(ready, seed_data=SEEDS, imputation={"columns": ["city", "amount"]})
    assert twin["city"].to_pylist()[:2] == ["Graz", "Rust"]
    assert twin["city"].to_pylist()[2] in {"Vienna", "Graz", "Linz", "_RARE_"}
    assert [twin["amount"].to_pylist()[i] for i in (0, 2, 3)] == [100.5, -1e6, 99.99]
    assert twin["amount"].to_pylist()[1] is not None
    assert twin["active"].to_pylist() == [True, False, None, True]


@pytest.mark.parametrize("names", [["city"], ["active", "city"], ["amount", "since", "active", "city"]])
def test_a_filled_table_has_no_gap_and_loses_nothing(ready: str, table: pd.DataFrame, names: list[str]):
    """Patterns of gaps differ from row to row."""
    is_gap = np.random.default_rng(0).random((len(table), len(names))) < 0.4
    seeds = table[names].astype(object).mask(is_gap, None).infer_objects()
    twin = make(ready, seed_data=pd.DataFrame(seeds), imputation={"columns": names}).to_pandas()
    assert not twin[names].isna().any().any()
    for place, name in enumerate(names):
        assert (twin[name] == table[name])[~is_gap[:, place]].all()


def test_dictionaries_can_be_filled(tmp_path: Path):
    kinds = pd.Categorical(["a", "b"] * 50, categories=["b", "a", "never"], ordered=True)
    fit(pd.DataFrame({"kind": kinds, "size": np.arange(100.0)}), str(tmp_path))
    seeds = pd.DataFrame({"kind": ["a", None, "new", None] * 5})
    twin = make(str(tmp_path), seed_data=seeds, imputation={"columns": ["kind"]})
    assert pa.types.is_dictionary(twin["kind"].type)
    found = twin["kind"].to_pylist()
    assert found[::4] == ["a"] * 5
    assert found[2::4] == ["new"] * 5
    assert set(found[1::2]) <= {"a", "b"}


def test_where_nothing_is_given_it_is_as_without_seeds(ready: str):
    seeds = pd.DataFrame({"city": pa.array([None] * 50).to_pandas()})
    assert make(ready, seed_data=seeds, imputation={"columns": ["city"]}).equals(make(ready, sample_size=50))


# --- what follows from what is given ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that knows: two columns are alike, and the third is as good as their sign."""
    rng = np.random.default_rng(0)
    one = rng.choice(["a", "b", "c"], 2_000)
    root = str(tmp_path_factory.mktemp("twins"))
    table = pd.DataFrame({"one": one, "two": one, "noise": rng.normal(size=2_000), "three": one})
    fit(table, root, max_epochs=25)
    return root


@pytest.mark.parametrize("name", ["one", "two", "three"])
def test_the_others_follow_whichever_column_is_given(twins: str, tmp_path: Path, name: str):
    root = str(shutil.copytree(twins, tmp_path / "ws"))
    given = np.random.default_rng(1).choice(["a", "b", "c"], 500, p=[0.1, 0.1, 0.8])
    twin = make(root, seed_data=pd.DataFrame({name: given})).to_pandas()
    for other in ("one", "two", "three"):
        assert (twin[other] == given).mean() > 0.97


def test_gaps_follow_from_what_comes_after_them(twins: str, tmp_path: Path):
    root = str(shutil.copytree(twins, tmp_path / "ws"))
    values = np.random.default_rng(1).choice(["a", "b", "c"], 300)
    seeds = pd.DataFrame({name: pd.Series(values, dtype=object) for name in ("one", "two", "three")})
    for place, name in enumerate(seeds):
        seeds.loc[np.arange(300) % 3 == place, name] = None
    twin = make(root, seed_data=seeds, imputation={"columns": list(seeds)}).to_pandas()
    for name in seeds:
        assert (twin[name] == values).mean() > 0.98


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        (pd.DataFrame({"town": ["x"]}), "^seed_data: unknown column 'town'; the model knows id, city, amount"),
        (
            pd.DataFrame({"amount": ["much"]}),
            "^seed_data: column 'amount' holds .*string values that do not fit its type",
        ),
        (pd.DataFrame({"since": [True]}), "^seed_data: column 'since' holds bool values that do not fit"),
        (pd.DataFrame({"amount": [np.inf]}), "^seed_data: column 'amount' must hold finite numbers"),
        (pd.DataFrame({"id": [1, None]}), r"^seed_data: the primary key 'id' has 1 null\(s\)"),
        (pd.DataFrame({"id": [1, 2, 1, 1]}), r"^seed_data: the primary key 'id' must be unique, found 2 value\(s\)"),
        (pd.DataFrame({"id": [0.5]}), "^seed_data: column 'id' holds double values that do not fit"),
        (pd.DataFrame({"city": [["a"]]}), "^seed_data: column 'city' holds list"),
        (pd.DataFrame(index=range(3)), "^seed_data: expected at least one column, found none"),
        ([{"city": "Graz"}], "^seed_data: expected a pandas.DataFrame or a pyarrow.Table, found list"),
    ],
)
def test_seeds_that_cannot_be_used(ready: str, seeds: Any, message: str):
    with refused(ready, InputError, message):
        make(ready, seed_data=seeds)


def test_another_number_of_rows_than_seeds(ready: str):
    with refused(ready, InputError, r"^sample_size: seed_data has 4 row\(s\), .* found 3; leave it out"):
        make(ready, seed_data=SEEDS, sample_size=3)
    assert make(ready, seed_data=SEEDS, sample_size=4).num_rows == 4


def test_context_for_a_model_without_context(ready: str):
    with refused(ready, InputError, "^ctx_data: the model has no context table"):
        make(ready, ctx_data=SEEDS)
