"""What the engines are compared on: real tables, each cut in halves to train on and to hold out.

Belongs here: which tables there are, what of them is taken, and what is asked of an engine. Does not belong here: which
engines; how samples are scored.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.baseball import KEYS, PLAYERS, SEASONS, baseball_key, halves, read_baseball
from benchmarks.data import CENSUS, data_key, load_table, split_halves

FOLDER = CENSUS.parent
TEXT = "title"
TEXT_TYPES = {
    TEXT: "LANGUAGE_TEXT",
    "neighbourhood": "LANGUAGE_CATEGORICAL",
    "room_type": "LANGUAGE_CATEGORICAL",
    "property_type": "LANGUAGE_CATEGORICAL",
    "price": "LANGUAGE_NUMERIC",
}


@dataclass(frozen=True)
class Dataset:
    """One table, or two that belong together.

    Attributes:
        name: On the command line and on the page.
        kind: `flat`, `events` (of subjects) or `text`.
        about: What it is, on the page.
        table: Its file.
        max_rows: A random part of that many rows (subjects), both halves together; None takes all.
        target: Column that a learner trained on synthetic rows must predict, of flat tables.
        options: Further options of `benchmarks.engines`.
        limits: Options that bound the work; part of the name of a run.
    """

    name: str
    kind: str
    about: str
    table: Path
    max_rows: int | None = None
    target: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)

    def key(self, seed: int) -> str:
        """Its name and a short hash of the bytes and of how they are split: equal keys mean the same halves."""
        part = baseball_key(FOLDER, self.max_rows, seed) if self.kind == "events" else ""
        return f"{self.name}-{part or data_key(self.table, seed, self.max_rows)}"

    def write(self, folder: Path, seed: int) -> dict[str, Path]:
        """Write both halves; returns the tables that an engine is given."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.kind == "events":
            return _write_events(folder, self.max_rows, seed)
        rows = load_table(self.table)
        rows = rows.astype({name: "str" for name, kind in rows.dtypes.items() if kind == "category"})
        if self.kind == "text":
            rows = rows[list(TEXT_TYPES)]
        for name, half in zip(("train", "holdout"), split_halves(rows, seed, self.max_rows), strict=True):
            half.to_parquet(folder / f"{name}.parquet", index=False)
        return {}


def _write_events(folder: Path, max_players: int | None, seed: int) -> dict[str, Path]:
    tables = {"context": folder / "context.parquet", "subjects": folder / "holdout-context.parquet"}
    originals, holdout = halves(read_baseball(FOLDER, max_players, seed), seed)
    originals.write(folder)
    holdout.players.to_parquet(tables["subjects"], index=False)
    holdout.seasons.to_parquet(folder / "holdout.parquet", index=False)
    return tables


def read_half(folder: Path, name: str) -> pd.DataFrame:
    """`train`, `holdout` or, of events, `context` and `holdout-context`."""
    return pd.read_parquet(folder / f"{name}.parquet")


DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset("census", "flat", "1994 US census, 15 columns", CENSUS, target="income"),
        Dataset(
            "bank_marketing",
            "flat",
            "calls of a bank, 17 columns, skewed numbers",
            FOLDER / "bank_marketing.csv.gz",
            target="y",
        ),
        Dataset(
            "acs_income",
            "flat",
            "American Community Survey 2018, 32 columns",
            FOLDER / "acs_income.parquet",
            max_rows=40_000,
            target="Income",
            limits={"max-minutes": 10},
        ),
        Dataset(
            "baseball",
            "events",
            f"players and their seasons ({PLAYERS}, {SEASONS})",
            FOLDER / SEASONS,
            options={name.replace("_", "-"): key for name, key in KEYS.items()},
            limits={"max-minutes": 10},
        ),
        Dataset(
            "airbnb_london",
            "text",
            "listings with titles",
            FOLDER / "airbnb_london.csv.gz",
            max_rows=20_000,
            options={"model-type": "LANGUAGE", "encodings": json.dumps(TEXT_TYPES)},
            limits={"max-minutes": 5, "sample-size": 1_000},
        ),
    )
}
