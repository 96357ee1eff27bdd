"""Shards: the same bytes whoever draws them, in whatever order, and however many runs die on the way."""

import errno
import random
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
import pytest

from synth_engine import generate, train
from synth_engine.domain import ArtefactError, GenerateConfig, InputError
from synth_engine.stages import GenerationPlan, draw_shards, finish_generation, plan_generation
from synth_engine.stages.generating import generation
from synth_engine.workspace import Artefact, Workspace, storage
from tests.stages.drawers import SHARD_ROWS, draw_in_processes, generating, shards_begun, wait_for_shards
from tests.stages.helpers import SMALL, refused, synthetic
from tests.stages.test_stages_generate import files
from tests.stages.test_stages_keys import set_shard_rows
from tests.workspace.helpers import tree

SEED = 8_392_047_561_037
ROWS = 95
SHARDS = list(range(10))


class Killed(BaseException):
    """Stands for the end of a run."""


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    set_shard_rows(monkeypatch, SHARD_ROWS)


@pytest.fixture
def root(request: pytest.FixtureRequest, ready: str) -> str:
    """A workspace with a model and no synthetic data; the parameter says where, a local folder otherwise."""
    local = Workspace(ready)
    local.remove(Artefact.SYNTHETIC_DATA)
    kind = getattr(request, "param", "local")
    if kind == "local":
        return ready
    place = f"memory://{uuid4().hex}" if kind == "memory" else f"{request.getfixturevalue('bucket')}/ws"
    there = Workspace(place)
    for path, data in tree(local).items():
        there.root.fs.pipe_file(there.root.path + path, data)
    return place


everywhere = pytest.mark.parametrize("root", ["local", "memory", "s3"], indirect=True)


def interrupt(root: str, n_shards: int, error: BaseException | None = None, **arguments: Any) -> None:
    """Generate, and die when so many shards are there."""
    error = error or Killed()

    def die(completed: float, **facts: Any) -> None:
        if completed >= n_shards * SHARD_ROWS:
            raise error

    with pytest.raises(type(error)):
        generate(workspace_dir=root, update_progress=die, **{"sample_size": ROWS, "random_state": SEED} | arguments)


def reports(root: str, **arguments: Any) -> list[float]:
    """Generate, and tell how many rows were reported each time."""
    seen: list[float] = []
    generate(
        workspace_dir=root,
        update_progress=lambda completed, **facts: seen.append(completed),
        **{"sample_size": ROWS, "random_state": SEED} | arguments,
    )
    return seen


def drafts_in(root: str) -> list[str]:
    return [name for name in storage.folder_names(Workspace(root).root) if name.endswith(".draft")]


def plan_of(root: str, seed: int | None = SEED, **arguments: Any) -> GenerationPlan:
    return plan_generation(GenerateConfig.of(sample_size=ROWS, random_state=seed), workspace_dir=root, **arguments)


@pytest.fixture
def expected(root: str) -> dict[str, bytes]:
    """What an undisturbed run makes."""
    generate(workspace_dir=root, sample_size=ROWS, random_state=SEED)
    made = files(root)
    Workspace(root).remove(Artefact.SYNTHETIC_DATA)
    return made


@pytest.mark.parametrize("seed", [pytest.param(SEED, marks=pytest.mark.slow), None])
def test_runs_that_are_killed_are_gone_on_with(root: str, tmp_path: Path, expected: dict[str, bytes], seed: int | None):
    """Killed five times in the midst of drawing, and once when the files are being put in place."""
    log, chance = tmp_path / "log", random.Random(0)
    records = set()
    for dies_at in [*(chance.randint(1, 6) for _ in range(5)), 3 * len(SHARDS)]:
        assert run(root, log, dies_at=dies_at, sample_size=ROWS, random_state=seed) != 0
        records |= {storage.read(path / "draft.json") for path in Workspace(root).root.glob(".*.draft")}
    assert len(records) == 1, "the same draft each time, with its seed"
    plan = plan_of(root, seed)
    assert plan.missing == ()
    assert run(root, log, sample_size=ROWS, random_state=seed) == 0
    begun = shards_begun(log)
    assert set(begun) == set(SHARDS)
    assert len(begun) - len(SHARDS) <= 6, "a run that is killed loses no more than the open shard"
    assert drafts_in(root) == []
    if seed is None:
        made = files(root)
        generate(workspace_dir=root, sample_size=ROWS, random_state=int.from_bytes(Workspace(root).unseal(plan.seed)))
        assert files(root) == made != expected
    else:
        assert files(root) == expected


