"""Writing: whole or not at all, and text that says what the table says."""

import datetime as dt
import errno
import os
import stat

import pandas as pd
import pyarrow as pa
import pytest

from synth_engine.domain import InputError
from synth_engine.io import check_target, read_table, write_table, write_tables, writing

TABLE = pa.table({"a": [1, None], "b": ["x", None]})


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (pa.array(["x", None, 'a "b", c\nd']).dictionary_encode(), '"x"\n""\n"a ""b"", c\nd"\n'),
        (pa.array([dt.timedelta(days=1, seconds=3), None]), '"1 days 00:00:03"\n""\n'),
        (pa.array([dt.time(1, 2, 3), None], pa.time32("s")), '"01:02:03"\n""\n'),
        (pa.array([dt.date(2024, 2, 29)]), '"2024-02-29"\n'),
        (pa.array([1.5, None]), '"1.5"\n""\n'),
        (pa.array([True, None]), '"true"\n""\n'),
        (pa.array(["x"], pa.string_view()), '"x"\n'),
        (pa.array([b"text", None]), '"text"\n""\n'),
        (pa.nulls(1), '""\n'),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_one_column_as_text(tmp_path, column, text):
    write_table(pa.table({"x": column}), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == '"x"\n' + text
    assert len(pd.read_csv(tmp_path / "t.csv")) == len(column)  # no row is lost as an empty line


def test_several_columns_as_text(tmp_path):
    write_table(TABLE, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == '"a","b"\n1,"x"\n,\n'
    write_table(TABLE, tmp_path / "t.tsv")
    assert (tmp_path / "t.tsv").read_text() == '"a"\t"b"\n1\t"x"\n\t\n'


@pytest.mark.parametrize("values", [[b"\xff"], [[1]], [{"k": 1}]], ids=["binary", "list", "struct"])
def test_what_text_cannot_hold_is_refused_by_column(tmp_path, values):
    table = pa.table({"a": [1], "odd": values})
    with pytest.raises(InputError, match=r"column 'odd' holds .* values, which text cannot hold; .*\.parquet"):
        write_table(table, tmp_path / "t.csv")
    assert list(tmp_path.iterdir()) == []
    write_table(table, tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").equals(table)


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.csv.xz", "t.parquet"])
def test_failure_leaves_the_old_file(tmp_path, name, monkeypatch):
    write_table(TABLE, tmp_path / name)
    before = (tmp_path / name).read_bytes()

    def full(file, *_schema, **_options):
        file.write(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(writing.pq, "ParquetWriter", full)
    monkeypatch.setattr(writing.pa_csv, "CSVWriter", full)
    with pytest.raises(InputError, match="cannot be written: no space left on device"):
        write_table(TABLE.slice(1), tmp_path / name)
    assert (tmp_path / name).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["t.csv", "t.tsv.gz", "t.csv.xz", "t.parquet"])
@pytest.mark.parametrize("sizes", [[0], [3], [2, 3], [0, 1, 0]])
def test_parts_are_written_as_one_table(tmp_path, name, sizes):
    schema = pa.schema({"a": pa.int64(), "b": pa.dictionary(pa.int32(), pa.string())})
    parts = [pa.table({"a": range(size), "b": [f"{size}"] * size}, schema=schema) for size in sizes]
    write_tables((part for part in parts), tmp_path / name)
    write_table(pa.concat_tables(parts), tmp_path / f"whole-{name}")
    found, whole = read_table(tmp_path / name), read_table(tmp_path / f"whole-{name}")
    assert found.schema == whole.schema
    assert found.to_pylist() == whole.to_pylist()
    assert found.num_rows == sum(sizes)


def test_no_more_than_one_part_is_asked_for_at_a_time(tmp_path):
    sizes = []

    def parts():
        for i in range(3):
            sizes.append(sum(path.stat().st_size for path in tmp_path.iterdir()) // 100_000)
            yield pa.table({"a": [f"{i}" * 100_000]})

    write_tables(parts(), tmp_path / "t.csv")
    assert sizes == [0, 1, 2]


def test_permissions_and_links_stay(tmp_path):
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    write_table(TABLE, link)
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert read_table(real).equals(TABLE)


def test_targets_that_cannot_be(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").write_text("x")
    for check in (check_target, lambda target: write_table(TABLE, target)):
        with pytest.raises(InputError, match="found a folder"):
            check(tmp_path / "folder.csv")
        with pytest.raises(InputError, match=r"cannot be written: (not a directory|file exists)"):
            check(tmp_path / "file" / "t.csv")
        with pytest.raises(InputError, match="expected the name of a file"):
            check(f"{tmp_path}/t.csv/")
        with pytest.raises(InputError, match="Protocol not known: nowhere"):
            check("nowhere://x/t.csv")


def test_checking_a_target_leaves_what_is_there(tmp_path):
    (tmp_path / "t.csv").write_text("old")
    check_target(tmp_path / "t.csv")
    check_target(tmp_path / "new" / "t.csv")
    check_target("memory://somewhere/t.csv")
    assert (tmp_path / "t.csv").read_text() == "old"
    assert list((tmp_path / "new").iterdir()) == []
