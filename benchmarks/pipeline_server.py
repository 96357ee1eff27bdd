"""``dagster dev`` as `make ui` starts it, with a home of its own, and what benchmarks and tests ask of it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from dagster import DagsterInstance, DagsterRun

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 400
RUN_SECONDS = 300
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}
REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": "synth"}
_ADD_PARTITION = """mutation ($selector: RepositorySelector!, $key: String!) {
  addDynamicPartition(repositorySelector: $selector, partitionsDefName: "dataset", partitionKey: $key) { __typename }
}"""
LAUNCH = """mutation ($selector: JobOrPipelineSelector!, $tags: [ExecutionTag!]!) {
  launchRun(executionParams: {selector: $selector, executionMetadata: {tags: $tags}}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}"""
_RUNS = """query ($filter: RunsFilter) {
  runsOrError(filter: $filter) { ... on Runs { results { runId status jobName tags { key value } } } }
}"""


def until(
    condition: Callable[[], Any], seconds: float, told: Callable[[], str] = lambda: "", pause: float = 0.2
) -> Any:
    """What the condition says as soon as it says something; at most so many seconds later."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {seconds} s; {told()}"
        time.sleep(pause)
    return found


class Server:
    """The running processes: web server, daemon and code server, on a folder with a `dagster.yaml`."""

    def __init__(self, home: Path, environment: Mapping[str, str] | None = None) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        self.home = home
        self.storage = home / "storage" / "synth"
        self.url = f"http://127.0.0.1:{port}"
        self._log = (home / "server.log").open("w")
        given = {"DAGSTER_HOME": str(home), "PYTHONPATH": str(ROOT), **(environment or {})}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dagster", "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)],
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if not name.startswith("SYNTH_")} | given,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def told(self) -> str:
        """What the processes printed last."""
        return (self.home / "server.log").read_text()[-4000:]

    def wait(self) -> None:
        """Until it answers and has the pipeline."""

        def ready() -> bool:
            assert self.process.poll() is None, self.told()
            try:
                return bool(self.ask("{ assetNodes { id } }")["assetNodes"])
            except OSError:
                return False

        until(ready, START_SECONDS, self.told)

    def ask(self, query: str, **variables: Any) -> Any:
        """One GraphQL question."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)
        assert "errors" not in found, found
        return found["data"]

    def add(self, dataset: str) -> None:
        """Add a partition."""
        self.ask(_ADD_PARTITION, selector=REPOSITORY, key=dataset)

    def launch(self, dataset: str, job: str = "synthesize", **tags: str) -> str:
        """Start the job for a dataset, as the browser does; the identifier of the run."""
        launched = self.ask(
            LAUNCH,
            selector={**REPOSITORY, "pipelineName": job},
            tags=[{"key": key, "value": value} for key, value in {"dagster/partition": dataset, **tags}.items()],
        )["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def runs(self, dataset: str) -> list[dict[str, Any]]:
        """Runs of a dataset, the latest first."""
        tags = [{"key": "dagster/partition", "value": dataset}]
        results: list[dict[str, Any]] = self.ask(_RUNS, filter={"tags": tags})["runsOrError"]["results"]
        return results

    def status(self, run: str) -> str:
        """How a run is doing."""
        [found] = self.ask(_RUNS, filter={"runIds": [run]})["runsOrError"]["results"]
        return str(found["status"])

    def wait_for_run(self, dataset: str) -> str:
        """Identifier of the run that begins."""
        runs = until(lambda: self.runs(dataset), RUN_SECONDS, self.told, pause=1)
        return str(runs[0]["runId"])

    def wait_for_end(self, run: str, seconds: float = RUN_SECONDS) -> str:
        """Status of a run at its end."""
        until(lambda: self.status(run) in ENDED, seconds, self.told, pause=1)
        return self.status(run)

    def stop(self) -> None:
        """End the server and all that it started."""
        family = [self.process.pid, *(child.pid for child in psutil.Process(self.process.pid).children(True))]
        os.killpg(self.process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)
        self._log.close()


def with_local_settings(home: Path) -> Path:
    """A home with the settings of `make ui`."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text((ROOT / "dagster_home" / "dagster.yaml").read_text())
    return home


@contextmanager
def serving(home: Path, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A server, ready; stopped at the end."""
    server = Server(home, environment)
    try:
        server.wait()
        yield server
    finally:
        server.stop()


def worker_of(instance: DagsterInstance, run: DagsterRun) -> int | None:
    """Process id of the run's worker, once it has started."""
    for event in instance.all_logs(run.run_id):
        if event.message.startswith("Started process for run"):
            return int(event.message.split("pid: ")[1].split(")")[0])
    return None
