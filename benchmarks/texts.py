"""Both engines' language models on listings with titles: seconds and memory of each stage, and how good the texts are.

    python -m benchmarks.texts [--skip-reference] [--max-rows 40000] [--max-minutes 20]

London listings of Airbnb: half of the rows to train on, as many held out. Both engines start from nothing, with their
default model. What the losses of the two count differs (tokens of each), so quality is told by judges who see texts
alone: a linear classifier on pieces of words that tells titles from held-out ones (0.5: it cannot), and how often
titles are repeated. Ceilings are what training rows reach. `mostlyai-qa` is not asked: it sees embeddings of rows.
Results lie beside those of the flat tables, in `benchmarks/results/`.
"""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from benchmarks.data import data_key, split_halves
from benchmarks.judge import judge_auc
from benchmarks.machine import commit, describe_machine
from benchmarks.reference_env import ROOT
from benchmarks.runs import ENGINES, RESULTS, Run, run_engines

TABLE = Path("../shared/data/airbnb_london.csv.gz")  # relative to the root of the repository
TEXT = "title"
COLUMNS = [TEXT, "neighbourhood", "room_type", "property_type", "price"]
TYPES = {
    TEXT: "LANGUAGE_TEXT",
    "neighbourhood": "LANGUAGE_CATEGORICAL",
    "room_type": "LANGUAGE_CATEGORICAL",
    "property_type": "LANGUAGE_CATEGORICAL",
    "price": "LANGUAGE_NUMERIC",
}


def main() -> None:
    args = _arguments()
    machine = describe_machine()
    data = RESULTS / f"texts-{data_key(args.table, args.seed, args.max_rows)}"
    data.mkdir(parents=True, exist_ok=True)
    rows = pd.read_csv(args.table, usecols=COLUMNS)[COLUMNS]
    train, holdout = split_halves(rows, args.seed, args.max_rows)
    train.to_parquet(data / "train.parquet", index=False)
    options = {"max-minutes": args.max_minutes, "sample-size": args.sample_size}
    tables = {"model-type": "LANGUAGE", "encodings": json.dumps(TYPES)}
    runs = [Run(engine, args.seed, data, options, tables) for engine in ENGINES]
    run_engines(runs, args.skip)
    found: dict[str, Any] = {"real": quality(train[: args.sample_size], train, holdout, same=True)}
    for run in runs:
        result = run.read()
        if result:
            synthetic = pd.read_parquet(run.path / "synthetic.parquet")
            found[run.engine] = result | {"texts": quality(synthetic, train, holdout)}
    path = RESULTS / f"texts-{datetime.now(UTC):%Y-%m-%dT%H%M%S}.json"
    path.write_text(json.dumps({"commit": commit(), "machine": machine, "seed": args.seed, **found}, indent=2))
    _print(found)
    print(f"All figures: {path.relative_to(ROOT)}")


def quality(
    synthetic: pd.DataFrame, train: pd.DataFrame, holdout: pd.DataFrame, *, same: bool = False
) -> dict[str, float]:
    """Figures of synthetic rows, or of training rows themselves (`same`), by what held-out rows are like."""
    shown = holdout.sample(min(len(synthetic), len(holdout)), random_state=0)
    titles = synthetic[TEXT].fillna("")
    found = {
        "auc_of_titles": text_auc(shown[TEXT].fillna(""), titles),
        "auc_of_other_columns": judge_auc(shown.drop(columns=TEXT), synthetic.drop(columns=TEXT)),
        "mean_characters": float(titles.str.len().mean()),
        "different_titles": float(titles.nunique() / max(len(titles), 1)),
    }
    if not same:
        found |= {
            "titles_of_training_rows": copied(titles, train[TEXT]),
            "titles_of_training_rows_in_holdout": copied(shown[TEXT], train[TEXT]),
            "most_repeated_training_title": repeated(titles, train[TEXT]),
            "most_repeated_training_title_in_holdout": repeated(shown[TEXT], train[TEXT]),
            "valid_rows": valid(synthetic, train),
        }
    return found


def text_auc(real: pd.Series, other: pd.Series) -> float:
    """Mean AUC, over three folds, of a linear classifier on pieces of words of 1 to 4 characters."""
    n = min(len(real), len(other))
    both = pd.concat([real[:n], other[:n]], ignore_index=True)
    features = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), min_df=3, sublinear_tf=True)
    judge = make_pipeline(features, LogisticRegression(max_iter=1000))
    return float(cross_val_score(judge, both, np.repeat([0, 1], n), cv=3, scoring="roc_auc").mean())


def copied(titles: pd.Series, train: pd.Series) -> float:
    """Share of the titles that are those of training rows, character by character."""
    return float(titles[titles.notna() & (titles != "")].isin(set(train.dropna())).mean())


def repeated(titles: pd.Series, train: pd.Series) -> float:
    """How often the training title is there that is there most often, for each time that it was trained on."""
    counts = titles[titles.notna() & titles.isin(set(train.dropna()))].value_counts()
    return float((counts / train.value_counts().reindex(counts.index)).max()) if len(counts) else 0.0


def valid(synthetic: pd.DataFrame, train: pd.DataFrame) -> float:
    """Share of rows whose categories exist and whose price is in range."""
    is_valid = pd.to_numeric(synthetic["price"], errors="coerce").between(train["price"].min(), train["price"].max())
    for name, kind in TYPES.items():
        if kind == "LANGUAGE_CATEGORICAL":
            is_valid &= synthetic[name].isin(set(train[name]))
    return float(is_valid.mean())


def _print(found: dict[str, Any]) -> None:
    engines = [engine for engine in ENGINES if engine in found]
    print(f"\n{'':44}" + "".join(f"{name:>14}" for name in ["real", *engines]))
    for stage in ("split", "analyze", "encode", "train", "generate"):
        print(f"{stage + ', s':44}{'':14}" + "".join(f"{found[e]['stages'][stage]['seconds']:14.2f}" for e in engines))
    told = ("best_after_seconds", "last_epoch", "seconds_per_epoch", "generated_rows_per_second", "peak_mib")
    for name in told:
        print(f"{name:44}{'':14}" + "".join(f"{found[e].get(name, float('nan')):14.2f}" for e in engines))
    for name in {**found["real"], **{k: None for e in engines for k in found[e]["texts"]}}:
        parts = [found["real"], *(found[e]["texts"] for e in engines)]
        print(f"{name:44}" + "".join(f"{part[name]:14.4f}" if name in part else f"{'':14}" for part in parts))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--max-rows", type=int, default=40_000, help="take a random part of the table")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-minutes", type=float, default=20.0, help="of training")
    parser.add_argument("--sample-size", type=int, default=10_000)
    for engine in ENGINES:
        told = f"show {engine} from stored results"
        parser.add_argument(f"--skip-{engine}", dest="skip", action="append_const", const=engine, default=[], help=told)
    return parser.parse_args()


if __name__ == "__main__":
    main()
