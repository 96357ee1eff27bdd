"""Seconds and peak memory of split, analyze and encode as the rows grow, with partitions of equal size.

    python -m benchmarks.many_rows [--rows 1000000 10000000] [--per-partition 1000000] [--table table.parquet]

Rows are generated (`generated.py`, 10 columns unless `--columns` says else), or those of one table. Each stage runs in
a process of its own, so that the peak is its own. `split` gets the whole table in memory, as its interface has it;
analyze and encode read one partition at a time.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
from rich.console import Console
from rich.table import Table as Printed

from benchmarks.engines.memory import PeakMemory
from benchmarks.generated import make_table
from benchmarks.machine import commit, describe_machine
from benchmarks.runs import write_json

ROOT = Path(__file__).resolve().parent.parent
STAGES = ("split", "analyze", "encode")


def main() -> None:
    args = _arguments()
    if args.stage:
        print(json.dumps(run_stage(args.stage, args.workspace, args)))
        return
    cases = [None] if args.table else args.rows
    print(f"{describe_machine()['cpu_model']}, commit {commit()}, load {describe_machine()['load_before']:.1f}")
    found: dict[int | None, dict[str, dict[str, float]]] = {}
    for rows in cases:
        with tempfile.TemporaryDirectory() as workspace:
            found[rows] = {stage: _in_a_process(stage, workspace, rows, args) for stage in STAGES}
    if args.json:
        write_json(args.json, {"machine": describe_machine(), "commit": commit(), "rows": found})
    _print(found)


def run_stage(stage: str, workspace: str, args: argparse.Namespace) -> dict[str, float]:
    """Run one stage in this process; seconds, MiB and rows."""
    from synth_engine import analyze, encode, split

    if stage == "split":
        table = _table(args)
        n_partitions = -(-table.num_rows // args.per_partition)
        verb, options = split, {"tgt_data": table, "n_partitions": n_partitions}
    else:
        verb, options = {"analyze": analyze, "encode": encode}[stage], {}
    with PeakMemory() as memory:
        started = time.perf_counter()
        verb(workspace_dir=workspace, **options)
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "peak_mib": memory.peak_mib}


def _table(args: argparse.Namespace) -> pa.Table:
    from synth_engine.io import read_table

    return read_table(args.table) if args.table else make_table(args.rows[0], args.columns)


def _in_a_process(stage: str, workspace: str, rows: int | None, args: argparse.Namespace) -> dict[str, float]:
    options = ["--stage", stage, "--workspace", workspace, "--per-partition", str(args.per_partition)]
    options += ["--table", args.table] if args.table else ["--rows", str(rows), "--columns", str(args.columns)]
    command = [sys.executable, "-m", "benchmarks.many_rows", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    print(f"{rows or args.table}: {stage} done", file=sys.stderr)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def _print(found: dict[int | None, dict[str, dict[str, float]]]) -> None:
    printed = Printed("rows", *(f"{stage} {unit}" for stage in STAGES for unit in ("s", "MiB")))
    for rows, stages in found.items():
        cells = [f"{stages[stage][key]:,.1f}" for stage in STAGES for key in ("seconds", "peak_mib")]
        printed.add_row("all" if rows is None else f"{rows:,}", *cells)
    first, last = next(iter(found.values())), list(found.values())[-1]
    if len(found) > 1:
        growth = [f"{last[stage][key] / first[stage][key]:.2f}×" for stage in STAGES for key in ("seconds", "peak_mib")]
        printed.add_row("growth", *growth)
    Console().print(printed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--columns", type=int, default=10)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--per-partition", type=int, default=1_000_000, help="rows of a partition")
    parser.add_argument("--table", help="measure on this table instead")
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    parser.add_argument("--workspace", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
