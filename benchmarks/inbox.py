"""Tables dropped into the inbox of a running pipeline: how soon their runs begin and end, and what Dagster adds.

    python -m benchmarks.inbox --table ../shared/data/bank_marketing.csv.gz --datasets 50

Three parts, each in its own fresh instance with the settings of `make ui`, and each beside the bare engine in a process
of its own that makes the same twins: one real table (``--table``), many small tables at once (``--datasets``), and one
whose training takes a minute (``--minute``).
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from benchmarks.pipeline_server import ENDED, ROOT, Server, serving, until, with_local_settings

PATIENCE = 3600.0
# So many that a training of a minute does not end by itself.
ROWS_OF_A_MINUTE = 300_000
BARE = """
import sys, time
begin = time.perf_counter()
from synth_engine import analyze, encode, generate, split, train
from synth_engine.io import read_table
imported = time.perf_counter() - begin
minutes = float(sys.argv[1])
for index, source in enumerate(sys.argv[3:]):
    root = f"{sys.argv[2]}/{index}"
    split(read_table(source), workspace_dir=root, random_state=0)
    analyze(workspace_dir=root)
    encode(workspace_dir=root)
    limits = {"max_training_time": minutes, "max_epochs": 10_000} if minutes else {}
    train(workspace_dir=root, random_state=0, **limits)
    generate(workspace_dir=root, random_state=0)
print(imported, time.perf_counter() - begin)
"""


def small_tables(folder: Path, n: int, rows: int) -> list[Path]:
    """Tables of five columns, each with other values."""
    paths = []
    for index in range(n):
        rng = np.random.default_rng(index)
        age = rng.integers(18, 90, rows)
        table = pd.DataFrame(
            {
                "age": age,
                "income": np.round(rng.lognormal(10, 0.4, rows) * (1 + age / 100)),
                "city": rng.choice(["Graz", "Linz", "Wien"], rows, p=[0.2, 0.2, 0.6]),
                "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 1500, rows), "D"),
                "is_member": rng.random(rows) < age / 100,
            }
        )
        path = folder / f"small_{index:03}.parquet"
        table.to_parquet(path, index=False)
        paths.append(path)
    return paths


def bare(paths: list[Path], minutes: float = 0) -> tuple[float, float]:
    """Seconds to import the engine and, included in it, to make the twins of all tables, in one process."""
    with tempfile.TemporaryDirectory() as root:
        done = subprocess.run(
            [sys.executable, "-c", BARE, str(minutes), root, *map(str, paths)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    imported, whole = map(float, done.stdout.split()[-2:])
    return imported, whole


def drop(server: Server, paths: list[Path]) -> dict[str, Path]:
    """Put tables into the inbox; by dataset."""
    inbox = server.storage / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    for path in paths:
        shutil.copy(path, inbox / f".{path.name}")
        (inbox / f".{path.name}").rename(inbox / path.name)  # complete at once
    return {path.name.split(".")[0]: path for path in paths}


def one_table(path: Path) -> None:
    """From the drop to the synthetic rows, for one table."""
    with tempfile.TemporaryDirectory() as home, serving(with_local_settings(Path(home))) as server:
        begin = time.perf_counter()
        [name] = drop(server, [path])
        until(lambda: server.runs(name), PATIENCE)
        asked = time.perf_counter() - begin
        until(lambda: server.runs(name)[0]["status"] not in ("QUEUED", "STARTING", "NOT_STARTED"), PATIENCE)
        started = time.perf_counter() - begin
        until(lambda: server.runs(name)[0]["status"] in ENDED, PATIENCE)
        ended = time.perf_counter() - begin
        status = server.runs(name)[0]["status"]
        rows = len(pd.read_parquet(server.storage / name / "SyntheticData")) if status == "SUCCESS" else 0
    imported, whole = bare([path])
    print(f"{path.name}: after the drop, in seconds: asked for {asked:.1f}, going {started:.1f}, over {ended:.1f}")
    print(f"  {status}, {rows:,} synthetic rows; bare engine {whole:.1f} s, of which {imported:.1f} s are imports")


def many_tables(n: int, rows: int) -> None:
    """All at once."""
    with tempfile.TemporaryDirectory() as folder:
        paths = small_tables(Path(folder), n, rows)
        answers: list[float] = []
        with tempfile.TemporaryDirectory() as home, serving(with_local_settings(Path(home))) as server:
            names = list(drop(server, paths))

            def all_done() -> bool:
                begin = time.perf_counter()
                done = [run for name in names[-1:] + names[:1] for run in server.runs(name)[:1]]
                answers.append((time.perf_counter() - begin) / 2)
                if not done or any(run["status"] not in ENDED for run in done):
                    return False
                return all(runs and runs[0]["status"] in ENDED for runs in map(server.runs, names))

            begin = time.perf_counter()
            until(all_done, PATIENCE, pause=2)
            seconds = time.perf_counter() - begin
            runs = {name: server.runs(name) for name in names}
        _, whole = bare(paths)
    succeeded = sum(found[0]["status"] == "SUCCESS" for found in runs.values())
    twice = sum(len(found) > 1 for found in runs.values())
    print(f"{n} tables of {rows:,} rows dropped at once: {succeeded} succeeded, {twice} ran more than once")
    print(
        f"  {seconds:.0f} s, {60 * n / seconds:.1f} datasets a minute; bare engine, one process for all, {whole:.0f} s"
    )
    print(f"  Dagster adds {(seconds - whole) / n:.1f} s a dataset, its processes' starts and imports included")
    print(
        f"  the web server's answers meanwhile: median {statistics.median(answers):.2f} s, longest {max(answers):.2f} s"
    )


def one_minute() -> None:
    """A training of a minute: how much longer the whole takes than in the bare engine."""
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as home,
        serving(with_local_settings(Path(home))) as server,
    ):
        [path] = small_tables(Path(folder), 1, ROWS_OF_A_MINUTE)
        datasets = server.storage / "datasets"
        datasets.mkdir(parents=True, exist_ok=True)
        settings = {"source": str(path), "watch": False, "train": {"max_training_time": 1.0, "max_epochs": 10_000}}
        (datasets / "minute.yaml").write_text(yaml.safe_dump(settings))
        server.add("minute")
        begin = time.perf_counter()
        status = server.wait_for_end(server.launch("minute"), PATIENCE)
        seconds = time.perf_counter() - begin
        _, whole = bare([path], minutes=1.0)
    print(f"a training of one minute: {status}, {seconds:.1f} s from launch to end; bare engine {whole:.1f} s")
    print(f"  Dagster adds {seconds - whole:.1f} s, {100 * (seconds / whole - 1):.0f} %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, help="a real table")
    parser.add_argument("--datasets", type=int, default=0, help="number of small tables (0: leave that part out)")
    parser.add_argument("--rows", type=int, default=1000, help="rows of each small table")
    parser.add_argument("--minute", action="store_true", help="a training of a minute")
    args = parser.parse_args()
    if args.table:
        one_table(args.table)
    if args.datasets:
        many_tables(args.datasets, args.rows)
    if args.minute:
        one_minute()


if __name__ == "__main__":
    main()
