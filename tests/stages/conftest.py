"""Fixtures of the stages' tests: a small table, and a workspace in which all five verbs have run."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tests.stages.helpers import fit, run_all
from tests.stages.subjects import RELATED, make_tables
from tests.workspace.disks import small_disk
from tests.workspace.object_store import bucket, object_store

__all__ = ["bucket", "object_store", "small_disk"]


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Tests are small: threads that wait for each other cost more than they give. And they change the weights."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_table(n_rows: int = 120) -> pd.DataFrame:
    """A key, and a column of each common kind."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": np.arange(n_rows),
            "city": rng.choice(["Vienna", "Graz", "Linz"], n_rows, p=[0.6, 0.3, 0.1]),
            "amount": rng.normal(100, 20, n_rows).round(2),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 1000, n_rows), unit="D"),
            "active": rng.random(n_rows) < 0.7,
        }
    )


@pytest.fixture
def table() -> pd.DataFrame:
    """A key, and a column of each common kind."""
    return make_table()


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which all five verbs have run on `table`. Read it only; `ready` is a copy of it."""
    root = tmp_path_factory.mktemp("finished") / "ws"
    run_all(make_table(), str(root), tgt_primary_key="id")
    return root


@pytest.fixture
def ready(finished: Path, tmp_path: Path) -> str:
    """A workspace of one's own in which all five verbs have run on `table`."""
    shutil.copytree(finished, tmp_path / "ws")
    return str(tmp_path / "ws")


@pytest.fixture(scope="session")
def _with_context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("with context") / "ws"
    subjects, events = make_tables()
    types = {"day": "TABULAR_DATETIME_RELATIVE"}
    fit(events, str(root), ctx_data=subjects, tgt_primary_key="event", tgt_encoding_types=types, **RELATED)
    return root


@pytest.fixture
def related(_with_context: Path, tmp_path: Path) -> str:
    """A workspace of one's own with a model of `make_tables`."""
    return str(shutil.copytree(_with_context, tmp_path / "related"))


@pytest.fixture(scope="session")
def _without_context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("without context") / "ws"
    types = {"day": "TABULAR_DATETIME_RELATIVE"}
    fit(make_tables()[1], str(root), tgt_primary_key="event", tgt_encoding_types=types, tgt_context_key="owner")
    return root


@pytest.fixture
def alone(_without_context: Path, tmp_path: Path) -> str:
    """A workspace of one's own with a model of the events of `make_tables`, without the subjects."""
    return str(shutil.copytree(_without_context, tmp_path / "alone"))
