"""The job, run for real: what it makes, what it makes again, and what it says when it cannot."""

import os
import signal
import time
from typing import Any

import fsspec
import pandas as pd
import pyarrow as pa
import pytest
from dagster import AssetKey, DagsterInstance, DagsterRunStatus

from synth_engine.domain import ProgressCallback
from synth_engine.workspace import Artefact
from synth_pipeline.catalog import DatasetConfig
from synth_pipeline.definitions import build_definitions
from synth_pipeline.partitions import register
from synth_pipeline.resources import Listener, Storage

ASSETS = ("original_data", "column_stats", "encoded_data", "model_store", "synthetic_data")


def test_a_first_run_makes_everything(finished):
    reader = finished.workspace.read(Artefact.SYNTHETIC_DATA)
    original = pd.read_parquet(finished.source)
    synthetic = reader.table(reader.parts()[0])
    assert synthetic.num_rows == len(original)
    assert synthetic.column_names == list(original.columns)


def test_an_unchanged_dataset_is_not_made_again(finished):
    begin = time.monotonic()
    assert finished.run().success
    seconds = time.monotonic() - begin
    first = finished.digests()
    assert finished.rebuilt() == []
    assert finished.run().success
    assert finished.rebuilt() == []
    assert finished.digests() == first
    assert seconds < 30  # generous: shared machines are slow; training alone would be one of many parts


def test_data_versions_are_the_digests(finished):
    finished.run()
    for asset in ("column_stats", "encoded_data", "model_store", "synthetic_data"):
        event = finished.instance.get_latest_materialization_event(AssetKey(asset))
        digest = next(value for name, value in finished.shown(asset).items() if name.startswith("digest"))
        assert event.asset_materialization.tags["dagster/data_version"] == digest


@pytest.mark.parametrize(
    ("settings", "rebuilt"),
    [
        ({"generate": {"sample_size": 50}}, ["synthetic_data"]),
        ({"train": {"model": "MOSTLY_AI/Small", "max_epochs": 0.5}}, ["model_store", "synthetic_data"]),
        ({"analyze": {"value_protection": False}}, ["column_stats", "encoded_data", "model_store", "synthetic_data"]),
        ({"encoding_types": {"n_children": "TABULAR_CATEGORICAL"}}, list(ASSETS)),
        ({"split": {"trn_val_split": 0.5}}, list(ASSETS)),
    ],
    ids=["generate", "train", "analyze", "encoding types", "split"],
)
def test_changed_settings_rebuild_what_depends_on_them(finished, settings, rebuilt):
    finished.configure(**settings)
    assert finished.run().success
    assert finished.rebuilt() == rebuilt
    assert "settings changed" in finished.shown(rebuilt[0])["decision"]


def test_changed_source_rebuilds_everything(finished):
    table = pd.read_parquet(finished.source)
    table.iloc[:-1].to_parquet(finished.source, index=False)
    assert finished.run().success
    assert finished.rebuilt() == list(ASSETS)
    assert finished.shown("original_data")["decision"] == "made, because the source changed"
    assert finished.shown("synthetic_data")["dagster/row_count"] == len(table) - 1


def test_a_touched_source_rebuilds_nothing(finished):
    os.utime(finished.source, (1, 1))
    assert finished.run().success
    assert finished.rebuilt() == []


def test_the_same_rows_in_another_file_rebuild_the_split_only(finished):
    table = pd.read_parquet(finished.source)
    table.to_parquet(finished.source, index=False, compression="gzip")
    assert finished.run().success
    assert finished.rebuilt() == ["original_data"]


def test_a_lost_file_is_made_again(finished):
    next(finished.workspace.folder(Artefact.ENCODED_DATA).glob("*-trn.parquet")).unlink()
    assert finished.run().success
    # the same codes again, so the model stays
    assert finished.rebuilt() == ["encoded_data"]


def test_a_damaged_file_is_made_again(finished):
    path = finished.workspace.folder(Artefact.SYNTHETIC_DATA) / "part.000000.parquet"
    path.write_bytes(bytes(reversed(path.read_bytes())))
    assert finished.run().success
    assert finished.rebuilt() == ["synthetic_data"]


