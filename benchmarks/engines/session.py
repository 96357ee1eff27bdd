"""The five verbs of an engine over one or two tables, each timed and its peak memory taken. The same for every engine.

Measured from the outside only: wall-clock seconds, memory, and the artefacts with stable names
(`progress-messages.csv`, `SyntheticData/`). Seconds of importing are those beyond pandas, which is there before.
"""

import argparse
import json
import os
import platform
import shutil
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pandas as pd

from benchmarks.engines.memory import PeakMemory, high_water_mark_mib

STAGES = ("split", "analyze", "encode", "train", "generate")
TRAINING_SHARE = 0.8  # of the records that are given; the others validate. The default of both engines
_T = TypeVar("_T")


def main(module: str, distribution: str) -> None:
    """Run the engine that `module` imports as, shipped by `distribution`, as told on the command line."""
    args = _arguments()
    shutil.rmtree(args.workspace, ignore_errors=True)
    started = time.perf_counter()
    engine = import_module(module)
    import_module("torch")  # whether an engine imports it at once or when it is needed, here it is no stage's time
    import_seconds = time.perf_counter() - started
    seed = args.seed if _seed(engine, args.seed) else None
    result = {
        "engine": distribution,
        **described(distribution, import_seconds, seed, args.max_epochs),
        **run_stages(engine, args),
        **read_history(args.workspace),
    }
    read_synthetic(args.workspace).to_parquet(args.out.with_name("synthetic.parquet"), index=False)
    args.out.write_text(json.dumps(result, indent=2))


class Stopwatch:
    """Runs stages and keeps for each its seconds, its processor seconds and its peak of memory."""

    def __init__(self) -> None:
        self._stages: dict[str, dict[str, float]] = {}

    def __call__(self, stage: str, verb: Callable[..., _T], *args: Any, **kwargs: Any) -> _T:
        """Run one stage; returns what it does."""
        with PeakMemory() as memory:
            started, used = time.perf_counter(), _processor_seconds()
            made = verb(*args, **kwargs)
            seconds, used = time.perf_counter() - started, _processor_seconds() - used
        self._stages[stage] = {"seconds": seconds, "processor_seconds": used, "peak_mib": memory.peak_mib}
        print(f"{stage}: {seconds:.1f} s, {memory.peak_mib:.0f} MiB", flush=True)
        return made

    def result(self, training_rows: int, generated: int) -> dict[str, Any]:
        """All stages, as they stand in `result.json`."""
        return {
            "training_rows": training_rows,
            "sample_size": generated,
            "stages": self._stages,
            "peak_mib": max(stage["peak_mib"] for stage in self._stages.values()),
            "generated_rows_per_second": generated / self._stages["generate"]["seconds"],
        }


def run_stages(engine: ModuleType, args: argparse.Namespace) -> dict[str, Any]:
    """All verbs in turn. `generate` draws `--sample-size` rows, or as many as it was trained on.

    Of two tables it draws the events of all subjects of the context table that it was trained on, or of `--subjects`.
    """
    table = pd.read_parquet(args.train)
    training: dict[str, Any] = {} if args.max_epochs is None else {"max_epochs": args.max_epochs}
    if args.device is not None:
        training["device"] = args.device
    if args.max_minutes is not None:
        training["max_training_time"] = args.max_minutes
    if args.max_epsilon is not None:  # all else as each engine does it by itself
        training["differential_privacy"] = {"max_epsilon": args.max_epsilon, "delta": 1e-5}
    options: dict[str, dict[str, Any]] = {
        "split": {"tgt_data": table, "model_type": args.model_type, "trn_val_split": TRAINING_SHARE},
        "train": training,
        "generate": {"sample_size": len(table) if args.sample_size is None else args.sample_size},
    }
    if args.encodings is not None:
        options["split"]["tgt_encoding_types"] = json.loads(args.encodings)
    n_records = len(table)
    if args.context is not None:
        subjects = pd.read_parquet(args.context)
        keys = {"ctx_primary_key": args.ctx_primary_key, "tgt_context_key": args.tgt_context_key}
        options["split"] |= {"ctx_data": subjects, **keys}
        options["generate"] = {"ctx_data": subjects if args.subjects is None else pd.read_parquet(args.subjects)}
        n_records = len(subjects)
    stages = Stopwatch()
    for stage in STAGES:
        stages(stage, getattr(engine, stage), workspace_dir=args.workspace, **options.get(stage, {}))
    return {
        **stages.result(len(table), len(read_synthetic(args.workspace))),
        "training_records": round(TRAINING_SHARE * n_records),
    }


