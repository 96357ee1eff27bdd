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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 180
RUN_SECONDS = 300
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}
REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": "synth"}
_ADD_PARTITION = """mutation ($selector: RepositorySelector!, $key: String!) {
  addDynamicPartition(repositorySelector: $selector, partitionsDefName: "dataset", partitionKey: $key) { __typename }
}"""
_LAUNCH = """mutation ($selector: JobOrPipelineSelector!, $tags: [ExecutionTag!]!) {
  launchRun(executionParams: {selector: $selector, executionMetadata: {tags: $tags}}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}"""
_RUNS = """query ($filter: RunsFilter) {
  runsOrError(filter: $filter) { ... on Runs { results { runId status jobName tags { key value } } } }
}"""


class Server:
    """The running processes: web server, daemon and code server."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        self.home = home
        self.storage = home / "storage" / "synth"
        self.url = f"http://127.0.0.1:{port}"
        self._log = (home / "server.log").open("w")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dagster", "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)],
            cwd=ROOT,
            env=os.environ | {"DAGSTER_HOME": str(home), "OMP_NUM_THREADS": "1"},
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def log(self) -> str:
        """What the processes printed."""
        return (self.home / "server.log").read_text()

    def wait(self) -> None:
        """Until it answers."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            assert self._process.poll() is None, self.log
            try:
                with urllib.request.urlopen(f"{self.url}/server_info", timeout=5):
                    return
            except OSError:
                time.sleep(1)
        raise TimeoutError(self.log)

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

    def launch(self, dataset: str, job: str = "synthesize") -> str:
        """Launch a run, and tell its identifier."""
        selector = {**REPOSITORY, "pipelineName": job}
        tags = [{"key": "dagster/partition", "value": dataset}]
        launched = self.ask(_LAUNCH, selector=selector, tags=tags)["launchRun"]
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

    def wait_for_run(self, dataset: str, n_before: int = 0) -> str:
        """Identifier of a run that begins after so many others."""
        end = time.monotonic() + RUN_SECONDS
        while time.monotonic() < end:
            runs = self.runs(dataset)
            if len(runs) > n_before:
                return str(runs[0]["runId"])
            time.sleep(1)
        raise TimeoutError(self.log)

    def wait_for_end(self, run: str) -> str:
        """Status of a run at its end."""
        end = time.monotonic() + RUN_SECONDS
        while time.monotonic() < end:
            status = self.status(run)
            if status in ENDED:
                return status
            time.sleep(1)
        raise TimeoutError(self.log)

    def stop(self) -> None:
        """End the server and the processes that it started."""
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
        self._log.close()


@contextmanager
def serving(home: Path) -> Iterator[Server]:
    """The server on an empty home, with the settings of the local instance."""
    (home / "dagster.yaml").write_text((ROOT / "dagster_home" / "dagster.yaml").read_text())
    server = Server(home)
    try:
        server.wait()
        yield server
    finally:
        server.stop()
