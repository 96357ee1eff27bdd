"""Reading and writing tables: types from text, nulls, formats, damaged files."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from synth_engine.domain import InputError
from synth_engine.io import read_table, write_table


def written(folder: Path, text: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        (["1", "2", ""], pa.int64()),
        (["1.5", "NA", "2"], pa.float64()),
        (["true", "FALSE", ""], pa.bool_()),
        (["2024-01-31", "1999-12-01", ""], pa.date32()),
        (["007", "010", "1"], pa.string()),
        (["1", "x", "2024-01-01"], pa.string()),
        (["NA", "x", "y"], pa.string()),
    ],
)
def test_types_follow_from_all_values(tmp_path: Path, cells: list[str], dtype: pa.DataType):
    column = read_table(written(tmp_path, "a,b\n" + "".join(f"{cell},z\n" for cell in cells)))["a"]
    assert column.type == dtype
    assert column.null_count == sum(cell == "" or (cell == "NA" and dtype != pa.string()) for cell in cells)


def test_leading_zeros_and_na_in_text_survive(tmp_path: Path):
    table = read_table(written(tmp_path, "zip,league\n01234,NA\n99999,AL\n"))
    assert table.to_pydict() == {"zip": ["01234", "99999"], "league": ["NA", "AL"]}


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.tsv", "t.parquet"])
def test_what_is_written_is_read(tmp_path: Path, name: str):
    table = pa.table({"a": [1, None, 3], "b": ["x", 'quote " and, comma', "zwei\nZeilen ü"]})
    write_table(table, tmp_path / name)
    assert read_table(tmp_path / name).to_pydict() == table.to_pydict()


def test_a_folder_of_parquet_files(tmp_path: Path):
    for part in range(2):
        pd.DataFrame({"a": [part]}).to_parquet(tmp_path / f"{part}.parquet")
    assert sorted(read_table(tmp_path)["a"].to_pylist()) == [0, 1]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ragged.csv", b"a,b\n1,2\n1,2,secret\n"),
        ("bad.parquet", b"not parquet"),
        ("bad.csv.gz", b"not gzip"),
        ("empty.csv", b""),
        ("table.xls", b"x"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_not_quoted(tmp_path: Path, name: str, content: bytes):
    with pytest.raises(InputError, match=name) as caught:
        read_table(written(tmp_path, content, name))
    assert "secret" not in str(caught.value)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path):
    target = written(tmp_path, "old", "t.parquet")
    with pytest.raises(InputError):
        write_table(pa.table({"a": [1]}), target / "below" / "t.parquet")
    assert target.read_bytes() == b"old"