@pytest.mark.slow
def test_runs_that_are_killed_at_any_moment(root: str, tmp_path: Path):
    log, chance, n_rows, n_kills = tmp_path / "log", random.Random(0), 2_000, 0
    generate(workspace_dir=root, sample_size=n_rows, random_state=SEED)
    expected = files(root)
    Workspace(root).remove(Artefact.SYNTHETIC_DATA)
    while not Workspace(root).has(Artefact.SYNTHETIC_DATA):
        process = generating(root, log, sample_size=n_rows, random_state=SEED)
        wait_for_shards(log, len(shards_begun(log)) + chance.randint(1, 20), process)
        time.sleep(chance.uniform(0, 0.01))
        process.kill()
        process.join()
        n_kills += process.exitcode != 0
        process.close()
    assert n_kills >= 3, "the test is void unless runs were killed before their end"
    assert set(shards_begun(log)) == set(range(200))
    assert len(shards_begun(log)) - 200 <= n_kills
    assert files(root) == expected


def run(root: str, log: Path, **arguments: Any) -> int | None:
    """The exit code of a process that generates."""
    process = generating(root, log, **arguments)
    process.join(120)
    code = process.exitcode
    process.kill()
    process.join()
    process.close()
    return code


@pytest.mark.parametrize("n_processes", [1, 2, 3])
def test_any_number_of_workers_in_any_order(root: str, tmp_path: Path, expected: dict[str, bytes], n_processes: int):
    plan = plan_of(root)
    assert (plan.n_rows, plan.n_shards, plan.missing) == (ROWS, len(SHARDS), tuple(SHARDS))
    order = random.Random(n_processes).sample(SHARDS, len(SHARDS))
    draw_in_processes(plan, root, tmp_path / "log", [order[i::n_processes] for i in range(n_processes)])
    finish_generation(plan, workspace_dir=root)
    assert sorted(shards_begun(tmp_path / "log")) == SHARDS
    assert files(root) == expected
    assert synthetic(root)["id"].to_pylist() == list(range(1, ROWS + 1))


def test_workers_that_draw_the_same_shards(root: str, tmp_path: Path, expected: dict[str, bytes]):
    plan = plan_of(root)
    draw_in_processes(plan, root, tmp_path / "log", [SHARDS, SHARDS[::-1], SHARDS])
    finish_generation(plan, workspace_dir=root)
    assert files(root) == expected


@everywhere
def test_an_interrupted_run_is_gone_on_with(root: str, expected: dict[str, bytes]):
    interrupt(root, 4)
    assert not Workspace(root).has(Artefact.SYNTHETIC_DATA)
    assert reports(root) == [0, 40, 50, 60, 70, 80, 90, 95]
    assert files(root) == expected
    assert drafts_in(root) == []


@everywhere
def test_the_three_steps(root: str, expected: dict[str, bytes]):
    plan = plan_of(root)
    draw_shards(plan, [7, 2], workspace_dir=root)
    again = plan_of(root)
    assert (again.drawn, again.seed) == ((2, 7), plan.seed)
    draw_shards(again, workspace_dir=root)
    finish_generation(plan, workspace_dir=root)
    assert files(root) == expected
    for done in (plan, again):
        draw_shards(done, [3], workspace_dir=root)
        finish_generation(done, workspace_dir=root)
    assert files(root) == expected
    assert drafts_in(root) == []


def test_a_second_interruption_keeps_what_the_first_did(root: str, expected: dict[str, bytes]):
    interrupt(root, 2)
    interrupt(root, 6)
    assert reports(root)[:2] == [0, 60]
    assert files(root) == expected


def test_what_the_version_before_held_stays_until_the_end(root: str, expected: dict[str, bytes]):
    generate(workspace_dir=root, sample_size=ROWS, random_state=SEED)
    interrupt(root, 5, random_state=SEED + 1)
    assert files(root) == expected


