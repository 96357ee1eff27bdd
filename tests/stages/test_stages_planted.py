"""Attacks on value protection: a person's own values are looked for in every file that may be handed over."""

import multiprocessing
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from typing import Any

import pytest

from synth_engine import analyze, encode, split
from synth_engine.workspace import Artefact, Workspace
from synth_engine.workspace.storage import folder_names
from tests.stages.plants import PLANTS, encoding_types, found, shareable, table

PROTECTIONS: dict[str, dict[str, Any]] = {
    "thresholds": {},
    "differential privacy": {"differential_privacy": {"value_protection_epsilon": 20.0}},
    "very little privacy": {"differential_privacy": {"value_protection_epsilon": 2_000.0, "delta": 0.9}},
}
by_protection = pytest.mark.parametrize("options", PROTECTIONS.values(), ids=PROTECTIONS)


@pytest.fixture
def root(tmp_path) -> str:
    """A workspace in which the plants were split."""
    place = str(tmp_path / "ws")
    split(table(), tgt_encoding_types=encoding_types(), n_partitions=2, workspace_dir=place)
    return place


@by_protection
@pytest.mark.parametrize("seed", range(3))
def test_no_shareable_file_tells_of_a_plant(root: str, options: dict[str, Any], seed: int):
    analyze(workspace_dir=root, random_state=seed, **options)
    encode(workspace_dir=root)
    assert shareable(root)
    assert found(shareable(root)) == set()


@by_protection
def test_with_secure_noise_neither(root: str, options: dict[str, Any]):
    analyze(workspace_dir=root, **options)
    assert not found(shareable(root)) - {"seen", "born"}  # ranges of years may reach far by chance, whoever is there


def test_without_protection_every_plant_is_there_and_the_files_say_so(root: str):
    analyze(value_protection=False, workspace_dir=root)
    assert found(shareable(root)) == {plant.name for plant in PLANTS if plant.traces}
    statistics = Workspace(root).read(Artefact.TGT_STATS).json("stats.json")
    assert statistics["value_protection"] is False
    assert statistics["differential_privacy"] is None
    assert statistics["columns"]["missing"]["has_nulls"]
    assert Workspace(root).manifest(Artefact.TGT_STATS).config["value_protection"] is False


def test_a_plant_is_found_where_it_is(tmp_path):
    """The search itself can find every plant, and nothing in a table without them."""
    place = str(tmp_path / "ws")
    split(table(with_secrets=False), tgt_encoding_types=encoding_types(), workspace_dir=place)
    analyze(value_protection=False, workspace_dir=place)
    assert found(shareable(place)) == set()


# --- killed in the middle ---------------------------------------------------------------------------------------------

CONTEXT = multiprocessing.get_context("forkserver")


@contextmanager
def at_work(root: str, options: dict[str, Any]) -> Iterator[None]:
    """A process that analyzes and encodes over and over; it has done so once, and is killed at the end."""
    started = CONTEXT.Event()
    process = CONTEXT.Process(target=_work_forever, args=(root, options, started), daemon=True)
    process.start()
    try:
        assert started.wait(120)
        yield
    finally:
        process.kill()
        process.join()
        process.close()


def _work_forever(root: str, options: dict[str, Any], started: Event) -> None:
    for seed in range(10**6):
        analyze(workspace_dir=root, random_state=seed % 3, **options)
        encode(workspace_dir=root)
        started.set()


@pytest.mark.parametrize("name", ["thresholds", "differential privacy"])
def test_a_killed_run_leaves_nothing_that_tells_of_a_plant(root: str, name: str):
    chance = random.Random(0)
    interrupted = 0
    for _ in range(4):
        with at_work(root, PROTECTIONS[name]):
            for _ in range(10):  # at any moment, not only when it dies
                time.sleep(chance.uniform(0, 0.01))
                assert found(shareable(root)) == set()
        halves = [
            folder for half in ("ModelStore", "OriginalData") for folder in folder_names(Workspace(root).root / half)
        ]
        interrupted += any(folder.startswith(".") for folder in halves)
        assert found(shareable(root)) == set()
    assert interrupted > 0, "the test is void unless some were killed in the middle of writing"
    analyze(workspace_dir=root, random_state=0, **PROTECTIONS[name])
    assert not [folder for folder in folder_names(Workspace(root).root / "ModelStore") if folder.startswith(".")]
