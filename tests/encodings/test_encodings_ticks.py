"""Scales: the step of a column, and the exact way from numbers to ticks and back."""

from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.encodings import ValueCounts
from synth_engine.encodings.numeric import as_numbers, from_numbers
from synth_engine.encodings.ticks import Scale
from synth_engine.privacy import ValueProtection
from tests.encodings.columns import NUMBERS, columns

ON, OFF = ValueProtection(), ValueProtection(enabled=False)


def scale_of(column: pa.Array, protection: ValueProtection = ON, **options) -> Scale | None:
    counts = ValueCounts.of(as_numbers(column))
    bounds = protection.bounds(counts.values, counts.lowest, counts.highest, np.random.default_rng(0))
    return bounds and Scale.within_bounds(column.type, counts, bounds, protection, **options)


@given(data=st.data())
def test_ticks_keep_the_order_and_survive_the_way_through_the_columns_type(data):
    column = data.draw(columns(data.draw(st.sampled_from(NUMBERS))))
    scale = scale_of(column, data.draw(st.sampled_from([ON, OFF])))
    if scale is None:
        return
    counts = ValueCounts.of(as_numbers(column))
    ticks = scale.ticks(counts.values)
    assert ticks.dtype == scale.tick_type
    assert (np.diff(ticks.astype(object)) >= 0).all()
    there = scale.numbers(ticks)
    assert (scale.ticks(there) == ticks)[~_beyond_exact(scale, ticks)].all()
    back = as_numbers(from_numbers(there, column.type))
    assert (scale.ticks(back) == ticks)[~_beyond_exact(scale, ticks)].all()


def _beyond_exact(scale: Scale, ticks: np.ndarray) -> np.ndarray:
    """Values beyond the bounds may have more ticks than survive."""
    exact = {pa.float16(): 2**9, pa.float32(): 2**22, pa.float64(): 2**50}.get(scale.dtype, 2**62 - 1)
    if scale.decimals is None or pa.types.is_integer(scale.dtype):
        return np.zeros(len(ticks), np.bool_)
    return (ticks > exact // scale.multiple) | (ticks < -exact // scale.multiple)


@given(data=st.data())
def test_whole_numbers_and_decimals_agree_with_exact_arithmetic(data):
    column = data.draw(columns(data.draw(st.sampled_from([t for t in NUMBERS if not pa.types.is_floating(t)]))))
    scale = scale_of(column, OFF)
    numbers = as_numbers(column).drop_null()
    for number, tick in zip(numbers.to_pylist(), scale.ticks(numbers).tolist() if scale else [], strict=bool(scale)):
        wanted = Fraction(number) * Fraction(10) ** scale.decimals / scale.multiple
        assert tick == int(wanted)  # towards zero
        assert Fraction(scale.number(tick)) == Fraction(tick) * scale.multiple / Fraction(10) ** scale.decimals


MANY = np.random.default_rng(7).integers(1, 10_000, 2_000)


@pytest.mark.parametrize(
    ("values", "dtype", "decimals", "multiple"),
    [
        (MANY, pa.int64(), 0, 1),
        (MANY * 100, pa.int32(), 0, 100),
        (MANY * 5, pa.uint16(), 0, 5),
        (MANY / 100, pa.float64(), 2, 1),
        (MANY / 100, pa.float32(), 2, 1),
        (MANY / 4, pa.float64(), 2, 25),
        (MANY * 1000.0, pa.float64(), 0, 1000),
        (MANY / 100 + 1e-10, pa.float64(), 10, 1),
        (MANY * 0.1 + MANY * 0.2, pa.float64(), 1, 3),  # with what arithmetic leaves behind
        (MANY * 1e-9, pa.float64(), 9, 1),
        (np.sqrt(MANY), pa.float64(), None, 1),
        (np.sqrt(MANY), pa.float32(), None, 1),
        (MANY * 1e-30, pa.float64(), None, 1),
    ],
)
def test_the_step_of_a_column_is_found(values, dtype, decimals, multiple):
    scale = scale_of(pa.array(values.astype(dtype.to_pandas_dtype())))
    assert (scale.decimals, scale.multiple) == (decimals, multiple)


def test_whole_seconds_stay_whole_in_nanoseconds():
    seconds = pa.array(MANY * 10**9).cast(pa.duration("ns"))
    assert scale_of(seconds).multiple == 10**9
    assert scale_of(pa.array(MANY % 96 * 900 * 1_000).cast(pa.int32()).cast(pa.time32("ms"))).multiple == 900_000


def test_a_few_finer_values_do_not_change_the_step_but_a_popular_one_does():
    cents = MANY / 100
    odd = np.concatenate([cents, [0.123456789] * 10])
    assert scale_of(pa.array(odd)).decimals == 2
    assert scale_of(pa.array(odd), OFF).decimals == 9
    many = np.tile(cents, 5)
    assert scale_of(pa.array(np.concatenate([many, [0.125] * 5]))).decimals == 2
    assert scale_of(pa.array(np.concatenate([many, [0.125] * 60]))).decimals == 3


def test_one_extreme_value_does_not_change_the_step():
    for extreme in (1e300, -1e300, 1e-300):
        assert scale_of(pa.array([*(MANY / 100), extreme])).decimals == 2
    wide = pa.array([*MANY.tolist(), 10**37], pa.decimal128(38, 0))
    assert scale_of(wide) == Scale(wide.type, 0)


def test_a_step_is_not_found_in_the_values_of_a_few():
    values = [0] * 500 + [1_234_500] * 4 + [987_000] * 4
    assert scale_of(pa.array(values)) in (None, Scale(pa.int64(), 0, 1))
