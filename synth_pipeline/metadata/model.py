"""What the page of model_store shows: the course of the training."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from synth_pipeline.metadata.common import Metadata, markdown_picture, without_none


def model_store(history: Sequence[Mapping[str, Any]], facts: Mapping[str, Any], name: str) -> Metadata:
    """Losses, duration and throughput of a training.

    Args:
        history: Rows of ``progress-messages.csv``.
        facts: Facts in the manifest of the model.
        name: Identifier of the model.
    """
    outcome = facts.get("outcome") or {}
    shown: Metadata = {
        "model": name,
        "parameters": facts.get("parameters"),
        "ended_because": outcome.get("reason", "there was nothing to train"),
    }
    return without_none(shown | (_training(history) if history else {"epochs": 0.0}))


def _training(history: Sequence[Mapping[str, Any]]) -> Metadata:
    last = history[-1]
    best = next((row for row in reversed(history) if row["is_checkpoint"]), last)
    return {
        **_curves(history, history.index(best)),
        "best_validation_loss": best["val_loss"],
        "best_epoch": best["epoch"],
        "epochs": round(last["epoch"], 2),
        "training_seconds": round(last["total_time"], 2),
        "training_rows_per_second": round(last["samples"] / last["total_time"], 1) if last["total_time"] else None,
        "learning_rate_at_the_end": last["learn_rate"],
    }


def _curves(history: Sequence[Mapping[str, Any]], best: int) -> Metadata:
    """The course of the training as a picture. With differential privacy losses are not told, but what was spent is."""
    from synth_pipeline.charts import loss_curve, private_curve  # drawing takes a second to import

    epochs, rates = _series(history, "epoch"), _series(history, "learn_rate")
    if any(row.get("trn_loss") is not None for row in history):
        training, validation = (_series(history, name) for name in ("trn_loss", "val_loss"))
        picture = loss_curve(epochs, training, validation, best, rates)
        return {"loss_curve": markdown_picture(picture, "training and validation loss by epoch")}
    if any(row.get("dp_eps") is not None for row in history):
        picture = private_curve(epochs, _series(history, "dp_eps"), rates)
        return {"epsilon_curve": markdown_picture(picture, "epsilon spent by epoch")}
    return {}


def _series(history: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    return [math.nan if row.get(name) is None else row[name] for row in history]
