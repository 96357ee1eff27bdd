"""Which files in the inbox become datasets, and how they are looked at."""

import os

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from upath import UPath

from synth_pipeline.automation import sights
from synth_pipeline.automation.arrivals import Sight
from synth_pipeline.automation.inbox import Entry, adopt, is_temporary
from synth_pipeline.automation.sights import folder_identity, list_inbox, look_at
from tests.workspace.object_store import bucket, object_store

__all__ = ["bucket", "object_store"]


def entry(name: str, identity: str = "1", size: int = 5, holds_tables: bool | None = None, **kinds: bool) -> Entry:
    return Entry(name, f"/inbox/{name}", Sight(identity, size, **kinds), holds_tables)


def names(decision) -> dict[str, str]:
    return {each.dataset: each.entry.name for each in decision.adoptions}


def test_a_file_is_adopted_at_the_second_sight():
    first = adopt([entry("Bank Marketing.csv.gz")], [], {}, {}, 9)
    assert names(first) == {}
    second = adopt([entry("Bank Marketing.csv.gz")], [], {}, first.seen, 9)
    assert names(second) == {"bank_marketing": "Bank Marketing.csv.gz"}
    assert second.seen == {}
    assert second.reports == []


@pytest.mark.parametrize("now", [entry("a.csv", "2"), entry("a.csv", size=0), entry("a.csv", is_whole=False)])
def test_a_file_that_is_being_written_waits(now):
    decision = adopt([now], [], {}, {"a.csv": "1"}, 9)
    assert decision.adoptions == []
    assert decision.seen == {"a.csv": now.sight.identity}


def test_an_empty_file_is_reported_once_it_stands_still():
    assert adopt([entry("a.csv", size=0)], [], {}, {}, 9).reports == []
    [report] = adopt([entry("a.csv", size=0)], [], {}, {"a.csv": "1"}, 9).reports
    assert "a.csv is empty" in report.text


@pytest.mark.parametrize(
    "name", [".a.csv", "_a.csv", "a.csv.part", "a.csv.tmp", "~$a.csv", "a.csv~", "A.CSV.PARTIAL", "a.csv.crdownload"]
)
def test_temporary_files_are_left_alone(name):
    assert is_temporary(name)
    assert adopt([entry(name)], [], {}, {name: "1"}, 9).adoptions == []


@pytest.mark.parametrize(("one", "part"), [(entry("a.xlsx"), ".csv, .tsv"), (entry("a", holds_tables=False), "folder")])
def test_what_cannot_be_read_is_said_and_is_no_problem(one, part):
    [report] = adopt([one], [], {}, {}, 9).reports
    assert part in report.text
    assert not report.is_problem


def test_of_two_files_with_one_name_the_first_stays():
    both = [entry("a b.csv"), entry("A_b.parquet")]
    decision = adopt(both, [], {}, {each.name: "1" for each in both}, 9)
    assert names(decision) == {"a_b": "A_b.parquet"}
    [report] = decision.reports
    assert "a b.csv" in report.text
    assert "/inbox/A_b.parquet" in report.text
    again = adopt(both, ["/inbox/A_b.parquet"], {"a_b": "/inbox/A_b.parquet"}, {}, 9)
    assert again.adoptions == []
    assert again.reports == [report]


def test_an_existing_dataset_of_another_source_stays():
    decision = adopt([entry("shop.csv")], ["/else/shop.csv"], {"shop": "/else/shop.csv"}, {"shop.csv": "1"}, 9)
    assert decision.adoptions == []
    assert "/else/shop.csv" in decision.reports[0].text


def test_the_source_of_a_dataset_is_not_adopted_again():
    decision = adopt([entry("shop.csv")], ["/inbox/shop.csv"], {"other": "/inbox/shop.csv"}, {"shop.csv": "1"}, 9)
    assert decision.adoptions == decision.reports == []


def test_reserved_names_are_evaded():
    assert names(adopt([entry("inbox.csv")], [], {}, {"inbox.csv": "1"}, 9)) == {"inbox_": "inbox.csv"}


@given(st.lists(st.text(max_size=12).map(lambda text: text.replace("/", "") + ".csv"), unique=True), st.integers(1, 3))
def test_no_two_files_become_one_dataset(files, limit):
    entries, known, seen = [entry(name) for name in files], {}, {}
    for _ in range(len(files) + 2):
        decision = adopt(entries, list(known.values()), known, seen, limit)
        assert len(decision.adoptions) <= limit
        assert not known.keys() & names(decision).keys()
        known |= {each.dataset: each.entry.source for each in decision.adoptions}
        seen = decision.seen
    settled = adopt(entries, list(known.values()), known, seen, limit)
    assert settled.adoptions == []
    told = sum("would be dataset" in report.text for report in settled.reports)
    assert len(known) + told == sum(not is_temporary(name) for name in files)


