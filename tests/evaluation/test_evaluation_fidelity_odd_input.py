"""Tables as they come: empty, tiny, wide, of every type, and tables that do not fit each other."""

import decimal

import numpy as np
import pyarrow as pa
import pytest

from synth_engine.domain import InputError
from synth_engine.evaluation.discriminator import measure_discriminator
from synth_engine.evaluation.fidelity import measure_fidelity
from synth_engine.evaluation.utility import measure_utility

ROWS = pa.table({"a": [1, 2, 3, 4], "b": ["x", "y", None, "x"]})


@pytest.mark.parametrize("empty", range(3))
def test_without_rows_nothing_is_compared_and_that_is_said(empty):
    tables = [ROWS] * 3
    tables[empty] = ROWS.slice(0, 0)
    found = measure_fidelity(*tables)
    assert found.accuracy is None
    name = ("training", "holdout", "synthetic")[empty]
    assert found.notes == [f"nothing is compared: no row in {name} that could be"]
    assert measure_fidelity(*tables, context_key="b").sequences is None


def test_subjects_of_one_event_have_no_coherence():
    found = measure_fidelity(*[pa.table({"who": [1, 2, 3], "x": list("aba")})] * 3, context_key="who")
    assert found.sequences.lengths.synthetic == 1
    assert found.sequences.coherence is None
    assert found.accuracy == found.univariate
    nobody = measure_fidelity(*[pa.table({"who": pa.nulls(3), "x": list("aba")})] * 3, context_key="who")
    assert nobody.accuracy is None


def test_huge_numbers():
    rows = pa.table({"x": [1.7e308, -1.7e308, 5e-324, float("inf")] * 20, "y": [2**63 - 1, -(2**63), 0, 1] * 20})
    assert measure_fidelity(rows, rows, rows).accuracy.synthetic == pytest.approx(1)
    assert measure_discriminator(rows, rows, rows).not_measured is None
    found = measure_utility(rows, rows, rows)
    assert list(found.targets) == ["y"]
    assert "at least 50 rows" in found.not_measured["x"]


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_handful_of_rows_has_figures_without_intervals(n):
    few = ROWS.slice(0, n)
    found = measure_fidelity(few, few, few)
    assert found.accuracy.synthetic == pytest.approx(1)
    assert found.accuracy.interval is None


def test_only_keys():
    found = measure_fidelity(ROWS, ROWS, ROWS, keys=["a", "b", "no such column"])
    assert found.accuracy is None
    assert found.notes == ["nothing is compared: no column but keys and those left out"]


def test_one_column():
    found = measure_fidelity(*[ROWS.select(["a"])] * 3)
    assert found.bivariate is None
    assert found.trivariate is None
    assert found.accuracy == found.univariate


def test_all_null_and_constant_and_equal_columns():
    rows = pa.table(
        {
            "nothing": pa.nulls(40),
            "no number": pa.nulls(40, pa.float32()),
            "no text": pa.nulls(40, pa.string()),
            "one": [1] * 40,
            "same": [1] * 40,
        }
    )
    found = measure_fidelity(rows, rows, rows)
    assert found.accuracy.synthetic == pytest.approx(1)
    assert found.missing.n_columns == 3
    assert found.correlations.rank is None
    other = rows.set_column(1, "no number", pa.array([1.0] * 40, pa.float32()))
    assert measure_fidelity(rows, rows, other).columns["no number"].accuracy.synthetic == 0


def test_nulls_alone_fit_every_type():
    nulls = pa.table({"a": pa.nulls(4), "b": pa.nulls(4)})
    assert measure_fidelity(ROWS, ROWS, nulls).columns["a"].accuracy.synthetic == 0