@pytest.mark.parametrize(
    "changed",
    [
        {"random_state": SEED + 1},
        {"random_state": None},
        {"sample_size": ROWS + 1},
        {"batch_size": 7},
        {"sampling_temperature": 0.9},
        {"sampling_top_p": 0.9},
        {"rare_category_replacement_method": "SAMPLE"},
        {"rebalancing": {"column": "city", "probabilities": {"Graz": 0.5}}},
        {"imputation": {"columns": ["amount"]}},
        {"seed_data": pd.DataFrame({"city": ["Graz"] * ROWS})},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_other_settings_take_up_nothing(root: str, changed: dict[str, Any]):
    interrupt(root, 4)
    assert reports(root, **changed)[:2] == [0, 10]
    assert drafts_in(root) == [], "and what nobody will go on with is gone"


def test_other_seed_data_take_up_nothing(root: str):
    seeds = pd.DataFrame({"city": ["Graz"] * 60 + ["Linz"] * 35})
    interrupt(root, 4, seed_data=seeds)
    assert reports(root, seed_data=seeds)[:2] == [0, 40]
    interrupt(root, 4, seed_data=seeds)
    assert reports(root, seed_data=seeds[::-1].reset_index(drop=True))[:2] == [0, 10]


def test_another_model_takes_up_nothing(root: str):
    interrupt(root, 4)
    plan = plan_of(root)
    train(workspace_dir=root, model=SMALL, max_epochs=1, random_state=7)
    with pytest.raises(ArtefactError, match="model-data: is not the model that was planned with; plan the generation"):
        draw_shards(plan, workspace_dir=root)
    assert reports(root)[:2] == [0, 10]


def test_other_libraries_take_up_nothing(root: str, monkeypatch: pytest.MonkeyPatch):
    interrupt(root, 4)
    monkeypatch.setattr(generation, "version", lambda name: "99.0")
    assert reports(root)[:2] == [0, 10]


def test_without_a_seed_only_what_was_interrupted_is_gone_on_with(root: str):
    interrupt(root, 9, random_state=None)
    assert reports(root, random_state=None) == [0, 90, 95]
    first = files(root)
    assert reports(root, random_state=None)[:2] == [0, 10]
    assert not files(root).items() & first.items()


@pytest.mark.parametrize("seed", [SEED, None])
def test_no_seed_can_be_read_anywhere(root: str, seed: int | None):
    """Neither while the rows are drawn nor afterwards, in no file and no name of one, nor in the plan."""
    interrupt(root, 3, random_state=seed)
    plan = plan_of(root, seed)
    draft = tree(Workspace(root))
    generate(workspace_dir=root, sample_size=ROWS, random_state=seed)
    found = int.from_bytes(Workspace(root).unseal(plan.seed), "big")
    assert found == (seed if seed is not None else found)
    shown = [plan.model_dump_json().encode()]
    shown += [part for path, data in (draft | tree(Workspace(root))).items() for part in (path.encode(), data)]
    for form in (str(found).encode(), f"{found:x}".encode(), found.to_bytes(8, "big"), found.to_bytes(8, "little")):
        assert not any(form in each for each in shown)


def test_a_plan_is_read_only_in_its_own_workspace(root: str, tmp_path: Path):
    plan = plan_of(root)
    (Path(root) / "OriginalData" / "hash-key").write_text("0" * 64)
    with pytest.raises(ArtefactError, match="planned in another workspace, or OriginalData/hash-key was lost"):
        draw_shards(plan, workspace_dir=root)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError(), RuntimeError("any")])
def test_whatever_ends_a_run_what_is_finished_is_kept_and_told(root: str, error: BaseException):
    interrupt(root, 4, error)
    assert error.__notes__ == ["40 of 95 rows are kept: generate goes on from there."]
    assert reports(root)[:2] == [0, 40]


def test_a_run_that_fails_before_its_first_shard_is_there_leaves_nothing(root: str):
    before = tree(Workspace(root))
    interrupt(root, 0, RuntimeError("any"))
    assert tree(Workspace(root)) == before