def read_history(workspace: Path) -> dict[str, Any]:
    """What the training wrote down: epochs, and as far as they are told losses, and epsilon."""
    messages = pd.read_csv(workspace / "ModelStore" / "model-data" / "progress-messages.csv")
    last = messages.dropna(subset=["epoch"]).iloc[-1]
    told = {
        "last_epoch": float(last["epoch"]),
        "seconds_per_epoch": float(last["total_time"] / last["epoch"]) if last["epoch"] else None,
        "seconds_per_record": float(last["total_time"] / last["samples"]) if last["samples"] else None,
        "seconds_per_step": float(last["total_time"] / last["steps"]) if last["steps"] else None,
        "epsilon": None if pd.isna(last.get("dp_eps")) else float(last["dp_eps"]),
    }
    history = messages.dropna(subset=["val_loss"])
    if history.empty:
        return told
    best = history.sort_values("val_loss").iloc[0]
    return {
        **told,
        "best_val_loss": float(best["val_loss"]),
        "best_epoch": float(best["epoch"]),
        "best_after_seconds": float(best["total_time"]),
        "history": json.loads(history.to_json(orient="records")),
    }


def read_synthetic(workspace: Path) -> pd.DataFrame:
    """All parts of `SyntheticData/` as one table."""
    parts = sorted((workspace / "SyntheticData").glob("*.parquet"))
    return pd.concat([pd.read_parquet(part) for part in parts], ignore_index=True)


def _processor_seconds() -> float:
    """Of this process and of its workers that have ended; what a busy machine leaves nearly as it is."""
    return sum(os.times()[:4])


def _seed(engine: ModuleType, seed: int | None) -> bool:
    """Whether a seed was asked for and the engine could be told: `set_random_state` is not among the five verbs."""
    if seed is None or not hasattr(engine, "set_random_state"):
        return False
    engine.set_random_state(seed)
    return True


def described(distribution: str, import_seconds: float, seed: int | None, max_epochs: float | None) -> dict[str, Any]:
    """What a result says of the engine and of where it ran."""
    import torch

    return {
        "version": version(distribution),
        "import_seconds": import_seconds,
        "import_mib": high_water_mark_mib(),
        "seed": seed,
        "max_epochs": max_epochs,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torch_threads": torch.get_num_threads(),
        "pandas": pd.__version__,
    }


def parser_of_engines(description: str | None) -> argparse.ArgumentParser:
    """The options that every engine has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, required=True, help="table to train on, parquet")
    parser.add_argument("--workspace", type=Path, required=True, help="emptied first")
    parser.add_argument("--out", type=Path, required=True, help="result, JSON; synthetic.parquet is written beside it")
    parser.add_argument("--max-epochs", type=float, help="default: the engine's own")
    parser.add_argument("--max-minutes", type=float, help="of training; default: the engine's own")
    parser.add_argument("--sample-size", type=int, help="default: as many rows as in the training table")
    parser.add_argument("--seed", type=int)
    return parser


def _arguments() -> argparse.Namespace:
    parser = parser_of_engines(__doc__)
    parser.add_argument("--context", type=Path, help="table of the subjects whose events --train has, parquet")
    parser.add_argument("--ctx-primary-key", help="key of --context")
    parser.add_argument("--tgt-context-key", help="column of --train with that key")
    parser.add_argument("--subjects", type=Path, help="whose events are drawn, parquet; default: those of --context")
    parser.add_argument("--model-type", default="TABULAR", help="TABULAR or LANGUAGE")
    parser.add_argument("--encodings", help="encoding type by column, JSON")
    parser.add_argument("--max-epsilon", type=float, help="train with differential privacy")
    parser.add_argument("--device", help="to train on; default: the engine's own choice")
    return parser.parse_args()
