"""Whoever can write into a workspace can run nothing by it: pickles in place of any file are refused by name."""

import pickle
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from synth_engine import LanguageModel, TabularARGN, analyze, encode, generate, train
from synth_engine.domain import ArtefactError, UserError
from synth_engine.report import make_report, read_report
from synth_engine.summary import synthetic_table
from synth_engine.workspace import Artefact, Workspace
from tests.security.attackers import pickles, swap

resume, reuse = (
    partial(train, model_state_strategy=each, max_epochs=0.1, random_state=0, model="MOSTLY_AI/Small")
    for each in ("RESUME", "REUSE")
)
resume_texts, reuse_texts = (
    partial(train, model_state_strategy=each, max_epochs=0.1, random_state=0) for each in ("RESUME", "REUSE")
)
draw = partial(generate, sample_size=5)


def read_synthetic(workspace_dir: Path) -> None:
    synthetic_table(str(workspace_dir))


def open_table(workspace_dir: Path) -> None:
    TabularARGN.from_workspace(workspace_dir).sample(3)


def open_texts(workspace_dir: Path) -> None:
    LanguageModel.from_workspace(workspace_dir).sample(3)


READERS: dict[Artefact, list[Callable]] = {
    Artefact.TGT_DATA: [analyze, make_report],
    Artefact.TGT_META: [analyze, encode],
    Artefact.TGT_STATS: [encode, draw],
    Artefact.ENCODED_DATA: [reuse, resume],
    Artefact.MODEL_DATA: [resume, reuse, draw, open_table],
    Artefact.SYNTHETIC_DATA: [read_synthetic, make_report],
    Artefact.REPORT: [read_report],
}
READERS_OF_TEXTS: dict[Artefact, list[Callable]] = {
    Artefact.ENCODED_DATA: [reuse_texts],
    Artefact.MODEL_DATA: [resume_texts, reuse_texts, draw, open_texts],
}
NEVER_READ = {"progress-messages.csv", "report.html"}


def attacked(root: Path, tmp_path: Path, artefact: Artefact, readers: list[Callable], kind: str) -> None:
    """Replace each file of an artefact in turn, and let all that reads it have a go."""
    marker = tmp_path / "marker"
    attack = pickles(marker)[kind]
    for name in Workspace(root).manifest(artefact).files:
        refused = False
        for read in readers:
            copy = shutil.copytree(root, tmp_path / "copy")
            swap(Workspace(copy), artefact, name, attack)
            try:
                read(workspace_dir=copy)
            except ArtefactError as error:
                refused = True
                assert f"{name}: expected what" in str(error) or "expected a report" in str(error)  # noqa: PT017
            assert not marker.exists(), f"{name} was run by {read}"
            shutil.rmtree(copy)
        assert refused or name in NEVER_READ, name


@pytest.mark.parametrize("kind", ["plain", "old torch", "new torch"])
def test_the_attack_is_one(kind, tmp_path):
    import torch

    attack = tmp_path / "attack"
    attack.write_bytes(pickles(tmp_path / "marker")[kind])
    if kind == "plain":
        pickle.loads(attack.read_bytes())
    else:
        torch.load(attack, weights_only=False)
    assert (tmp_path / "marker").is_dir()


@pytest.mark.parametrize("artefact", READERS)
def test_pickles_in_a_workspace_of_a_table(artefact, finished_table, tmp_path):
    attacked(finished_table, tmp_path, artefact, READERS[artefact], "plain")


@pytest.mark.parametrize("artefact", READERS_OF_TEXTS)
def test_pickles_in_a_workspace_of_texts(artefact, finished_texts, tmp_path):
    attacked(finished_texts, tmp_path, artefact, READERS_OF_TEXTS[artefact], "plain")


@pytest.mark.parametrize("kind", ["old torch", "new torch"])
def test_pickles_of_torch_in_place_of_a_model(kind, finished_table, tmp_path):
    attacked(finished_table, tmp_path, Artefact.MODEL_DATA, [resume, open_table], kind)


@pytest.mark.parametrize(
    ("file", "read"),
    [
        ("OriginalData/hash-key", analyze),
        ("ModelStore/privacy-ledger.jsonl", make_report),
        ("ModelStore/privacy-ledger.jsonl", partial(analyze, differential_privacy={"value_protection_epsilon": 1.0})),
    ],
)
def test_pickles_beside_the_artefacts(file, read, finished_table, tmp_path):
    copy = shutil.copytree(finished_table, tmp_path / "copy")
    shutil.rmtree(copy / "QualityReport")
    (copy / file).write_bytes(pickles(tmp_path / "marker")["plain"])
    with pytest.raises(UserError, match=file):
        read(workspace_dir=copy)
    assert not (tmp_path / "marker").exists()
