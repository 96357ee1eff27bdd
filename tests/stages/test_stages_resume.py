"""RESUME: a training that was killed goes on where it was, and ends with the bits of one that was left alone."""

import os
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from synth_engine import analyze, encode, generate, split, train
from synth_engine.domain import ArtefactError, InputError
from synth_engine.stages.model_files import from_bytes
from synth_engine.workspace import Artefact, Workspace
from tests.stages import trainers
from tests.stages.helpers import SMALL, refused
from tests.stages.test_stages_train import learn, messages, outcome, stop_after, weights

SETTINGS: dict[str, Any] = {"model": SMALL, "batch_size": 16, "max_epochs": 10, "random_state": 5}
RESUME = {"model_state_strategy": "RESUME"}


def dependent_table(n_rows: int = 300) -> pd.DataFrame:
    """Columns that follow from each other, so that the model becomes better with every epoch."""
    rng = np.random.default_rng(0)
    first = rng.integers(0, 8, n_rows)
    second = (first * 3 + rng.integers(0, 2, n_rows)) % 8
    return pd.DataFrame({"a": first.astype(str), "b": second.astype(str), "c": first + second, "d": first % 2 == 0})


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that is ready for training. Read it only."""
    root = tmp_path_factory.mktemp("prepared") / "ws"
    split(dependent_table(), workspace_dir=root)
    analyze(workspace_dir=root, random_state=1)
    encode(workspace_dir=root)
    return root


@pytest.fixture(scope="module")
def trained(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after a training that nobody interrupted. Read it only."""
    root = tmp_path_factory.mktemp("trained") / "ws"
    shutil.copytree(prepared, root)
    learn(str(root), **SETTINGS)
    assert outcome(str(root))["steps"] == 150
    return root


@pytest.fixture
def whole(trained: Path, tmp_path: Path) -> str:
    """A copy of the workspace after that training."""
    shutil.copytree(trained, tmp_path / "whole")
    return str(tmp_path / "whole")


@pytest.fixture
def fresh(prepared: Path, tmp_path: Path) -> str:
    """A copy of the workspace before it."""
    shutil.copytree(prepared, tmp_path / "fresh")
    return str(tmp_path / "fresh")


def snapshot(root: str) -> dict[str, Any]:
    """All that the last snapshot knows, but for times, which differ, as text."""
    learner = from_bytes(Workspace(root).read(Artefact.MODEL_DATA).bytes("training-snapshot.pt"))["learner"]
    del learner["counters"]["seconds"], learner["history"]
    return {name: repr(_listed(value)) for name, value in learner.items()}


def _listed(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.tolist()
    if isinstance(value, dict):
        return {name: _listed(item) for name, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, list) else value


def history(root: str) -> list[dict[str, str]]:
    """All lines but their times."""
    return [{name: cell for name, cell in line.items() if name != "total_time"} for line in messages(root)]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_killed_at_random_moments_it_ends_with_the_same_weights(fresh: str, whole: str, seed: int):
    """SIGKILL, four times: at once, and at moments between the first and the last step."""
    chance = random.Random(seed)
    for done in sorted([0, *(chance.randrange(1, 70) for _ in range(3))]):
        process = trainers.started(fresh, **SETTINGS, **RESUME)
        trainers.wait_for_steps(fresh, done, process)
        time.sleep(chance.random() * 0.03)  # in the middle of a step, or of writing
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    before = trainers.steps_saved(fresh)
    assert before > 0
    learn(fresh, **SETTINGS, **RESUME)
    assert weights(fresh) == weights(whole)
    assert snapshot(fresh) == snapshot(whole)
    assert history(fresh) == history(whole)
    assert outcome(fresh)["steps"] == outcome(whole)["steps"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 1)])
def test_asked_to_end_it_saves_and_ends_by_the_signal(fresh: str, whole: str, number: signal.Signals, code: int):
    """Python makes a `KeyboardInterrupt` of SIGINT, which ends a process of multiprocessing with 1."""
    process = trainers.started(fresh, **SETTINGS)
    trainers.wait_for_steps(fresh, 5, process)
    os.kill(process.pid, number)
    process.join(60)
    assert process.exitcode == code
    assert 5 <= trainers.steps_saved(fresh) < 150
    with pytest.warns(UserWarning, match="interrupted.*RESUME"):
        generate(workspace_dir=fresh, sample_size=3)  # with the best model so far
    learn(fresh, **SETTINGS, **RESUME)
    assert weights(fresh) == weights(whole)


def test_a_training_that_was_stopped_goes_on(fresh: str, whole: str):
    learn(fresh, **SETTINGS, update_progress=stop_after(3))
    assert len(messages(fresh)) == 3
    assert weights(fresh) != weights(whole)
    learn(fresh, **SETTINGS, **RESUME)
    assert weights(fresh) == weights(whole)
    assert history(fresh) == history(whole)


