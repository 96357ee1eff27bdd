"""How well `TabularARGN.predict_proba` classifies held-out rows, beside gradient boosting tuned on the same rows.

    python -m benchmarks.estimators --json estimators.json

Both are trained on half of a table's rows and see the other half for scoring only. The estimator has its defaults and
is not told which column it will be asked for. Gradient boosting is scikit-learn's `HistGradientBoostingClassifier`,
tuned for that one column by three-fold cross-validation. ECE is the expected calibration error over 15 bins of equal
width (Guo et al., "On calibration of modern neural networks", arXiv 1706.04599).
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from benchmarks.data import CENSUS, load_table, split_halves
from benchmarks.machine import commit, describe_machine
from synth_engine import TabularARGN

N_BINS = 15
GRID = {"learning_rate": [0.03, 0.1], "max_leaf_nodes": [15, 31, 63], "l2_regularization": [0.0, 10.0]}
MAX_TREES = 1000  # far more than early stopping leaves


class Task(NamedTuple):
    """A column to be predicted, and the value whose probability is scored."""

    table: Path
    target: str
    positive: str


TASKS = [Task(CENSUS, "income", ">50K"), Task(CENSUS.parent / "bank_marketing.csv.gz", "y", "yes")]


def scores(is_positive: npt.NDArray[np.bool_], probabilities: npt.NDArray[np.float64]) -> dict[str, float]:
    """AUC of the ROC curve, ECE, and mean log loss in nats."""
    return {
        "auc": float(roc_auc_score(is_positive, probabilities)),
        "ece": calibration_error(is_positive, probabilities),
        "log_loss": float(log_loss(is_positive, probabilities)),
    }


def calibration_error(is_positive: npt.NDArray[np.bool_], probabilities: npt.NDArray[np.float64]) -> float:
    """Mean distance between what is predicted and what is observed, over bins of equal width.

    >>> calibration_error(np.array([True, False, True, True]), np.array([0.5, 0.5, 0.9, 0.9]))
    0.05
    """
    bins = np.minimum((probabilities * N_BINS).astype(int), N_BINS - 1)
    gaps = np.bincount(bins, is_positive - probabilities, minlength=N_BINS)
    return float(round(np.abs(gaps).sum() / len(probabilities), 12))


def of_estimator(training: pd.DataFrame, holdout: pd.DataFrame, task: Task, seed: int) -> dict[str, float]:
    """Scores of the exact probabilities of a model of the whole table."""
    started = time.perf_counter()
    with TabularARGN(random_state=seed) as model:
        model.fit(training)
        fitted = time.perf_counter()
        probabilities = model.predict_proba(holdout, task.target)[task.positive].to_numpy()
        asked = time.perf_counter()
    is_positive = (holdout[task.target] == task.positive).to_numpy()
    seconds = {"fit_seconds": fitted - started, "predict_seconds": asked - fitted}
    return scores(is_positive, probabilities) | seconds


def of_boosting(training: pd.DataFrame, holdout: pd.DataFrame, task: Task, seed: int) -> dict[str, Any]:
    """Scores of the best of a grid of settings, which cross-validation on the training rows chooses."""
    features, asked = _features(training, holdout, task.target)
    labels, is_positive = (rows[task.target] == task.positive for rows in (training, holdout))
    started = time.perf_counter()
    search = GridSearchCV(
        HistGradientBoostingClassifier(
            max_iter=MAX_TREES, early_stopping=True, categorical_features="from_dtype", random_state=seed
        ),
        GRID,
        scoring="neg_log_loss",
        cv=StratifiedKFold(3, shuffle=True, random_state=seed),
    ).fit(features, labels)
    fitted = time.perf_counter()
    probabilities = search.predict_proba(asked)[:, 1]
    seconds = {"fit_seconds": fitted - started, "predict_seconds": time.perf_counter() - fitted}
    return scores(is_positive.to_numpy(), probabilities) | seconds | {"settings": search.best_params_}


def _features(training: pd.DataFrame, holdout: pd.DataFrame, target: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Texts as categories; those that only held-out rows have are missing."""
    parts = [rows.drop(columns=target) for rows in (training, holdout)]
    for name in parts[0].columns:
        if not pd.api.types.is_numeric_dtype(parts[0][name]):
            known = pd.CategoricalDtype(sorted(parts[0][name].dropna().unique()))
            for part in parts:
                part[name] = part[name].where(part[name].isin(known.categories)).astype(known)
    return parts[0], parts[1]


def measure(task: Task, seed: int, max_rows: int | None) -> dict[str, Any]:
    """Both models' scores; each line is printed as soon as it is known."""
    training, holdout = split_halves(load_table(task.table), seed, max_rows)
    found: dict[str, Any] = {"table": task.table.name, "target": task.target, "rows": len(training)}
    for name, model in (("TabularARGN", of_estimator), ("gradient boosting", of_boosting)):
        found[name] = told = model(training, holdout, task, seed)
        print(
            f"{task.table.name.split('.')[0]} {task.target}, {name}: AUC {told['auc']:.4f}, ECE {told['ece']:.4f}, "
            f"log loss {told['log_loss']:.4f}; fit {told['fit_seconds']:.0f} s, {len(holdout):,} rows predicted in "
            f"{told['predict_seconds']:.2f} s",
            flush=True,
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="of the halves and of both models")
    parser.add_argument("--max-rows", type=int, help="take a random part of each table")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    args = parser.parse_args()
    machine = {"machine": describe_machine(), "commit": commit()}
    figures = {**machine, "tasks": [measure(task, args.seed, args.max_rows) for task in TASKS]}
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