def test_every_type_of_column():
    n = 40
    rows = pa.table(
        {
            "whole": pa.array(range(n), pa.uint64()),
            "half": pa.array(np.arange(n), pa.float16()),
            "infinite": pa.array([float("inf"), -float("inf"), float("nan"), 0.0] * 10),
            "money": pa.array([decimal.Decimal(i) for i in range(n)], pa.decimal256(60, 2)),
            "day": pa.array(range(n), pa.date32()),
            "day64": pa.array([i * 86_400_000 for i in range(n)], pa.date64()),
            "moment": pa.array(range(n), pa.timestamp("ns", "Europe/Vienna")),
            "time": pa.array(range(n), pa.time64("us")),
            "length": pa.array(range(n), pa.duration("ms")),
            "truth": pa.array([True, None] * 20),
            "view": pa.array(["x", "y"] * 20, pa.string_view()),
            "code": pa.array([b"ab", b"cd"] * 20, pa.binary(2)),
            "who": pa.array([bytes([i]) * 16 for i in range(n)], pa.uuid()),
            "level": pa.array([3, 1] * 20, pa.int8()).dictionary_encode(),
            "runs": pa.RunEndEncodedArray.from_arrays([20, 40], ["p", "q"]),
        }
    )
    found = measure_fidelity(rows, rows, rows)
    assert found.left_out == {}
    assert {column.accuracy.synthetic for column in found.columns.values()} == {1}
    chunks = pa.concat_tables([rows.drop(["runs"]).slice(0, 15), rows.drop(["runs"]).slice(15)])
    assert measure_fidelity(chunks, chunks, chunks).accuracy.synthetic == pytest.approx(1)


def test_units_and_layouts_may_differ():
    moments = np.array(["2024-01-01T12:00", "2024-05-01"] * 30, "datetime64[s]")
    real = pa.table({"at": moments, "n": pa.array([1, 2] * 30, pa.int8()), "c": ["x", "y"] * 30})
    other = pa.table(
        {
            "at": moments.astype("datetime64[ns]"),
            "n": pa.array([1.0, 2.0] * 30),
            "c": pa.array(["x", "y"] * 30).dictionary_encode(),
        }
    )
    assert measure_fidelity(real, real, other).accuracy.synthetic == pytest.approx(1)


def test_nested_columns_are_left_out_and_said():
    rows = ROWS.append_column("list", pa.array([[1], [2], None, []])).append_column("both", pa.array([{"x": 1}] * 4))
    found = measure_fidelity(rows, rows, rows)
    assert found.left_out == dict.fromkeys(("list", "both"), "nested values are not compared")
    assert list(found.columns) == ["a", "b"]


def test_five_hundred_columns():
    rng = np.random.default_rng(0)
    tables = [pa.table({f"c{i}": rng.integers(0, 9, 60) for i in range(500)}) for _ in range(3)]
    found = measure_fidelity(*tables)
    assert len(found.columns) == 500
    assert (found.n_pairs, found.n_triples) == (1000, 300)
    assert found.notes == [
        "1,000 of 124,750 pairs of columns are looked at, chosen at random",
        "300 of 20,708,500 triples of columns are looked at, chosen at random",
        "rank correlations are of the first 200 of 500 columns of numbers and dates",
    ]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (ROWS.select(["a"]), "synthetic: expected the columns of training, found no 'b'"),
        (ROWS.append_column("c", ROWS["a"]), "synthetic: expected the columns of training, found 'c' too"),
        (ROWS.append_column("a", ROWS["a"]), "synthetic: expected every column once, found 'a' several times"),
        (
            ROWS.set_column(0, "a", pa.array(list("abcd"))),
            "synthetic: column 'a': expected numbers as in training, found text; give it the type int64",
        ),
    ],
)
def test_tables_that_do_not_fit_are_refused(other, message):
    with pytest.raises(InputError, match=message):
        measure_fidelity(ROWS, ROWS, other)


def test_other_arguments_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="max_rows: expected at least 1, found 0"):
        measure_fidelity(ROWS, ROWS, ROWS, max_rows=0)
    with pytest.raises(InputError, match="context_key: expected a column of training, found no 'who'"):
        measure_fidelity(ROWS, ROWS, ROWS, context_key="who")


def test_no_value_of_a_row_is_in_the_report():
    rows = pa.table({"name": ["Ottokar"] * 30 + ["Wendelin"] * 30, "n": [918273] * 60})
    text = measure_fidelity(rows, rows, rows).model_dump_json()
    assert not any(value in text for value in ("Ottokar", "Wendelin", "918273"))
