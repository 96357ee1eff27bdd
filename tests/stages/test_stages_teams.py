"""Several processes that train together: the model is that of one process with the same global batch."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from synth_engine import analyze, encode, generate, split, train
from synth_engine.stages.model_files import from_bytes
from synth_engine.workspace import Artefact, Workspace
from tests.conftest import ROOT
from tests.stages.helpers import SMALL
from tests.stages.test_stages_resume import dependent_table
from tests.stages.test_stages_train import messages, outcome

SETTINGS: dict[str, Any] = {"model": SMALL, "max_epochs": 3, "random_state": 5}


def ready_for_training(root: str, table: pd.DataFrame) -> str:
    split(table, workspace_dir=root)
    analyze(workspace_dir=root, random_state=1)
    encode(workspace_dir=root)
    return root


def train_together(root: str, *, n_processes: int = 2, **arguments: Any) -> str:
    """Let torchrun start so many processes, each of which calls `train`; returns what they printed."""
    script = Path(root).parent / "together.py"
    script.write_text(f"import synth_engine; synth_engine.train(workspace_dir={root!r}, **{arguments!r})")
    return torchrun([str(script)], n_processes)


def torchrun(arguments: list[str], n_processes: int) -> str:
    """What so many processes print to standard output."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={n_processes}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, env=environment, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def weights_of(root: str) -> dict[str, torch.Tensor]:
    return from_bytes(Workspace(root).read(Artefact.MODEL_DATA).bytes("model-weights.pt"))


@pytest.mark.parametrize(
    ("n_processes", "accumulation"),
    [(2, None), *(pytest.param(*case, marks=pytest.mark.slow) for case in [(2, 2), (3, None)])],
)
def test_the_model_is_that_of_one_process_with_the_same_global_batch(
    tmp_path: Path, n_processes: int, accumulation: int | None
):
    """The same but for the order in which sums are taken."""
    together, alone = (ready_for_training(str(tmp_path / name), dependent_table()) for name in ("together", "alone"))
    train_together(
        together, n_processes=n_processes, batch_size=8, gradient_accumulation_steps=accumulation, **SETTINGS
    )
    train(workspace_dir=alone, batch_size=8, gradient_accumulation_steps=n_processes * (accumulation or 1), **SETTINGS)
    assert outcome(together)["steps"] == outcome(alone)["steps"] == 3 * (240 // (8 * n_processes * (accumulation or 1)))
    torch.testing.assert_close(weights_of(together), weights_of(alone), rtol=1e-4, atol=1e-5)
    for one, other in zip(messages(together), messages(alone), strict=True):
        assert float(one["val_loss"]) == pytest.approx(float(other["val_loss"]), rel=1e-5)
        assert float(one["trn_loss"]) == pytest.approx(float(other["trn_loss"]), rel=1e-5)
    generate(workspace_dir=together, sample_size=5)


@pytest.mark.slow
def test_what_they_began_one_process_can_resume(tmp_path: Path):
    together, alone = (ready_for_training(str(tmp_path / name), dependent_table()) for name in ("together", "alone"))
    train_together(together, batch_size=8, **SETTINGS | {"max_epochs": 1})
    settings = {**SETTINGS, "batch_size": 8, "gradient_accumulation_steps": 2, "model_state_strategy": "RESUME"}
    train(workspace_dir=alone, **settings | {"max_epochs": 1})
    for root in (together, alone):
        train(workspace_dir=root, **settings)
    torch.testing.assert_close(weights_of(together), weights_of(alone), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_fewer_rows_than_processes(tmp_path: Path):
    root = ready_for_training(str(tmp_path / "ws"), dependent_table(2))
    train_together(root, batch_size=1, n_processes=3, **SETTINGS)
    assert outcome(root)["steps"] == 3


def test_without_a_seed_they_agree_on_one_and_one_of_them_speaks(tmp_path: Path):
    """By the command line: bars and summary come once. With keys of their own their losses would differ."""
    root = ready_for_training(str(tmp_path / "ws"), dependent_table())
    arguments = ["-m", "synth_engine", "train", "-w", root, "--max-epochs", "2", "--model", SMALL]
    printed = torchrun(arguments, n_processes=2)
    assert printed.count("model") == 1
    assert len(messages(root)) == 2
