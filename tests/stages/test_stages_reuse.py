"""REUSE: a training that starts from the weights of a model of former data, whatever changed since."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from synth_engine import analyze, encode, generate, split
from synth_engine.domain import ArtefactError, InputError
from synth_engine.stages.model_files import from_bytes
from synth_engine.workspace import Artefact, Workspace
from tests.stages.helpers import refused, synthetic
from tests.stages.test_stages_resume import RESUME, SETTINGS, dependent_table
from tests.stages.test_stages_train import learn, messages, outcome, stop_after, weights

REUSE = {"model_state_strategy": "REUSE"}


def renew(root: str, table: pd.DataFrame, **options: Any) -> str:
    """New data in a workspace, and everything up to the training."""
    split(table, workspace_dir=root, **options)
    analyze(workspace_dir=root, random_state=1)
    encode(workspace_dir=root)
    return root


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("trained") / "ws"
    renew(str(root), dependent_table())
    learn(str(root), **SETTINGS)
    return root


@pytest.fixture
def root(trained: Path, tmp_path: Path) -> str:
    shutil.copytree(trained, tmp_path / "ws")
    return str(tmp_path / "ws")


def facts(root: str) -> dict[str, Any]:
    return Workspace(root).manifest(Artefact.MODEL_DATA).facts


def first_loss(root: str) -> float:
    return float(messages(root)[0]["val_loss"])


def test_the_same_data_goes_on_from_the_best_weights_with_a_progress_of_its_own(root: str):
    start, end = first_loss(root), min(float(line["val_loss"]) for line in messages(root))
    learn(root, **SETTINGS | {"max_epochs": 1}, **REUSE)
    assert [line["epoch"] for line in messages(root)] == ["1"]
    assert outcome(root)["steps"] == 15
    assert abs(first_loss(root) - end) < 0.3 * (start - end)
    assert facts(root)["reused"]["new"] == facts(root)["reused"]["dropped"] == []


def test_without_training_the_weights_are_those_of_before(root: str):
    before = from_bytes(Workspace(root).read(Artefact.MODEL_DATA).bytes("model-weights.pt"))
    learn(root, **SETTINGS | {"max_epochs": 0}, **REUSE)
    after = from_bytes(Workspace(root).read(Artefact.MODEL_DATA).bytes("model-weights.pt"))
    assert all(torch.equal(before[name], after[name]) for name in before)


def wider() -> pd.DataFrame:
    """New categories, a wider range, and rows in which they occur often enough to be known."""
    table = dependent_table(400)
    table["a"] = np.where(np.arange(400) % 5 == 0, "new", table["a"])
    table["c"] = table["c"] + np.where(np.arange(400) % 4 == 0, 50, 0)
    return table


@pytest.mark.parametrize(
    "change",
    [
        lambda table: wider(),
        lambda table: table.head(120),
        lambda table: table[["d", "b", "a", "c"]],
        lambda table: table.drop(columns="b"),
        lambda table: table.assign(e=np.arange(len(table)) % 3, f="x"),
        lambda table: table[table["a"] != "3"],
        lambda table: table.assign(b=table["b"].astype(int)),
        lambda table: table.assign(c=table["c"].where(table["c"] > 3)),
    ],
    ids=["wider", "fewer rows", "order", "column gone", "columns new", "category gone", "type", "nulls"],
)
def test_other_data_starts_better_than_from_scratch(root: str, change: Any):
    renew(root, change(dependent_table()))
    learn(root, **SETTINGS | {"max_epochs": 1}, **REUSE)
    reused = first_loss(root)
    learn(root, **SETTINGS | {"max_epochs": 1})
    assert reused < first_loss(root)
    generate(workspace_dir=root, sample_size=30)
    assert synthetic(root).num_rows == 30


def test_new_categories_are_learned(root: str):
    renew(root, wider())
    learn(root, **SETTINGS, **REUSE)
    generate(workspace_dir=root, sample_size=1000, random_state=1)
    share = np.mean(np.array(synthetic(root)["a"].to_pylist()) == "new")
    assert 0.15 < share < 0.25  # a fifth of them, and training ends with a calibration


def test_nothing_in_common_is_refused(root: str):
    renew(root, pd.DataFrame({"x": np.arange(100) % 3, "y": np.arange(100) % 5}))
    with refused(root, InputError, r"'?a'?.*'?x'?.*RESET"):
        learn(root, **SETTINGS, **REUSE)


def test_another_size_is_refused_and_none_keeps_the_former_one(root: str):
    with refused(root, InputError, "RESET"):
        learn(root, **SETTINGS | {"model": "MOSTLY_AI/Large"}, **REUSE)
    learn(root, **SETTINGS | {"model": None, "max_epochs": 1}, **REUSE)
    configs = Workspace(root).read(Artefact.MODEL_DATA).json("model-configs.json")
    assert configs["model"] == "MOSTLY_AI/Small"


def test_a_reused_training_can_be_resumed(root: str, tmp_path: Path):
    renew(root, wider())
    other = str(tmp_path / "whole")
    shutil.copytree(root, other)
    learn(other, **SETTINGS, **REUSE)
    learn(root, **SETTINGS, **REUSE, update_progress=stop_after(2))
    learn(root, **SETTINGS, **RESUME)
    assert weights(root) == weights(other)


def test_without_a_model_it_starts_from_scratch(root: str):
    before = weights(root)
    Workspace(root).remove(Artefact.MODEL_DATA)
    learn(root, **SETTINGS, **REUSE)
    assert weights(root) == before
    assert facts(root)["reused"] is None


def test_a_damaged_model_is_refused(root: str):
    path = Path(root) / "ModelStore" / "model-data" / "model-weights.pt"
    path.write_bytes(path.read_bytes()[:-9] + b"otherwise")
    with refused(root, ArtefactError, "model-weights.pt"):
        learn(root, **SETTINGS, **REUSE)


# --- differential privacy ---------------------------------------------------------------------------------------------
PRIVATE: dict[str, Any] = {"delta": 1e-3, "noise_multiplier": 1.0}


def test_a_model_without_a_bound_gives_none(root: str):
    with refused(root, InputError, "no bound.*RESET"):
        learn(root, **SETTINGS, **REUSE, differential_privacy=PRIVATE)


def test_what_the_reused_weights_cost_is_counted(root: str):
    learn(root, max_epochs=2, differential_privacy=PRIVATE)
    first = facts(root)["privacy"]["epsilon"]
    learn(root, max_epochs=2, differential_privacy=PRIVATE, **REUSE)
    both = facts(root)["privacy"]["epsilon"]
    assert first < both < 2 * first  # composed, not added
    learn(root, max_epochs=30, differential_privacy={**PRIVATE, "max_epsilon": both + 0.5}, **REUSE)
    assert both < facts(root)["privacy"]["epsilon"] <= both + 0.5
    with refused(root, InputError, "max_epsilon: what is taken up .* cost .* already"):
        learn(root, differential_privacy={**PRIVATE, "max_epsilon": first}, **REUSE)
