"""How good and how private one sample is: all figures of `make bench` that need no engine.

    python -m benchmarks.scoring --dataset census --data FOLDER --synthetic synthetic.parquet --out quality.json

Of every table accuracy, discriminator and distances by `mostlyai-qa`, a judge of our own, and attacks on membership: of
each the one that is most surely above chance. Of flat tables what a learner of synthetic rows knows of real ones; of
events how they hang together; of texts how titles differ from held-out ones and how often they are repeated.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from benchmarks import quality, sequences, texts
from benchmarks.baseball import KEYS, Baseball
from benchmarks.datasets import DATASETS, Dataset, read_half
from synth_engine.evaluation.privacy import NotMeasured, attack
from synth_engine.evaluation.utility import measure_utility


def score(dataset: Dataset, folder: Path, synthetic: pd.DataFrame, seed: int = 0) -> dict[str, Any]:
    """All figures of a sample; `folder` holds the halves."""
    started = time.perf_counter()
    train, holdout = (read_half(folder, name) for name in ("train", "holdout"))
    synthetic = synthetic[train.columns]
    if dataset.kind == "text":
        found = texts.quality(synthetic, train, holdout) | {
            "real": texts.quality(train[: len(synthetic)], train, holdout, same=True)
        }
    elif dataset.kind == "events":
        found = _of_events(folder, train, holdout, synthetic)
    else:
        found = quality.score(train, holdout, synthetic, seed=seed)
        if dataset.target:
            found["utility"] = utility(train, holdout, synthetic, dataset.target, seed)
    key = KEYS["tgt_context_key"] if dataset.kind == "events" else None
    found["membership"] = membership(train, holdout, synthetic, key, seed)
    return {**found, "seconds": time.perf_counter() - started}


def utility(
    train: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame, target: str, seed: int
) -> dict[str, Any]:
    """What gradient boosting that learned from synthetic rows, and from training rows, scores on held-out ones."""
    tables = _arrow(train, holdout, synthetic)
    found = measure_utility(*tables, targets=[target], seed=seed).targets[target]
    return {"metric": found.metric, "synthetic": found.synthetic.value, "real": found.real.value}


def membership(
    train: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame, context_key: str | None, seed: int
) -> dict[str, float]:
    """AUC of the attack that tells training units from held-out ones most surely, and its interval of 95 %."""
    found = attack(*_arrow(train, holdout, synthetic), context_key=context_key, seed=seed).membership
    if isinstance(found, NotMeasured):
        return {}
    auc = found.worst.auc
    return {"auc": auc.value, "lower": auc.lower, "upper": auc.upper}


def _arrow(*tables: pd.DataFrame) -> list[pa.Table]:
    return [pa.Table.from_pandas(table, preserve_index=False) for table in tables]


def _of_events(folder: Path, train: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame) -> dict[str, Any]:
    players, others = (read_half(folder, name) for name in ("context", "holdout-context"))
    found = sequences.score(Baseball(players, train), Baseball(others, holdout), Baseball(others, synthetic))
    qa = found.pop("qa")
    return {**qa, **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=DATASETS, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder with both halves")
    parser.add_argument("--synthetic", type=Path, required=True, help="parquet")
    parser.add_argument("--out", type=Path, required=True, help="scores, JSON")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    found = score(DATASETS[args.dataset], args.data, pd.read_parquet(args.synthetic), args.seed)
    args.out.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
