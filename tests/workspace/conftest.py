"""Fixtures of the workspace's tests: a workspace on each kind of file system, and a small artefact to put there."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from synth_engine.workspace import Workspace
from tests.workspace.disks import small_disk
from tests.workspace.object_store import bucket, object_store

__all__ = ["bucket", "object_store", "small_disk"]


@pytest.fixture(params=["local", "memory", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The root of a workspace that is not there yet, on every kind of file system."""
    if request.param == "local":
        yield str(tmp_path / "ws")
    elif request.param == "memory":
        yield f"memory://{uuid4().hex}"
    else:
        yield f"{request.getfixturevalue('bucket')}/ws"


@pytest.fixture
def workspace(root: str) -> Workspace:
    """A workspace on every kind of file system."""
    return Workspace(root)


@pytest.fixture
def local(tmp_path: Path) -> Workspace:
    """A workspace in a local folder."""
    return Workspace(tmp_path / "ws")
