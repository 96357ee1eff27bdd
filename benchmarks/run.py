"""Benchmark of our engine against the reference engine: from a table of data to a table of ratios.

    python -m benchmarks.run [--table PATH] [--repeat 3] [--skip-reference] [--only quality encodings related]
    python -m benchmarks.run --max-epsilon 2.4 --only engines quality

Everything lands in `benchmarks/results/`: a folder per table and split, in it a folder per engine and seed, and for
each invocation one JSON file with all figures, the machine and the versions.
"""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.data import CENSUS, data_key, write_halves
from benchmarks.machine import commit, describe_machine
from benchmarks.reference_env import ROOT
from benchmarks.report import print_table
from benchmarks.runs import ENGINES, RESULTS, Run, call, run_engines

STEPS = ("engines", "likelihood", "quality", "encodings", "related")
APART = ("encodings", "related")  # on data of their own, with a table of their own


def main() -> None:
    args = _arguments()
    if not set(args.only) <= set(APART):
        compare_engines(args)
    if "encodings" in args.only:
        run_encodings(args)
    if "related" in args.only:
        run_related(args)


def compare_engines(args: argparse.Namespace) -> None:
    """The steps that need both engines, and one table of what they found."""
    machine = describe_machine()
    data = RESULTS / f"{args.table.name.split('.')[0]}-{data_key(args.table, args.data_seed, args.max_rows)}"
    write_halves(args.table, data, args.data_seed, args.max_rows)
    options = {"max-epochs": args.max_epochs, "sample-size": args.sample_size, "max-epsilon": args.max_epsilon}
    seeds = range(args.seed, args.seed + args.repeat)
    runs = [Run(engine, seed, data, options) for seed in seeds for engine in ENGINES]
    steps = {"engines": run_engines, "likelihood": run_likelihood, "quality": run_quality}
    for step in args.only:
        if step in steps and not (step == "likelihood" and args.max_epsilon is not None):  # it is without privacy
            steps[step](runs, args.skip)
    found = {engine: [run.read() for run in runs if run.engine == engine] for engine in ENGINES}
    found = {engine: [result for result in results if result] for engine, results in found.items()}
    path = write_summary({**_provenance(args, data, list(seeds)), "machine": machine, **found})
    title = f"{args.table.name}: {args.repeat} seed(s), load before {machine['load_before']:.1f}"
    print_table(title, found["reference"], found["ours"])
    print(f"All figures: {path.relative_to(ROOT)}")


def run_likelihood(runs: list[Run], skip: list[str]) -> None:
    """Training seconds to the reference's best likelihood, on the reference's own codes; see `likelihood.py`."""
    for run in runs:
        workspace = run.path / "workspace"
        if run.engine == "reference" and workspace.exists() and "ours" not in skip:
            call(Path(sys.executable), "benchmarks.likelihood", workspace=workspace, out=run.likelihood)


def run_quality(runs: list[Run], skip: list[str]) -> None:
    """Score each sample. Scores of a skipped engine are stored ones, where there are any."""
    for run in runs:
        synthetic, scores = run.path / "synthetic.parquet", run.path / "quality.json"
        if not synthetic.exists() or (run.engine in skip and scores.exists()):
            continue
        halves = {name: run.data / f"{name}.parquet" for name in ("train", "holdout")}
        call(Path(sys.executable), "benchmarks.quality", **halves, synthetic=synthetic, json=scores)


def run_encodings(args: argparse.Namespace) -> None:
    """What encoding and decoding alone lose; on all real tables unless one is named. See `encodings.py`."""
    options = {"table": None if args.table == CENSUS else args.table, "max-rows": args.max_rows}
    call(Path(sys.executable), "benchmarks.encodings", **options, json=RESULTS / "encodings.json")


def run_related(args: argparse.Namespace) -> None:
    """Both engines on two related tables, with their own budgets, unless another table is named. See `related.py`."""
    if args.table != CENSUS:
        print("== benchmarks.related: left out, as it has tables of its own and another one is named")
        return
    skipped = [f"--skip-{engine}" for engine in args.skip]
    call(Path(sys.executable), "benchmarks.related", *skipped, seed=args.seed)


def write_summary(summary: dict[str, Any]) -> Path:
    """Write one invocation's figures; returns where."""
    path = RESULTS / f"{summary['table']}-{summary['date'].replace(':', '')}.json"
    path.write_text(json.dumps(summary, indent=2))
    return path


def _provenance(args: argparse.Namespace, data: Path, seeds: list[int]) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "table": args.table.name.split(".")[0],
        "data": data.name,
        "data_seed": args.data_seed,
        "max_rows": args.max_rows,
        "seeds": seeds,
        "steps": args.only,
        "max_epsilon": args.max_epsilon,
        "skipped": args.skip,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, default=CENSUS, help=f"csv, csv.gz or parquet; default {CENSUS}")
    parser.add_argument("--max-rows", type=int, help="take a random part of the table")
    parser.add_argument("--data-seed", type=int, default=0, help="of the split in halves")
    parser.add_argument("--seed", type=int, default=0, help="of the engines; the first of --repeat")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each engine, each with its own seed")
    parser.add_argument("--max-epochs", type=float, help="default: each engine's own")
    parser.add_argument("--max-epsilon", type=float, help="train both with differential privacy, delta 1e-5")
    parser.add_argument("--sample-size", type=int, help="default: as many rows as trained on")
    parser.add_argument("--only", nargs="+", choices=STEPS, default=list(STEPS), metavar="STEP", help=", ".join(STEPS))
    for engine in ENGINES:
        told = f"show {engine} from stored results of the same rows and seed"
        parser.add_argument(f"--skip-{engine}", dest="skip", action="append_const", const=engine, default=[], help=told)
    return parser.parse_args()


if __name__ == "__main__":
    main()
