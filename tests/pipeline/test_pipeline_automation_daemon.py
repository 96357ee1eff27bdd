"""The real daemon with a real code server: a table dropped into the inbox ends as synthetic data, without a touch."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml
from dagster import DagsterInstance

from synth_engine.summary import synthetic_table

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 280

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def home(tmp_path) -> Iterator[Path]:
    """The home of a running daemon."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text((ROOT / "dagster_home" / "dagster.yaml").read_text())
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SYNTH_")}
    with (home / "daemon.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dagster._daemon", "run", "-w", str(ROOT / "workspace.yaml")],
            cwd=ROOT,
            env=environment | {"DAGSTER_HOME": str(home), "OMP_NUM_THREADS": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield home
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)


def finished_runs(home: Path, number: int) -> list[str]:
    """Statuses of the runs, once there are so many and all have ended."""
    end = time.monotonic() + SECONDS
    with DagsterInstance.from_config(str(home)) as instance:
        while time.monotonic() < end:
            runs = instance.get_runs()
            if len(runs) >= number and all(run.is_finished for run in runs):
                return [run.status.value for run in runs]
            time.sleep(1)
    raise TimeoutError((home / "daemon.log").read_text()[-5000:])


def test_a_dropped_table_is_made_by_itself_and_only_once(home):
    storage = home / "storage" / "synth"
    (storage / "inbox").mkdir(parents=True)
    (storage / "datasets").mkdir()
    table = pd.DataFrame({"number": range(200), "letter": list("ab") * 100})
    quick = {"source": str(storage / "inbox" / "quick.csv"), "train": {"max_epochs": 1, "model": "MOSTLY_AI/Small"}}
    (storage / "datasets" / "quick.yaml").write_text(yaml.safe_dump(quick))
    begin = time.monotonic()
    for name in ("quick.csv", "Other Table.csv.gz"):
        table.to_csv(
            storage / "inbox" / f"{name}.part", index=False, compression="infer" if "gz" not in name else "gzip"
        )
        (storage / "inbox" / f"{name}.part").rename(storage / "inbox" / name)
    assert finished_runs(home, 2) == ["SUCCESS", "SUCCESS"]
    print("seconds until both tables were made", time.monotonic() - begin)
    for name in ("quick", "other_table"):
        assert synthetic_table(str(storage / name)).column_names == ["number", "letter"]
    os.utime(storage / "inbox" / "quick.csv")
    time.sleep(45)
    assert len(finished_runs(home, 2)) == 2, "a touch and further ticks start nothing"
