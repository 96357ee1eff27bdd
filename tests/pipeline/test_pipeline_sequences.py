"""Two related datasets through the job, run for real: whose keys refer to whom, and what is made again."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from dagster import DagsterInstance

from synth_engine.demo import make_shop
from synth_engine.summary import synthetic_table
from synth_engine.workspace import Artefact, Workspace
from synth_pipeline import sequences
from synth_pipeline.catalog import DatasetConfig
from synth_pipeline.definitions import build_definitions
from synth_pipeline.partitions import register
from synth_pipeline.resources import Storage
from tests.pipeline.conftest import ASSETS, Pipeline

ORDERS = {
    "source": "../sources/orders.parquet",
    "primary_key": "order_id",
    "context": "customers",
    "context_key": "customer_id",
    "train": {"model": "MOSTLY_AI/Small", "max_epochs": 1},
}


def write_shop(pipeline: Pipeline, n_customers: int = 150) -> None:
    (pipeline.root / "sources").mkdir(exist_ok=True)
    shop = make_shop(n_customers, seed=0)
    shop.customers.drop(columns=["name", "location"]).to_parquet(pipeline.source, index=False)
    shop.orders.to_parquet(pipeline.root / "sources" / "orders.parquet", index=False)
    pipeline.configure()
    pipeline.configure("orders", **ORDERS)


@pytest.fixture(scope="session")
def shop_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage in which the job ran once for each of two related datasets."""
    with DagsterInstance.ephemeral() as instance:
        pipeline = Pipeline(tmp_path_factory.mktemp("shop"), instance)
        write_shop(pipeline)
        assert pipeline.run().success
        assert pipeline.run("orders").success
    return pipeline.root


@pytest.fixture
def shop(shop_root, tmp_path):
    root = tmp_path / "storage"
    shutil.copytree(shop_root, root)
    with DagsterInstance.ephemeral() as instance:
        yield Pipeline(root, instance)


def twin(pipeline, name):
    return synthetic_table(str(pipeline.root / name)).to_pandas()


def checked(result):
    [evaluation] = result.get_asset_check_evaluations()
    return evaluation


def test_keys_refer_to_synthetic_subjects_and_to_no_real_one(shop):
    customers, orders = twin(shop, "customers"), twin(shop, "orders")
    originals = {name: pd.read_parquet(shop.root / "sources" / f"{name}.parquet") for name in ("customers", "orders")}
    assert set(orders["customer_id"]) <= set(customers["customer_id"])
    assert not set(customers["customer_id"]) & set(originals["customers"]["customer_id"])
    assert not set(orders["order_id"]) & set(originals["orders"]["order_id"])
    assert list(orders.columns) == list(originals["orders"].columns)
    assert orders["ordered_at"].dtype == originals["orders"]["ordered_at"].dtype


def test_unchanged_datasets_are_not_made_again_and_keys_are_checked(shop):
    result = shop.run("orders")
    assert result.success
    assert shop.rebuilt() == []
    evaluation = checked(result)
    assert evaluation.passed
    assert evaluation.check_name == "referential_integrity"
    assert evaluation.partition == "orders"
    assert {name: value.value for name, value in evaluation.metadata.items()} == {
        "subjects": 150,
        "events": len(twin(shop, "orders")),
    }


def test_a_new_parent_makes_a_new_child_and_until_then_the_check_fails(shop):
    shop.configure(generate={"sample_size": 40, "random_state": 5})
    assert shop.run().success
    register(shop.instance, "orders")
    job = build_definitions(storage=Storage(root=str(shop.root))).resolve_job_def("synthesize")
    alone = job.get_subset(
        asset_check_selection=set(job.asset_layer.asset_graph.asset_check_keys), asset_selection=set()
    )
    found = checked(alone.execute_in_process(instance=shop.instance, partition_key="orders", raise_on_error=False))
    assert not found.passed
    assert "materialise 'orders' again" in found.description
    result = shop.run("orders")
    assert checked(result).passed
    assert shop.rebuilt() == ["synthetic_data"]
    shown = shop.shown("synthetic_data")
    assert shown["decision"] == "made, because the synthetic data of 'customers' changed"
    assert shown["subjects"] == 40


def test_a_parent_without_twin_is_named_and_nothing_is_lost(shop, failure):
    shutil.rmtree(shop.root / "customers" / "SyntheticData")
    before = Workspace(shop.root / "orders").manifest(Artefact.SYNTHETIC_DATA)
    assert failure(shop.run("orders")).startswith(
        "orders: its subjects are those of 'customers', whose synthetic data is not there yet; materialise the "
        "partition 'customers' first"
    )
    assert Workspace(shop.root / "orders").manifest(Artefact.SYNTHETIC_DATA) == before


