"""Declarative automation on a real instance: by data version, not by event."""

import pandas as pd
import pytest
from dagster import AssetKey, DefaultSensorStatus, evaluate_automation_conditions

from synth_pipeline.automation.conditions import MADE_BY, condition_sensors
from synth_pipeline.compute import CLASS_TAG, CPU
from synth_pipeline.definitions import build_definitions
from synth_pipeline.resources import Storage


class Evaluation:
    """Conditions, evaluated tick by tick."""

    def __init__(self, pipeline) -> None:
        self.pipeline, self.cursor = pipeline, None
        self.definitions = build_definitions(storage=Storage(root=str(pipeline.root)))

    def run(self, job: str, *selection: str) -> None:
        found = self.definitions.resolve_job_def(job)
        keys = [AssetKey(name) for name in selection] or None
        assert found.execute_in_process(
            instance=self.pipeline.instance, partition_key="customers", asset_selection=keys
        ).success

    def requested(self) -> list[str]:
        result = evaluate_automation_conditions(self.definitions, self.pipeline.instance, cursor=self.cursor)
        self.cursor = result.cursor
        names = [name for group in MADE_BY.values() for name in group]
        return [name for name in names if result.get_requested_partitions(AssetKey(name))]


@pytest.mark.slow
def test_a_model_is_requested_when_the_codes_changed_and_not_when_they_were_kept(finished):
    conditions = Evaluation(finished)
    finished.instance.add_dynamic_partitions("dataset", ["customers"])
    assert conditions.requested() == []
    conditions.run("prepare")
    assert conditions.requested() == ["model_store", "synthetic_data"]
    assert conditions.requested() == []
    conditions.run("synthesize")
    assert conditions.requested() == []
    conditions.run("prepare")  # nothing changed: everything was kept
    assert conditions.requested() == []
    table = pd.read_parquet(finished.source)
    table.to_parquet(finished.source, index=False, compression="gzip")  # the same rows in another file
    conditions.run("prepare")
    assert conditions.requested() == []
    table.iloc[:-1].to_parquet(finished.source, index=False)
    conditions.run("prepare")
    assert conditions.requested() == ["model_store", "synthetic_data"]
    assert conditions.requested() == []
    conditions.run("synthesize", "model_store")
    assert conditions.requested() == ["synthetic_data"]
    conditions.run("synthesize", "synthetic_data")
    assert conditions.requested() == []


@pytest.mark.parametrize(
    ("value", "status"),
    [(None, DefaultSensorStatus.STOPPED), ("0", DefaultSensorStatus.STOPPED), ("1", DefaultSensorStatus.RUNNING)],
)
def test_the_sensors_run_where_runs_are_separate(monkeypatch, value, status):
    monkeypatch.delenv("SYNTH_SEPARATE_RUNS", raising=False)
    if value is not None:
        monkeypatch.setenv("SYNTH_SEPARATE_RUNS", value)
    sensors = condition_sensors()
    assert {sensor.default_status for sensor in sensors} == {status}
    assert [sensor.run_tags[CLASS_TAG] for sensor in sensors] == list(MADE_BY)


@pytest.mark.parametrize("compute", MADE_BY)
def test_sensors_send_assets_where_their_ops_want_to_be(compute):
    """The tag of a run overrides what its ops ask for."""
    definitions = build_definitions()
    for asset in MADE_BY[compute]:
        ops = definitions.resolve_assets_def(AssetKey(asset)).node_def.iterate_op_defs()
        assert {op.tags[CLASS_TAG] for op in ops} | {CPU} == {compute, CPU}, asset
