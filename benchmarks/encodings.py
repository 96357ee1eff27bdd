"""The encoding is the ceiling: how well gradient boosting tells rows that were encoded and decoded from real ones.

    python -m benchmarks.encodings [--table census] [--table my.csv] [--max-rows 60000] [--columns]

No model is in between. One half of a table is encoded and decoded, the other half is held out. Beside the score of all
columns together stand its floor (the first half as it is, against the other), what it is without value protection, and
what it is without open-ended texts; `--columns` shows every column alone. `make bench ARGS="--only encodings"` is this.
"""

import argparse
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from rich.console import Console
from rich.table import Table as Printed

from benchmarks.judge import chance_deviation, judge_auc
from synth_engine.domain import RareCategoryReplacementMethod
from synth_engine.encodings import Encoding, detect, fitter
from synth_engine.encodings.character import RARE_CODE, CharacterEncoding
from synth_engine.io import read_table
from synth_engine.privacy import ValueProtection

FOLDER = Path("../shared/data")  # relative to the root of the repository
TABLES = {
    "census": "census.csv.gz",
    "bank_marketing": "bank_marketing.csv.gz",
    "acs_income": "acs_income.parquet",
    "players": "players.csv.gz",
    "batting": "batting.csv.gz",
    "airbnb_london": "airbnb_london.csv.gz",
    "titanic": "titanic.csv",
}
KEYS = {"players": ["id"], "batting": ["players_id"]}  # not modelled, hence not judged
TARGET = 0.52
MAX_ROWS = 60_000
# A text column of which protection hides more than this share of rows is open-ended: letters, reviews.
OPEN_ENDED = 0.1


@dataclass(frozen=True)
class ColumnScore:
    """One column alone. `hidden`: share of rows whose value protection replaces by the rare token."""

    auc: float
    encoding: str
    sub_columns: int
    codes: int
    hidden: float

    @property
    def is_open_ended(self) -> bool:
        """Whether the column is text that hardly repeats."""
        return self.hidden > OPEN_ENDED


@dataclass(frozen=True)
class TableScore:
    """All columns of a table together, and each alone.

    Args:
        rows: Number of decoded rows, and of held-out rows.
        auc: Decoded rows against held-out ones, with value protection.
        auc_closed: The same without open-ended columns.
        auc_open: The same without value protection.
        floor: Real rows against held-out ones.
        columns: Each column alone, with value protection.
    """

    rows: int
    auc: float
    auc_closed: float
    auc_open: float
    floor: float
    columns: Mapping[str, ColumnScore]

    @property
    def deviation(self) -> float:
        """Standard deviation of the score of a judge who cannot tell."""
        return chance_deviation(self.rows)

    @property
    def worst(self) -> tuple[str, float]:
        """The closed column that is told best, and its score."""
        closed = {name: column.auc for name, column in self.columns.items() if not column.is_open_ended}
        return max(closed.items(), key=lambda item: item[1], default=("", float("nan")))


