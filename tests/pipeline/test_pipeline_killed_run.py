"""Runs whose process is killed, with the daemon really running: finished by a retry, with the bytes of a quiet run."""

import hashlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import AssetKey, DagsterInstance, DagsterRunStatus

from benchmarks.pipeline_server import ROOT, Server, serving, until, worker_of
from synth_engine.demo import make_shop
from synth_engine.workspace import Artefact, Workspace
from synth_pipeline.partitions import register
from tests.pipeline.conftest import SETTINGS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

EPOCHS = 8
RUN_SECONDS = 600
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The local instance as it comes with the repository, and one table under two names."""
    home = tmp_path / "home"
    storage = home / "storage" / "synth"
    (storage / "sources").mkdir(parents=True)
    (storage / "datasets").mkdir()
    shutil.copy(ROOT / "dagster_home" / "dagster.yaml", home)
    make_shop(4000, seed=0).customers.to_parquet(storage / "sources" / "customers.parquet", index=False)
    # Not watched, as tests launch their runs themselves. A seed for analyze, too, so that two datasets of one table get
    # the same model; otherwise it draws one.
    seeded = {
        "watch": False,
        "analyze": {"random_state": 0},
        "train": {"model": "MOSTLY_AI/Small", "max_epochs": EPOCHS},
    }
    for name in ("quiet", "killed"):
        (storage / "datasets" / f"{name}.yaml").write_text(yaml.safe_dump({**SETTINGS, **seeded}))
    broken = {**SETTINGS, "watch": False, "primary_key": "no_such_column"}
    (storage / "datasets" / "broken.yaml").write_text(yaml.safe_dump(broken))
    return home


@pytest.fixture
def instance(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with DagsterInstance.get() as instance:
        for name in ("quiet", "killed", "broken"):
            register(instance, name)
        yield instance


def test_a_killed_run_is_retried_and_ends_with_the_same_bytes(home, instance):
    with serving(home, ONE_THREAD) as server:
        quiet = server.launch("quiet")
        _finish(instance, server, quiet)
        first = server.launch("killed")
        _kill_in_training(instance, server, first)
        retry = _retry_of(instance, server, first)
        _finish(instance, server, retry)
    lost, done = instance.get_run_by_id(first), instance.get_run_by_id(retry)
    assert lost.status == DagsterRunStatus.FAILURE
    assert done.status == DagsterRunStatus.SUCCESS, server.told()
    told = " ".join(event.message for event in instance.all_logs(first))
    assert "was terminated by signal 9" in told, told
    assert done.parent_run_id == first
    redone = {step.split(".")[0] for step in done.step_keys_to_execute}
    assert not redone & {"original_data", "column_stats", "encoded_data"}, "what was done is not done again"
    assert _decision(instance, "model_store", "killed").endswith("because its making was interrupted")
    assert instance.get_run_by_id(quiet).status == DagsterRunStatus.SUCCESS
    assert _bytes(home, "killed") == _bytes(home, "quiet")


def test_a_run_that_dies_with_the_server_goes_on_after_its_restart(home, instance):
    with serving(home, ONE_THREAD) as server:
        first = server.launch("killed")
        _train(server)
        for pid in _family(server):  # as when the power goes
            os.kill(pid, signal.SIGKILL)
    assert instance.get_run_by_id(first).status == DagsterRunStatus.STARTED
    with serving(home, ONE_THREAD) as server:
        retry = _retry_of(instance, server, first)
        _finish(instance, server, retry)
        assert instance.get_run_by_id(retry).status == DagsterRunStatus.SUCCESS, server.told()
    assert _decision(instance, "model_store", "killed").endswith("because its making was interrupted")


def test_a_run_that_a_user_must_mend_is_not_retried(home, instance):
    with serving(home, ONE_THREAD) as server:
        run_id = server.launch("broken")
        _finish(instance, server, run_id)
        run = until(lambda: _told_of_retry(instance, run_id), 30, server.told)
    assert run.status == DagsterRunStatus.FAILURE
    assert run.tags["dagster/will_retry"] == "false"
    assert len(instance.get_runs()) == 1


def _kill_in_training(instance: DagsterInstance, server: Server, run_id: str) -> None:
    _train(server)
    pid = worker_of(instance, instance.get_run_by_id(run_id))
    assert instance.get_run_by_id(run_id).status == DagsterRunStatus.STARTED
    os.kill(pid, signal.SIGKILL)


def _retry_of(instance: DagsterInstance, server: Server, run_id: str) -> str:
    def found() -> str | None:
        return next((run.run_id for run in instance.get_runs() if run.parent_run_id == run_id), None)

    return until(found, RUN_SECONDS, server.told)


def _finish(instance: DagsterInstance, server: Server, run_id: str) -> None:
    until(lambda: instance.get_run_by_id(run_id).is_finished, RUN_SECONDS, server.told)


def _told_of_retry(instance: DagsterInstance, run_id: str) -> Any:
    run = instance.get_run_by_id(run_id)
    return run if "dagster/will_retry" in run.tags else None


def _train(server: Server) -> None:
    """Wait until there is a snapshot: training writes the first one after ten seconds."""
    workspace = Workspace(server.home / "storage" / "synth" / "killed")
    until(lambda: workspace.has(Artefact.MODEL_DATA), RUN_SECONDS, server.told)
    assert not workspace.manifest(Artefact.MODEL_DATA).facts["finished"], "too fast to be killed in between"


def _decision(instance: DagsterInstance, asset: str, dataset: str) -> str:
    records = instance.fetch_materializations(AssetKey(asset), limit=100).records
    latest = next(record for record in records if record.asset_materialization.partition == dataset)
    return latest.asset_materialization.metadata["decision"].value


def _bytes(home: Path, dataset: str) -> dict[str, str]:
    """SHA-256 of the weights, and of the synthetic rows."""
    workspace = Workspace(home / "storage" / "synth" / dataset)
    files = [workspace.folder(Artefact.MODEL_DATA) / "model-weights.pt"]
    files += sorted(workspace.folder(Artefact.SYNTHETIC_DATA).glob("*.parquet"))
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def _family(server: Server) -> list[int]:
    import psutil

    process = psutil.Process(server.process.pid)
    return [process.pid, *(child.pid for child in process.children(recursive=True))]
