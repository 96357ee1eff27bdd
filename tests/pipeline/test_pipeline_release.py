"""Released is what passed the gate: whole, signed, once, with a reason where somebody overrode it."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from dagster import DagsterInstance
from typer.testing import CliRunner
from upath import UPath

from synth_engine.domain import UserError
from synth_engine.report import current_report, judge, make_report
from synth_engine.report.limits import Check
from synth_engine.workspace import Artefact
from synth_pipeline.assets import published_data
from synth_pipeline.cli import app
from synth_pipeline.definitions import build_definitions
from synth_pipeline.partitions import register
from synth_pipeline.release import Override, Release, publish, verify
from synth_pipeline.release import publishing as publishing_module
from synth_pipeline.resources import Storage
from tests.pipeline.automated import HEARD, Automated, Heard
from tests.workspace.object_store import bucket, object_store

sys.path += [str(Path(__file__).parent.parent / folder) for folder in ("evaluation", "report")]
from finished import finished, put
from populations import people

__all__ = ["bucket", "object_store"]
WHO = {"override_by": "Ada", "override_reason": "for the demonstration on Friday"}
N = 600


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A storage with two datasets that seem made: one with new people, one with copies."""
    root = tmp_path_factory.mktemp("storage")
    table = people(2 * N, seed=1)
    (root / "datasets").mkdir()
    for name, rows in (("good", people(N, seed=2)), ("bad", None)):
        finished(root / name, table, rows)
        (root / "datasets" / f"{name}.yaml").write_text("source: none.csv\nrelease: {}\n")
        make_report(root / name, name=name)
    return root


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def storage(made, tmp_path, monkeypatch) -> Storage:
    shutil.copytree(made, tmp_path / "storage")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.delenv("SYNTH_SIGNING_KEY", raising=False)
    return Storage(root=str(tmp_path / "storage"))


def run(storage: Storage, instance: Any, name: str, config: dict[str, str] | None = None, job: str = "release") -> Any:
    HEARD.clear()
    register(instance, name)
    definitions = build_definitions(storage=storage, notifier=Heard())
    run_config = {"ops": {"published_data": {"ops": {"publish_rows": {"config": config}}}}} if config else {}
    return definitions.resolve_job_def(job).execute_in_process(
        instance=instance, partition_key=name, run_config=run_config, raise_on_error=False
    )


def releases(storage: Storage, name: str) -> list[Path]:
    folder = Path(str(storage.published())) / name
    return [path for path in folder.iterdir() if path.is_dir()] if folder.exists() else []


def release(storage: Storage, name: str, override: Override | None = None) -> Release:
    workspace = storage.workspace(name)
    report = current_report(workspace.root)
    return Release(name, storage.catalog.load(name), workspace, report, judge(report), override, "run")


def test_what_passed_is_published_once_with_evidence_that_can_be_verified(storage, instance):
    result = run(storage, instance, "good")
    assert result.success
    [folder] = releases(storage, "good")
    rows = pq.read_table(folder / "data")
    assert rows.num_rows == N
    evidence = json.loads((folder / "evidence.json").read_text())
    assert set(evidence["files"]) == {"data/part.000000.parquet", "report.html", "report.json"}
    assert "random_state" not in json.dumps(evidence["settings"])
    holds, wrong = verify(UPath(folder.parent))
    assert holds
    assert not wrong
    checks = {event.check_name: event for event in result.get_asset_check_evaluations()}
    assert set(checks) == {check.value for check in Check}
    assert all(check.passed for check in checks.values())
    assert run(storage, instance, "good").success
    assert releases(storage, "good") == [folder]
    assert json.loads((folder / "evidence.json").read_text()) == evidence


def test_copies_are_refused_and_the_refusal_explains_itself(storage, instance):
    result = run(storage, instance, "bad")
    assert not result.success
    [failure] = [event for event in result.all_events if event.is_step_failure]
    told = failure.step_failure_data.user_failure_data
    assert "was not published" in told.description
    assert "* matches: " in told.description
    assert "checks" in told.metadata
    [seen] = instance.fetch_observations(published_data.key, limit=5).records
    assert "* matches: " in seen.asset_observation.description
    assert not releases(storage, "bad")
    failed = {event.check_name for event in result.get_asset_check_evaluations() if not event.passed}
    assert "matches" in failed


