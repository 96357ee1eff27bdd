"""Types of CSV columns: every value survives, or the column is text."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.io import read_table, write_table

UTC = dt.UTC


def column(tmp_path: Path, *fields: str) -> pa.ChunkedArray:
    """What becomes of the fields of one column; a second column keeps empty lines apart from empty fields."""
    path = tmp_path / "table.csv"
    path.write_text("x,other\n" + "".join(f"{field},1\n" for field in fields), encoding="utf-8")
    return read_table(path)["x"]


@pytest.mark.parametrize(
    ("fields", "dtype", "values"),
    [
        (["1", "-2", ""], pa.int64(), [1, -2, None]),
        (["-9223372036854775808", "9223372036854775807"], pa.int64(), [-(2**63), 2**63 - 1]),
        (["1", "18446744073709551615"], pa.uint64(), [1, 2**64 - 1]),
        (["-1", "1" * 38], pa.decimal128(38, 0), [Decimal(-1), Decimal("1" * 38)]),
        (["1.5", "2", "1e3", ".5", "-0.25"], pa.float64(), [1.5, 2.0, 1000.0, 0.5, -0.25]),
        (["+1.5", "0.1234567890123456789"], pa.float64(), [1.5, 0.12345678901234568]),
        (["true", "False", "TRUE", ""], pa.bool_(), [True, False, True, None]),
        (["2024-02-29", "0001-01-01"], pa.date32(), [dt.date(2024, 2, 29), dt.date(1, 1, 1)]),
        (
            ["2024-02-29 23:59", "2024-03-01"],
            pa.timestamp("s"),
            [dt.datetime(2024, 2, 29, 23, 59), dt.datetime(2024, 3, 1)],
        ),
        (["2024-02-29T23:59:01.25"], pa.timestamp("ms"), [dt.datetime(2024, 2, 29, 23, 59, 1, 250000)]),
        (["2024-02-29T23:00:00+02:00"], pa.timestamp("s", "UTC"), [dt.datetime(2024, 2, 29, 21, tzinfo=UTC)]),
        (["10:15", "23:59:01"], pa.time32("s"), [dt.time(10, 15), dt.time(23, 59, 1)]),
        (["10:15:00.000001"], pa.time64("us"), [dt.time(10, 15, 0, 1)]),
        (["", ""], pa.null(), [None, None]),
    ],
    ids=lambda value: str(value) if isinstance(value, pa.DataType) else "",
)
def test_a_type_that_all_values_share_is_recognised(tmp_path, fields, dtype, values):
    found = column(tmp_path, *fields)
    assert found.type == dtype
    assert found.to_pylist() == values


@pytest.mark.parametrize(
    "fields",
    [
        ["007", "12"],
        ["1.5", "007"],
        ["-01", "2"],
        ["00.5"],
        ["+49301234567", "1"],
        ["0x1F"],
        ["1" * 39, "2"],
        ["1", "x"],
        ["true", "yes"],
        ["true", "1"],
        ["2024-02-30"],
        ["31/12/2024"],
        ["2024-01-01 10:00:00", "2024-01-01T10:00:00Z"],
        ["25:00"],
        ["1_000"],
        ['"1,000"'],
        ["NA", "DE"],
        ["NA", "None"],
        [" x "],
    ],
    ids=" ".join,
)
def test_all_else_is_text_without_loss(tmp_path, fields):
    found = column(tmp_path, *fields)
    assert found.type == pa.string()
    assert found.to_pylist() == [field.strip('"') for field in fields]


@pytest.mark.parametrize("word", ["NA", "N/A", "NaN", "nan", "NULL", "null", "None", "#N/A", ""])
@pytest.mark.parametrize("value", ["5", "5.5", "true", "2024-12-31", "10:15"])
def test_words_for_null_are_null_among_values_that_are_not_text(tmp_path, word, value):
    found = column(tmp_path, word, value)
    assert found.type != pa.string()
    assert found.null_count == 1


def test_words_for_null_in_front_of_many_values_do_not_hide_their_type(tmp_path):
    assert column(tmp_path, *["NA"] * 1500, "7").type == pa.int64()


def test_a_value_far_down_counts(tmp_path):
    assert column(tmp_path, *["7"] * 5000, "x").type == pa.string()


def test_blanks_around_values_that_are_not_text_do_not_count(tmp_path):
    assert column(tmp_path, " 5", "6 ").to_pylist() == [5, 6]


def test_empty_text_is_null_quoted_or_not(tmp_path):
    assert column(tmp_path, "", '""', "x").to_pylist() == [None, None, "x"]


def test_quoted_numbers_are_numbers(tmp_path):
    assert column(tmp_path, '"5"', "6").to_pylist() == [5, 6]


def test_decimal_comma_only_where_semicolons_separate(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a;b\n1,5;x\n2;y\n")
    assert read_table(path)["a"].to_pylist() == [1.5, 2.0]
    path.write_text('a|b\n1,5|x\n"2"|y\n')
    assert read_table(path)["a"].to_pylist() == ["1,5", "2"]


@given(st.lists(st.integers(-(10**18), 10**18), min_size=1, max_size=20))
def test_whole_numbers_survive(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("io") / "t.csv"
    path.write_text("x\n" + "".join(f"{value}\n" for value in values))
    assert read_table(path)["x"].to_pylist() == values


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1), min_size=1, max_size=20))
def test_text_survives_being_written_and_read(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("io") / "t.csv"
    values = [f"x{value}" for value in values]  # what looks like a number may become one
    write_table(pa.table({"ü x": values, "n": range(len(values))}), path)
    assert read_table(path)["ü x"].to_pylist() == values
