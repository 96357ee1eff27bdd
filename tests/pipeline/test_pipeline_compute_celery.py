"""Steps on Celery workers in processes of their own: real Redis, workspace on a real S3 service, a worker killed."""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from dagster import DagsterInstance, DagsterRunStatus
from upath import UPath

from benchmarks.pipeline_server import ROOT, until
from synth_engine.demo import make_shop
from synth_engine.workspace import Artefact, Workspace
from synth_pipeline.definitions import build_definitions
from synth_pipeline.partitions import register
from synth_pipeline.resources import Storage
from tests.pipeline.conftest import SETTINGS
from tests.workspace.object_store import bucket, object_store

__all__ = ["bucket", "object_store"]  # fixtures

REDIS = shutil.which("redis-server")
RUN_SECONDS = 1500  # every step is a new process: seconds each, on a busy machine a minute
LOST_SECONDS = 30

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(REDIS is None, reason="needs Redis (Debian: apt-get install redis-server)"),
]

RUN = """
import sys
from dagster import DagsterInstance, execute_job, reconstructable
from tests.pipeline.test_pipeline_compute_celery import distributed_job
with DagsterInstance.get() as instance:
    tags = {"dagster/partition": sys.argv[1]}
    with execute_job(reconstructable(distributed_job), instance=instance, tags=tags) as result:
        sys.exit(not result.success)
"""


