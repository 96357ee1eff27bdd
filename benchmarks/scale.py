"""How cost grows: seconds and memory of each stage as rows, columns and categories become more.

    python -m benchmarks.scale [--axes rows columns cardinality] [--engines ours reference] [--json scale.json]

Generated tables (`generated.py`), one epoch of training, as many rows drawn as there were. What an engine would need
too long for is left out: see `LIMITS`. Exponents: of a power law through the last two points; 1 is linear, and less is
what a fixed cost looks like. Many more rows, of the stages before training: `benchmarks.many_rows`.
"""

import argparse
import math
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from benchmarks.engines.session import STAGES
from benchmarks.generated import make_table
from benchmarks.machine import commit, describe_machine
from benchmarks.runs import RESULTS, Run, write_json

ROWS, COLUMNS, CARDINALITY = 10_000, 10, 20
AXES = {
    "rows": [10_000, 100_000, 1_000_000],
    "columns": [10, 50, 100, 250, 500],
    "cardinality": [10, 1_000, 100_000],
}
LIMITS = {"reference": {"rows": 100_000, "columns": 250, "cardinality": 100_000}}


def main() -> None:
    args = _arguments()
    found: dict[str, Any] = {"machine": describe_machine(), "commit": commit(), "axes": {}}
    for axis in args.axes:
        found["axes"][axis] = {name: measure(axis, name) for name in args.engines}
        _print(axis, found["axes"][axis])
        if args.json:
            write_json(args.json, found)


def measure(axis: str, engine: str) -> dict[str, dict[str, Any]]:
    """Figures of one engine by the values of one axis."""
    found = {}
    for value in AXES[axis]:
        if value <= LIMITS.get(engine, {}).get(axis, math.inf):
            result = _run(axis, value, engine).read()
            told = {stage: result["stages"][stage] for stage in STAGES} if "stages" in result else {}
            found[str(value)] = {"stages": told, **{name: result[name] for name in ("sizes",) if name in result}}
    return found


def _run(axis: str, value: int, engine: str) -> Run:
    sizes = {"rows": ROWS, "columns": COLUMNS, "cardinality": CARDINALITY, axis: value}
    folder = RESULTS / "scale" / f"{axis}-{value}"
    folder.mkdir(parents=True, exist_ok=True)
    # enough rows for each category to be seen a few times, so that none is rare
    n_rows = max(sizes["rows"], 2 * sizes["cardinality"]) if axis == "cardinality" else sizes["rows"]
    pq.write_table(make_table(n_rows, sizes["columns"], sizes["cardinality"]), folder / "train.parquet")
    run = Run(engine, 0, folder, {"max-epochs": 1})
    run.start()
    return run


def exponent(found: dict[str, dict[str, Any]], stage: str) -> float | None:
    """Of the power law through the last two points; None where there are not two."""
    points = [(int(value), each["stages"][stage]["seconds"]) for value, each in found.items() if each["stages"]]
    if len(points) < 2:
        return None
    (first, before), (last, after) = points[-2:]
    return math.log(after / before) / math.log(last / first)


def _print(axis: str, engines: dict[str, dict[str, dict[str, Any]]]) -> None:
    for engine, found in engines.items():
        table = Table(axis, *STAGES, "peak MiB", title=f"{engine}: seconds")
        for value, each in found.items():
            if not each["stages"]:
                table.add_row(value, "failed")
                continue
            seconds = [f"{each['stages'][stage]['seconds']:,.2f}" for stage in STAGES]
            peak = max(stage["peak_mib"] for stage in each["stages"].values())
            table.add_row(f"{int(value):,}", *seconds, f"{peak:,.0f}")
        powers = [exponent(found, stage) for stage in STAGES]
        table.add_row("exponent", *("–" if power is None else f"{power:.2f}" for power in powers))
        Console(width=120).print(table)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--axes", nargs="+", choices=AXES, default=list(AXES))
    parser.add_argument("--engines", nargs="+", default=["ours", "reference"])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    return parser.parse_args()


if __name__ == "__main__":
    main()
