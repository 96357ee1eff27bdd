"""What the first sub-column tells of a value is true of every value that is decoded, for every encoding and type."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_engine.domain import ModelEncodingType
from synth_engine.encodings.outcomes import Range, in_python
from tests.encodings.columns import overriding
from tests.encodings.test_encodings_laws import by_encoding, fitted, rng

TOLD = overriding("outcomes")


def is_true(told, value, *, of_date: bool) -> bool:
    if value is None or told is None:
        return value is None and told is None
    if isinstance(told, Range):
        return told.low <= value <= told.high and (told.has_high or value < told.high)
    return told == (value.year if of_date else value)


@by_encoding
@given(data=st.data())
@settings(max_examples=30)
def test_outcomes_are_true(by, data):
    column, encoding = fitted(data, by)
    outcomes = encoding.outcomes()
    assert (outcomes is not None) == (encoding.encoding_type in TOLD)
    if outcomes is None:
        return
    assert len(outcomes) == next(iter(encoding.cardinalities.values()))
    codes = encoding.encode(column)
    is_date = encoding.encoding_type == ModelEncodingType.TABULAR_DATETIME
    if is_date and pa.types.is_timestamp(encoding.dtype) and encoding.dtype.tz not in (None, "UTC"):
        return  # years are those of UTC
    try:
        values = in_python(encoding.decode(codes, rng()))
    except (OverflowError, ValueError):
        return  # beyond what Python's dates can show
    wrong = [
        (outcomes[code], value)
        for code, value in zip(codes[:, 0].tolist(), values, strict=True)
        if not is_true(outcomes[code], value, of_date=is_date)
    ]
    assert wrong == []


def test_a_time_of_day_loses_its_nanoseconds_only():
    assert [value.microsecond for value in in_python(pa.array(np.array([1_999, 5_000]), pa.time64("ns")))] == [1, 5]


@pytest.mark.parametrize(("has_high", "is_inside"), [(True, True), (False, False)])
def test_the_upper_end_belongs_to_the_last_range_alone(has_high, is_inside):
    assert is_true(Range(1, 2, has_high), 2, of_date=False) == is_inside
