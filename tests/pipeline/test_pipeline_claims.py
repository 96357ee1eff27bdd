"""Claims: two runs never write one workspace, and a run that is gone keeps nobody out."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from dagster import DagsterInstance, DagsterRunStatus

from synth_engine.domain import ProgressCallback, UserError
from synth_engine.workspace import Artefact, NumberedFile, Workspace
from synth_pipeline import claims
from synth_pipeline.claims import FOLDER, Claim, claimed
from synth_pipeline.resources import Listener


@pytest.fixture
def instance():
    with DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace(tmp_path / "shop")


def a_run(instance: DagsterInstance, status: DagsterRunStatus = DagsterRunStatus.STARTED, **facts):
    return instance.create_run(
        **{
            "job_name": "synthesize",
            "run_id": None,
            "run_config": None,
            "status": status,
            "tags": None,
            "root_run_id": None,
            "parent_run_id": None,
            "step_keys_to_execute": None,
            "execution_plan_snapshot": None,
            "job_snapshot": None,
            "parent_job_snapshot": None,
            "asset_selection": None,
            "asset_check_selection": None,
            "resolved_op_selection": None,
            "op_selection": None,
            "remote_job_origin": None,
            "job_code_origin": None,
            "asset_graph": None,
        }
        | facts
    )


def hold(workspace, run, instance) -> None:
    with claimed(workspace, "shop", run, instance):
        pass


def refused(workspace, run, instance, by) -> None:
    with pytest.raises(UserError, match=rf"run {by.run_id} has been writing this workspace since \d{{4}}-"):
        hold(workspace, run, instance)


def test_a_run_shares_its_claim_among_its_steps_and_with_nobody_else(workspace, instance):
    one, other = a_run(instance), a_run(instance)
    with claimed(workspace, "shop", one, instance):
        hold(workspace, one, instance)
        refused(workspace, other, instance, by=one)
    refused(workspace, other, instance, by=one)  # between steps, too
    hold(workspace, one, instance)


def test_who_releases_lets_the_next_one_in(workspace, instance):
    one, other = a_run(instance), a_run(instance)
    with claimed(workspace, "shop", one, instance) as claim:
        claim.release()
    hold(workspace, other, instance)
    refused(workspace, one, instance, by=other)
    assert len(list((workspace.root / FOLDER).iterdir())) == 1


@pytest.mark.parametrize("status", [DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED, DagsterRunStatus.SUCCESS])
def test_a_run_that_has_ended_is_followed_at_once(workspace, instance, status):
    hold(workspace, a_run(instance, status), instance)
    hold(workspace, a_run(instance), instance)


def test_a_retry_takes_over_at_once(workspace, instance):
    one = a_run(instance)
    hold(workspace, one, instance)
    again = a_run(instance, root_run_id=one.run_id, parent_run_id=one.run_id)
    hold(workspace, again, instance)
    hold(workspace, a_run(instance, root_run_id=one.run_id, parent_run_id=again.run_id), instance)


def test_a_run_that_nobody_knows_is_believed_while_it_gives_signs_of_life(workspace, instance, monkeypatch):
    with DagsterInstance.ephemeral() as elsewhere:
        one, other = a_run(elsewhere), a_run(instance)
        monkeypatch.setattr(claims, "SIGN_OF_LIFE", 0.02)
        monkeypatch.setattr(claims, "ABANDONED_AFTER", 0.5)
        with claimed(workspace, "shop", one, elsewhere):
            time.sleep(1)
            refused(workspace, other, instance, by=one)
        time.sleep(0.6)
        hold(workspace, other, instance)
        refused(workspace, a_run(instance), instance, by=other)


def test_a_claim_that_was_taken_over_is_left_alone(workspace, instance, monkeypatch):
    monkeypatch.setattr(claims, "SIGN_OF_LIFE", 0.01)
    one, other = a_run(instance), a_run(instance)
    with claimed(workspace, "shop", one, instance) as claim:
        instance.report_run_failed(one)  # as monitoring does with a run that it cannot reach
        hold(workspace, other, instance)
        time.sleep(0.1)
        claim.release()
        refused(workspace, a_run(instance), instance, by=other)


def test_a_file_that_says_nothing_claims_nothing(workspace, instance):
    folder = workspace.root / FOLDER
    folder.mkdir(parents=True)
    for content in ("", "{", "[]", '{"content": 3}', '{"content": {"run_id": 1}}'):
        (folder / "000000001.json").write_text(content)
        hold(workspace, a_run(instance, DagsterRunStatus.SUCCESS), instance)


def test_of_many_at_once_one_gets_it(workspace, instance):
    runs = [a_run(instance) for _ in range(12)]
    ready = threading.Barrier(len(runs))

    def attempt(run) -> bool:
        ready.wait()
        try:
            hold(workspace, run, instance)
        except UserError:
            return False
        return True

    with ThreadPoolExecutor(len(runs)) as threads:
        assert sum(threads.map(attempt, runs)) == 1


class _Meanwhile(Listener):
    """Starts another run of the same dataset while the first one trains."""

    def __init__(self, pipeline) -> None:
        self._pipeline = pipeline
        self.results = []

    def started(self, stage: str) -> ProgressCallback | None:
        if stage == "train" and not self.results:
            with ThreadPoolExecutor(1) as thread:
                self.results.append(thread.submit(self._pipeline.run).result())
        return None


def test_two_runs_of_one_dataset_at_the_same_time(finished, failure):
    finished.configure(train={"model": "MOSTLY_AI/Small", "max_epochs": 1.5})
    listener = _Meanwhile(finished)
    first = finished.run(listener=listener)
    assert first.success
    said = failure(listener.results[0])
    assert f"customers: run {first.run_id} has been writing this workspace since 20" in said
    assert "wait for it or cancel it" in said
    assert finished.workspace.has(Artefact.SYNTHETIC_DATA)
    claim = Claim.model_validate(NumberedFile(finished.workspace.root / FOLDER).read()[1])
    assert (claim.run_id, claim.is_over) == (first.run_id, True)
    assert finished.run().success


def test_a_failed_run_is_followed_by_the_next(finished):
    content = finished.source.read_bytes()
    finished.source.write_bytes(b"not parquet")
    assert not finished.run().success
    finished.source.write_bytes(content)
    assert finished.run().success