def test_metadata_shows_what_matters(finished):
    finished.run()
    original, stats, model, synthetic = (
        finished.shown(asset) for asset in ("original_data", "column_stats", "model_store", "synthetic_data")
    )
    assert original["dagster/row_count"] == original["training_rows"] + original["validation_rows"] == 400
    assert {record.data["column"] for record in stats["encodings"].records} == {
        column.name for column in original["dagster/column_schema"].columns
    } - {"customer_id"}
    assert stats["value_protection"] is True
    assert model["loss_curve"].startswith("![training and validation loss by epoch](data:image/png;base64,")
    assert model["best_validation_loss"] > 0
    assert 0 < synthetic["univariate_accuracy"] <= 1
    assert synthetic["sample"].count("\n") == 11
    assert all(finished.shown(asset)["seconds"] > 0 for asset in ASSETS), "durations are those of the run that made it"


def test_a_private_training_shows_its_epsilon_and_no_loss(finished):
    privacy = {"target_epsilon": 2.0, "delta": 1e-4}
    finished.configure(train={"model": "MOSTLY_AI/Small", "max_epochs": 1, "differential_privacy": privacy})
    assert finished.run().success
    for asset in ("model_store", "synthetic_data"):
        shown = finished.shown(asset)
        assert 1.8 < shown["epsilon_of_training"] <= 2.0
        assert shown["differential_privacy"].endswith("delta 5e-05")
    shown = finished.shown("model_store")
    assert not {"loss_curve", "best_validation_loss"} & shown.keys()
    records = finished.instance.fetch_observations(AssetKey("model_store"), limit=1).records
    told = records[0].asset_observation.metadata
    assert "dp_eps" in told
    assert not {"trn_loss", "val_loss"} & told.keys()
    assert finished.run().success
    assert finished.rebuilt() == []


def test_no_real_row_is_shown(finished):
    finished.run()
    names = pd.read_parquet(finished.source)["name"]
    everything = " ".join(str(finished.shown(asset)) for asset in ASSETS)
    assert not [name for name in names if name in everything]


def test_training_reports_its_epochs(finished):
    finished.configure(train={"model": "MOSTLY_AI/Small", "max_epochs": 2})
    finished.run()
    observed = finished.instance.fetch_observations(AssetKey("model_store"), limit=10).records
    assert observed
    assert {"epoch", "trn_loss", "val_loss"} <= observed[0].asset_observation.metadata.keys()
    assert observed[0].asset_observation.partition == "customers"


def test_the_engine_says_what_is_wrong_with_the_table(pipeline, failure):
    (pipeline.root / "sources").mkdir()
    pd.DataFrame({"customer_id": [1, 1, 2], "x": [1, 2, 3]}).to_parquet(pipeline.source)
    pipeline.configure()
    said = failure(pipeline.run())
    assert "customers" in said
    assert "'customer_id'" in said
    assert "unique" in said


def test_a_missing_source_is_named(pipeline, failure):
    pipeline.configure()
    said = failure(pipeline.run())
    assert "customers.parquet" in said
    assert "there is none" in said


def test_a_partition_without_settings_is_named(pipeline, failure):
    pipeline.configure()
    said = failure(pipeline.run("orders"))
    assert "orders.yaml" in said
    assert "customers" in said


def test_a_failed_run_leaves_what_was_there(finished, failure):
    before = finished.workspace.manifest(Artefact.SYNTHETIC_DATA)
    finished.source.write_bytes(b"not parquet")
    assert "customers.parquet" in failure(finished.run())
    assert finished.workspace.manifest(Artefact.SYNTHETIC_DATA) == before


