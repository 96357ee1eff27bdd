"""How good synthetic rows are: the metrics of `mostlyai-qa`, and a judge of our own that is harder to fool.

    python -m benchmarks.quality --train a.parquet --holdout b.parquet --synthetic c.parquet [--json out.json]

For flat tables. The types of pandas 3 go in as they are: `mostlyai-qa` 1.10.11 takes `str`, `string` and `Int64`.
Runs offline: `mostlyai-qa` ships the embedding model that it needs.
"""

import argparse
import json
import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when huggingface_hub is imported, so before mostlyai.qa

import numpy as np
import pandas as pd
from mostlyai import qa

from benchmarks.judge import judge_auc


def score(
    train: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame, report: Path | None = None, seed: int = 0
) -> dict[str, Any]:
    """Score synthetic rows against the rows trained on and rows held out.

    Returns `accuracy`, `similarity` and `distances` as `mostlyai-qa` defines them (`*_max`: what held-out rows reach),
    `judge_auc` of the synthetic and `judge_auc_train` of the training rows (what real rows reach), and the seconds that
    scoring took. `report`: where to keep the HTML report, if anywhere.
    """
    train, holdout, synthetic = (
        _with_flags_as_text(table[train.columns], train) for table in (train, holdout, synthetic)
    )
    started = time.perf_counter()
    metrics = qa_metrics(train, holdout, synthetic, report, seed)
    qa_seconds = time.perf_counter() - started
    return {
        **metrics,
        "judge_auc": judge_auc(holdout, synthetic, seed),
        "judge_auc_train": judge_auc(holdout, train, seed),
        "qa_seconds": qa_seconds,
        "judge_seconds": time.perf_counter() - started - qa_seconds,
        "qa_version": qa.__version__,
    }


def qa_metrics(
    train: pd.DataFrame,
    holdout: pd.DataFrame,
    synthetic: pd.DataFrame,
    report: Path | None = None,
    seed: int = 0,
    **context: Any,
) -> dict[str, dict[str, float]]:
    """The metrics of `mostlyai-qa`, on all rows. `context`: its arguments about tables of subjects and their keys."""
    # It draws from the global generators. Unseeded, its discriminator AUC of the same census rows came out anywhere
    # between 0.546 and 0.557, and its distances (not their share) differed by a factor of five.
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    with tempfile.TemporaryDirectory() as folder:  # without a path it writes its report into the current folder
        _, metrics = qa.report(
            syn_tgt_data=synthetic,
            trn_tgt_data=train,
            hol_tgt_data=holdout,
            report_path=report or Path(folder) / "report.html",
            **context,
        )
    if metrics is None:
        raise ValueError(f"mostlyai-qa gave no metrics: too few rows? ({len(train)}, {len(holdout)}, {len(synthetic)})")
    return {
        name: {key: value for key, value in part.model_dump().items() if value is not None}
        for name in ("accuracy", "similarity", "distances")
        if (part := getattr(metrics, name)) is not None
    }


def _with_flags_as_text(table: pd.DataFrame, train: pd.DataFrame) -> pd.DataFrame:
    """Columns that are boolean in `train` as "True" and "False".

    An engine that returns text for booleans (the reference does) would otherwise get an accuracy of 0 for them from
    `mostlyai-qa`, which warns of inconsistent types: 0.43 instead of 0.87 on a table of four columns.
    """
    flags = [name for name, dtype in train.dtypes.items() if pd.api.types.is_bool_dtype(dtype)]
    return table.assign(**{str(name): table[name].astype("string") for name in flags})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("train", "holdout", "synthetic"):
        parser.add_argument(f"--{name}", type=Path, required=True, help="parquet")
    parser.add_argument("--json", type=Path, help="where to write the scores; printed in any case")
    parser.add_argument("--report", type=Path, help="where to keep the HTML report; default: nowhere")
    args = parser.parse_args()
    train, holdout, synthetic = (pd.read_parquet(path) for path in (args.train, args.holdout, args.synthetic))
    text = json.dumps(score(train, holdout, synthetic, args.report), indent=2)
    if args.json:
        args.json.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
