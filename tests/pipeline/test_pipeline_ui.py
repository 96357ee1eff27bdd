"""The pipeline in the browser: the real server, a run launched through it, pages in headless Chromium.

Screenshots are left in pytest's temporary folder, to be looked at.
"""

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
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 90
RUN_SECONDS = 180
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=30000",
]
LAUNCH = """mutation ($selector: JobOrPipelineSelector!, $tags: [ExecutionTag!]!) {
  launchRun(executionParams: {selector: $selector, executionMetadata: {tags: $tags}}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}"""
ADD_PARTITION = """mutation ($selector: RepositorySelector!) {
  addDynamicPartition(repositorySelector: $selector, partitionsDefName: "dataset", partitionKey: "letters") {
    __typename
  }
}"""
STATUS = "query ($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"
REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": "synth"}

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")]


class Server:
    """``dagster dev`` as `make ui` starts it, with a home of its own."""

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self.url = f"http://127.0.0.1:{port}"
        self.log = (home / "server.log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dagster", "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)],
            cwd=ROOT,
            env=os.environ | {"DAGSTER_HOME": str(home), "OMP_NUM_THREADS": "1"},
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait(self) -> None:
        """Until it answers."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            assert self.process.poll() is None, (self.home / "server.log").read_text()
            try:
                with urllib.request.urlopen(f"{self.url}/server_info", timeout=5):
                    return
            except OSError:
                time.sleep(1)
        raise TimeoutError((self.home / "server.log").read_text())

    def ask(self, query: str, **variables: Any) -> Any:
        """One GraphQL question."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)
        assert "errors" not in found, found
        return found["data"]

    def stop(self) -> None:
        """End the server and the processes that it started."""
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        self.log.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("home")
    (home / "dagster.yaml").write_text((ROOT / "dagster_home" / "dagster.yaml").read_text())
    datasets = home / "storage" / "synth" / "datasets"
    datasets.mkdir(parents=True)
    pd.DataFrame({"number": range(200), "letter": list("ab") * 100}).to_csv(datasets / "letters.csv", index=False)
    settings = {"source": "letters.csv", "train": {"max_epochs": 2, "model": "MOSTLY_AI/Small"}}
    (datasets / "letters.yaml").write_text(yaml.safe_dump(settings))
    server = Server(home, free_port())
    try:
        server.wait()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def run_id(server: Server) -> str:
    """A run that was launched through the server, and succeeded."""
    server.ask(ADD_PARTITION, selector=REPOSITORY)
    selector = {**REPOSITORY, "pipelineName": "synthesize"}
    tags = [{"key": "dagster/partition", "value": "letters"}]
    launched = server.ask(LAUNCH, selector=selector, tags=tags)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    end = time.monotonic() + RUN_SECONDS
    while time.monotonic() < end:
        status = server.ask(STATUS, run=launched["run"]["runId"])["runOrError"]["status"]
        if status in ("SUCCESS", "FAILURE", "CANCELED"):
            break
        time.sleep(1)
    assert status == "SUCCESS", (server.home / "server.log").read_text()
    return str(launched["run"]["runId"])


def look(server: Server, path: str, folder: Path, name: str) -> str:
    """Text of a page as the browser builds it; its picture goes to the folder."""
    assert CHROMIUM is not None
    for what in (f"--screenshot={folder / name}.png", "--dump-dom"):
        command = [CHROMIUM, *CHROMIUM_FLAGS, "--window-size=1500,1600", f"--user-data-dir={folder / 'profile'}", what]
        shown = subprocess.run([*command, server.url + path], capture_output=True, text=True, timeout=120, check=True)
    return shown.stdout


def test_the_graph_of_assets(server, run_id, tmp_path):
    page = look(server, "/asset-groups", tmp_path, "graph")
    for asset in ("original_data", "column_stats", "encoded_data", "model_store", "synthetic_data"):
        assert asset in page


@pytest.mark.parametrize(
    ("asset", "shown"),
    [
        ("original_data", ["training_rows", "160", "letters.csv"]),
        ("column_stats", ["NUMERIC_BINNED", "minimum_entities_per_value", "value_protection"]),
        ("model_store", ["loss_curve", "best_validation_loss", "MOSTLY_AI/Small", "differential_privacy"]),
        ("synthetic_data", ["univariate_accuracy", "accuracy_by_column", "sample", "letter"]),
    ],
)
def test_the_page_of_an_asset(server, run_id, tmp_path, asset, shown):
    page = look(server, f"/assets/{asset}?view=partitions&partition=letters", tmp_path, asset)
    for text in shown:
        assert text in page


def test_the_page_of_the_run(server, run_id, tmp_path):
    page = look(server, f"/runs/{run_id}", tmp_path, "run")
    assert "measure_quality" in page
    assert "letters: train runs, because it was not there" in page
