"""The sensor on a real instance: files come and go, and runs are requested."""

import os
import time
from collections.abc import Iterator

import fsspec
import pandas as pd
import pytest
import yaml
from dagster import DagsterInstance
from upath import UPath

from synth_pipeline.automation import sensors
from synth_pipeline.automation.contents import Allowance
from synth_pipeline.catalog import DatasetConfig, dataset_name
from tests.pipeline.automated import HEARD, Automated
from tests.workspace.object_store import bucket, object_store

__all__ = ["bucket", "object_store"]
QUICK = {"train": {"model": "MOSTLY_AI/Small", "max_epochs": 0}}


@pytest.fixture(scope="module")
def instance(tmp_path_factory) -> Iterator[DagsterInstance]:
    """Made once: it takes seconds."""
    with DagsterInstance.local_temp(str(tmp_path_factory.mktemp("home"))) as instance:
        yield instance


@pytest.fixture
def automated(tmp_path, instance, monkeypatch) -> Automated:
    monkeypatch.delenv("SYNTH_INBOX", raising=False)
    monkeypatch.delenv("SYNTH_SEPARATE_RUNS", raising=False)
    instance.wipe()
    for name in instance.get_dynamic_partitions("dataset"):
        instance.delete_dynamic_partition("dataset", name)
    return Automated(str(tmp_path), instance)


