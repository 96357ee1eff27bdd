"""Differential privacy of train: limits that hold, a ledger that is complete, and nothing exact in any file."""

import shutil
import signal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from synth_engine import analyze, encode, generate, split
from synth_engine.domain import DifferentialPrivacyConfig, InputError
from synth_engine.stages.model_files import from_bytes
from synth_engine.workspace import Artefact, LedgerEntry, Workspace
from tests.stages import trainers
from tests.stages.helpers import SMALL, refused
from tests.stages.test_stages_resume import RESUME, dependent_table, snapshot
from tests.stages.test_stages_train import learn, messages, outcome, stop_after, weights

DELTA = 1e-3
PRIVATE: dict[str, Any] = {"delta": DELTA, "noise_multiplier": 1.0}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with differentially private statistics, ready for training. Read it only."""
    root = tmp_path_factory.mktemp("private") / "ws"
    split(dependent_table(), workspace_dir=root)
    analyze(workspace_dir=root, differential_privacy={"value_protection_epsilon": 20, "delta": DELTA})
    encode(workspace_dir=root)
    return root


@pytest.fixture
def root(prepared: Path, tmp_path: Path) -> str:
    shutil.copytree(prepared, tmp_path / "ws")
    return str(tmp_path / "ws")


def privacy(root: str) -> dict[str, Any]:
    return Workspace(root).manifest(Artefact.MODEL_DATA).facts["privacy"]


def lines(root: str) -> list[LedgerEntry]:
    """What training added to the ledger."""
    return [entry for entry in Workspace(root).ledger.entries() if entry.stage == "train"]


def spent(root: str) -> float:
    return sum(entry.epsilon or 0.0 for entry in lines(root))


# --- the limits -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("limit", [0.7, 1.5, 4.0])
@pytest.mark.parametrize("accountant", ["RDP", "PRV"])
def test_no_model_is_ever_above_max_epsilon(root: str, limit: float, accountant: str):
    seen = []
    settings = {**PRIVATE, "max_epsilon": limit, "accountant": accountant}
    learn(root, max_epochs=30, differential_privacy=settings, update_progress=lambda message, **_: seen.append(message))
    found = privacy(root)
    assert found["epsilon"] <= limit
    assert found["delta"] == DELTA / 2
    assert [line["dp_delta"] for line in messages(root)] == [str(DELTA / 2)] * len(messages(root))
    epsilons = [float(line["dp_eps"]) for line in messages(root)]
    assert epsilons == sorted(epsilons)
    assert not epsilons or epsilons[-1] == pytest.approx(found["epsilon"], rel=1e-5)
    if outcome(root)["steps"] < 30 * 20:
        assert outcome(root)["reason"] == "the privacy budget allows for no more steps"
    assert spent(root) == pytest.approx(found["epsilon"])
    assert spent(root) <= limit + 1e-9


def test_the_next_step_would_have_passed_the_limit(root: str):
    learn(root, max_epochs=30, differential_privacy={**PRIVATE, "max_epsilon": 1.5})
    first = outcome(root)["steps"]
    assert 0 < first < 600
    learn(root, max_epochs=30, differential_privacy={**PRIVATE, "max_epsilon": 10.0})
    costs = {int(line["steps"]): float(line["dp_eps"]) for line in messages(root)}
    assert min(cost for steps, cost in costs.items() if steps > first) > 1.5


@pytest.mark.parametrize("limit", [0, 0.0, 1e-6])
def test_no_budget_is_no_training_and_no_look_at_the_data(root: str, limit: float):
    learn(root, differential_privacy={**PRIVATE, "max_epsilon": limit})
    assert outcome(root)["steps"] == 0
    assert messages(root) == []
    assert spent(root) == 0
    generate(workspace_dir=root, sample_size=20)


@pytest.mark.parametrize("target", [0.5, 3.0])
def test_a_target_is_met(root: str, target: float):
    learn(root, max_epochs=4, differential_privacy={"delta": DELTA, "target_epsilon": target})
    assert 0.95 * target < privacy(root)["epsilon"] <= target
    assert outcome(root)["reason"] == "all epochs are done"


def test_without_noise_there_is_no_bound_and_the_ledger_says_so(root: str):
    learn(root, differential_privacy={"delta": DELTA, "noise_multiplier": 0})
    assert privacy(root) is None
    assert [(entry.epsilon, entry.cumulated_epsilon) for entry in lines(root)] == [(None, None)]


# --- resume and reuse -------------------------------------------------------------------------------------------------
def test_a_resumed_run_repeats_its_noise_and_costs_no_more(root: str, tmp_path: Path):
    other = str(tmp_path / "whole")
    shutil.copytree(root, other)
    settings = {"max_epochs": 6, "differential_privacy": {**PRIVATE, "max_epsilon": 3.0}, "random_state": 4}
    learn(other, **settings)
    chance = iter([4, 25])
    for steps in chance:
        process = trainers.started(root, model=SMALL, **settings, **RESUME)
        trainers.wait_for_steps(root, steps, process)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    learn(root, **settings, **RESUME)
    assert weights(root) == weights(other)
    assert snapshot(root) == snapshot(other)
    assert privacy(root) == privacy(other)
    assert spent(root) == pytest.approx(spent(other))
    assert {entry.parameters["run"] for entry in lines(root)} == {lines(root)[0].parameters["run"]}


def test_resumed_with_a_higher_limit_it_stays_below_that_one(root: str):
    learn(root, max_epochs=30, differential_privacy={**PRIVATE, "max_epsilon": 1.0})
    first = outcome(root)["steps"]
    learn(root, max_epochs=30, differential_privacy={**PRIVATE, "max_epsilon": 2.0}, **RESUME)
    assert outcome(root)["steps"] > first
    assert 1.0 < privacy(root)["epsilon"] <= 2.0
    assert spent(root) == pytest.approx(privacy(root)["epsilon"])


def test_resumed_with_a_lower_limit_it_takes_no_step(root: str):
    learn(root, max_epochs=30, differential_privacy={**PRIVATE, "max_epsilon": 2.0})
    before = outcome(root)["steps"]
    with refused(root, InputError, r"max_epsilon: what is taken up .* cost .* already"):
        learn(root, max_epochs=30, differential_privacy={**PRIVATE, "max_epsilon": 1.0}, **RESUME)
    assert outcome(root)["steps"] == before


@pytest.mark.parametrize(
    "changed", [{"noise_multiplier": 0.5}, {"max_grad_norm": 2.0}, {"delta": 1e-4}, {"target_epsilon": 1.0}]
)
def test_resumed_with_another_mechanism_it_is_refused(root: str, changed: dict[str, float]):
    learn(root, differential_privacy={"delta": DELTA})
    with refused(root, InputError, "differential_privacy was"):
        learn(root, differential_privacy={"delta": DELTA, **changed}, **RESUME)
    with refused(root, InputError, "differential_privacy was"):
        learn(root, **RESUME)


# --- the ledger -------------------------------------------------------------------------------------------------------
def test_retrainings_add_up_and_what_would_overdraw_the_budget_is_refused(root: str):
    settings = {"delta": DELTA, "target_epsilon": 1.0, "dataset_epsilon": 22.5}  # 20 of it are for the statistics
    learn(root, max_epochs=1, differential_privacy=settings)
    learn(root, max_epochs=1, differential_privacy=settings)
    with refused(root, InputError, r"dataset_epsilon: 22.5 is allowed and 22 spent, so 0.5\d* is left, but up to 0.9"):
        learn(root, max_epochs=1, differential_privacy=settings)
    learn(root, max_epochs=1, differential_privacy={**settings, "target_epsilon": 0.4})
    assert Workspace(root).ledger.entries()[-1].cumulated_epsilon <= 22.5


def test_an_analysis_that_would_overdraw_it_is_refused_as_well(root: str):
    settings = {"value_protection_epsilon": 5, "delta": DELTA, "dataset_epsilon": 24}
    with refused(root, InputError, r"dataset_epsilon: 24 is allowed and 20 spent, so 4 is left, but up to 5"):
        analyze(workspace_dir=root, differential_privacy=settings)
    with refused(root, InputError, r"dataset_epsilon: expected that all events have a bound"):
        analyze(workspace_dir=root, differential_privacy={"dataset_epsilon": 100})
    with refused(root, InputError, r"dataset_delta: 0.001 is allowed and 0.0005 spent"):
        limits = {"dataset_epsilon": 100, "dataset_delta": DELTA}
        analyze(workspace_dir=root, differential_privacy={"value_protection_epsilon": 5, "delta": 2 * DELTA, **limits})


def test_a_plain_training_voids_the_ledger_once(root: str):
    learn(root)
    assert [(entry.epsilon, entry.cumulated_epsilon) for entry in lines(root)] == [(None, None)]
    with refused(root, InputError, "dataset_epsilon: .* holds one without"):
        learn(root, differential_privacy={"delta": DELTA, "target_epsilon": 1.0, "dataset_epsilon": 100})


def test_values_have_to_be_protected_as_it_says(tmp_path: Path):
    root = str(tmp_path / "ws")
    split(dependent_table(), workspace_dir=root)
    analyze(workspace_dir=root)
    encode(workspace_dir=root)
    with refused(root, InputError, "value_protection_epsilon: 1 was asked for.* run analyze"):
        learn(root, differential_privacy={"value_protection_epsilon": 1.0})
    learn(root, differential_privacy={"max_epsilon": 1.0})


def test_the_event_is_written_down_before_the_model(root: str, monkeypatch: pytest.MonkeyPatch):
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("synth_engine.workspace.local.swap", full)
    with pytest.raises(Exception, match="No space left"):
        learn(root, differential_privacy={"delta": DELTA, "target_epsilon": 1.0})
    assert not Workspace(root).has(Artefact.MODEL_DATA)
    assert 0.9 < spent(root) <= 1.0


# --- nothing exact ----------------------------------------------------------------------------------------------------
def test_no_loss_is_told_to_anyone(root: str):
    seen: list[dict[str, Any]] = []
    learn(
        root,
        max_epochs=3,
        differential_privacy=PRIVATE,
        update_progress=lambda message, **_: seen.append(message),
    )
    assert len(messages(root)) == 3
    for line in messages(root):
        assert line["trn_loss"] == line["val_loss"] == ""
        assert line["is_checkpoint"] == "1"
    assert all(facts.get("trn_loss") is None and facts.get("val_loss") is None for facts in seen)
    kept = from_bytes(Workspace(root).read(Artefact.MODEL_DATA).bytes("training-snapshot.pt"))["learner"]
    assert kept["losses"] == []
    assert outcome(root)["best_loss"] is None


def test_validation_rows_are_never_read(root: str, monkeypatch: pytest.MonkeyPatch):
    learn(root, max_epochs=2, differential_privacy=PRIVATE)
    before = weights(root)
    for name in Workspace(root).read(Artefact.ENCODED_DATA).parts("val"):
        assert name  # there are some
    monkeypatch.setattr(
        "synth_engine.tabular.task.TabularTask.validation_loss", lambda *_: pytest.fail("a look at validation rows")
    )
    learn(root, max_epochs=2, differential_privacy=PRIVATE)
    assert weights(root) == before


def test_the_number_of_records_is_the_noisy_one(root: str):
    """The history counts what is expected by the number that was published, not what was drawn."""
    learn(root, max_epochs=1, differential_privacy=PRIVATE)
    published = Workspace(root).read(Artefact.TGT_STATS).json("stats.json")["no_of_training_records"]
    plan = from_bytes(Workspace(root).read(Artefact.MODEL_DATA).bytes("training-snapshot.pt"))["plan"]
    assert plan["n_records"] == published
    line = messages(root)[0]
    assert int(line["samples"]) == int(line["steps"]) * min(published, round(published / 20))


def test_a_seed_repeats_the_noise_only_with_the_key_of_the_workspace(root: str, tmp_path: Path):
    learn(root, differential_privacy=PRIVATE)
    before = weights(root)
    learn(root, differential_privacy=PRIVATE)
    assert weights(root) == before
    (Path(root) / "OriginalData" / "hash-key").write_text("1" * 64)
    encode(workspace_dir=root)
    learn(root, differential_privacy=PRIVATE)
    assert weights(root) != before


@pytest.mark.parametrize("change", ["data", "epochs", "clipping", "reused"])
def test_with_the_same_seed_whatever_differs_has_other_noise(root: str, change: str):
    """Or the noise would cancel in the difference of two models, and leave what one of them has seen and not the other.

    A step moves every weight by about its rate, up or down by the sign of a sum that is mostly noise: under other noise
    about half of the weights move the other way, under the same one next to none.
    """
    settings: dict[str, Any] = {"delta": DELTA, "noise_multiplier": 20.0}

    def moved(**arguments: Any) -> torch.Tensor:
        learn(root, **{"max_epochs": 0.05, "differential_privacy": settings} | arguments)
        assert outcome(root)["steps"] == 1
        learner = from_bytes(Workspace(root).read(Artefact.MODEL_DATA).bytes("training-snapshot.pt"))["learner"]
        return torch.cat([mean.flatten() for part in learner["optimizer"].values() for mean in part["means"]])

    def renew(table: pd.DataFrame) -> None:
        """With the same noise in the statistics, so that networks have the same shape."""
        split(table, workspace_dir=root)
        values = {"value_protection_epsilon": 200, "delta": DELTA}
        analyze(workspace_dir=root, differential_privacy=values, random_state=1)
        encode(workspace_dir=root)

    renew(dependent_table())
    before, again = moved(), moved()
    assert torch.equal(before, again)
    if change == "data":
        renew(dependent_table().iloc[1:])
    arguments: dict[str, Any] = {
        "data": {},
        "epochs": {"max_epochs": 0.04},
        "clipping": {"differential_privacy": {**settings, "max_grad_norm": 0.5}},
        "reused": {"model_state_strategy": "REUSE"},
    }[change]
    same_sign = (before.sign() == moved(**arguments).sign()).float().mean().item()
    assert 0.4 < same_sign < 0.6


def test_a_run_that_is_stopped_has_paid_for_its_steps_only(root: str):
    learn(root, max_epochs=20, differential_privacy={**PRIVATE, "max_epsilon": 8}, update_progress=stop_after(2))
    assert len(messages(root)) == 2
    assert spent(root) == pytest.approx(float(messages(root)[-1]["dp_eps"]), rel=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_epsilon": -1},
        {"target_epsilon": 0},
        {"noise_multiplier": -1},
        {"max_grad_norm": 0},
        {"delta": 0},
        {"accountant": "GDP"},
        {"epsilon": 1},
        {"target_epsilon": 3, "max_epsilon": 2},
        {"noise_multiplier": 0, "max_epsilon": 2},
    ],
)
def test_settings_that_make_no_sense_are_refused(root: str, wrong: dict[str, Any]):
    with refused(root, InputError, next(iter(wrong)).replace("target_epsilon", "target_epsilon|differential_privacy")):
        learn(root, differential_privacy=wrong)


def test_a_config_object_is_taken_as_well(root: str):
    learn(root, differential_privacy=DifferentialPrivacyConfig(target_epsilon=1.0))
    assert privacy(root)["epsilon"] <= 1.0
