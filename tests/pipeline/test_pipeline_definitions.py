"""The definitions load, and the files that lead Dagster to them are right."""

import importlib
from pathlib import Path

import pytest
import yaml
from dagster import AssetKey, DagsterInstance, Definitions

from synth_engine.domain import UserError
from synth_pipeline.definitions import build_definitions, defs
from synth_pipeline.partitions import register
from synth_pipeline.resources import Storage
from synth_pipeline.stages import ORDER

ROOT = Path(__file__).resolve().parent.parent.parent


def test_definitions_are_loadable():
    Definitions.validate_loadable(defs)


def test_every_asset_says_what_it_is():
    nodes = list(defs.resolve_asset_graph().asset_nodes)
    assert len(nodes) == 9
    for node in nodes:
        assert node.description
        assert node.kinds
        assert node.owners
        assert node.group_name in {"synthesis", "drift", "audit"}
        assert node.code_version or node.group_name in {"drift", "audit"}  # a report is made whenever it is asked for
        assert node.tags["contents"] in {"sensitive", "shareable"}
        assert node.partitions_def.name == "dataset"


def test_the_order_is_that_of_the_engine():
    graph = defs.resolve_asset_graph()
    order = [key.to_user_string() for key in graph.toposorted_asset_keys]
    for on_demand in ("drift_report", "shadow_audit"):
        order.remove(on_demand)
    assert tuple(order) == ORDER
    assert graph.get(AssetKey("encoded_data")).parent_keys == {AssetKey("original_data"), AssetKey("column_stats")}


def test_what_starts_runs_by_itself():
    running = {sensor.name for sensor in defs.sensors if sensor.default_status.value == "RUNNING"}
    assert running == {"arrivals", "schedules", "retraining", "releases", "failures"}
    stopped = {sensor.name for sensor in defs.sensors} - running
    assert stopped == {"changed_inputs_cpu", "changed_inputs_gpu"}


def test_resources_can_be_replaced(tmp_path):
    storage = Storage(root=str(tmp_path))
    assert build_definitions(storage=storage).resources["storage"] is storage


def test_the_workspace_file_leads_to_the_definitions():
    [location] = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    module = importlib.import_module(location["python_module"]["module_name"])
    assert isinstance(module.defs, Definitions)


def test_the_local_instance_starts_and_sends_nothing(tmp_path, monkeypatch):
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster_home" / "dagster.yaml").read_text())
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with DagsterInstance.get() as instance:
        assert instance.telemetry_enabled is False
        assert instance.nux_enabled is False
        register(instance, "shop")
        register(instance, "shop")
        assert instance.get_dynamic_partitions("dataset") == ["shop"]


def test_storage_is_found_by_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("SYNTH_STORAGE", raising=False)
    monkeypatch.delenv("SYNTH_DATASETS", raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    assert str(Storage().folder) == str(tmp_path / "storage" / "synth")
    assert str(Storage().catalog.folder) == str(tmp_path / "storage" / "synth" / "datasets")
    monkeypatch.setenv("SYNTH_STORAGE", "memory://elsewhere")
    monkeypatch.setenv("SYNTH_DATASETS", str(tmp_path / "yaml"))
    assert str(Storage().workspace("shop").root) == "memory://elsewhere/shop"
    assert str(Storage().catalog.folder) == str(tmp_path / "yaml")


def test_without_any_place_it_says_so(monkeypatch):
    monkeypatch.delenv("SYNTH_STORAGE", raising=False)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with pytest.raises(UserError, match="SYNTH_STORAGE"):
        _ = Storage().folder