def test_an_override_is_recorded_and_told(storage, instance):
    assert run(storage, instance, "bad", WHO).success
    [folder] = releases(storage, "bad")
    evidence = json.loads((folder / "evidence.json").read_text())
    assert evidence["override"] == {"by": "Ada", "reason": WHO["override_reason"]}
    assert [notice.title for notice in HEARD] == ["Published against the verdict"]
    holds, wrong = verify(UPath(folder))
    assert not wrong
    assert any("against" in line and "Ada" in line for line in holds)


@pytest.mark.parametrize("config", [{"override_by": "Ada"}, {"override_by": "Ada", "override_reason": "because"}])
def test_an_override_without_a_reason_is_refused(storage, instance, config):
    result = run(storage, instance, "bad", config)
    assert not result.success
    assert not releases(storage, "bad")


def test_a_report_of_other_rows_publishes_nothing(storage, instance):
    """Checks passed, then the rows were made anew: `published_data` alone does not believe them."""
    stale = release(storage, "good")
    put(storage.workspace("good"), people(N, seed=9))
    with pytest.raises(UserError, match="other rows"):
        publish(stale, storage.published())
    register(instance, "good")
    definitions = build_definitions(storage=storage)
    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, partition_key="good", asset_selection=[published_data.key], raise_on_error=False
    )
    assert not result.success
    assert not releases(storage, "good")


def test_a_publisher_that_was_killed_leaves_nothing_that_counts(storage, monkeypatch):
    written = []

    def write_and_die(folder, contents, workspace):
        (folder / "data").mkdir(parents=True)
        (folder / "data" / "part.000000.parquet").write_bytes(b"half")
        written.append(folder)
        raise KeyboardInterrupt

    monkeypatch.setattr(publishing_module, "_write", write_and_die)
    with pytest.raises(KeyboardInterrupt):
        publish(release(storage, "good"), storage.published())
    monkeypatch.undo()
    os.environ["DAGSTER_HOME"] = str(Path(str(storage.folder)).parent)
    [folder] = written
    assert not (folder.parent / "latest.json").exists()
    with pytest.raises(UserError, match="expected a publication"):
        verify(folder)
    publication = publish(release(storage, "good"), storage.published())
    assert publication.is_new
    assert publication.folder == folder
    assert not verify(folder)[1]


@pytest.mark.parametrize("name", ["data/part.000000.parquet", "report.html", "evidence.json", "evidence.sig"])
def test_what_was_changed_is_found(storage, name):
    folder = Path(str(publish(release(storage, "good"), storage.published()).folder))
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content.replace(b"0", b"1", 1) if b"0" in content else content + b"x")
    assert verify(UPath(folder))[1]


def test_missing_and_added_files_and_other_keys_are_found(storage, tmp_path):
    folder = Path(str(publish(release(storage, "good"), storage.published()).folder))
    (folder / "data" / "more.parquet").write_bytes(b"x")
    assert verify(UPath(folder))[1] == ["data/more.parquet was not published"]
    (folder / "report.html").unlink()
    assert "report.html is missing" in verify(UPath(folder))[1]
    other = tmp_path / "other.pem"
    os.system(f"openssl genpkey -algorithm ed25519 2>/dev/null | openssl pkey -pubout > {other}")
    assert "was not signed with" in verify(UPath(folder), other)[1][0]
    (tmp_path / "none.pem").write_text("nothing")
    with pytest.raises(UserError, match="Ed25519"):
        verify(UPath(folder), tmp_path / "none.pem")


def test_keys(storage, tmp_path, monkeypatch):
    publish(release(storage, "good"), storage.published())
    made = tmp_path / "signing-key.pem"
    assert made.stat().st_mode & 0o777 == 0o600
    for content, mode, told in ((made.read_bytes(), 0o644, "chmod 600"), (b"no key", 0o600, "Ed25519 private key")):
        path = tmp_path / "key.pem"
        path.write_bytes(content)
        path.chmod(mode)
        monkeypatch.setenv("SYNTH_SIGNING_KEY", str(path))
        with pytest.raises(UserError, match=told):
            publish(release(storage, "good"), storage.published())
    monkeypatch.setenv("SYNTH_SIGNING_KEY", str(tmp_path / "nowhere.pem"))
    with pytest.raises(UserError, match="cannot be read"):
        publish(release(storage, "good"), storage.published())


