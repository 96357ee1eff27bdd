"""The number line: every number of every type is in one cell, and points are numbers of the type inside their cell."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.encodings.number_line import ROOT_BITS, date_line, keys_of, number_line, numbers_at
from synth_engine.encodings.numeric import as_numbers, exact_type
from tests.encodings.columns import DATES, NUMBERS, TIMESTAMPS, columns

finite = st.floats(allow_nan=False, allow_infinity=False)


def line_and_values(data, dtype):
    column = data.draw(columns(dtype)).drop_null()
    if dtype in NUMBERS:
        return number_line(dtype), as_numbers(column).drop_null()
    return date_line(dtype), column.cast(pa.int32() if dtype == pa.date32() else pa.int64()).cast(pa.int64())


@given(st.lists(finite, min_size=1, max_size=20))
def test_keys_are_in_the_order_of_the_numbers_and_lead_back(numbers):
    ascending = np.unique(np.array(numbers) + 0.0)
    keys = keys_of(ascending)
    assert (keys[1:] > keys[:-1]).all()
    assert (numbers_at(keys) == ascending).all()


@given(st.data())
@pytest.mark.parametrize("dtype", [*NUMBERS, *DATES, *TIMESTAMPS[::3]], ids=str)
def test_every_number_of_a_type_is_in_one_of_its_cells(dtype, data):
    line, values = line_and_values(data, dtype)
    ascending = values.take(pc.array_sort_indices(values))
    keys = line.keys(ascending)
    assert (np.diff(keys.astype(object)) >= 0).all()
    cells = (keys >> np.uint64(ROOT_BITS)) << np.uint64(ROOT_BITS)
    assert np.isin(cells, line.roots).all()


@given(st.data())
@pytest.mark.parametrize("dtype", [*NUMBERS, *DATES, *TIMESTAMPS[::3]], ids=str)
def test_points_are_numbers_of_the_type_in_their_cell_and_multiples_of_the_step(dtype, data):
    line = number_line(dtype) if dtype in NUMBERS else date_line(dtype)
    root = int(data.draw(st.sampled_from(line.roots.tolist())))
    cut = data.draw(st.integers(0, 12))
    start = root + (data.draw(st.integers(0, 2**cut - 1)) << (ROOT_BITS - cut))
    first, end = numbers_at(np.array([start, start + (1 << (ROOT_BITS - cut))], np.uint64)).tolist()
    step, most = data.draw(st.integers(0, line.n_steps - 1)), data.draw(st.integers(1, 50))
    points = line.points(first, end, step, most)
    assert len(points) <= most
    if not points:
        return
    exact = pa.array(points, exact_type(dtype) if dtype in NUMBERS else pa.int64())
    assert points == sorted(points)
    keys = line.keys(exact)
    inside = (keys >= np.uint64(start)) & (keys.astype(object) < start + (1 << (ROOT_BITS - cut)))
    # A number of more digits than its float has can be rounded across the end of its cell, or to no multiple.
    is_short = dtype not in (pa.float16(), pa.float32(), *TIMESTAMPS) and not pa.types.is_decimal(dtype)
    if is_short and abs(first) < 2**50:
        assert inside.all()
        assert (line.steps(exact) <= step).all()


def test_steps_are_the_coarsest():
    floats = number_line(pa.float64())
    found = floats.steps(pa.array([0.0, 5e3, 20.0, 7.0, 0.5, 12.25, 1e-12, 1 / 3, 1.7e308])).tolist()
    assert found == [-1, 9, 11, 12, 13, 14, 24, floats.n_steps - 1, floats.n_steps - 1]
    whole = number_line(pa.int64())
    assert whole.steps(pa.array([0, 7, -30, 4_000, 10**12])).tolist() == [-1, 9, 8, 6, 0]
    dates = date_line(pa.timestamp("ms"))
    day = 86_400_000
    assert dates.steps(pa.array([day * 9, day + 3_600_000, day + 60_000, day + 1_000, day + 1])).tolist() == list(
        range(5)
    )
