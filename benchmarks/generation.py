"""Rows per second and peak memory of generate as the rows grow.

    python -m benchmarks.generation [--rows 100000 10000000] [--table table.csv] [--max-epochs 2]

A model is trained on one half of the table, as in the other benchmarks; a few epochs are enough, since time and memory
do not depend on what it has learned. Each size is generated in a process of its own, so that the peak is its own.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table as Printed

from benchmarks.data import CENSUS, load_table, split_halves
from benchmarks.engines.memory import PeakMemory
from benchmarks.machine import commit, describe_machine

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    args = _arguments()
    if args.workspace:
        print(json.dumps(run_generate(args.workspace, args.rows[0])))
        return
    print(f"{describe_machine()['cpu_model']}, commit {commit()}, load {describe_machine()['load_before']:.1f}")
    with tempfile.TemporaryDirectory() as workspace:
        _train(args.table, args.max_epochs, workspace)
        _print({rows: _in_a_process(workspace, rows) for rows in args.rows})


def run_generate(workspace: str, rows: int) -> dict[str, float]:
    """Generate in this process; seconds, MiB in memory and MiB on disk."""
    from synth_engine import generate
    from synth_engine.workspace import Artefact, Workspace

    with PeakMemory() as memory:
        started = time.perf_counter()
        generate(workspace_dir=workspace, sample_size=rows, random_state=0)
        seconds = time.perf_counter() - started
    made = Workspace(workspace).manifest(Artefact.SYNTHETIC_DATA)
    return {"seconds": seconds, "peak_mib": memory.peak_mib, "disk_mib": made.total_bytes / 2**20}


def _train(table: Path, max_epochs: float, workspace: str) -> None:
    from synth_engine import analyze, encode, split, train

    split(split_halves(load_table(table), seed=0)[0], workspace_dir=workspace)
    analyze(workspace_dir=workspace)
    encode(workspace_dir=workspace)
    train(workspace_dir=workspace, max_epochs=max_epochs, random_state=0)


def _in_a_process(workspace: str, rows: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.generation", "--workspace", workspace, "--rows", str(rows)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    print(f"{rows}: done", file=sys.stderr)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def _print(found: dict[int, dict[str, float]]) -> None:
    printed = Printed("rows", "s", "rows/s", "peak MiB", "MiB on disk")
    for rows, result in found.items():
        figures = (result["seconds"], rows / result["seconds"], result["peak_mib"], result["disk_mib"])
        printed.add_row(f"{rows:,}", *(f"{figure:,.1f}" for figure in figures))
    Console().print(printed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 10_000_000])
    parser.add_argument("--table", type=Path, default=CENSUS)
    parser.add_argument("--max-epochs", type=float, default=2)
    parser.add_argument("--workspace", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
