"""The fair comparison of likelihoods: our network on the reference's own codes, until it beats its best loss.

Losses of different discretisations cannot be compared. So our network trains on the codes that the reference wrote: the
same rows, the same split into training and validation, the same sub-columns. Both losses are in nats per record, summed
over all sub-columns and averaged over uniformly random column orders.

    python -m benchmarks.likelihood --workspace DIR --reference FOLDER --ours FOLDER
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from benchmarks.engines.session import read_history
from synth_engine.domain.progress import Progress
from synth_engine.nn.orders import random_orders
from synth_engine.tabular.layout import Column, Layout
from synth_engine.tabular.marginals import count_codes
from synth_engine.tabular.network import OrderGroup, TabularNetwork
from synth_engine.tabular.recipe import AVERAGE_DECAY, batch_size_for, schedule_for
from synth_engine.tabular.sizes import sizes_for
from synth_engine.tabular.task import TabularTask
from synth_engine.training import (
    Learner,
    Limits,
    Loop,
    PlainStepper,
    Randomness,
    ShuffledRows,
    WeightAverage,
)


class ReferenceCodes(NamedTuple):
    """What the reference encoded, K sub-columns in the table's order.

    `groups` holds, for each column, the positions of its sub-columns in their natural order.
    """

    train_codes: npt.NDArray[np.int64]  # (N, K)
    val_codes: npt.NDArray[np.int64]  # (M, K)
    cardinalities: dict[str, int]  # sub-column "age__cat" → number of codes
    groups: dict[str, list[int]]  # column "age" → [0]


def load_reference_codes(workspace: Path) -> ReferenceCodes:
    """Codes, cardinalities and sub-columns by column of a flat table that the reference has encoded in `workspace`."""
    columns = json.loads((workspace / "ModelStore" / "tgt-stats" / "stats.json").read_text())["columns"]
    cardinalities: dict[str, int] = {}
    groups: dict[str, list[int]] = {}
    stored: list[str] = []
    for name, stats in columns.items():
        for sub, cardinality in stats["cardinalities"].items():
            groups.setdefault(name, []).append(len(stored))
            stored.append("{argn_processor}:{argn_table}/{argn_column}__{sub}".format(sub=sub, **stats))
            cardinalities[f"{name}__{sub}"] = cardinality
    train, val = (_read_codes(workspace, part, stored) for part in ("trn", "val"))
    _check_range(np.concatenate([train, val]), cardinalities)
    return ReferenceCodes(train, val, cardinalities, groups)


def measure(workspace: Path, seed: int = 0) -> dict[str, dict[str, Any]]:
    """Of both engines `seconds` of training up to the reference's best validation loss, `loss`, and the `epoch`.

    `seconds` of ours are None where it never got there; its `curve` tells what it reached when.
    """
    codes, history = load_reference_codes(workspace), read_history(workspace)
    loss = history["best_val_loss"]
    curve = train_until(codes, loss, seed)
    reached = next((point for point in curve if point["val_loss"] <= loss), {})
    task = {"loss": loss, "training_rows": len(codes.train_codes), "validation_rows": len(codes.val_codes)}
    return {
        "reference": {**task, "seconds": history["best_after_seconds"], "epoch": history["best_epoch"]},
        "ours": {**task, "seconds": reached.get("seconds"), "epoch": reached.get("epoch"), "curve": curve},
    }


def train_until(codes: ReferenceCodes, target: float, seed: int) -> list[dict[str, float]]:
    """Our training with its defaults, as `synth_engine.train` runs it, until the loss over random orders is `target`.

    The loop's own validation counts towards the time, as it does for the reference; the evaluation over random orders
    that decides here comes on top of it and does not.
    """
    layout, network = _network(codes, seed)
    training, validation = torch.from_numpy(codes.train_codes), torch.from_numpy(codes.val_codes)
    task = TabularTask(network, training, validation, flexible=True)
    randomness = Randomness.of_seed(seed)
    batch_size = batch_size_for(task.n_training)
    learner = Learner(
        network,
        PlainStepper(network, task, randomness),
        schedule_for(task.n_training, batch_size),
        WeightAverage(network, AVERAGE_DECAY),
    )
    evaluation = _Evaluation(validation, layout.n_columns)

    def stop(**_: Any) -> dict[str, bool]:
        return {"stopExecution": bool(evaluation.curve) and evaluation.curve[-1]["val_loss"] <= target}

    Loop(
        learner,
        ShuffledRows(task.n_training, batch_size, 1, randomness, training.device),
        Limits(epochs=100, seconds=3600),
        Progress(stop, "train", total=100, unit="epochs"),
        referee=task,
        keeper=evaluation,
    ).run()
    return evaluation.curve


class _Evaluation:
    """In place of a keeper: the loss over random orders of every better model, and the seconds up to it."""

    def __init__(self, validation_NK: torch.Tensor, n_columns: int) -> None:
        self._validation, self._n_columns = validation_NK, n_columns
        self.curve: list[dict[str, float]] = []
        self._extra = 0.0
        self._started = time.perf_counter()  # the loop alone, as in the reference's own history

    def is_due(self, *, at_end_of_epoch: bool) -> bool:
        return at_end_of_epoch

    def save(self, learner: Learner) -> None:
        last = learner.history.records[-1]
        if not last.is_checkpoint:
            return
        before = time.perf_counter()
        assert isinstance(learner.best, TabularNetwork)
        loss = random_order_loss(learner.best, self._validation, self._n_columns)
        self.curve.append({"epoch": last.epoch, "val_loss": loss, "seconds": before - self._started - self._extra})
        self._extra += time.perf_counter() - before


@torch.no_grad()
def random_order_loss(network: TabularNetwork, codes_BK: torch.Tensor, n_columns: int, n_orders: int = 64) -> float:
    """Mean loss over `n_orders` uniformly random column orders, each for an equal share of the rows."""
    rows = codes_BK[: len(codes_BK) // n_orders * n_orders]
    orders = random_orders(n_orders, n_columns, torch.Generator().manual_seed(1))
    losses = network.losses(rows, [OrderGroup(len(rows), orders)])
    return losses.sum(dtype=torch.float64).item() / len(rows)


def _network(codes: ReferenceCodes, seed: int) -> tuple[Layout, TabularNetwork]:
    names = list(codes.cardinalities)
    # The reference's codes carry no ranks that we could know of: our network sees plain categories here.
    columns = [
        Column(name, {names[k].rsplit("__", 1)[1]: codes.cardinalities[names[k]] for k in places}, {})
        for name, places in codes.groups.items()
    ]
    layout = Layout(tuple(columns))
    torch.manual_seed(seed)
    network = TabularNetwork(layout, sizes_for(None, len(names)))
    network.start_from_marginals(count_codes(torch.from_numpy(codes.train_codes), layout.cardinalities))
    return layout, network


def _read_codes(workspace: Path, part: str, stored: list[str]) -> npt.NDArray[np.int64]:
    files = sorted((workspace / "OriginalData" / "encoded-data").glob(f"part.*-{part}.parquet"))
    return pd.concat([pd.read_parquet(file, columns=stored) for file in files]).to_numpy(dtype=np.int64)


def _check_range(codes: npt.NDArray[np.int64], cardinalities: dict[str, int]) -> None:
    for (name, cardinality), lowest, highest in zip(cardinalities.items(), codes.min(0), codes.max(0), strict=True):
        if not 0 <= lowest <= highest < cardinality:
            raise ValueError(f"{name}: expected codes in [0, {cardinality}), found {lowest} to {highest}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, required=True, help="workspace in which the reference was trained")
    for name in ("reference", "ours"):
        parser.add_argument(f"--{name}", type=Path, required=True, help="folder for its likelihood.json")
    args = parser.parse_args()
    for name, found in measure(args.workspace).items():
        (getattr(args, name) / "likelihood.json").write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
