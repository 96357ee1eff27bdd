"""This engine beside others: from tables of data to a page of figures.

    python -m benchmarks.run [--datasets census baseball] [--engines reference ours] [--repeat 3] [--keep]
    python -m benchmarks.run --only page

Steps: `engines` runs each engine on half of each table, in its own environment and process, in turn, so that a busy
spell of the machine hits all; `likelihood` measures the seconds to the reference's best likelihood on the reference's
own codes; `scores` tells how good and how private the samples are; `scale` how cost grows; `floor` how far it is from
what the machine could do; `page` writes `docs/benchmarks.md` from all that is stored. What is measured lies in
`benchmarks/results/`, a folder for each dataset and split, in it one for each engine and seed; `figures.json` beside
the page has the same figures with machine, versions and seeds.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.datasets import DATASETS, Dataset
from benchmarks.engines import ENGINES
from benchmarks.machine import commit, describe_machine
from benchmarks.report import print_table
from benchmarks.runs import RESULTS, Run, call, write_json

STEPS = ("engines", "likelihood", "scores", "scale", "floor", "page")
FIGURES = RESULTS / "figures"  # one file for each dataset, and one for each of `scale`, `many_rows`, `floor`


def main() -> None:
    args = _arguments()
    FIGURES.mkdir(parents=True, exist_ok=True)
    if {"engines", "likelihood", "scores"} & set(args.only):
        for name in args.datasets:
            compare(DATASETS[name], args)
    for step, module in (("scale", "scale"), ("scale", "many_rows"), ("floor", "floor")):
        if step in args.only:
            call(Path(sys.executable), f"benchmarks.{module}", json=FIGURES / f"{module}.json")
    if "page" in args.only:
        call(Path(sys.executable), "benchmarks.page")


def compare(dataset: Dataset, args: argparse.Namespace) -> None:
    """All engines that can learn this dataset, scored and printed."""
    machine = describe_machine()
    data = RESULTS / dataset.key(args.data_seed)
    tables = dataset.write(data, args.data_seed)
    limits = {"max-epochs": args.max_epochs, "max-epsilon": args.max_epsilon, **dataset.limits}
    seeds = range(args.seed, args.seed + args.repeat)
    engines = [name for name in args.engines if dataset.kind in ENGINES[name].kinds]
    if args.max_epsilon is not None:
        engines = [name for name in engines if ENGINES[name].private]
    runs = [Run(name, seed, data, limits, {**tables, **dataset.options}) for seed in seeds for name in engines]
    if "engines" in args.only:
        for run in runs:
            if not (args.keep and "stages" in run.read()):  # a failed one is tried again
                run.start()
    if "likelihood" in args.only and dataset.kind == "flat" and args.max_epsilon is None:
        measure_likelihood(runs, args.keep)
    if "scores" in args.only:
        measure_scores(dataset, runs, args.keep)
    found = {name: [run.read() for run in runs if run.engine == name and run.read()] for name in engines}
    found = {name: results for name, results in found.items() if results}
    summary = {"dataset": dataset.name, "commit": commit(), "machine": machine, "seeds": list(seeds), "engines": found}
    write_json(FIGURES / f"{dataset.name}{_suffix(args)}.json", summary)
    print_table(f"{dataset.name}: {args.repeat} seed(s), load before {machine['load_before']:.1f}", dataset.kind, found)


def measure_likelihood(runs: Sequence[Run], keep: bool) -> None:
    """Training seconds to the reference's best likelihood, of both, on the reference's own codes."""
    for run in runs:
        ours, workspace = Run("ours", run.seed, run.data, run.limits), run.path / "workspace"
        if run.engine != "reference" or not workspace.exists() or not ours.path.exists():
            continue
        if keep and (ours.path / "likelihood.json").exists():
            continue
        call(Path(sys.executable), "benchmarks.likelihood", workspace=workspace, reference=run.path, ours=ours.path)


def measure_scores(dataset: Dataset, runs: Sequence[Run], keep: bool) -> None:
    """Score each sample."""
    for run in runs:
        out = run.path / "quality.json"
        if run.synthetic.exists() and not (keep and out.exists()):
            options: dict[str, Any] = {"data": run.data, "synthetic": run.synthetic, "out": out}
            call(Path(sys.executable), "benchmarks.scoring", dataset=dataset.name, **options)


def _suffix(args: argparse.Namespace) -> str:
    return "" if args.max_epsilon is None else f"-epsilon{args.max_epsilon:g}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    all_of: dict[str, Any] = {"nargs": "+", "metavar": "NAME"}
    parser.add_argument("--datasets", choices=DATASETS, default=list(DATASETS), help=", ".join(DATASETS), **all_of)
    parser.add_argument("--engines", choices=ENGINES, default=list(ENGINES), help=", ".join(ENGINES), **all_of)
    parser.add_argument("--only", choices=STEPS, default=list(STEPS), help=", ".join(STEPS), **all_of)
    parser.add_argument("--data-seed", type=int, default=0, help="of the split in halves")
    parser.add_argument("--seed", type=int, default=0, help="of the engines; the first of --repeat")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each engine, each with its own seed")
    parser.add_argument("--max-epochs", type=float, help="default: each engine's own")
    parser.add_argument("--max-epsilon", type=float, help="train with differential privacy, delta 1e-5")
    parser.add_argument("--keep", action="store_true", help="what is stored already is not measured again")
    return parser.parse_args()


if __name__ == "__main__":
    main()
