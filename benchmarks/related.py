"""Both engines on two related tables: seconds and memory of each stage, and a table of ratios.

    python -m benchmarks.related [--skip-reference] [--max-players 2000]

Baseball: all players, all their seasons, and events drawn for all players. Training is a fixed small budget, by default
so short for the reference that it is over in a minute and so long for ours that it is past its first steps; seconds
of an epoch follow from the subjects a second, ours with the validation after it, the reference's without. The
reference's rows are hardly learned, so nothing is said of their quality: `benchmarks.sequences` scores ours. On a busy
machine the clock tells little, of the reference's training nothing: compare processor seconds.
Part of `make bench`; results lie beside those of the flat tables, in `benchmarks/results/`.
"""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.baseball import FOLDER, KEYS, baseball_key, read_baseball
from benchmarks.machine import commit, describe_machine
from benchmarks.reference_env import ROOT
from benchmarks.report import RELATED_FIGURES, print_table
from benchmarks.runs import ENGINES, RESULTS, Run, run_engines

EPOCHS = {"reference": 0.08, "ours": 1.0}


def main() -> None:
    args = _arguments()
    machine = describe_machine()
    data = RESULTS / f"baseball-{baseball_key(args.folder, args.max_players, args.data_seed)}"
    read_baseball(args.folder, args.max_players, args.data_seed).write(data)
    epochs = {"reference": args.reference_epochs, "ours": args.max_epochs}
    tables = {"context": data / "context.parquet", **{name.replace("_", "-"): key for name, key in KEYS.items()}}
    runs = [Run(engine, args.seed, data, {"max-epochs": epochs[engine]}, tables) for engine in ENGINES]
    run_engines(runs, args.skip)
    found = {run.engine: run.read() for run in runs}
    path = RESULTS / f"baseball-{datetime.now(UTC):%Y-%m-%dT%H%M%S}.json"
    summary = {"commit": commit(), "machine": machine, "max_players": args.max_players, "seed": args.seed, **found}
    path.write_text(json.dumps(summary, indent=2))
    title = f"players and seasons, load before {machine['load_before']:.1f}"
    print_table(title, *([found[engine]] if found[engine] else [] for engine in ENGINES), figures=RELATED_FIGURES)
    print(f"All figures: {path.relative_to(ROOT)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of players.csv.gz and batting.csv.gz")
    parser.add_argument("--max-players", type=int, help="take a random part of the players")
    parser.add_argument("--data-seed", type=int, default=0, help="of that part")
    parser.add_argument("--seed", type=int, default=0, help="of the engines")
    parser.add_argument("--max-epochs", type=float, default=EPOCHS["ours"])
    parser.add_argument("--reference-epochs", type=float, default=EPOCHS["reference"])
    for engine in ENGINES:
        told = f"show {engine} from stored results"
        parser.add_argument(f"--skip-{engine}", dest="skip", action="append_const", const=engine, default=[], help=told)
    return parser.parse_args()


if __name__ == "__main__":
    main()
