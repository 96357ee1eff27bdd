"""The rows of a benchmark: one table, shuffled and cut in halves, one to train on and one held out for scoring.

Equal halves, so that distances from synthetic rows to either half can be compared (a share near 0.5 means no copying).
"""

import argparse
import hashlib
from pathlib import Path

import pandas as pd

CENSUS = Path("../shared/data/census.csv.gz")  # relative to the root of the repository


def load_table(path: Path) -> pd.DataFrame:
    """A table from `.csv`, `.csv.gz` or `.parquet`."""
    if not path.exists():
        raise FileNotFoundError(f"no table at {path}: run from the root of the repository, or give a path with --table")
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if ".csv" in path.suffixes:
        return pd.read_csv(path)
    raise ValueError(f"expected a .csv, .csv.gz or .parquet table, found {path.name}")


def split_halves(table: pd.DataFrame, seed: int, max_rows: int | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and held-out rows: disjoint, of equal number, of at most `max_rows` together."""
    shuffled = (
        table.sample(frac=1, random_state=seed)
        .head(len(table) if max_rows is None else max_rows)
        .reset_index(drop=True)
    )
    half = len(shuffled) // 2
    return shuffled[:half], shuffled[half : 2 * half].reset_index(drop=True)


def write_halves(path: Path, folder: Path, seed: int, max_rows: int | None = None) -> tuple[Path, Path]:
    """Write both halves of the table at `path` into `folder`: `train.parquet` and `holdout.parquet`."""
    folder.mkdir(parents=True, exist_ok=True)
    targets = folder / "train.parquet", folder / "holdout.parquet"
    for half, target in zip(split_halves(load_table(path), seed, max_rows), targets, strict=True):
        half.to_parquet(target, index=False)
    return targets


def data_key(path: Path, seed: int, max_rows: int | None = None) -> str:
    """Short hash of the table's bytes and of how it is split: equal keys mean the same rows in both halves."""
    digest = hashlib.sha256(path.read_bytes())
    digest.update(f"{seed} {max_rows}".encode())
    return digest.hexdigest()[:12]


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the two halves of a table as parquet files.")
    parser.add_argument("--table", type=Path, default=CENSUS)
    parser.add_argument("--out", type=Path, required=True, help="folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-rows", type=int, help="take a random part of the table")
    args = parser.parse_args()
    for path in write_halves(args.table, args.out, args.seed, args.max_rows):
        print(path)


if __name__ == "__main__":
    main()