def test_a_place_that_cannot_be_written_is_told(storage, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match=r"release\.publish_to"):
        publish(release(storage, "good"), UPath(tmp_path / "file"))


def test_where_datasets_are_published(storage, tmp_path):
    assert str(storage.published()) == f"{storage.folder}/published"
    assert str(storage.published("there/too")) == f"{storage.folder}/there/too"
    assert str(storage.published(str(tmp_path))) == str(tmp_path)
    assert str(storage.published("memory://shared/twins")) == "memory://shared/twins"


def test_an_override_that_nothing_needs_is_none(storage, instance):
    assert run(storage, instance, "good", WHO).success
    [folder] = releases(storage, "good")
    assert json.loads((folder / "evidence.json").read_text())["override"] is None
    assert not HEARD


def test_on_an_object_store(storage, bucket):
    place = UPath(bucket) / "published"
    publication = publish(release(storage, "good"), place)
    assert publication.is_new
    assert not publish(release(storage, "good"), place).is_new
    holds, wrong = verify(place / "good")
    assert len(holds) == 4
    assert not wrong
    (publication.folder / "report.html").write_bytes(b"changed")
    assert verify(place / "good")[1] == ["report.html is not what was published"]


def test_passwords_in_sources_are_not_told(storage):
    path = Path(str(storage.catalog.path("good")))
    path.write_text("source: https://me:secret@example.org/t.csv?sig=secret\nrelease: {}\n")
    publication = publish(release(storage, "good"), storage.published())
    assert "secret" not in publication.evidence.model_dump_json()


def test_on_the_command_line(storage):
    folder = publish(release(storage, "good"), storage.published()).folder
    runner = CliRunner()
    done = runner.invoke(app, ["verify", str(folder)])
    assert done.exit_code == 0, done.output
    (Path(str(folder)) / "report.json").write_text("{}")
    done = runner.invoke(app, ["verify", str(folder)])
    assert done.exit_code == 1
    assert "✗ report.json" in done.output


def test_the_page_of_the_report(storage, instance):
    result = run(storage, instance, "bad")
    [made] = result.asset_materializations_for_node("quality_report")
    shown = made.metadata
    assert shown["verdict"].value == "not to be published"
    assert shown["figures"].value.startswith("![")
    assert shown["copied_rows"].value > 0.9 * N
    assert "kept" in shown["decision"].value or "made" in shown["decision"].value


def test_rows_are_released_once_by_themselves(storage, tmp_path):
    (tmp_path / "home").mkdir()
    with DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        _released_once(storage, instance)


def _released_once(storage: Storage, instance: DagsterInstance) -> None:
    automated = Automated(str(storage.folder), instance, name="releases")
    for name in ("good", "bad"):
        register(instance, name)
    assert sorted(automated.ticks(2)) == ["bad", "good"]
    put(storage.workspace("good"), people(N, seed=5))
    assert automated.ticks(2) == ["good"]
    path = Path(str(storage.catalog.path("bad")))
    path.write_text("source: none.csv\nrelease: {limits: {matches_p_value: 1.0e-9}}\n")
    assert automated.ticks(2) == ["bad"]
    path.write_text("source: none.csv\n")
    assert automated.ticks(2) == []


def test_other_limits_do_not_measure_again(storage, instance, monkeypatch):
    before = current_report(storage.workspace("bad").root)
    path = Path(str(storage.catalog.path("bad")))
    path.write_text("source: none.csv\nrelease: {limits: {severities: {matches: warn}}}\n")
    run(storage, instance, "bad")
    assert current_report(storage.workspace("bad").root) == before
    page = (storage.workspace("bad").folder(Artefact.REPORT) / "report.html").read_text()
    assert "! warns" in page
