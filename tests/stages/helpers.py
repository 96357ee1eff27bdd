"""What the tests of the stages share: the five verbs in one call, and pictures of a workspace."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from synth_engine import analyze, encode, generate, split, train
from synth_engine.workspace import Artefact, Workspace
from tests.workspace.helpers import tree

SMALL = "MOSTLY_AI/Small"


def run_all(table: pd.DataFrame | pa.Table, root: str, *, sample_size: int | None = None, **options: Any) -> pa.Table:
    """From a table to its twin, with as little training as there can be; `options` are those of `split`."""
    fit(table, root, **options)
    generate(workspace_dir=root, sample_size=sample_size, random_state=1)
    return synthetic(root)


def fit(table: pd.DataFrame | pa.Table, root: str, *, max_epochs: float = 1, **options: Any) -> None:
    """The first four verbs."""
    split(table, workspace_dir=root, **options)
    analyze(workspace_dir=root, random_state=1)
    encode(workspace_dir=root)
    train(workspace_dir=root, model=SMALL, max_epochs=max_epochs, random_state=1)


def synthetic(root: str) -> pa.Table:
    """All rows of the synthetic data, read the safe way."""
    reader = Workspace(root).read(Artefact.SYNTHETIC_DATA)
    return pa.concat_tables(reader.table(name) for name in reader.parts())


def original(root: str, role: str) -> list[pa.Table]:
    """The partitions of a role of the original data."""
    reader = Workspace(root).read(Artefact.TGT_DATA)
    return [reader.table(name) for name in reader.parts(role)]


def through_parquet(table: pd.DataFrame | pa.Table) -> pa.Table:
    """What Parquet makes of a table: it has no seconds, for example, and no dictionaries but of text."""
    file = io.BytesIO()
    arrow = pa.Table.from_pandas(table, preserve_index=False) if isinstance(table, pd.DataFrame) else table
    pq.write_table(arrow, file)
    return pq.read_table(file)


@contextmanager
def refused(root: str, error: type[Exception], message: str) -> Iterator[None]:
    """The block raises an error with this message (a pattern), and leaves the workspace as it was, to the byte."""
    before = tree(Workspace(root))
    with pytest.raises(error, match=message):
        yield
    assert tree(Workspace(root)) == before
