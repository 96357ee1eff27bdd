"""Differential privacy of training on subjects: a subject with all of its events is what is protected, and paid for."""

import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from synth_engine import analyze, encode, split
from synth_engine.sequences.records import Records
from synth_engine.stages.learning.sequential import SequenceKind
from synth_engine.stages.model_files import Described, from_bytes, load_sequence_network
from synth_engine.workspace import Artefact, Workspace
from synth_engine.workspace.artefacts import TRAINING
from tests.stages import trainers
from tests.stages.helpers import SMALL
from tests.stages.subjects import RELATED, statistics, tables
from tests.stages.test_stages_private_training import DELTA, PRIVATE, privacy, spent
from tests.stages.test_stages_resume import RESUME, snapshot
from tests.stages.test_stages_train import learn, messages, outcome, weights

LENGTHS = [place % 5 for place in range(400)]


def prepared_root(root: Path, *, has_context: bool, lengths: list[int] = LENGTHS) -> Path:
    subjects, events = tables(lengths)
    events["word"] = np.where(events["number"] % 2, "odd", "even")
    options: dict[str, Any] = {"ctx_data": subjects, **RELATED} if has_context else {"tgt_context_key": "owner"}
    split(events, workspace_dir=root, n_partitions=2, random_state=0, **options)
    settings = {"value_protection_epsilon": 50, "delta": DELTA}
    analyze(workspace_dir=root, differential_privacy=settings, random_state=1)
    encode(workspace_dir=root)
    return root


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of subjects with private statistics, ready for training. Read it only."""
    return prepared_root(tmp_path_factory.mktemp("subjects") / "ws", has_context=True)


@pytest.fixture
def root(prepared: Path, tmp_path: Path) -> str:
    shutil.copytree(prepared, tmp_path / "ws")
    return str(tmp_path / "ws")


def kind_of(root: str, window: int | None = None) -> SequenceKind:
    workspace = Workspace(root)
    described, _ = Described.read(workspace)
    return SequenceKind.read(described, workspace.read(Artefact.ENCODED_DATA), torch.device("cpu"), window)


def without(records: Records, subject: int) -> Records:
    """The same without one subject."""
    begin, end = records.offsets[subject : subject + 2].tolist()
    is_kept = torch.arange(len(records)) != subject
    lengths = records.lengths[is_kept]
    return Records(
        records.context.of(is_kept.nonzero()[:, 0]),
        records.length_SL[is_kept],
        torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)]),
        torch.cat([records.events_EK[:begin], records.events_EK[end:]]),
    )


@pytest.mark.parametrize("has_context", [True, False])
def test_a_target_is_met_and_paid_for(tmp_path: Path, has_context: bool):
    root = str(prepared_root(tmp_path / "ws", has_context=has_context))
    learn(root, max_epochs=2, differential_privacy={"delta": DELTA, "target_epsilon": 2.0})
    assert 1.8 < privacy(root)["epsilon"] <= 2.0
    assert spent(root) == pytest.approx(privacy(root)["epsilon"])
    assert outcome(root)["best_loss"] is None
    assert all(line["trn_loss"] == line["val_loss"] == "" for line in messages(root))
    sizes = load_sequence_network(
        Workspace(root).read(Artefact.MODEL_DATA), Described.read(Workspace(root))[0], torch.device("cpu")
    ).sizes
    assert sizes.dropout == 0


def test_records_are_subjects_whatever_their_windows_and_their_number_is_the_noisy_one(root: str):
    learn(root, max_epochs=1, max_sequence_window=1, differential_privacy=PRIVATE)
    published = statistics(root).no_of_training_records
    kept = from_bytes(Workspace(root).read(Artefact.MODEL_DATA).bytes("training-snapshot.pt"))
    assert kept["plan"]["n_records"] == published
    assert kind_of(root, 1).n_parts > 1.3 * kind_of(root, 1).n_records
    line = messages(root)[0]
    assert int(line["samples"]) == int(line["steps"]) * round(published / 20)


@pytest.mark.slow
def test_a_resumed_run_repeats_its_noise_and_costs_no_more(root: str, tmp_path: Path):
    other = str(tmp_path / "whole")
    shutil.copytree(root, other)
    settings = {"max_epochs": 2, "differential_privacy": {**PRIVATE, "max_epsilon": 3.0}, "random_state": 4}
    learn(other, max_sequence_window=2, **settings)
    process = trainers.started(root, model=SMALL, max_sequence_window=2, **settings, **RESUME)
    trainers.wait_for_steps(root, 5, process)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    learn(root, max_sequence_window=2, **settings, **RESUME)
    assert weights(root) == weights(other)
    assert snapshot(root) == snapshot(other)
    assert spent(root) == pytest.approx(spent(other))


@pytest.mark.parametrize("longest", [1, 7, 300])
def test_a_subject_moves_the_counts_by_the_sensitivity(tmp_path: Path, longest: int):
    root = str(prepared_root(tmp_path / "ws", has_context=True, lengths=LENGTHS + [longest] * 60))
    kind = kind_of(root)
    records, whole = kind.records[TRAINING], kind.bounded_counts()
    moved = []
    for subject in range(0, len(records), 7):
        fewer = replace(kind, records={TRAINING: without(records, subject)}).bounded_counts()
        difference = [one - other for a, b in zip(whole, fewer, strict=True) for one, other in zip(a, b, strict=True)]
        assert all(part.min().item() > -1e-9 and part.sum().item() < 1 + 1e-9 for part in difference)
        moved.append(torch.cat(difference).double().norm().item())
    n_all = sum(map(len, whole))
    assert max(moved) <= n_all**0.5 + 1e-9
    assert max(moved) > 0.5 * n_all**0.5


def test_counts_do_not_depend_on_chance_and_weigh_usual_events_alike(root: str):
    kind = kind_of(root)
    events, lengths = kind.bounded_counts()
    exact_events, exact_lengths = kind.counts()
    for one, other in zip(lengths, exact_lengths, strict=True):
        assert torch.equal(one, other)
    n = kind.records[TRAINING].lengths.double()
    for one, other in zip(events, exact_events, strict=True):
        assert one.sum().item() == pytest.approx((n / kind.events_per_part).clamp(max=1).sum().item())
        assert one.sum() < other.sum()


@pytest.mark.parametrize("epsilon", [0, 1e-6])
def test_no_budget_is_no_look_at_the_data(root: str, epsilon: float):
    learn(root, differential_privacy={**PRIVATE, "max_epsilon": epsilon})
    assert outcome(root)["steps"] == 0
    assert spent(root) == 0


@pytest.mark.parametrize("lengths", [[1] * 400, [0] * 400, [0] * 399 + [3]], ids=["ones", "zeros", "a single one"])
@pytest.mark.parametrize("has_columns", [True, False])
def test_hardly_anything_to_learn(tmp_path: Path, lengths: list[int], has_columns: bool):
    subjects, events = tables(lengths)
    root = str(tmp_path / "ws")
    split(events if has_columns else events[["owner"]], ctx_data=subjects, workspace_dir=root, **RELATED)
    analyze(workspace_dir=root, differential_privacy={"value_protection_epsilon": 50, "delta": DELTA}, random_state=1)
    encode(workspace_dir=root)
    learn(root, differential_privacy=PRIVATE)
    is_nothing = not has_columns and lengths == [1] * 400  # then nothing is drawn of them either
    assert outcome(root) is None if is_nothing else outcome(root)["steps"] == 20