class _Interrupting(Listener):
    """Cancels the run in the middle of training, as the browser does: by a request and a signal."""

    def __init__(self, instance: DagsterInstance, number: signal.Signals = signal.SIGINT) -> None:
        self._instance, self._number = instance, number

    def started(self, stage: str) -> ProgressCallback | None:
        def interrupt(*args: Any, message: dict[str, Any] | None = None, **kwargs: Any) -> None:
            if (message or {}).get("epoch") is not None:
                self._instance.report_run_canceling(self._instance.get_runs()[0])
                os.kill(os.getpid(), self._number)

        return interrupt


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["cancelled", "machine goes away"])
def test_a_run_that_has_to_stop_in_training_saves_it_and_the_next_one_goes_on(finished, number):
    """The browser cancels by SIGINT, a cluster by SIGTERM."""
    finished.configure(train={"model": "MOSTLY_AI/Small", "max_epochs": 3})
    result = finished.run(listener=_Interrupting(finished.instance, number))
    assert [event.step_key for event in result.get_step_failure_events()] == ["model_store.train_model"]
    assert [run.status for run in finished.instance.get_runs()] == [DagsterRunStatus.CANCELED]
    unfinished = finished.workspace.manifest(Artefact.MODEL_DATA)
    assert not unfinished.facts["finished"]
    assert unfinished.facts["steps"] > 0
    first = finished.workspace.read(Artefact.MODEL_DATA).bytes("progress-messages.csv")
    assert finished.run().success
    assert finished.rebuilt() == ["model_store", "synthetic_data"]
    assert finished.shown("model_store")["decision"] == "made, because its making was interrupted"
    model = finished.workspace.read(Artefact.MODEL_DATA)
    assert model.manifest.facts["finished"]
    assert model.bytes("progress-messages.csv").startswith(first)  # times included: nothing was trained twice
    assert len(model.bytes("progress-messages.csv").splitlines()) == 4
    weights = model.bytes("model-weights.pt")
    finished.workspace.remove(Artefact.MODEL_DATA)
    assert finished.run().success
    assert finished.workspace.read(Artefact.MODEL_DATA).bytes("model-weights.pt") == weights  # as if nothing had been


def test_tables_of_a_folder_and_csv_are_sources_too(pipeline):
    (pipeline.root / "sources").mkdir()
    table = pd.DataFrame({"a": range(60), "b": list("xyz") * 20})
    table.to_csv(pipeline.root / "sources" / "plain.csv.gz", index=False)
    pipeline.configure("plain", source="../sources/plain.csv.gz", primary_key=None)
    assert pipeline.run("plain").success
    assert pipeline.shown("synthetic_data")["dagster/row_count"] == 60
    assert [column.type for column in pipeline.shown("original_data")["dagster/column_schema"].columns] == [
        str(pa.int64()),
        str(pa.string()),
    ]


def test_storage_may_be_on_another_file_system():
    storage = Storage(root="memory://pipeline-storage")
    table = pd.DataFrame({"a": range(60), "b": list("xyz") * 20})
    with fsspec.open("memory://pipeline-storage/sources/plain.parquet", "wb") as file:
        table.to_parquet(file)
    settings = {"source": "memory://pipeline-storage/sources/plain.parquet", "train": {"max_epochs": 1}}
    storage.catalog.save("plain", DatasetConfig.validated(settings, "test"))
    with DagsterInstance.ephemeral() as instance:
        register(instance, "plain")
        job = build_definitions(storage=storage).resolve_job_def("synthesize")
        for rebuilt in (True, False):
            result = job.execute_in_process(instance=instance, partition_key="plain")
            found = [
                event.materialization.metadata["rebuilt"].value for event in result.get_asset_materialization_events()
            ]
            assert found == [rebuilt] * 5
    assert storage.workspace("plain").read(Artefact.SYNTHETIC_DATA).rows() == 60


@pytest.mark.parametrize("strategy", ["REUSE", "BETTER"])
def test_a_run_may_ask_to_begin_from_the_model_that_is_there(finished, failure, strategy: str):
    finished.configure(train={"model": "MOSTLY_AI/Small", "max_epochs": 0.5})
    result = finished.run(tags={"synth/model_state_strategy": strategy})
    if strategy == "REUSE":
        assert result.success
        assert finished.workspace.manifest(Artefact.MODEL_DATA).config["model_state_strategy"] == "REUSE"
        assert finished.run().success
        assert finished.rebuilt() == [], "how a model came about is no reason to make it anew"
    else:
        said = "synth/model_state_strategy: expected one of RESET, REUSE, RESUME, found 'BETTER'"
        assert said in failure(result)