def drop(automated: Automated, name: str = "Bank Marketing.csv", rows: int = 40) -> None:
    pd.DataFrame({"a": range(rows), "b": list("xy") * (rows // 2)}).to_csv(automated.inbox / name, index=False)


def configure(automated: Automated, name: str, **settings) -> None:
    automated.storage.catalog.save(name, DatasetConfig.validated(QUICK | settings, name))


def test_a_dropped_table_becomes_a_dataset_and_is_made_once(automated):
    drop(automated)
    assert automated.tick() == []
    [request] = automated.tick()
    assert request.job_name == "synthesize"
    assert request.partition_key == "bank_marketing"
    assert set(request.tags) >= {"synth/content", "synth/reason"}
    assert automated.instance.get_dynamic_partitions("dataset") == ["bank_marketing"]
    written = yaml.safe_load(automated.storage.catalog.path("bank_marketing").read_text())
    assert written == {"source": str(automated.inbox / "Bank Marketing.csv")}
    assert automated.ticks(3) == []
    assert automated.said == "nothing new"


def test_a_changed_table_is_made_again_and_a_touched_one_is_not(automated):
    drop(automated)
    assert automated.ticks() == ["bank_marketing"]
    os.utime(automated.inbox / "Bank Marketing.csv", (1, 1))
    assert automated.ticks(3) == []
    drop(automated, rows=60)
    assert automated.ticks(3) == ["bank_marketing"]


def test_what_is_too_large_to_be_read_is_left_to_the_run(automated, monkeypatch):
    monkeypatch.setattr(sensors, "_ALLOWANCE", Allowance(bytes=10))
    drop(automated)
    assert automated.ticks(3) == ["bank_marketing"]
    os.utime(automated.inbox / "Bank Marketing.csv", (1, 1))
    assert automated.ticks(3) == ["bank_marketing"]


def test_a_tick_reads_only_so_much(automated, monkeypatch):
    size = len(pd.DataFrame({"a": range(40), "b": list("xy") * 20}).to_csv(index=False))
    monkeypatch.setattr(sensors, "_ALLOWANCE", Allowance(bytes=2 * size))
    for number in range(5):
        drop(automated, f"t{number}.csv")
    automated.tick()
    assert [len(automated.tick()) for _ in range(4)] == [2, 2, 1, 0]


def test_a_run_from_the_inbox_ends_with_synthetic_data_and_a_lost_cursor_starts_none(automated):
    drop(automated, "plain.csv")
    configure(automated, "plain", source=str(automated.inbox / "plain.csv"))
    automated.tick()
    [request] = automated.tick()
    assert automated.run(request)
    for cursor in (None, "nonsense"):
        automated.cursor = cursor
        assert automated.ticks(3) == []
    drop(automated, "plain.csv", rows=50)
    assert automated.ticks(3) == ["plain"]


def test_settings_start_a_run_and_those_of_the_automation_do_not(automated):
    drop(automated, "plain.csv")
    source = str(automated.inbox / "plain.csv")
    configure(automated, "plain", source=source)
    assert automated.ticks(3) == ["plain"]
    configure(automated, "plain", source=source, cron="0 0 * * *", timezone="Europe/Vienna")
    assert automated.ticks(3) == []
    configure(automated, "plain", source=source, generate={"sample_size": 5})
    [request] = automated.tick()
    assert request.tags["synth/reason"] == "its settings changed"


def test_an_unwatched_dataset_is_known_and_starts_nothing(automated):
    drop(automated, "plain.csv")
    configure(automated, "plain", source=str(automated.inbox / "plain.csv"), watch=False)
    assert automated.ticks(3) == []
    assert automated.instance.get_dynamic_partitions("dataset") == ["plain"]


def test_a_family_waits_for_its_parents(automated):
    people = pd.DataFrame({"id": range(60), "kind": list("ab") * 30})
    events = pd.DataFrame({"event": range(180), "id": list(range(60)) * 3, "x": list("pqr") * 60})
    for name, table in (("people", people), ("events", events)):
        table.to_parquet(automated.inbox / f"{name}.parquet")
    source = {name: str(automated.inbox / f"{name}.parquet") for name in ("people", "events")}
    configure(automated, "events", source=source["events"], primary_key="event", context="people", context_key="id")
    configure(automated, "people", source=source["people"], primary_key="id")
    automated.tick()
    [first] = automated.tick()
    assert first.partition_key == "people"
    assert automated.ticks(2) == []
    assert automated.run(first)
    [second] = automated.tick()
    assert second.partition_key == "events"
    assert automated.run(second)
    assert automated.ticks(3) == []
    people.iloc[:50].to_parquet(automated.inbox / "people.parquet")
    events[events["id"] < 50].to_parquet(automated.inbox / "events.parquet")
    automated.tick()
    [first] = automated.tick()
    assert first.partition_key == "people"
    assert automated.run(first)
    [second] = automated.tick()
    assert second.partition_key == "events"
    assert automated.run(second)
    assert automated.ticks(3) == []


def test_a_failed_parent_holds_up_its_children(automated):
    (automated.inbox / "people.csv").write_text("id,kind\n1,a\n1,b\n")  # the key is not unique
    drop(automated, "rows.csv")
    configure(automated, "people", source=str(automated.inbox / "people.csv"), primary_key="id")
    configure(
        automated, "rows", source=str(automated.inbox / "rows.csv"), context="people", context_key="a", leave_out=["b"]
    )
    automated.tick()
    [first] = automated.tick()
    assert not automated.run(first)
    assert automated.ticks(2) == []
    assert sensors.waits_for(automated.instance, "people").startswith("the latest run of people did not succeed")


def test_troubles_are_told_once_and_stop_nothing(automated):
    automated.storage.catalog.folder.mkdir(parents=True)
    automated.storage.catalog.path("broken").write_text("sauce: a.csv\n")
    automated.storage.catalog.path("binary").write_bytes(b"\xff\xfe\x00")
    (automated.inbox / "notes.docx").write_text("x")
    drop(automated, "a b.csv")
    drop(automated, "a_b.csv")
    drop(automated, "Good.csv")
    configure(automated, "gone", source="/nowhere/gone.csv")
    assert automated.ticks(4) == ["a_b", "good"]
    told = "\n".join(notice.text for notice in HEARD)
    for part in ("sauce", "binary", "gone: its source /nowhere/gone.csv is not there", "would be dataset 'a_b'"):
        assert told.count(part) == 1, part
    assert "notes.docx" not in told, "no problem"
    automated.storage.catalog.path("broken").write_text("source: x.csv\nnothing: 1\n")
    automated.tick()
    assert "nothing" in HEARD[-1].text


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_may_not_be_read_is_tried_again(automated):
    drop(automated)
    (automated.inbox / "Bank Marketing.csv").chmod(0)
    assert automated.ticks(3) == []
    assert "cannot be read" in HEARD[-1].text
    (automated.inbox / "Bank Marketing.csv").chmod(0o600)
    assert automated.ticks(2) == ["bank_marketing"]


def test_content_that_is_no_table_is_left_to_the_run_and_its_failure(automated):
    (automated.inbox / "table.csv.gz").write_bytes(b"no gzip at all")
    drop(automated, "good.csv")
    assert automated.ticks(2) == ["good", "table"]


def test_a_dataset_that_is_gone_is_told_and_its_partition_stays(automated):
    drop(automated)
    assert automated.ticks() == ["bank_marketing"]
    content = (automated.inbox / "Bank Marketing.csv").read_bytes()
    (automated.inbox / "Bank Marketing.csv").unlink()
    assert automated.ticks(3) == []
    assert [notice.text for notice in HEARD if "what was made of it stays" in notice.text]
    assert automated.instance.get_dynamic_partitions("dataset") == ["bank_marketing"]
    (automated.inbox / "Bank Marketing.csv").write_bytes(content)
    assert automated.ticks(3) == []


def test_separate_runs_begin_with_the_codes(automated, monkeypatch):
    monkeypatch.setenv("SYNTH_SEPARATE_RUNS", "1")
    drop(automated)
    automated.tick()
    [request] = automated.tick()
    assert request.job_name == "prepare"


def test_an_inbox_on_an_object_store(automated, bucket):
    automated = Automated(f"{bucket}/store", automated.instance)
    assert automated.ticks(2) == []
    fs = fsspec.filesystem("s3")
    for rows in (40, 40, 60):
        text = pd.DataFrame({"a": range(rows), "b": list("xy") * (rows // 2)}).to_csv(index=False)
        fs.pipe(f"{bucket}/store/inbox/Table.csv", text.encode())
        automated.ticks(2)
    assert len(automated.keys) == 2, "the same content again is no new one"
    written = yaml.safe_load(automated.storage.catalog.path("table").read_text())
    assert written == {"source": f"{bucket}/store/inbox/Table.csv"}


def test_an_inbox_that_cannot_be_listed_is_a_report(automated, monkeypatch):
    monkeypatch.setenv("SYNTH_INBOX", "nonsense://inbox")
    drop(automated, "plain.csv")
    configure(automated, "plain", source=str(automated.inbox / "plain.csv"))
    assert automated.ticks(2) == ["plain"]


def test_a_tick_requests_only_so_many_runs(automated, monkeypatch):
    monkeypatch.setattr(sensors, "MAX_REQUESTS", 3)
    for number in range(7):
        drop(automated, f"t{number}.csv")
    automated.tick()
    assert [len(automated.tick()) for _ in range(4)] == [3, 3, 1, 0]


@pytest.mark.slow
def test_ten_thousand_files(automated):
    """Nothing waits for all of them: each tick does its part, and ends long before the daemon would cut it off."""
    at_once, new = sensors.MAX_REQUESTS, 50
    catalog = automated.storage.catalog
    UPath(catalog.path("x")).parent.mkdir(parents=True, exist_ok=True)
    for number in range(10_000):
        table = automated.inbox / f"table number {number:05}.csv"
        table.write_text(f"x\n{number}\n")
        if number >= new:  # files of datasets are made whole and durable one by one, which the many need not be here
            catalog.path(dataset_name(table.name)).write_text(yaml.safe_dump({"source": str(table)}))
    seconds = []

    def tick() -> int:
        begin = time.monotonic()
        requests = len(automated.tick())
        seconds.append(round(time.monotonic() - begin, 1))
        return requests

    assert [tick() for _ in range(4)] == [0, *[at_once] * 3]
    print("seconds by tick", seconds, "bytes of the cursor", len(automated.cursor))
    assert len(automated.cursor) < 1_500_000
    assert len(automated.instance.get_dynamic_partitions("dataset")) == 10_000
    assert len(automated.keys) == 3 * at_once
