"""train: limits, early ends, what is written when, and the same weights for the same seed."""

import csv
import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synth_engine import analyze, encode, generate, split, train
from synth_engine.workspace import Artefact, Workspace
from tests.stages.helpers import SMALL, refused, synthetic

COLUMNS = "epoch,is_checkpoint,steps,samples,trn_loss,val_loss,total_time,learn_rate,dp_eps,dp_delta"


def learn(root: str, **arguments: Any) -> None:
    """Train with settings that are quick; `arguments` go first."""
    train(**{"workspace_dir": root, "model": SMALL, "max_epochs": 1, "random_state": 1} | arguments)


def messages(root: str) -> list[dict[str, str]]:
    text = Workspace(root).read(Artefact.MODEL_DATA).bytes("progress-messages.csv").decode()
    assert text.splitlines()[0] == COLUMNS
    return list(csv.DictReader(io.StringIO(text)))


def weights(root: str) -> str:
    return hashlib.sha256(Workspace(root).read(Artefact.MODEL_DATA).bytes("model-weights.pt")).hexdigest()


def outcome(root: str) -> dict[str, Any]:
    return Workspace(root).manifest(Artefact.MODEL_DATA).facts["outcome"]


@pytest.mark.parametrize("limit", [{"max_epochs": 0}, {"max_training_time": 0}, {"max_epochs": 0.0}])
def test_zero_means_zero(ready: str, limit: dict[str, float]):
    learn(ready, **limit)
    assert messages(ready) == []
    assert outcome(ready)["steps"] == 0
    generate(workspace_dir=ready, sample_size=50)
    twin = synthetic(ready)
    assert twin.num_rows == 50
    assert set(twin["city"].to_pylist()) <= {"Vienna", "Graz", "Linz"}


def test_none_means_decide_for_me(ready: str):
    learn(ready, max_epochs=None, max_training_time=None, update_progress=stop_after(1))
    assert len(messages(ready)) == 1


@pytest.mark.parametrize("epochs", [1, 2, 0.4, 1.5])
def test_the_number_of_epochs(ready: str, epochs: float):
    learn(ready, max_epochs=epochs, batch_size=8)
    assert float(messages(ready)[-1]["epoch"]) == pytest.approx(epochs, abs=0.1)
    steps_per_epoch = 96 // 8
    assert outcome(ready)["steps"] == np.ceil(epochs * steps_per_epoch)


def test_the_history_adds_up(ready: str):
    learn(ready, max_epochs=3, batch_size=8, gradient_accumulation_steps=2)
    lines = messages(ready)
    assert [float(line["epoch"]) for line in lines] == [1, 2, 3]
    assert [int(line["steps"]) for line in lines] == [6, 12, 18]
    assert [int(line["samples"]) for line in lines] == [96, 192, 288]
    assert all(np.isfinite(float(line["trn_loss"])) and np.isfinite(float(line["val_loss"])) for line in lines)
    assert {line["is_checkpoint"] for line in lines} <= {"0", "1"}
    times = [float(line["total_time"]) for line in lines]
    assert times == sorted(times)
    assert all(line["dp_eps"] == line["dp_delta"] == "" for line in lines)


