"""Fan-out: into how many ops a stage is divided, and that any number of processes makes the bytes of one."""

from pathlib import Path

import pandas as pd
import pytest
from dagster import DagsterEventType, DagsterInstance, build_reconstructable_job, execute_job

from synth_engine.domain import UserError
from synth_engine.workspace import Artefact, Workspace
from synth_pipeline import fan_out
from synth_pipeline.fan_out import Planned, Work, divided, outputs
from synth_pipeline.partitions import register
from tests.pipeline.conftest import Pipeline
from tests.pipeline.in_processes import MARKS_VARIABLE, VICTIMS_VARIABLE, job_in_processes

MADE = (Artefact.TGT_STATS, Artefact.ENCODED_DATA, Artefact.SYNTHETIC_DATA)


@pytest.mark.parametrize("n_items", [1, 2, 7, 64, 65, 1_000])
@pytest.mark.parametrize("weight", [0.0, 0.1, 1.0, 1e9])
def test_every_item_is_done_once_and_in_order(n_items: int, weight: float):
    items = list(range(n_items))
    chunks = divided(items, lambda item: weight, per_op=5)
    assert [item for chunk in chunks for item in chunk] == items
    assert all(chunks)
    assert len(chunks) <= min(n_items, fan_out.MAX_OPS)
    sizes = [len(chunk) for chunk in chunks]
    assert max(sizes) - min(sizes) <= 1


def test_little_is_one_op_and_much_is_as_many_as_are_worth_it():
    assert len(divided(range(1_000), lambda item: 1, per_op=1_000)) == 1
    assert len(divided(range(1_000), lambda item: 1, per_op=500)) == 2
    assert len(divided(range(10), lambda item: 1e12, per_op=1)) == 10
    assert divided([], lambda item: 1, per_op=1) == []


def test_a_large_item_does_not_leave_an_op_without_any():
    assert divided([0, 1, 2, 3], lambda item: [100, 1, 1, 1][item], per_op=50) == [[0], [1, 2, 3]]


def test_what_is_handed_over_is_small_and_progress_is_of_the_whole():
    told = Planned(reason="it was not there", plan={"parts": ["a"]})
    first, *works = outputs(told, ["a", "b", "c"], weight=lambda item: 1, per_op=1, total=30)
    assert first.value["ops"] == 3
    seen = []
    for each in works:
        work = Work[str].model_validate(each.value)
        callback = work.within_whole(lambda total, completed, **_: seen.append((completed, total)))
        callback(total=5, completed=0)
        callback(total=5, completed=5)
    assert seen == [(0, 30), (10, 30), (10, 30), (20, 30), (20, 30), (30, 30)]


@pytest.mark.parametrize("told", ["0", "-1", "many", "nan", "inf"])
def test_a_size_that_cannot_be_is_named(told: str, monkeypatch):
    monkeypatch.setenv(fan_out.BYTES_VARIABLE, told)
    with pytest.raises(UserError, match=r"SYNTH_BYTES_PER_OP: expected a number above 0, found"):
        fan_out.bytes_per_op()


def steps(result) -> list[str]:
    return sorted(event.step_key for event in result.all_events if event.event_type == DagsterEventType.STEP_SUCCESS)


def test_a_small_table_is_one_op_per_stage_and_what_is_current_none(finished, monkeypatch):
    assert not [key for key in steps(finished.run()) if "[" in key]
    finished.configure(split={"n_partitions": 2})
    result = finished.run()
    assert len([key for key in steps(result) if "[" in key]) == 3
    monkeypatch.setenv(fan_out.BYTES_VARIABLE, "1")
    finished.configure(split={"n_partitions": 2}, analyze={"value_protection": False})
    mapped = [key for key in steps(finished.run()) if "[" in key]
    assert mapped == [
        *(f"column_stats.summarise_partitions[{number:02d}]" for number in range(4)),
        *(f"encoded_data.encode_partitions[{number:02d}]" for number in range(4)),
        "synthetic_data.draw_rows[00]",
    ]
    assert finished.shown("encoded_data")["seconds"] > 0


def files(workspace: Workspace) -> dict[str, bytes]:
    found = {
        f"{artefact.folder}/{name}": workspace.read(artefact).bytes(name)
        for artefact in MADE
        for name in workspace.manifest(artefact).files
    }
    return found | {"weights": workspace.read(Artefact.MODEL_DATA).bytes("model-weights.pt")}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_many_processes_make_what_one_makes_though_some_are_killed(tmp_path: Path, monkeypatch):
    for place in ("sources", "home", "marks"):
        (tmp_path / place).mkdir()
    table = pd.DataFrame({"a": [str(row % 7) for row in range(600)], "b": [row % 5 for row in range(600)]})
    table.to_parquet(tmp_path / "sources" / "plain.parquet", index=False)
    monkeypatch.setenv("SYNTH_STORAGE", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv(fan_out.BYTES_VARIABLE, "1")
    monkeypatch.setenv(fan_out.ROWS_VARIABLE, "1")
    monkeypatch.setenv(MARKS_VARIABLE, str(tmp_path / "marks"))
    monkeypatch.setenv(VICTIMS_VARIABLE, "analyze encode generate")
    settings = {
        "source": "../sources/plain.parquet",
        "primary_key": None,
        "analyze": {"random_state": 0},
        "generate": {"sample_size": 70_000, "random_state": 0},
    }
    with DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        pipeline = Pipeline(tmp_path, instance)
        for name in ("one", "many"):
            pipeline.configure(name, **settings)
            register(instance, name)
        assert pipeline.run("one").success
        job = build_reconstructable_job(job_in_processes.__module__, job_in_processes.__name__)
        with execute_job(job, instance, tags={"dagster/partition": "many"}) as result:
            assert result.success
            retried = [event.step_key for event in result.all_events if event.is_step_up_for_retry]
        assert len([key for key in steps(result) if "[" in key]) == 6
    assert sorted({key.partition("[")[0] for key in retried}) == [
        "column_stats.summarise_partitions",
        "encoded_data.encode_partitions",
        "synthetic_data.draw_rows",
    ]
    assert files(Workspace(tmp_path / "many")) == files(Workspace(tmp_path / "one"))
