"""Attacks on value protection: a person's own values are looked for in every file that may be handed over."""

import signal
from typing import Any

import pytest

from synth_engine import analyze, encode, split
from synth_engine.workspace import Artefact, Workspace
from synth_engine.workspace.storage import folder_names
from tests.stages.plants import (
    PLANTS,
    RELATED_PLANTS,
    VISITED,
    Plant,
    encoding_types,
    found,
    related,
    shareable,
    table,
    tells,
)
from tests.stages.processes import killed_at

# So much budget that all noise is zero, but with a probability below exp(-50): what is left of differential privacy
# then is that a single person is never noticed.
PROTECTIONS: dict[str, dict[str, Any]] = {
    "thresholds": {},
    "no noise": {"differential_privacy": {"value_protection_epsilon": 1e5, "delta": 0.9}},
}
by_protection = pytest.mark.parametrize("options", PROTECTIONS.values(), ids=PROTECTIONS)


def planted(place: str, tables: str) -> str:
    """A workspace in which the plants were split: in one table, or in events and their subjects."""
    if tables == "flat":
        split(table(), tgt_encoding_types=encoding_types(), n_partitions=2, workspace_dir=place)
        return place
    events, subjects = related()
    split(
        events,
        ctx_data=subjects,
        ctx_primary_key="id",
        tgt_context_key="owner",
        tgt_encoding_types=encoding_types([*PLANTS, VISITED]),
        ctx_encoding_types=encoding_types(),
        n_partitions=2,
        workspace_dir=place,
    )
    return place


@pytest.fixture(params=["flat", "related"])
def root(request, tmp_path) -> str:
    """A workspace in which the plants were split."""
    return planted(str(tmp_path / "ws"), request.param)


@by_protection
@pytest.mark.parametrize("seed", range(3))
def test_no_shareable_file_tells_of_a_plant(root: str, options: dict[str, Any], seed: int):
    analyze(workspace_dir=root, random_state=seed, **options)
    encode(workspace_dir=root)
    assert shareable(root)
    assert found(shareable(root)) == set()


@pytest.mark.parametrize("epsilon", [0.5, 20.0])
def test_with_secure_noise_neither(root: str, epsilon: float):
    """Whatever the noise. It can look like numbers and places: for these see `test_stages_planted_noise`."""
    analyze(workspace_dir=root, differential_privacy={"value_protection_epsilon": epsilon})
    assert not found(shareable(root)) & {plant.name for plant in PLANTS if not plant.is_known}


@pytest.mark.parametrize(("tables", "plants"), [("flat", PLANTS), ("related", RELATED_PLANTS)])
def test_without_protection_every_plant_is_there_and_the_files_say_so(tmp_path, tables: str, plants: list[Plant]):
    root = planted(str(tmp_path / "ws"), tables)
    analyze(value_protection=False, workspace_dir=root)
    assert found(shareable(root)) == {plant.name for plant in plants if plant.traces}
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


@pytest.mark.parametrize("name", PROTECTIONS)
@pytest.mark.parametrize("step", [1, *(pytest.param(step, marks=pytest.mark.slow) for step in (0, 3))])
def test_a_killed_run_leaves_nothing_that_tells_of_a_plant(root: str, name: str, step: int):
    assert killed_at(step, root, PROTECTIONS[name]) == -signal.SIGKILL
    halves = [folder for half in ("ModelStore", "OriginalData") for folder in folder_names(Workspace(root).root / half)]
    assert [folder for folder in halves if folder.startswith(".")], "the test is void unless it died while writing"
    assert found(shareable(root)) == set()
    analyze(workspace_dir=root, random_state=0, **PROTECTIONS[name])
    assert found(shareable(root)) == set()
    assert not [folder for folder in folder_names(Workspace(root).root / "ModelStore") if folder.startswith(".")]


def test_hashes_tell_nothing_and_all_else_does():
    """A hash may begin like a trace; a trace beside or inside of anything else counts."""
    digest = "e118" + "0f" * 30
    for text in (f'"sha256": "{digest}"', f'"random_state": "sealed-{digest[:32]}"'):
        assert not tells(text, ("e11",)), text
    for text in ('"e11": 3', "digits__e11", f'"{digest}", "e11"', "at e11", digest[:20]):
        assert tells(text, ("e11",)), text
    assert tells("271828182845" * 3, ("271828182845",))