def test_a_full_disk_gets_its_room_back(root: str, monkeypatch: pytest.MonkeyPatch):
    left = 4
    original = storage.put

    def put(path: Any, data: bytes | memoryview) -> None:
        nonlocal left
        if path.name.startswith("part"):
            left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        original(path, data)

    monkeypatch.setattr(storage, "put", put)
    with refused(root, ArtefactError, "SyntheticData: cannot be written: No space left on device"):
        generate(workspace_dir=root, sample_size=ROWS, random_state=SEED)
    assert left == -1


@pytest.mark.parametrize(("root", "seed"), [("local", SEED), ("local", None), ("memory", SEED)], indirect=["root"])
def test_two_runs_at_the_same_moment(root: str, expected: dict[str, bytes], seed: int | None):
    """The second one begins, and ends, while the first is in the middle. On an object store they share the work."""
    made = []

    def second(completed: float, **facts: Any) -> None:
        if completed == 30:
            generate(workspace_dir=root, sample_size=ROWS, random_state=seed)
            made.append(files(root))

    generate(workspace_dir=root, sample_size=ROWS, random_state=seed, update_progress=second)
    made.append(files(root))
    assert len(made[0]) == len(made[1]) == len(SHARDS)
    assert made == [expected, expected] if seed is not None else not made[0].items() & made[1].items()
    assert drafts_in(root) == []


def test_a_plan_that_was_given_up_is_told_of(root: str):
    plan = plan_of(root)
    plan_of(root, SEED + 1)
    for step in (draw_shards, finish_generation):
        with pytest.raises(ArtefactError, match="SyntheticData: the planned generation is no longer there; another"):
            step(plan, workspace_dir=root)


def test_shards_that_are_missing_are_told_of(root: str):
    plan = plan_of(root)
    draw_shards(plan, [2, 5], workspace_dir=root)
    with refused(root, ArtefactError, r"8 of 10 shards are missing \(0, 1, 3, 4, 6, …\); draw them first"):
        finish_generation(plan, workspace_dir=root)


@pytest.mark.parametrize("wrong", [-1, 10])
def test_shards_that_are_none(root: str, wrong: int):
    plan = plan_of(root)
    with refused(root, InputError, f"shards: expected numbers from 0 to 9, found {wrong}"):
        draw_shards(plan, [0, wrong], workspace_dir=root)


def test_seed_data_are_given_to_every_worker(root: str):
    seeds = pd.DataFrame({"city": [f"Nr. {i}" for i in range(ROWS)]})
    plan = plan_of(root, seed_data=seeds)
    for wrong in (None, seeds[::-1]):
        with refused(root, InputError, "seed_data: expected the table that was planned with, found another one"):
            draw_shards(plan, workspace_dir=root, seed_data=wrong)
    draw_shards(plan, workspace_dir=root, seed_data=seeds)
    finish_generation(plan, workspace_dir=root)
    assert synthetic(root)["city"].to_pylist() == seeds["city"].tolist()


def test_another_version_of_the_engine_does_not_draw(root: str):
    plan = plan_of(root).model_copy(update={"engine_version": "0.0.1"})
    with pytest.raises(ArtefactError, match=r"was planned by version 0.0.1 of synth_engine, this is"):
        draw_shards(plan, workspace_dir=root)


def test_workers_report_rows(root: str):
    plan = plan_of(root)
    draw_shards(plan, [3], workspace_dir=root)
    seen: list[tuple[float, float]] = []

    def note(completed: float, total: float, **facts: Any) -> None:
        seen.append((completed, total))

    draw_shards(plan, [2, 3, 4, 2], workspace_dir=root, update_progress=note)
    assert seen[0] == (0, 3 * SHARD_ROWS)
    assert seen[1:] == [(done * SHARD_ROWS, 3 * SHARD_ROWS) for done in (1, 2, 3)]


@pytest.mark.parametrize("n_rows", [0, 1])
def test_few_rows_are_one_shard(root: str, n_rows: int):
    plan = plan_generation(GenerateConfig.of(sample_size=n_rows), workspace_dir=root)
    assert plan.missing == (0,)
    draw_shards(plan, workspace_dir=root)
    finish_generation(plan, workspace_dir=root)
    assert synthetic(root).num_rows == n_rows