def test_a_finished_training_is_left_as_it_is(whole: str):
    before = weights(whole)
    learn(whole, **SETTINGS, **RESUME)
    assert weights(whole) == before
    assert outcome(whole)["reason"] == "all epochs are done"
    assert len(messages(whole)) == 10


def test_wider_limits_go_on_from_the_end(whole: str):
    before = messages(whole)
    learn(whole, **SETTINGS | {"max_epochs": 14}, **RESUME)
    after = messages(whole)
    assert after[:10] == before
    assert [line["epoch"] for line in after] == [str(i + 1) for i in range(14)]
    rates = [float(line["learn_rate"]) for line in after]
    assert rates[10] > rates[9]  # the cool-down for the former limit is forgotten
    assert rates[13] < rates[10]


def test_the_time_limit_counts_all_parts(fresh: str):
    learn(fresh, **SETTINGS, update_progress=stop_after(2))
    learn(fresh, **SETTINGS | {"max_training_time": 1e-5}, **RESUME)
    assert outcome(fresh)["reason"] == "the time is up"
    assert outcome(fresh)["steps"] == 30


def test_without_a_model_it_starts_from_scratch(fresh: str, whole: str):
    learn(fresh, **SETTINGS, **RESUME)
    assert weights(fresh) == weights(whole)


def test_without_a_seed_it_goes_on_all_the_same(fresh: str):
    """The run's own key is kept, sealed; nobody has to know it."""
    unseeded = {**SETTINGS, "random_state": None}
    learn(fresh, **unseeded, update_progress=stop_after(3))
    other = fresh + "-copy"
    shutil.copytree(fresh, other)
    for root in (fresh, other):
        learn(root, **unseeded, **RESUME)
    assert weights(fresh) == weights(other)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"batch_size": 8}, "batch_size was 16 and is 8 now"),
        ({"model": "MOSTLY_AI/Large"}, "model was 'MOSTLY_AI/Small' and is 'MOSTLY_AI/Large' now"),
        ({"gradient_accumulation_steps": 2}, "micro_batches was 1 and is 2 now"),
        ({"enable_flexible_generation": False}, "enable_flexible_generation was True and is False now"),
    ],
)
def test_other_settings_are_refused(whole: str, changed: dict[str, Any], message: str):
    with refused(whole, InputError, message):
        learn(whole, **SETTINGS | changed, **RESUME)


def test_other_data_is_refused(whole: str):
    split(dependent_table(200), workspace_dir=whole)
    analyze(workspace_dir=whole)
    encode(workspace_dir=whole)
    with refused(whole, ArtefactError, "trained on other data.*'REUSE'.*'RESET'"):
        learn(whole, **SETTINGS, **RESUME)
    learn(whole, **SETTINGS)


def test_a_snapshot_from_another_workspace_is_refused(whole: str):
    key = Path(whole) / "OriginalData" / "hash-key"
    key.write_text("0" * 64)
    with refused(whole, ArtefactError, "another workspace"):
        learn(whole, **SETTINGS, **RESUME)


def test_a_damaged_snapshot_is_refused(whole: str):
    path = Path(whole) / "ModelStore" / "model-data" / "training-snapshot.pt"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with refused(whole, ArtefactError, "training-snapshot.pt"):
        learn(whole, **SETTINGS, **RESUME)


def test_reset_forgets_what_was_there(whole: str, fresh: str):
    learn(fresh, **SETTINGS | {"random_state": 6})
    learn(whole, **SETTINGS | {"random_state": 6}, model_state_strategy="reset")
    assert weights(whole) == weights(fresh)


def test_the_seed_of_a_run_is_not_in_its_model(whole: str):
    """A seed that is known undoes what else it was used for."""
    import hashlib

    key = hashlib.sha256(b"train 5").digest()
    for path in (Path(whole) / "ModelStore").rglob("*"):
        if path.is_file():
            assert key not in path.read_bytes(), path
            assert key.hex().encode() not in path.read_bytes(), path


@pytest.mark.parametrize("strategy", ["RESET", "RESUME"])
def test_nothing_to_train(tmp_path: Path, strategy: str):
    """Only a key, or no row at all: there is a model all the same, now and when it is resumed."""
    for name, table in {"key": pd.DataFrame({"id": range(9)}), "empty": pd.DataFrame({"a": np.zeros(0)})}.items():
        root = str(tmp_path / name)
        split(table, tgt_primary_key="id" if name == "key" else None, workspace_dir=root)
        analyze(workspace_dir=root)
        encode(workspace_dir=root)
        for _ in range(2):
            train(workspace_dir=root, model_state_strategy=strategy)
        generate(workspace_dir=root, sample_size=4)