def stop_after(epochs: int) -> Any:
    """A callback that asks to stop when so many epochs are done."""

    def answer(*, message: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {"stopExecution": message.get("epoch", 0) >= epochs}

    return answer


def test_the_caller_can_stop_training(ready: str):
    learn(ready, max_epochs=50, update_progress=stop_after(2))
    assert len(messages(ready)) == 2
    assert "the caller asked for it" in outcome(ready)["reason"]
    generate(workspace_dir=ready, sample_size=5)


@pytest.mark.parametrize("answer", [None, {}, {"stopExecution": False}, {"other": True}, 5, "stop"])
def test_other_answers_do_not_stop_training(ready: str, answer: Any):
    learn(ready, max_epochs=2, update_progress=lambda **_: answer)
    assert len(messages(ready)) == 2


def test_progress_tells_facts(ready: str):
    seen = []
    learn(ready, max_epochs=2, update_progress=lambda **facts: seen.append(facts))
    assert [facts["completed"] for facts in seen] == [0, 1, 2]
    assert {"epoch", "trn_loss", "val_loss", "learn_rate", "samples_per_second"} <= set(seen[1]["message"])


def test_the_upload_callback_finds_the_model_in_place(ready: str):
    before, found = weights(ready), []
    learn(ready, random_state=2, upload_model_data_callback=lambda: found.append(weights(ready)))
    assert found
    assert found[-1] == weights(ready) != before


def test_a_model_that_was_there_stays_until_the_next_one_is_complete(ready: str):
    before = weights(ready)
    seen = []
    learn(ready, random_state=2, update_progress=lambda **_: seen.append(weights(ready)))
    assert set(seen) == {before}
    assert weights(ready) != before


def test_the_same_seed_gives_the_same_weights(ready: str):
    learn(ready, max_epochs=2)
    first = weights(ready)
    learn(ready, max_epochs=2)
    assert weights(ready) == first
    learn(ready, max_epochs=2, random_state=2)
    assert weights(ready) != first


def test_without_a_seed_weights_differ(ready: str):
    learn(ready, random_state=None)
    first = weights(ready)
    learn(ready, random_state=None)
    assert weights(ready) != first


def test_global_randomness_is_neither_used_nor_changed(ready: str):
    import torch

    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    state, legacy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    learn(ready)
    generate(workspace_dir=ready, random_state=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], legacy)  # noqa: NPY002
    first = weights(ready)
    torch.manual_seed(2)
    learn(ready)
    assert weights(ready) == first


@pytest.mark.parametrize("settings", [{"batch_size": 1}, {"batch_size": 10_000}, {"gradient_accumulation_steps": 1000}])
def test_batches_of_every_size(ready: str, settings: dict[str, int]):
    learn(ready, **settings)
    assert len(messages(ready)) == 1


@pytest.mark.parametrize("model", ["MOSTLY_AI/Small", "MOSTLY_AI/Medium", "MOSTLY_AI/Large", None])
@pytest.mark.parametrize("flexible", [True, False])
def test_every_model(ready: str, model: str | None, flexible: bool):
    learn(ready, model=model, enable_flexible_generation=flexible)
    generate(workspace_dir=ready, sample_size=3)
    config = Workspace(ready).read(Artefact.MODEL_DATA).json("model-configs.json")
    assert config["model"] == model or "MOSTLY_AI/Medium"
    assert config["enable_flexible_generation"] == flexible


@pytest.mark.parametrize("n_rows", [1, 2, 5])
def test_hardly_any_rows(tmp_path: Path, n_rows: int):
    root = str(tmp_path / "ws")
    split(pd.DataFrame({"a": range(n_rows), "b": ["x"] * n_rows}), trn_val_split=0.99, workspace_dir=root)
    analyze(workspace_dir=root)
    encode(workspace_dir=root)
    learn(root, max_epochs=3)
    assert len(messages(root)) == 3
    assert messages(root)[-1]["val_loss"] == ""


def test_settings_are_in_the_manifest(ready: str):
    learn(ready, max_epochs=2, batch_size=16)
    manifest = Workspace(ready).manifest(Artefact.MODEL_DATA)
    assert manifest.config["max_epochs"] == 2
    assert manifest.config["batch_size"] == 16
    assert set(manifest.inputs) == {"OriginalData/encoded-data", "ModelStore/tgt-stats"}


def test_an_exception_of_the_upload_is_not_swallowed(ready: str):
    def fail() -> None:
        raise ConnectionError("no network")

    with pytest.raises(ConnectionError, match="no network"):
        learn(ready, upload_model_data_callback=fail)
    generate(workspace_dir=ready, sample_size=1)


def test_an_interrupt_leaves_the_model_that_was_there(ready: str):
    def interrupt(*, message: dict[str, Any], **_: Any) -> None:
        if message.get("epoch") == 1:
            raise KeyboardInterrupt("Ctrl-C")

    with refused(ready, KeyboardInterrupt, "Ctrl-C"):
        learn(ready, max_epochs=5, update_progress=interrupt)
