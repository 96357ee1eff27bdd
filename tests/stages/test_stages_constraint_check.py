"""The check of finished rows: against plain Python, for every type that can be compared."""

from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_engine.constraints import broken, violations
from synth_engine.encodings.axes import is_date, unit_of
from synth_engine.encodings.calendar import to_units
from synth_engine.encodings.numeric import as_numbers
from tests.encodings.columns import build, elements
from tests.stages.constrained import KINDS, between, inequality, said, together


def exact(values: pa.Array) -> list[Fraction | None]:
    numbers = (to_units(values) if is_date(values.type) else as_numbers(values)).to_pylist()
    return [None if number is None else Fraction(number) * unit_of(values.type) for number in numbers]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)
@given(data=st.data())
def test_inequalities_equal_their_slow_twin(kind, data):
    columns = {}
    for name in "ab":
        dtype = data.draw(st.sampled_from(KINDS[kind]))
        columns[name] = build(data.draw(st.lists(elements(dtype) | st.none(), min_size=6, max_size=6)), dtype)
    as_float = any(pa.types.is_floating(column.type) for column in columns.values())
    numbers = [
        [float(number) if as_float and number is not None else number for number in exact(column)]
        for column in columns.values()
    ]
    for strict in (False, True):
        wanted = [
            low is not None and high is not None and (low >= high if strict else low > high)
            for low, high in zip(*numbers, strict=True)
        ]
        constraint = said(inequality("a", "b", strict=strict))[0]
        assert broken(pa.table(columns), constraint).tolist() == wanted


def test_decimals_that_no_type_could_hold_together():
    table = pa.table(
        {"a": build([10**75, 10**75, None], pa.decimal256(76, 0)), "b": build([1, None, 1], pa.decimal256(60, 30))}
    )
    assert broken(table, said(inequality("a", "b"))[0]).tolist() == [True, False, False]
    assert broken(table, said(inequality("b", "a"))[0]).tolist() == [False, False, False]


@pytest.mark.parametrize(
    ("dtype", "values", "low", "high", "wanted"),
    [
        (pa.int8(), [-1, 0, 5, 6, None], 0, 5, [1, 0, 0, 1, 0]),
        (pa.int64(), [0, 1, 2], 0.5, "1.5", [1, 0, 1]),
        (pa.uint64(), [2**64 - 1, 2**63], None, 2**63, [1, 0]),
        (pa.int64(), [-(2**63), 2**63 - 1], -1e300, 1e300, [0, 0]),
        (pa.decimal128(5, 2), [9, 10, 11], "0.1", 0.1, [1, 0, 1]),
        (pa.decimal128(5, 2), [9, 10, 11], "0.099999999999999999999999999", None, [1, 0, 0]),
        (pa.float64(), [0.1, 0.2, float("nan"), None], 0.1, 0.1, [0, 1, 0, 0]),
        (pa.float32(), [0.1, 0.2], 0.1, 0.1, [0, 1]),
        (pa.date32(), [0, 1, 2], "1970-01-02", "1970-01-02", [1, 0, 1]),
        (pa.timestamp("s"), [86_399, 86_400, 172_799, 172_800], "1970-01-02", "1970-01-02", [1, 0, 0, 1]),
        (pa.timestamp("ns"), [10**9 + 1, 10**9], None, "1970-01-01T00:00:01", [1, 0]),
        (pa.timestamp("us", "Asia/Kathmandu"), [0, 1], None, "1970-01-01T00:00:00", [0, 1]),
        (pa.timestamp("us", "UTC"), [0, 1], None, "1970-01-01T02:00:00+02:00", [0, 1]),
        (pa.date64(), [0, 86_400_000], "1970-01-01T00:00:00.000001", None, [1, 0]),
    ],
)
def test_ranges(dtype, values, low, high, wanted):
    column = pa.array(values, dtype) if pa.types.is_floating(dtype) else build(values, dtype)
    assert broken(pa.table({"x": column}), said(between("x", low, high))[0]).astype(int).tolist() == wanted


def test_combinations_are_of_values_as_they_are_written():
    table = pa.table(
        {
            "text": pa.array(["a", "a", None, "b"]).dictionary_encode(),
            "flag": pa.array([True, False, True, None]),
            "number": pa.array([1.0, 2.5, float("nan"), 1.0]),
        }
    )
    rows = [["a", True, 1], ["a", False, 2.5], [None, True, None], ["b", None, 2]]
    assert broken(table, said(together(["text", "flag", "number"], rows))[0]).tolist() == [False, False, False, True]


def test_every_layout_is_understood():
    """Also those that Parquet has not."""
    table = pa.table(
        {
            "view": pa.array(["a", "b"], pa.string_view()),
            "runs": pa.RunEndEncodedArray.from_arrays(pa.array([2], pa.int32()), pa.array([7])),
            "byte": pa.array([1, 9], pa.int8()).dictionary_encode().cast(pa.int8()),
        }
    )
    constraints = said(together(["view"], [["a"]]), inequality("runs", "byte"), between("runs", 0, 6))
    assert violations(table, constraints) == [1, 1, 2]


def test_no_rows_break_nothing():
    table = pa.table({"a": pa.array([], pa.int64()), "b": pa.array([], pa.float64()), "c": pa.array([], pa.string())})
    constraints = said(inequality("a", "b"), between("a", 1), together(["c"], [["x"]]))
    assert violations(table, constraints) == [0, 0, 0]
    assert np.asarray(broken(table, constraints[2])).shape == (0,)