def test_what_changes_in_the_parent_counts_for_the_split_of_the_child(shop):
    table = pd.read_parquet(shop.source)
    table.assign(n_children=3).to_parquet(shop.source, index=False)
    assert shop.run("orders").success
    assert shop.rebuilt() == list(ASSETS)
    assert shop.shown("original_data")["decision"] == "made, because the source of context changed"


def test_encoding_types_of_the_parent_hold_for_the_context(shop):
    shop.configure(encoding_types={"n_children": "TABULAR_CATEGORICAL"})
    assert shop.run("orders").success
    assert "ctx_encoding_types from None to" in shop.shown("original_data")["decision"]
    statistics = Workspace(shop.root / "orders").read(Artefact.CTX_STATS).json("stats.json")
    assert statistics["columns"]["n_children"]["encoding_type"] == "TABULAR_CATEGORICAL"


def test_lost_context_is_made_again(shop):
    shutil.rmtree(shop.root / "orders" / "ModelStore" / "ctx-stats")
    assert shop.run("orders").success
    assert shop.rebuilt()[0] == "column_stats"


def test_metadata_tell_of_subjects_and_events(shop):
    shop.run("orders")
    original, stats, synthetic = (shop.shown(asset) for asset in ("original_data", "column_stats", "synthetic_data"))
    orders = pd.read_parquet(shop.root / "sources" / "orders.parquet")
    assert (original["training_subjects"], original["validation_subjects"]) == (120, 30)
    assert original["context"] == synthetic["context"] == "customers"
    assert original["events_per_subject"] == round(len(orders) / 150, 3)
    assert 0 == stats["least_events_per_subject"] < stats["median_events_per_subject"]
    assert stats["most_events_per_subject"] < orders["customer_id"].value_counts().max()  # protected
    assert synthetic["events_per_subject"] == round(len(twin(shop, "orders")) / 150, 3)
    empty = 150 - twin(shop, "orders")["customer_id"].nunique()
    assert synthetic["subjects_without_events"] == empty
    assert synthetic["differential_privacy_of_context"] == "none"
    assert "customer_id" not in synthetic["accuracy_by_column"]


def test_unprotected_lengths_are_not_shown():
    unprotected = {"source": "x", "context_key": "k", "analyze": {"value_protection": False}}
    statistics = {"seq_len": {"min": 0, "median": 2, "max": 9}}
    for settings, shown in (({"source": "x", "context_key": "k"}, 3), (unprotected, 0), ({"source": "x"}, 0)):
        assert len(sequences.released_lengths(statistics, DatasetConfig.validated(settings, "test"))) == shown


def test_sequences_without_a_context_table_have_new_subjects(pipeline):
    write_shop(pipeline, 60)
    alone = {key: value for key, value in ORDERS.items() if key != "context"}
    pipeline.configure("orders", **alone, generate={"sample_size": 25})
    result = pipeline.run("orders")
    assert result.success
    assert checked(result).passed
    orders = twin(pipeline, "orders")
    assert orders["customer_id"].nunique() == pipeline.shown("synthetic_data")["subjects"] == 25
    original = pd.read_parquet(pipeline.root / "sources" / "orders.parquet")
    assert not set(orders["customer_id"]) & set(original["customer_id"])
    shown = pipeline.shown("original_data")
    assert shown["training_subjects"] + shown["validation_subjects"] == original["customer_id"].nunique()
    pipeline.run("orders")
    assert pipeline.rebuilt() == []


def test_the_key_of_a_parent_to_its_own_parent_is_not_learned(pipeline):
    write_shop(pipeline, 60)
    customers = pd.read_parquet(pipeline.source)
    customers.assign(shop=["a", "b"] * 30)[["customer_id", "shop", "segment"]].to_parquet(pipeline.source)
    pd.DataFrame({"id": ["a", "b"], "size": [1, 2]}).to_parquet(pipeline.root / "sources" / "shops.parquet")
    pipeline.configure("shops", source="../sources/shops.parquet", primary_key="id")
    pipeline.configure(context="shops", context_key="shop")
    for name in ("shops", "customers", "orders"):
        assert pipeline.run(name).success
    statistics = Workspace(pipeline.root / "orders").read(Artefact.CTX_STATS).json("stats.json")
    assert list(statistics["columns"]) == ["segment"]
    assert set(twin(pipeline, "customers")["shop"]) <= set(twin(pipeline, "shops")["id"])
    assert set(twin(pipeline, "orders")["customer_id"]) <= set(twin(pipeline, "customers")["customer_id"])
