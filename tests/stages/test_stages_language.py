"""A language model through the stages: what is drawn is valid, what is given stays, and tables may be related."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth_engine import generate
from synth_engine.domain import ArtefactError, GenerateConfig, InputError
from synth_engine.stages import shards
from synth_engine.stages.generating import shard_sizes
from synth_engine.workspace import Artefact, Workspace
from tests.stages.helpers import refused, synthetic
from tests.stages.listings import KINDS, fit, make_listings

N = 240


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = str(tmp_path_factory.mktemp("language"))
    fit(make_listings(N), root, tgt_primary_key="listing_id", random_state=1)
    return root


@pytest.fixture
def drawn(root):
    def draw(**options) -> pa.Table:
        generate(**({"random_state": 1} | options), workspace_dir=root)
        return synthetic(root)

    return draw


def test_every_record_is_valid(drawn):
    table, original = drawn(sample_size=300), make_listings(N)
    assert table.schema.names == list(original.columns)
    frame = table.to_pandas()
    assert frame.dtypes["since"] == original.dtypes["since"]
    assert table.schema.field("rooms").type == pa.int16()
    assert frame["listing_id"].is_unique
    assert set(frame["kind"]) <= set(KINDS)
    assert frame["price"].between(original["price"].min(), original["price"].max()).all()
    assert (frame["price"].round(1) == frame["price"]).all()
    assert frame["since"].between(original["since"].min(), original["since"].max()).all()
    assert set(frame["rooms"].dropna()) <= {1, 2, 3, 4}


def test_null_and_empty_text_are_learned_as_different_things(drawn):
    titles = drawn(sample_size=300)["title"]
    assert 0 < titles.null_count < 300
    assert "" in titles.to_pylist()


def test_the_number_of_records_is_that_of_the_original_unless_told(drawn):
    assert drawn().num_rows == N
    assert drawn(sample_size=0).num_rows == 0
    assert drawn(sample_size=1).schema == drawn(sample_size=0).schema


def test_the_same_seed_draws_the_same_records(drawn):
    assert drawn(sample_size=50) == drawn(sample_size=50, batch_size=7)
    assert drawn(sample_size=50) != drawn(sample_size=50, random_state=2)


def test_what_is_given_stays_also_where_the_model_has_never_seen_it(drawn):
    seeds = pd.DataFrame(
        {
            "title": ["Sunny flat", None, "", 'never "seen"\n☃'],
            "kind": ["flat", "room", None, "castle"],
            "listing_id": [7, 8, 9, 10],
        }
    )
    table = drawn(seed_data=seeds).to_pandas()
    for name in seeds:
        assert [None if pd.isna(each) else each for each in table[name]] == pa.array(seeds[name]).to_pylist()
    assert table["price"].notna().all()


def test_nulls_of_imputed_columns_are_filled_and_the_rest_stays(drawn):
    seeds = pd.DataFrame({"title": ["Sunny flat", None, ""], "rooms": pd.array([None, 2, None], "Int16")})
    table = drawn(seed_data=seeds, imputation={"columns": ["title", "rooms"]})
    assert table["title"].null_count == table["rooms"].null_count == 0
    assert table["title"].to_pylist()[::2] == ["Sunny flat", ""]
    assert table["rooms"].to_pylist()[1] == 2
    assert drawn(sample_size=200, imputation={"columns": ["title"]})["title"].null_count == 0


def test_rebalanced_categories_have_their_shares_to_the_row(drawn):
    wish = {"column": "kind", "probabilities": {"room": 0.5, "house": 0.25}}
    found = drawn(sample_size=200, rebalancing=wish).to_pandas()["kind"].value_counts()
    assert found.to_dict() == {"room": 100, "house": 50, "flat": 50}
    alone = {"column": "kind", "probabilities": {"room": 0.5, "house": 0.5, "flat": 0}}
    assert drawn(sample_size=20, rebalancing=alone).to_pandas()["kind"].value_counts().to_dict() == {
        "room": 10,
        "house": 10,
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fairness": {"target_column": "kind", "sensitive_columns": ["rooms"]}}, "fairness: is for tabular models"),
        ({"constraints": [{"type": "range", "column": "price", "low": 1}]}, "constraints: are for tabular models"),
        ({"imputation": {"columns": ["none"]}}, "imputation: column 'none' is not in the original table"),
        ({"imputation": {"columns": ["listing_id"]}}, "imputation: column 'listing_id' is a key"),
        ({"rebalancing": {"column": "title", "probabilities": {"a": 1}}}, "column 'title' must be categorical"),
        ({"rebalancing": {"column": "kind", "probabilities": {"castle": 1}}}, "no category 'castle'.*'flat', 'house'"),
        ({"rebalancing": {"column": "kind", "probabilities": dict.fromkeys(KINDS, 0.2)}}, "add up to 0.6"),
        ({"seed_data": pd.DataFrame({"none": [1]})}, "seed_data: unknown column 'none'"),
        ({"seed_data": pd.DataFrame({"price": ["dear"]})}, "seed_data: column 'price'"),
        ({"seed_data": pd.DataFrame({"kind": ["flat"]}), "sample_size": 2}, "sample_size: seed_data has 1 row"),
        ({"ctx_data": pd.DataFrame({"kind": ["flat"]})}, "ctx_data: the model has no context table"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_drawn(root, options, message):
    with refused(root, InputError, message):
        generate(**options, workspace_dir=root)


def test_shards_drawn_apart_are_those_drawn_together(root, drawn, monkeypatch):
    monkeypatch.setattr(shard_sizes, "SHARD_RECORDS", 16)
    whole = drawn(sample_size=40)
    plan = shards.plan_generation(GenerateConfig.of(sample_size=40, random_state=1), workspace_dir=root)
    assert plan.n_shards == 3
    for shard in (2, 0, 1):
        shards.draw_shards(plan, [shard], workspace_dir=root)
    shards.finish_generation(plan, workspace_dir=root)
    assert synthetic(root) == whole


def test_a_model_of_one_order_is_given_what_is_written_first(tmp_path):
    root, table = str(tmp_path), make_listings(60)[["title", "kind", "price"]]
    fit(table, root, {"enable_flexible_generation": False})
    generate(seed_data=table[["kind"]][:5], workspace_dir=root, random_state=1)
    assert synthetic(root)["kind"].to_pylist() == table["kind"][:5].tolist()
    for given, expected in (("price", "kind"), ("title", "kind")):
        with refused(root, InputError, f"seed_data: column '{given}' can be given only together with '{expected}'"):
            generate(seed_data=table[[given]], workspace_dir=root)


@pytest.mark.parametrize("n", [1, 2, 30])
def test_tables_of_few_records_and_columns_of_nulls(tmp_path, n):
    table = pd.DataFrame({"title": pd.Series([None] * n, dtype="string"), "kind": ["flat"] * n})
    fit(table, str(tmp_path))
    generate(sample_size=3, workspace_dir=str(tmp_path), random_state=1)
    assert synthetic(str(tmp_path))["title"].null_count == 3


def test_a_table_without_records(tmp_path):
    table = make_listings(0)
    fit(table, str(tmp_path))
    generate(sample_size=2, workspace_dir=str(tmp_path), random_state=1)
    assert synthetic(str(tmp_path)).num_rows == 2


def test_names_and_values_may_be_any_text(tmp_path):
    odd = 'a "b"}\n, {\\ ☃\u2028'
    table = pd.DataFrame({odd: [odd, "x", ""] * 40, "k": ['"', "}", "\n"] * 40})
    fit(table, str(tmp_path), tgt_encoding_types={odd: "LANGUAGE_TEXT", "k": "LANGUAGE_CATEGORICAL"})
    generate(seed_data=table[:3], workspace_dir=str(tmp_path), random_state=1)
    assert synthetic(str(tmp_path)).to_pandas().equals(table[:3])
    generate(sample_size=40, workspace_dir=str(tmp_path), random_state=1)
    assert set(synthetic(str(tmp_path))["k"].to_pylist()) <= {'"', "}", "\n"}


class TestContext:
    @pytest.fixture(scope="class")
    @staticmethod
    def root(tmp_path_factory):
        root, table = str(tmp_path_factory.mktemp("context")), make_listings(120)
        table["owner"] = np.arange(120)
        fit(
            table[["owner", "title"]][:100],
            root,
            ctx_data=table.drop(columns=["title", "listing_id"]),
            ctx_primary_key="owner",
            tgt_context_key="owner",
        )
        return root

    def test_there_is_a_record_for_each_row_of_the_context(self, root):
        owners = make_listings(20, seed=1).drop(columns="title").assign(owner=np.arange(20) + 500)
        generate(ctx_data=owners, workspace_dir=root, random_state=1)
        assert synthetic(root)["owner"].to_pylist() == list(range(500, 520))
        assert synthetic(root).schema.names == ["owner", "title"]

    def test_a_context_is_required_and_checked(self, root):
        owners = make_listings(3).drop(columns="title").assign(owner=[1, 2, 3])
        for given, message in (
            (None, "ctx_data: expected the subjects"),
            (owners.drop(columns="kind"), "ctx_data: expected a column 'kind'"),
            (owners.assign(owner=1), "ctx_data"),
        ):
            with refused(root, InputError, message):
                generate(ctx_data=given, workspace_dir=root)

    def test_some_records_may_be_given(self, root):
        owners = make_listings(3).drop(columns="title").assign(owner=[1, 2, 3])
        seeds = pd.DataFrame({"owner": [2], "title": ["given"]})
        generate(ctx_data=owners, seed_data=seeds, workspace_dir=root, random_state=1)
        assert synthetic(root)["title"].to_pylist()[1] == "given"
        with refused(root, InputError, "seed_data: expected one row for each key"):
            generate(ctx_data=owners, seed_data=pd.concat([seeds, seeds]), workspace_dir=root)


def test_records_of_keys_without_a_table_get_new_keys(tmp_path):
    table = make_listings(60).rename(columns={"listing_id": "owner"})[["owner", "title"]]
    fit(table, str(tmp_path), tgt_context_key="owner")
    generate(sample_size=5, workspace_dir=str(tmp_path), random_state=1)
    assert len(set(synthetic(str(tmp_path))["owner"].to_pylist())) == 5


def test_nothing_but_the_model_store_is_needed(root, tmp_path):
    import shutil

    shutil.copytree(f"{root}/ModelStore", tmp_path / "ModelStore")
    generate(sample_size=3, workspace_dir=str(tmp_path), random_state=1)
    assert synthetic(str(tmp_path)).num_rows == 3
    (tmp_path / "ModelStore/model-data/vocabulary.json").unlink()
    with pytest.raises(ArtefactError, match=r"vocabulary\.json"):
        generate(sample_size=3, workspace_dir=str(tmp_path))


def test_no_file_of_a_finished_model_is_pickled_but_the_snapshot(root):
    names = Workspace(root).manifest(Artefact.MODEL_DATA).files
    assert {name for name in names if name.endswith((".pt", ".bin", ".pkl"))} <= {"training-snapshot.pt"}
