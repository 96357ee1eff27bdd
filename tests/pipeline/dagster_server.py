"""``dagster dev`` as `make ui` starts it, with a home of its own, for tests that need the daemon or kill processes."""

import json
import os
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

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 400
LAUNCH = """mutation ($selector: JobOrPipelineSelector!, $tags: [ExecutionTag!]!) {
  launchRun(executionParams: {selector: $selector, executionMetadata: {tags: $tags}}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}"""
REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": "synth"}


def until(condition: Callable[[], Any], seconds: float, told: Callable[[], str] = lambda: "") -> Any:
    """What the condition says as soon as it says something; at most so many seconds later."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {seconds} s; {told()}"
        time.sleep(0.2)
    return found


class DagsterServer:
    """Web server, daemon and code server on a folder with a `dagster.yaml`."""

    def __init__(self, home: Path, environment: Mapping[str, str] | None = None) -> None:
        self.home = home
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._log = (home / "server.log").open("w")
        given = {"DAGSTER_HOME": str(home), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **(environment or {})}
        command = ["-m", "dagster", "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)]
        self.process = subprocess.Popen(
            [sys.executable, *command],
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
                nodes = self.ask("{ assetNodes { id } }")["assetNodes"]
            except OSError:
                return False
            return bool(nodes)

        until(ready, START_SECONDS, self.told)

    def ask(self, query: str, **variables: Any) -> Any:
        """One GraphQL question."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)
        assert "errors" not in found, found
        return found["data"]

    def launch(self, dataset: str, job: str = "synthesize", **tags: str) -> str:
        """Start the job for a dataset, as the browser does; the id of the run."""
        answer = self.ask(
            LAUNCH,
            selector={"pipelineName": job} | REPOSITORY,
            tags=[{"key": key, "value": value} for key, value in {"dagster/partition": dataset, **tags}.items()],
        )["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def stop(self) -> None:
        """End the server and all that it started."""
        family = [self.process.pid, *(child.pid for child in psutil.Process(self.process.pid).children(True))]
        os.killpg(self.process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait(10)
        self._log.close()


@contextmanager
def serving(home: Path, environment: Mapping[str, str] | None = None) -> Iterator[DagsterServer]:
    """A server, ready; stopped at the end."""
    server = DagsterServer(home, environment)
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