def test_a_local_inbox_is_made_and_listed(tmp_path):
    folder = UPath(tmp_path / "inbox")
    assert list_inbox(folder) == []
    assert (tmp_path / "inbox").is_dir()
    (tmp_path / "inbox" / "a.csv").write_text("x\n1\n")
    (tmp_path / "inbox" / ".hidden").write_text("")
    (tmp_path / "inbox" / "plain").mkdir()
    (tmp_path / "inbox" / "tables").mkdir()
    (tmp_path / "inbox" / "tables" / "part.parquet").write_bytes(b"123")
    os.mkfifo(tmp_path / "inbox" / "pipe.csv")
    found = {each.name: each for each in list_inbox(folder)}
    assert found.keys() == {"a.csv", "plain", "tables"}
    assert found["a.csv"].sight.size == 4
    assert found["tables"].holds_tables is True
    assert found["plain"].holds_tables is False


def test_a_folder_is_whole_when_nothing_in_it_is_being_written(tmp_path):
    (tmp_path / "t" / "_temporary").mkdir(parents=True)
    (tmp_path / "t" / "a.parquet").write_bytes(b"1")
    (tmp_path / "t" / "_temporary" / "b.parquet").write_bytes(b"1")
    source = str(tmp_path / "t")
    before = look_at([source])[source]
    assert not before.is_whole
    (tmp_path / "t" / "_temporary" / "b.parquet").rename(tmp_path / "t" / "b.parquet")
    (tmp_path / "t" / "_temporary").rmdir()
    (tmp_path / "t" / "_SUCCESS").touch()
    after = look_at([source])[source]
    assert after.is_whole
    assert after.identity != before.identity


def test_identities_tell_whether_a_file_may_have_changed(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("1")
    source = str(path)
    first = look_at([source])[source]
    assert look_at([source])[source] == first
    os.utime(path, (5, 5))
    touched = look_at([source])[source]
    assert touched.identity != first.identity
    other = tmp_path / "b"  # of the same size and time, put in its place
    other.write_text("2")
    os.utime(other, (5, 5))
    other.rename(path)
    assert look_at([source])[source].identity != touched.identity


def test_what_cannot_be_looked_at_is_an_error_and_what_is_missing_is_none(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    sources = [str(tmp_path / "no.csv"), str(tmp_path / "pipe.csv"), "nonsense://a/b.csv", "memory://nowhere/a.csv"]
    found = look_at(sources)
    assert found[sources[0]] is None
    assert found[sources[3]] is None
    assert isinstance(found[sources[1]], OSError)
    assert isinstance(found[sources[2]], OSError)


def test_a_store_that_does_not_answer_holds_up_nothing(monkeypatch):
    answers = fsspec.filesystem("memory")
    with answers.open("/quick/a.csv", "wb") as file:
        file.write(b"1")
    begun, wait = [], sights.threading.Event()
    look = sights._look

    def hang(source):
        if "slow" in source:
            begun.append(source)
            wait.wait(60)
        return look(source)

    monkeypatch.setattr(sights, "_look", hang)
    for _ in range(2):
        found = look_at(["memory://quick/a.csv", "memory://slow/a.csv"], seconds=0.3)
        assert found["memory://quick/a.csv"].size == 1
        assert isinstance(found["memory://slow/a.csv"], TimeoutError)
    assert len(begun) == 1, "it is not asked again while it has not answered"
    wait.set()


def test_object_stores_tell_contents_by_tag(bucket):
    fs = fsspec.filesystem("s3")
    folder = UPath(f"{bucket}/inbox")
    assert list_inbox(folder) == []
    for number in range(12):
        fs.pipe(f"{bucket}/inbox/t{number}.csv", b"x\n1\n")
    fs.pipe(f"{bucket}/inbox/tables/a.parquet", b"123")
    found = {each.name: each for each in list_inbox(folder)}
    assert len(found) == 13
    assert found["t0.csv"].source == f"{bucket}/inbox/t0.csv"
    assert found["t0.csv"].sight.is_content
    assert found["tables"].holds_tables is True
    for sources in ([each.source for each in found.values()], [found["t0.csv"].source]):  # listed, and asked for
        assert look_at(sources) == {each.source: each.sight for each in found.values() if each.source in sources}
    fs.pipe(f"{bucket}/inbox/t0.csv", b"x\n1\n")
    assert look_at([found["t0.csv"].source]) == {found["t0.csv"].source: found["t0.csv"].sight}
    fs.pipe(f"{bucket}/inbox/t0.csv", b"x\n2\n")
    assert look_at([found["t0.csv"].source]) != {found["t0.csv"].source: found["t0.csv"].sight}


def test_a_folder_changes_when_a_file_in_it_does(tmp_path):
    folder = UPath(tmp_path / "datasets")
    assert folder_identity(folder) == ""
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "a.yaml").write_text("source: a")
    first = folder_identity(folder)
    assert folder_identity(folder) == first
    (tmp_path / "datasets" / "a.yaml").write_text("source: other")
    assert folder_identity(folder) != first
