"""What differential privacy leaves of subjects and their events: lengths, dates, names and places. No model.

    python -m benchmarks.private_subjects 1 10 --baseball ../shared/data

Prints for the demo shop (12,000 customers and their orders) and for baseball players and their seasons what `analyze`
says with thresholds and with each epsilon for both tables together, at delta 1e-5: sequence lengths; and per column the
type of encoding, its codes, and what of the rows it can tell: the share that comes back as it was, and of numbers and
dates the range.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.data import load_table
from synth_engine import analyze, split
from synth_engine.demo import make_shop
from synth_engine.encodings import Encoding
from synth_engine.stages.statistics import TableStatistics
from synth_engine.workspace import Artefact, Workspace

DELTA = 1e-5
Tables = tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]


def shop() -> Tables:
    """Orders and customers of the demo."""
    made = make_shop(12_000, seed=3)
    options = {"ctx_primary_key": "customer_id", "tgt_context_key": "customer_id", "tgt_primary_key": "order_id"}
    return made.orders, made.customers, options | {"tgt_encoding_types": {"ordered_at": "TABULAR_DATETIME_RELATIVE"}}


def baseball(folder: Path) -> Tables:
    """Seasons and players."""
    players, seasons = load_table(folder / "players.csv.gz"), load_table(folder / "batting.csv.gz")
    for name in ("birthDate", "deathDate"):
        players[name] = pd.to_datetime(players[name], errors="coerce")
    return seasons, players, {"ctx_primary_key": "id", "tgt_context_key": "players_id"}


def fitted(tables: Tables, epsilon: float | None) -> tuple[TableStatistics, TableStatistics]:
    """Statistics of events and of subjects."""
    events, subjects, options = tables
    with tempfile.TemporaryDirectory() as place:
        split(events, ctx_data=subjects, workspace_dir=place, random_state=1, **options)
        privacy = None if epsilon is None else {"value_protection_epsilon": epsilon, "delta": DELTA}
        analyze(workspace_dir=place, differential_privacy=privacy)
        read = [
            Workspace(place).read(artefact).json("stats.json") for artefact in (Artefact.TGT_STATS, Artefact.CTX_STATS)
        ]
    first, second = (TableStatistics.model_validate(each) for each in read)
    return first, second


def told(encoding: Encoding, column: pd.Series) -> str:
    """What an encoding can tell of a column."""
    rng = np.random.default_rng(0)
    kind = encoding.type.removeprefix("TABULAR_").lower()
    values = pa.array(column, encoding.dtype, from_pandas=True)
    decoded = encoding.decode(encoding.encode(values), rng).to_pandas()
    original = values.to_pandas()
    exact = ((decoded == original) | (decoded.isna() & original.isna())).mean()
    text = f"{kind}, {sum(encoding.cardinalities.values())} codes, {exact:.0%} exact"
    if pd.api.types.is_numeric_dtype(decoded) or pd.api.types.is_datetime64_any_dtype(decoded):
        ends = (f"{end:%Y-%m-%d}" if hasattr(end, "year") else f"{end:g}" for end in (decoded.min(), decoded.max()))
        text += ", " + " to ".join(ends)
    return text


def main() -> None:
    """Print what each analysis tells."""
    parser = argparse.ArgumentParser(description="What differential privacy leaves of subjects and their events.")
    parser.add_argument("epsilons", type=float, nargs="*", default=[1.0, 10.0])
    parser.add_argument("--baseball", type=Path, help="folder with players.csv.gz and batting.csv.gz")
    args = parser.parse_args()
    sources = {"shop": shop()} | ({"baseball": baseball(args.baseball)} if args.baseball else {})
    for name, tables in sources.items():
        for epsilon in (None, *args.epsilons):
            statistics = fitted(tables, epsilon)
            lengths = statistics[0].seq_len
            print(f"{name}, {'thresholds' if epsilon is None else f'epsilon {epsilon:g}'}: ", end="")
            print(f"rows per subject {lengths.min} to {lengths.max}, median {lengths.median}")
            for each, rows in zip(statistics, tables, strict=False):
                for column, encoding in each.columns.items():
                    print(f"  {column:15} {told(encoding, rows[column])}")


if __name__ == "__main__":
    main()