def measure(table: pa.Table, max_rows: int = MAX_ROWS, seed: int = 0) -> TableScore:
    """Score the encodings that AUTO stands for: fitted to one half of the table, judged on at most `max_rows` rows."""
    first, second = halves(table, seed)
    n_judged = min(max_rows // 2, second.num_rows)
    encodings = fit_table(first, enabled=True)
    real, held_out, decoded, unprotected = (
        as_frame(rows.slice(0, n_judged))
        for rows in (first, second, through(first, encodings), through(first, fit_table(first, enabled=False)))
    )
    columns = {
        name: ColumnScore(
            auc=judge_auc(held_out[[name]], decoded[[name]]),
            encoding=encoding.type.removeprefix("TABULAR_"),
            sub_columns=len(encoding.cardinalities),
            codes=sum(encoding.cardinalities.values()),
            hidden=_hidden(encoding, first[name]),
        )
        for name, encoding in encodings.items()
    }
    closed = [name for name, column in columns.items() if not column.is_open_ended]
    auc = judge_auc(held_out, decoded)
    return TableScore(
        rows=n_judged,
        auc=auc,
        auc_closed=auc if len(closed) == len(columns) else judge_auc(held_out[closed], decoded[closed]),
        auc_open=judge_auc(held_out, unprotected),
        floor=judge_auc(held_out, real),
        columns=columns,
    )


def halves(table: pa.Table, seed: int) -> tuple[pa.Table, pa.Table]:
    """Two random halves of a table."""
    order = np.random.default_rng(seed).permutation(table.num_rows)
    half = len(order) // 2
    first, second = (table.take(pa.array(rows)).combine_chunks() for rows in (order[:half], order[half : 2 * half]))
    return first, second


def fit_table(table: pa.Table, *, enabled: bool) -> dict[str, Encoding]:
    """The encoding that AUTO stands for, of every column, with or without value protection."""
    protection, encodings = ValueProtection(enabled=enabled), {}
    for name in table.column_names:
        values, by = table[name].combine_chunks(), fitter(detect(table[name].type))
        encodings[name] = by.fit(by.summarise(values), values.type, protection, np.random.default_rng(1))
    return encodings


def through(table: pa.Table, encodings: Mapping[str, Encoding]) -> pa.Table:
    """The table encoded and decoded again."""
    rng = np.random.default_rng(2)
    columns = {}
    for name, encoding in encodings.items():
        codes = encoding.encode(table[name].combine_chunks())
        columns[name] = encoding.decode(_drawable(codes, encoding, rng), rng)
    return pa.table(columns)


def _drawable(codes: np.ndarray, encoding: Encoding, rng: np.random.Generator) -> np.ndarray:
    """Codes that generation never draws, such as that of rare numbers, replaced by those of any other row.

    Rare characters stay as they are: only they are drawn again when they are decoded, not all of the text.
    """
    never = encoding.never_drawn(RareCategoryReplacementMethod.constant)
    redrawn = {RARE_CODE} if isinstance(encoding, CharacterEncoding) else set()
    barred = np.zeros(len(codes), np.bool_)
    for place, part in enumerate(encoding.cardinalities):
        barred |= np.isin(codes[:, place], list(set(never.get(part, ())) - redrawn))
    if not barred.any() or barred.all():
        return codes
    codes = codes.copy()
    codes[barred] = codes[rng.choice(np.flatnonzero(~barred), int(barred.sum()))]
    return codes


def _hidden(encoding: Encoding, values: pa.ChunkedArray) -> float:
    if encoding.type != "TABULAR_CATEGORICAL":
        return 0.0
    return float((encoding.encode(values.combine_chunks()) == 0).mean())


def as_frame(table: pa.Table) -> pd.DataFrame:
    """For the judge: decimals and times of day as numbers."""
    for place, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            table = table.set_column(place, field.name, table[field.name].cast(pa.float64()))
        elif pa.types.is_time(field.type):
            storage = pa.int32() if pa.types.is_time32(field.type) else pa.int64()
            table = table.set_column(place, field.name, table[field.name].cast(storage))
    return table.to_pandas(date_as_object=False)


def load(name: str, folder: Path = FOLDER) -> pa.Table:
    """One of the real tables without its keys, or the table of a file; `FileNotFoundError` where it is missing."""
    path = folder / TABLES[name] if name in TABLES else Path(name)
    if not path.exists():
        raise FileNotFoundError(
            f"no table at {path}: run from the root of the repository, or give a folder by --folder"
        )
    return read_table(path).drop_columns(KEYS.get(name, []))


def print_scores(scores: Mapping[str, TableScore]) -> None:
    """One line per table."""
    caption = (
        f"Aim: {TARGET} with protection. Closed: without open-ended texts (more than {OPEN_ENDED:.0%} of rows hidden). "
        "±: one standard deviation of a judge who guesses."
    )
    headings = ["", "rows", "protected", "closed", "open", "real rows", "±", "sub-columns", "codes", "worst column"]
    printed = _printed("Encoded and decoded rows against held-out ones: AUC of gradient boosting", headings, caption)
    for name, score in scores.items():
        worst, auc = score.worst
        columns = score.columns.values()
        printed.add_row(
            name,
            f"{score.rows:,}",
            *(f"{value:.4f}" for value in (score.auc, score.auc_closed, score.auc_open, score.floor, score.deviation)),
            str(sum(column.sub_columns for column in columns)),
            f"{sum(column.codes for column in columns):,}",
            f"{auc:.4f} {worst}",
        )
    Console(width=140).print(printed)


def print_columns(name: str, score: TableScore) -> None:
    """One line per column of a table."""
    headings = ["", "AUC alone", "encoding", "sub-columns", "codes", "hidden"]
    printed = _printed(name, headings, f"A judge who guesses: 0.5 ± {score.deviation:.4f}")
    for column, alone in score.columns.items():
        cells = [f"{alone.auc:.4f}", alone.encoding, str(alone.sub_columns), f"{alone.codes:,}", f"{alone.hidden:.1%}"]
        printed.add_row(column, *cells)
    Console(width=120).print(printed)


def _printed(title: str, headings: Iterable[str], caption: str) -> Printed:
    printed = Printed(title=title, caption=caption)
    for heading in headings:
        printed.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    return printed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--table", action="append", help=f"a file, or one of {', '.join(TABLES)}; default: all of these"
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"of the tables with a name; default {FOLDER}")
    parser.add_argument("--max-rows", type=int, default=MAX_ROWS, help="take a random part of larger tables")
    parser.add_argument("--seed", type=int, default=0, help="of the halves")
    parser.add_argument("--columns", action="store_true", help="also print every column")
    parser.add_argument("--json", type=Path, help="where to write all figures")
    args = parser.parse_args()
    scores = {}
    for table in args.table or TABLES:
        name, started = Path(table).name, time.perf_counter()
        scores[name] = measure(load(table, args.folder), args.max_rows, args.seed)
        print(f"== {name}: {time.perf_counter() - started:.0f} s", flush=True)
        if args.columns:
            print_columns(name, scores[name])
    print_scores(scores)
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps({name: asdict(score) for name, score in scores.items()}, indent=2))


if __name__ == "__main__":
    main()
