"""REUSE for subjects with events: a training that starts from the weights of a model of former data."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from synth_engine import analyze, encode, split
from synth_engine.domain import InputError
from synth_engine.stages.model_files import from_bytes
from synth_engine.workspace import Artefact, Workspace
from tests.sequences.known_process import KEYS, Sample, make_process
from tests.stages.helpers import refused
from tests.stages.test_stages_reuse import REUSE, facts, first_loss
from tests.stages.test_stages_train import learn, messages

SETTINGS: dict[str, Any] = {"model": "MOSTLY_AI/Small", "max_epochs": 4, "random_state": 1}


def renew(root: str, sample: Sample, **options: Any) -> str:
    """New data in a workspace, and everything up to the training."""
    split(sample.events, ctx_data=sample.subjects, workspace_dir=root, **{**KEYS, **options})
    analyze(workspace_dir=root, random_state=1)
    encode(workspace_dir=root)
    return root


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("trained") / "ws"
    renew(str(root), make_process(400, seed=1))
    learn(str(root), **SETTINGS)
    return root


@pytest.fixture
def root(trained: Path, tmp_path: Path) -> str:
    shutil.copytree(trained, tmp_path / "ws")
    return str(tmp_path / "ws")


def weights(root: str) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = from_bytes(Workspace(root).read(Artefact.MODEL_DATA).bytes("model-weights.pt"))
    return found


def test_without_training_the_weights_are_those_of_before(root: str):
    before = weights(root)
    learn(root, **SETTINGS | {"max_epochs": 0}, **REUSE)
    after = weights(root)
    assert list(after) == list(before)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert facts(root)["reused"]["new"] == facts(root)["reused"]["dropped"] == []
    assert {part["column"] for part in facts(root)["reused"]["parts"]} == {
        *("at", "state", "tag", "level", "kind (context)", "trend (context)", "length (number of events)")
    }


def test_the_same_data_goes_on_from_the_best_weights(root: str):
    start, end = first_loss(root), min(float(line["val_loss"]) for line in messages(root))
    learn(root, **SETTINGS | {"max_epochs": 1}, **REUSE)
    assert first_loss(root) < (start + end) / 2


def wider(sample: Sample) -> Sample:
    """New values in both tables, often enough to be known, and longer sequences."""
    events, subjects = sample.events.copy(), sample.subjects.copy()
    events["state"] = np.where(np.arange(len(events)) % 5 == 0, "new", events["state"])
    subjects["trend"] = np.where(np.arange(len(subjects)) % 4 == 0, "sideways", subjects["trend"])
    twice = np.repeat(np.arange(len(events)), np.where(events["owner"] < "s000150", 2, 1))
    return Sample(subjects, events.iloc[twice].reset_index(drop=True))


@pytest.mark.parametrize(
    "change",
    [
        wider,
        lambda sample: Sample(sample.subjects.drop(columns="kind"), sample.events),
        lambda sample: Sample(sample.subjects[["id"]], sample.events),
        lambda sample: Sample(sample.subjects.assign(x="y", number=range(400)), sample.events),
        lambda sample: Sample(
            sample.subjects.assign(likes=[["x", "y", "z"][: i % 4] for i in range(400)]), sample.events
        ),
        lambda sample: Sample(sample.subjects, sample.events.drop(columns="tag")),
        lambda sample: Sample(sample.subjects, sample.events.assign(extra=np.arange(len(sample.events)) % 3)),
    ],
    ids=[
        "wider",
        "context column gone",
        "context gone",
        "context columns new",
        "list new",
        "column gone",
        "column new",
    ],
)
def test_other_data_starts_better_than_from_scratch(root: str, change: Any):
    renew(root, change(make_process(400, seed=2)))
    learn(root, **SETTINGS | {"max_epochs": 0.5}, **REUSE)
    reused = first_loss(root)
    learn(root, **SETTINGS | {"max_epochs": 0.5})
    assert reused < first_loss(root)


def test_a_list_is_neither_its_length_nor_a_value(root: str):
    """A column of numbers that comes back as lists of numbers, and then with other elements."""
    sample = make_process(200, seed=2)
    numbers, found = np.arange(200) % 5, []
    for column in (numbers, [[i] * i for i in numbers], [[i + 3] * i for i in numbers]):
        renew(root, Sample(sample.subjects.assign(number=list(column)), sample.events))
        learn(root, **SETTINGS | {"max_epochs": 0.1}, **REUSE)
        found.append({part["column"] for part in facts(root)["reused"]["parts"]})
    of_list = {"number (context)", "number (context, elements)"}
    assert [each & of_list for each in found] == [set(), set(), of_list]


def test_a_model_of_events_alone_serves_those_of_known_subjects(root: str):
    sample = make_process(400, seed=2)
    split(sample.events, tgt_context_key="owner", workspace_dir=root)
    analyze(workspace_dir=root, random_state=1)
    encode(workspace_dir=root)
    learn(root, **SETTINGS, **REUSE)
    assert facts(root)["reused"]["dropped"] == [["kind (context)", "cat"], ["trend (context)", "cat"]]
    renew(root, sample)
    learn(root, **SETTINGS | {"max_epochs": 0.5}, **REUSE)
    reused = first_loss(root)
    learn(root, **SETTINGS | {"max_epochs": 0.5})
    assert reused < first_loss(root)


def test_a_model_of_another_kind_of_data_is_refused(root: str, tmp_path: Path):
    events = make_process(200, seed=2).events
    split(events, workspace_dir=root)
    analyze(workspace_dir=root, random_state=1)
    encode(workspace_dir=root)
    with refused(root, InputError, "expected a model of rows of one table, .*found one of the rows of subjects.*RESET"):
        learn(root, **SETTINGS, **REUSE)
    learn(root, **SETTINGS | {"max_epochs": 0.1})
    renew(root, make_process(200, seed=2))
    with refused(root, InputError, "expected a model of the rows of subjects.*found one of rows of one table.*RESET"):
        learn(root, **SETTINGS, **REUSE)


def test_one_row_for_each_subject_is_not_a_sequence(root: str):
    sample = make_process(200, seed=2)
    first: pd.DataFrame = sample.events.groupby("owner", as_index=False).head(1)
    renew(root, Sample(sample.subjects[sample.subjects["id"].isin(first["owner"])], first))
    with refused(root, InputError, "expected a model of subjects with exactly one row each.*RESET"):
        learn(root, **SETTINGS, **REUSE)
