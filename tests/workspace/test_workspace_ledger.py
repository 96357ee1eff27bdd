"""The privacy ledger: lines are added, totals never shrink, and nobody's line gets lost."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from synth_engine.domain import ArtefactError
from synth_engine.workspace import LedgerEntry, Workspace
from synth_engine.workspace import local as local_disk
from synth_engine.workspace.ledger import FILE_NAME
from tests.workspace.disks import make_read_only
from tests.workspace.helpers import tree


def event(epsilon: float | None = 0.5, delta: float | None = 1e-6, version: str = "a") -> LedgerEntry:
    return LedgerEntry(
        stage="analyze", mechanism="noise", purpose="nulls", epsilon=epsilon, delta=delta, data_version=version
    )


def test_there_is_no_ledger_before_the_first_event(workspace: Workspace):
    assert workspace.ledger.entries() == []
    assert tree(workspace) == {}


def test_events_are_lines_of_json_with_running_totals(workspace: Workspace):
    workspace.ledger.add([event(0.5), event(0.25)])
    workspace.ledger.add([event(1.0, 0.0, version="b")])
    lines = tree(workspace)[f"/{FILE_NAME}"].decode().splitlines()
    assert [json.loads(line)["epsilon"] for line in lines] == [0.5, 0.25, 1.0]
    entries = workspace.ledger.entries()
    assert [entry.cumulated_epsilon for entry in entries] == [0.5, 0.75, 1.75]
    assert [entry.cumulated_delta for entry in entries] == pytest.approx([1e-6, 2e-6, 2e-6])
    assert [entry.data_version for entry in entries] == ["a", "a", "b"]


def test_once_something_had_no_bound_the_total_has_none(workspace: Workspace):
    workspace.ledger.add([event(0.5), event(None, None), event(0.5)])
    workspace.ledger.add([event(0.5)])
    assert [entry.cumulated_epsilon for entry in workspace.ledger.entries()] == [0.5, None, None, None]
    assert workspace.ledger.entries()[-1].cumulated_delta is None


def test_a_ledger_that_cannot_be_read_is_neither_trusted_nor_overwritten(workspace: Workspace):
    workspace.ledger.add([event()])
    for damage in (b'{"stage": "analyze"}\n', b"no json\n", b'{"epsilon": NaN}\n'):
        workspace.root.fs.pipe_file((workspace.root / FILE_NAME).path, damage)
        before = tree(workspace)
        with pytest.raises(ArtefactError, match=r"privacy-ledger.jsonl: expected one privacy-spending event per line"):
            workspace.ledger.entries()
        with pytest.raises(ArtefactError, match=r"privacy-ledger.jsonl: expected one privacy-spending event per line"):
            workspace.ledger.add([event()])
        assert tree(workspace) == before


def test_several_writers_at_once_lose_nothing(local: Workspace):
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: local.ledger.add([event(1.0), event(1.0)]), range(20)))
    assert [entry.cumulated_epsilon for entry in local.ledger.entries()] == list(range(1, 41))


def test_a_crash_while_writing_leaves_the_ledger_as_it_was(local: Workspace, monkeypatch: pytest.MonkeyPatch):
    local.ledger.add([event(0.5)])

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(local_disk.os, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        local.ledger.add([event(0.25)])
    monkeypatch.undo()
    assert [entry.epsilon for entry in local.ledger.entries()] == [0.5]
    local.ledger.add([event(0.125)])
    assert [entry.cumulated_epsilon for entry in local.ledger.entries()] == [0.5, 0.625]


def test_a_place_that_cannot_be_written_is_named(small_disk: Path):
    workspace = Workspace(small_disk / "ws")
    workspace.ledger.add([event()])
    make_read_only(small_disk)
    with pytest.raises(ArtefactError, match=r"privacy-ledger.jsonl: cannot be written: Read-only file system"):
        workspace.ledger.add([event()])
    assert len(workspace.ledger.entries()) == 1