def distributed_job() -> Any:
    """The job, with executor and storage from the environment, as a code server would load it."""
    return build_definitions().resolve_job_def("synthesize")


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[str]:
    """The URL of a Redis of our own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    server = subprocess.Popen([str(REDIS), *arguments], stdout=subprocess.DEVNULL)
    until(lambda: _answers(port), 30)
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait(10)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@dataclass
class Fleet:
    """Two workers, and the environment that they share with whoever hands out steps."""

    home: Path
    environment: dict[str, str]
    workers: dict[str, subprocess.Popen[bytes]]
    run: subprocess.Popen[bytes] | None = None

    def start(self, name: str) -> None:
        app = ["-A", "synth_pipeline.compute.celery_app", "worker", "--concurrency", "1", "-Q", "dagster,gpu"]
        self.workers[name] = self._run(name, "-m", "celery", *app, "-n", f"{name}@%h", "--loglevel", "INFO")

    def _run(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.home / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def told(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in sorted(self.home.glob("*.log")))

    def ready(self) -> None:
        for name in self.workers:
            until(lambda name=name: " ready." in (self.home / f"{name}.log").read_text(), 180, self.told)

    def hand_out(self, dataset: str) -> subprocess.Popen[bytes]:
        """Start a run."""
        self.run = self._run("run", "-c", RUN, dataset)
        return self.run

    def lose(self, name: str) -> None:
        """As a machine is lost: everything of it at once."""
        worker = self.workers.pop(name)
        for process in [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]:
            process.send_signal(signal.SIGKILL)
        worker.wait(10)

    def stop(self) -> None:
        if self.run is not None:
            self.run.kill()
            self.run.wait(10)
        for name in list(self.workers):
            self.lose(name)


@pytest.fixture
def fleet(redis: str, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    given = {
        "DAGSTER_HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "SYNTH_STORAGE": bucket,
        "SYNTH_EXECUTOR": "celery",
        "SYNTH_CELERY_BROKER": redis,
        "SYNTH_CELERY_LOST_SECONDS": str(LOST_SECONDS),
        "SYNTH_COMPUTE": str(ROOT / "dagster_home" / "deployments" / "celery" / "compute.yaml"),
    }
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    fleet = Fleet(home, os.environ | given, {})
    for name in ("first", "second"):
        fleet.start(name)
    fleet.ready()
    yield fleet
    fleet.stop()


def _set_up(root: UPath, rows: int, epochs: int) -> None:
    with (root / "sources" / "customers.parquet").open("wb") as file:
        make_shop(rows, seed=0).customers.to_parquet(file, index=False)
    settings = {
        **SETTINGS,
        "source": str(root / "sources" / "customers.parquet"),
        "analyze": {"random_state": 0},
        "train": {"model": "MOSTLY_AI/Small", "max_epochs": epochs},
    }
    (root / "datasets" / "customers.yaml").write_text(yaml.safe_dump(settings))


def _alone(folder: Path, rows: int, epochs: int) -> dict[str, str]:
    """The bytes that one process makes on a local disk."""
    for name in ("sources", "datasets"):
        (folder / name).mkdir(parents=True)
    _set_up(UPath(folder), rows, epochs)
    with DagsterInstance.ephemeral() as instance:
        register(instance, "customers")
        job = build_definitions(storage=Storage(root=str(folder))).resolve_job_def("synthesize")
        assert job.execute_in_process(instance=instance, partition_key="customers").success
    return _bytes(str(folder / "customers"))


def _bytes(root: str) -> dict[str, str]:
    """SHA-256 of the weights, and of the synthetic rows."""
    workspace = Workspace(root)
    files = [workspace.folder(Artefact.MODEL_DATA) / "model-weights.pt"]
    files += sorted(workspace.folder(Artefact.SYNTHETIC_DATA).glob("*.parquet"))
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def _training_worker(instance: DagsterInstance) -> str | None:
    """Name of the worker that was given the training last."""
    for run in instance.get_runs():
        for event in reversed(instance.all_logs(run.run_id)):
            if "Executing steps model_store.train_model in celery worker" in event.message:
                metadata = event.get_dagster_event().event_specific_data.metadata
                return str(metadata["Celery worker"].value).split("@")[0]
    return None


def test_workers_make_what_one_process_makes(fleet, bucket, tmp_path):
    _set_up(UPath(bucket), 600, 2)
    with DagsterInstance.get() as instance:
        register(instance, "customers")
        run = fleet.hand_out("customers")
        assert run.wait(RUN_SECONDS) == 0, fleet.told()
        workers = {
            str(event.get_dagster_event().event_specific_data.metadata["Celery worker"].value).split("@")[0]
            for event in instance.all_logs(instance.get_runs()[0].run_id)
            if "in celery worker" in event.message
        }
    assert workers <= {"first", "second"}
    assert len(workers) == 2, "the steps were shared"
    assert _bytes(f"{bucket}/customers") == _alone(tmp_path / "alone", 600, 2)


def test_a_lost_worker_loses_nothing(fleet, bucket, tmp_path):
    _set_up(UPath(bucket), 4000, 8)
    workspace = Workspace(f"{bucket}/customers")
    with DagsterInstance.get() as instance:
        register(instance, "customers")
        run = fleet.hand_out("customers")
        until(lambda: _snapshot(workspace), RUN_SECONDS, fleet.told)
        _is_kept(fleet.environment["SYNTH_CELERY_BROKER"])
        lost = _training_worker(instance)
        assert lost in fleet.workers
        fleet.lose(lost)
        began = time.monotonic()
        [other] = fleet.workers
        until(lambda: _training_worker(instance) == other, 20 * LOST_SECONDS, fleet.told)
        print(json.dumps({"seconds until another worker had the step": round(time.monotonic() - began, 1)}))
        assert run.wait(RUN_SECONDS) == 0, fleet.told()
        [only] = instance.get_runs()
        assert only.status == DagsterRunStatus.SUCCESS, "no second run was needed"
    assert _bytes(f"{bucket}/customers") == _alone(tmp_path / "alone", 4000, 8)


def _is_kept(broker: str) -> None:
    """The worker tells Redis that it still has the step, so that the other one is not given it as well."""
    import redis

    with redis.Redis.from_url(broker) as client:
        [(_, before)] = client.zrange("unacked_index", 0, -1, withscores=True)
        until(lambda: client.zrange("unacked_index", 0, -1, withscores=True)[0][1] > before, LOST_SECONDS)


def _snapshot(workspace: Workspace) -> bool:
    workspace.folder(Artefact.MODEL_DATA).fs.invalidate_cache()
    return workspace.has(Artefact.MODEL_DATA)
