"""Fixtures of the attacks: workspaces in which all stages ran, of a table and of one with free text."""

import shutil
from pathlib import Path

import pytest

from synth_engine import analyze, encode, generate, split, train
from synth_engine.demo import make_shop
from synth_engine.report import make_report
from synth_engine.workspace import Workspace

EPSILON = {"value_protection_epsilon": 5.0}


@pytest.fixture(scope="session")
def finished_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of a table; its statistics have differential privacy, so there is a ledger."""
    root = tmp_path_factory.mktemp("table") / "ws"
    split(make_shop(200, seed=0).customers, tgt_primary_key="customer_id", workspace_dir=root, random_state=0)
    analyze(workspace_dir=root, differential_privacy=EPSILON)
    encode(workspace_dir=root)
    train(workspace_dir=root, max_epochs=1, model="MOSTLY_AI/Small", random_state=0)
    generate(workspace_dir=root, sample_size=100, random_state=0)
    make_report(root)
    return root


@pytest.fixture(scope="session")
def finished_texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of a language model."""
    pytest.importorskip("tokenizers")
    from tests.stages.listings import make_listings, prepare

    root = tmp_path_factory.mktemp("texts") / "ws"
    prepare(make_listings(60), str(root))
    train(workspace_dir=root, max_epochs=1, random_state=0)
    return root


@pytest.fixture
def table_workspace(finished_table: Path, tmp_path: Path) -> Workspace:
    """A copy, for an attack."""
    return Workspace(shutil.copytree(finished_table, tmp_path / "ws"))
