"""The fast fidelity report: how long it takes, and whether it ranks as `mostlyai-qa` does.

    python -m benchmarks.evaluation [--table PATH] [--rows 295243] [--only speed ranks learners] [--rank-rows 8000]

`speed`: the report on three samples, drawn with replacement, of a table (295,243 × 32, the ACS of 2018, where nothing
else is said), in processor and in wall seconds, with the peak of memory. `ranks`: rows of the census spoiled in known
ways, scored by both; `mostlyai-qa` takes most of a minute for each. `learners`: utility and discriminator, of the
census.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when huggingface_hub is imported, so before mostlyai.qa

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.stats import spearmanr

from benchmarks.data import CENSUS, load_table
from benchmarks.degraded import DEGRADATIONS, degraded
from benchmarks.machine import commit, describe_machine
from benchmarks.runs import RESULTS
from synth_engine.evaluation.discriminator import measure_discriminator
from synth_engine.evaluation.fidelity import Fidelity, measure_fidelity
from synth_engine.evaluation.utility import measure_utility

ACS = CENSUS.with_name("acs_income.parquet")
PARTS = ("speed", "ranks", "learners")
LEVELS = ("overall", "univariate", "bivariate", "trivariate")


def main() -> None:
    args = _arguments()
    found: dict[str, Any] = {"machine": describe_machine(), "commit": commit()}
    if "speed" in args.only:
        found["speed"] = measure_speed(load_table(args.table), args.rows)
    if "learners" in args.only:
        found["learners"] = measure_learners(args.rank_rows)
    if "ranks" in args.only:
        found["ranks"] = compare_ranks(args.rank_rows, args.seed)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"evaluation-{time.strftime('%Y%m%dT%H%M%S')}.json"
    path.write_text(json.dumps(found, indent=2))
    print(f"All figures: {path}")


def measure_speed(table: pd.DataFrame, n_rows: int) -> dict[str, float]:
    """Seconds and memory of one report on so many rows of each table."""
    rng = np.random.default_rng(0)
    whole = pa.Table.from_pandas(table, preserve_index=False)
    tables = [whole.take(pa.array(rng.integers(0, len(table), n_rows))) for _ in range(3)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, seconds, wall = _timed(lambda: measure_fidelity(*tables))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {
        "rows": n_rows,
        "columns": table.shape[1],
        "processor_seconds": seconds,
        "wall_seconds": wall,
        "peak_mib_before": before / 1024,
        "peak_mib": peak / 1024,
    }
    print(f"{n_rows:,} x {table.shape[1]}: {seconds:.1f} processor seconds, {wall:.1f} s, {peak / 1024:,.0f} MiB")
    return found


def thirds(n_rows: int, seed: int = 0) -> list[pd.DataFrame]:
    """Training rows, held-out rows and rows to spoil, of the census: disjoint."""
    rows = load_table(CENSUS).sample(frac=1, random_state=seed).reset_index(drop=True)
    return [rows[start : start + n_rows].reset_index(drop=True) for start in range(0, 3 * n_rows, n_rows)]


def our_scores(training: pd.DataFrame, holdout: pd.DataFrame, rows: pd.DataFrame) -> dict[str, float]:
    """Accuracy of the fast report, by the names that `mostlyai-qa` gives its own."""
    found = measure_fidelity(*(pa.Table.from_pandas(each, preserve_index=False) for each in (training, holdout, rows)))
    return _named(found)


def _named(found: Fidelity) -> dict[str, float]:
    scores = (found.accuracy, found.univariate, found.bivariate, found.trivariate)
    named = {level: score.synthetic for level, score in zip(LEVELS, scores, strict=True) if score}
    return named | {f"{level}_max": score.ceiling for level, score in zip(LEVELS, scores, strict=True) if score}


def compare_ranks(n_rows: int, seed: int) -> dict[str, Any]:
    """Both scores of every kind of spoiled rows, and Spearman's correlation of them."""
    training, holdout, good = thirds(n_rows)
    scores: dict[str, Any] = {}
    for name in DEGRADATIONS:
        rows = degraded(good, name, seed)
        ours, our_seconds, _ = _timed(lambda rows=rows: our_scores(training, holdout, rows))
        theirs, their_seconds, _ = _timed(lambda rows=rows: qa_scores(training, holdout, rows, seed))
        scores[name] = {"ours": ours, "qa": theirs, "our_seconds": our_seconds, "qa_seconds": their_seconds}
        print(f"{name:32} ours {ours['overall']:.4f}  qa {theirs['overall']:.4f}", flush=True)
    correlations = {level: rank_correlation(scores, level) for level in LEVELS}
    print("Spearman's correlation: " + ", ".join(f"{level} {value:.3f}" for level, value in correlations.items()))
    return {"rows": n_rows, "scores": scores, "correlations": correlations}


def rank_correlation(scores: dict[str, Any], level: str) -> float:
    """Of our accuracy and that of `mostlyai-qa`."""
    return float(spearmanr(*([each[who][level] for each in scores.values()] for who in ("ours", "qa"))).statistic)


def qa_scores(training: pd.DataFrame, holdout: pd.DataFrame, rows: pd.DataFrame, seed: int = 0) -> dict[str, float]:
    """Accuracy by `mostlyai-qa`, with hardly any embeddings, which accuracy does not need."""
    from mostlyai import qa

    np.random.seed(seed)  # noqa: NPY002 it draws from the global generator
    with tempfile.TemporaryDirectory() as folder:
        _, metrics = qa.report(
            syn_tgt_data=rows,
            trn_tgt_data=training,
            hol_tgt_data=holdout,
            report_path=Path(folder) / "report.html",
            max_sample_size_embeddings=200,
        )
    return {name: value for name, value in metrics.accuracy.model_dump().items() if value is not None}


def measure_learners(n_rows: int) -> dict[str, Any]:
    """Utility and discriminator of real rows and of rows with a third of their cells swapped."""
    training, holdout, good = thirds(n_rows)
    found: dict[str, Any] = {}
    for name in ("nothing", "a third of cells swapped"):
        tables = [
            pa.Table.from_pandas(each, preserve_index=False) for each in (training, holdout, degraded(good, name))
        ]
        utility, of_utility, _ = _timed(lambda tables=tables: measure_utility(*tables, targets=["income", "age"]))
        judged, of_judge, _ = _timed(lambda tables=tables: measure_discriminator(*tables))
        found[name] = {
            "utility": utility.model_dump(mode="json"),
            "utility_seconds": of_utility,
            "discriminator": judged.model_dump(mode="json"),
            "discriminator_seconds": of_judge,
        }
        for target, each in utility.targets.items():
            print(f"{name}: {target} {each.metric} {each.synthetic.value:.4f}, real {each.real.value:.4f}", flush=True)
        print(f"{name}: judge {judged.synthetic}, real {judged.real}; {of_utility:.1f} s and {of_judge:.1f} s")
    return found


def _timed(function: Callable[[], Any]) -> tuple[Any, float, float]:
    """What a function returns, and its processor and wall seconds."""
    processor, wall = time.process_time(), time.perf_counter()
    found = function()
    return found, time.process_time() - processor, time.perf_counter() - wall


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, default=ACS, help="for the speed")
    parser.add_argument("--rows", type=int, default=295_243, help="rows of each of three tables, for the speed")
    parser.add_argument("--rank-rows", type=int, default=8_000, help="rows of each part of the census")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
