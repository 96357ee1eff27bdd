"""Where tables are: formats by name, folders of Parquet files, file systems, and places where there is nothing."""

import os
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from synth_engine.domain import InputError
from synth_engine.io import read_table, write_table

TABLE = pa.table({"a": [1, 2], "b": ["x", None]})


@pytest.mark.parametrize(
    "name", ["t.csv", "t.tsv", "t.CSV.gz", "t.csv.bz2", "t.csv.xz", "t.tsv.zst", "t.parquet", "t.pq"]
)
@pytest.mark.parametrize("place", ["local", "memory"])
def test_written_is_read(tmp_path, name, place):
    url = f"{tmp_path}/new/folder/{name}" if place == "local" else f"memory://{uuid4().hex}/{name}"
    write_table(TABLE, url)
    assert read_table(url).equals(TABLE)


@pytest.mark.parametrize("place", ["local", "memory"])
def test_folder_of_parquet_files(tmp_path, place):
    folder = f"{tmp_path}/date=2020" if place == "local" else f"memory://{uuid4().hex}/date=2020"
    write_table(TABLE, f"{folder}/part.0.parquet")
    write_table(TABLE.slice(1), f"{folder}/part.1.parquet")
    write_table(TABLE, f"{folder}/_notes.parquet")
    write_table(TABLE, f"{folder}/.hidden/part.parquet")
    write_table(TABLE, f"{folder}/other.csv")
    assert read_table(folder).to_pydict() == {"a": [1, 2, 2], "b": ["x", None, None]}


def test_folder_with_partitions(tmp_path):
    write_table(TABLE, tmp_path / "t.parquet" / "year=2020" / "a.parquet")
    write_table(TABLE, tmp_path / "t.parquet" / "year=2021" / "b.parquet")
    assert read_table(tmp_path / "t.parquet").to_pydict() == {
        "a": [1, 2, 1, 2],
        "b": ["x", None, "x", None],
        "year": [2020, 2020, 2021, 2021],
    }


def test_types_of_files_in_a_folder_are_joined(tmp_path):
    write_table(pa.table({"a": pa.array([1], pa.int32()), "b": pa.nulls(1)}), tmp_path / "1.parquet")
    write_table(TABLE, tmp_path / "2.parquet")
    found = read_table(tmp_path)
    assert found.to_pydict() == {"a": [1, 1, 2], "b": [None, "x", None]}
    assert found.schema.types == [pa.int64(), pa.string()]


def test_files_of_a_folder_with_different_columns_are_refused(tmp_path):
    write_table(TABLE, tmp_path / "1.parquet")
    write_table(TABLE.select(["a"]), tmp_path / "2.parquet")
    with pytest.raises(InputError, match=r"same columns, found 'b' in only one of /1.parquet and /2.parquet"):
        read_table(tmp_path)


def test_parquet_keeps_its_types(tmp_path):
    table = pa.table({"d": pa.array(["x", "y"]).dictionary_encode(), "t": pa.array([1, 2], pa.duration("s"))})
    pq.write_table(table, tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").schema.types == table.schema.types


@pytest.mark.parametrize("name", ["none.csv", "none.csv.gz", "none.parquet"])
def test_nothing_there(tmp_path, name):
    with pytest.raises(InputError, match="there is no such file or folder"):
        read_table(tmp_path / name)


@pytest.mark.parametrize("name", ["none", "none.xlsx", "table.csv.foo"])
def test_nothing_there_and_a_name_that_tells_nothing(tmp_path, name):
    with pytest.raises(InputError, match=r"expected a name that ends in \.csv.*, found nothing there"):
        read_table(tmp_path / name)


@pytest.mark.parametrize("name", ["table.xlsx", "table", "table.parquet.gz"])
def test_other_kinds_of_files(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match=r"found a file of another kind"):
        read_table(tmp_path / name)
    with pytest.raises(InputError, match=r"expected the name of a file that ends in \.csv"):
        write_table(TABLE, tmp_path / name)
    assert (tmp_path / name).read_bytes() == b"x"


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"x" * 100 + b"PAR1"])
def test_parquet_that_is_none(tmp_path, content):
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"t\.parquet: cannot be read: "):
        read_table(tmp_path / "t.parquet")


def test_folder_without_parquet_files(tmp_path):
    (tmp_path / "table.csv").write_text("a\n1\n")
    with pytest.raises(InputError, match=r"expected a folder with \.parquet files, found none in it"):
        read_table(tmp_path)


def test_folder_named_like_a_file(tmp_path):
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(InputError, match=r"t\.csv: cannot be read: is a directory"):
        read_table(tmp_path / "t.csv")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_file_that_may_not_be_read(tmp_path):
    (tmp_path / "t.csv").write_text("a\n1\n")
    (tmp_path / "t.csv").chmod(0)
    with pytest.raises(InputError, match="cannot be read: permission denied"):
        read_table(tmp_path / "t.csv")


def test_unknown_kind_of_url():
    with pytest.raises(InputError, match="cannot be read: Protocol not known: nowhere"):
        read_table("nowhere://table.csv")
