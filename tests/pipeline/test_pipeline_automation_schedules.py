"""Crons of the catalogue: when datasets come due, whatever clocks and computers do."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from dagster import DagsterInstance
from hypothesis import given
from hypothesis import strategies as st

from synth_pipeline.automation import schedules
from synth_pipeline.automation.arrivals import Twin
from synth_pipeline.automation.schedules import Cron, SchedulesCursor, due, ready
from synth_pipeline.catalog import CatalogError, DatasetConfig
from tests.pipeline.automated import Automated

VIENNA = ZoneInfo("Europe/Vienna")
START = datetime(2026, 3, 1, 12, 0, tzinfo=VIENNA).timestamp()


def came_due(cron: Cron, since: float, now: float) -> list[float]:
    return list(due({"a": cron}, SchedulesCursor(since=since), now)[0].values())


@given(
    st.lists(st.integers(1, 200_000), max_size=30),
    st.sampled_from(["0 6 * * *", "*/20 * * * *", "30 2 * * *", "0 0 1 * *"]),
)
def test_each_time_comes_due_once_however_the_ticks_fall(pauses, text):
    cron, memory, now, found = Cron(text, "Europe/Vienna"), SchedulesCursor(since=START), START, []
    for pause in pauses:
        now += pause
        came, reports = due({"a": cron}, memory, now)
        assert reports == []
        found += came.values()
        memory = SchedulesCursor(since=now)
    assert found == sorted(set(found))
    assert all(START < moment <= now for moment in found)
    if cron.latest(now) > START:
        assert found[-1] == cron.latest(now), "the last one is never missed"


def test_a_long_break_makes_one_run():
    assert len(came_due(Cron("* * * * *"), START, START + 86_400)) == 1


def test_the_very_second_counts_once():
    six = datetime(2026, 3, 2, 6, 0, tzinfo=VIENNA).timestamp()
    cron = Cron("0 6 * * *", "Europe/Vienna")
    assert came_due(cron, six - 30, six - 1) == []
    first, second = came_due(cron, six - 1, six), came_due(cron, six, six + 29)
    assert first + second == [six]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_a_change_of_clocks_neither_skips_nor_repeats_a_day(day, hours):
    begin = datetime.fromisoformat(day).replace(tzinfo=VIENNA).timestamp()
    cron, found, now = Cron("30 2 * * *", "Europe/Vienna"), [], begin
    while now < begin + hours * 3600:
        found += came_due(cron, now, now + 600)
        now += 600
    assert len(found) == 1


def test_a_cron_that_cannot_be_read_stops_no_other():
    found, reports = due({"bad": Cron("nonsense"), "good": Cron("* * * * *")}, SchedulesCursor(since=START), START + 90)
    assert list(found) == ["good"]
    assert "bad" in reports[0].text


def test_children_wait_for_their_parents():
    parents = {"root": None, "child": "root", "grandchild": "child"}
    twins = {"root": Twin("1"), "child": Twin("1")}
    now, waiting = ready(dict.fromkeys(parents, 5.0), parents, twins)
    assert list(now) == ["root"]
    assert waiting == {"child": "root is about to be made", "grandchild": "child is about to be made"}
    busy = {"root": Twin("1", "the run of root is not over"), "child": Twin("1")}
    assert ready({"grandchild": 5.0}, parents, busy)[1] == {"grandchild": "the run of root is not over"}
    assert ready({"child": 5.0}, parents, {"root": Twin(None)})[1]


@pytest.mark.parametrize("wrong", [{"cron": "every day"}, {"cron": "* * * * * *"}, {"timezone": "Mars"}])
def test_the_catalogue_refuses_what_is_no_time(wrong):
    with pytest.raises(CatalogError, match=next(iter(wrong))):
        DatasetConfig.validated({"source": "a.csv"} | wrong, "here")


def test_the_sensor_requests_what_is_due_without_a_reload(tmp_path, monkeypatch):
    now = datetime(2026, 3, 2, 5, 59, 50, tzinfo=VIENNA).timestamp()
    monkeypatch.setattr(schedules.time, "time", lambda: now)
    (tmp_path / "home").mkdir()
    with DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        automated = Automated(str(tmp_path / "store"), instance, "schedules")
        assert automated.tick() == []
        pd.DataFrame({"a": range(9)}).to_csv(automated.inbox / "a.csv")
        settings = {"source": str(automated.inbox / "a.csv"), "cron": "0 6 * * *", "timezone": "Europe/Vienna"}
        automated.storage.catalog.save("a", DatasetConfig.validated(settings, "a"))
        assert automated.tick() == []
        now += 30
        [request] = automated.tick()
        assert request.partition_key == "a"
        assert request.tags["synth/reason"] == "due at 2026-03-02T05:00+00:00"
        now += 30
        assert automated.tick() == []
        now += 9 * 86_400
        assert len(automated.tick()) == 1
        automated.cursor = "nonsense"
        assert automated.tick() == []
