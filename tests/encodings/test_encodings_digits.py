"""Numbers in decimal digits: all the places that the encoding promises, in every type that can hold them."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.encodings import fitter
from synth_engine.encodings.digits import NO_PLACE, SIGNIFICANT, Notation, last_places, scientific, within
from synth_engine.privacy import MINIMUM_ENTITIES
from tests.encodings.columns import fit

DIGIT = fitter(Kind.TABULAR_NUMERIC_DIGIT)
ALL_PLACES = ["sign", *(f"e{place}" for place in range(17, -1, -1)), *(f"m{place}" for place in range(1, 21))]
TINY_TO_HUGE = [10.0**place for place in range(-20, 18)]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def round_trip(column: pa.Array, *, enabled: bool) -> pa.Array:
    encoding = fit(DIGIT, column, enabled=enabled)
    return encoding.decode(encoding.encode(column), rng())


@pytest.mark.parametrize("enabled", [True, False], ids=["protected", "open"])
@pytest.mark.parametrize("sign", [1, -1])
def test_floats_of_all_magnitudes_share_a_column_and_survive(enabled, sign):
    """18 digits before and 20 after the point; each value is common enough to be neither clipped nor rounded."""
    column = pa.array([sign * value for value in TINY_TO_HUGE] * 60)
    encoding = fit(DIGIT, column, enabled=enabled)
    assert list(encoding.cardinalities) == ALL_PLACES
    assert encoding.decode(encoding.encode(column), rng()).equals(column)


@pytest.mark.parametrize("enabled", [True, False], ids=["protected", "open"])
@pytest.mark.parametrize("dtype", [pa.decimal128(38, 20), pa.decimal256(60, 22)], ids=str)
def test_decimals_have_eighteen_digits_before_and_twenty_after_the_point(enabled, dtype):
    largest = "123456789012345678.12345678901234567891"
    column = pa.array([Decimal(largest), Decimal("-" + largest), Decimal(f"{10**17}"), Decimal("1E-20")] * 60, dtype)
    encoding = fit(DIGIT, column, enabled=enabled)
    assert list(encoding.cardinalities) == ALL_PLACES
    assert encoding.decode(encoding.encode(column), rng()).equals(column)


@pytest.mark.parametrize("dtype", [pa.int64(), pa.uint64(), pa.decimal128(19, 0), pa.float64()], ids=str)
def test_whole_numbers_up_to_ten_to_the_eighteenth_survive(dtype):
    largest = [1e18, 1e17] if dtype == pa.float64() else [10**18, 10**18 - 1]
    column = pa.array([*largest, 1, 0] * 60, dtype)
    assert round_trip(column, enabled=True).equals(column)


@pytest.mark.parametrize("value", [1e-20, 1e-12, 2.5e-12, 9.99e-15, 1.23456789012345, 1e-12 + 1e-15])
def test_a_small_number_survives_beside_large_ones(value):
    column = pa.array([value, -value, 0.1, 1_000_000.1, 0.0] * 40)
    assert np.allclose(round_trip(column, enabled=True).to_numpy(), column.to_numpy(), rtol=1e-5, atol=0)
    alone = pa.array([value] * 60)
    assert np.allclose(round_trip(alone, enabled=True).to_numpy(), alone.to_numpy(), rtol=1e-14, atol=5e-21)


def test_a_continuous_column_has_fifteen_digits_and_no_more():
    for scale in (1e-6, 1.0, 1e6):
        column = pa.array(rng().random(5_000) * scale)
        for enabled in (True, False):
            assert len(fit(DIGIT, column, enabled=enabled).cardinalities) <= 1 + 16


@pytest.mark.parametrize("dtype", [pa.float64(), pa.decimal128(38, 20), pa.decimal256(76, 20)], ids=str)
def test_digits_that_few_people_have_are_neither_shown_nor_counted(dtype):
    common = [Decimal(cents) / 100 for cents in range(3_000)]
    for secret in (Decimal("1.23456789"), Decimal("31415926535.25"), Decimal("1E-19"), Decimal("-271828182845.75")):
        values = [*common, *[secret] * (MINIMUM_ENTITIES - 1)]
        column = pa.array([float(value) if pa.types.is_floating(dtype) else value for value in values], dtype)
        encoding = fit(DIGIT, column)
        assert list(encoding.cardinalities) == ["sign", "e1", "e0", "m1", "m2"]
        decoded = encoding.decode(encoding.encode(column), rng())
        assert min(decoded.to_pylist()) >= 0
        assert max(decoded.to_pylist()) < 30


@pytest.mark.parametrize("dtype", [pa.float32(), pa.float64()], ids=str)
def test_cents_are_cents_in_every_width(dtype):
    column = pa.array((rng().integers(0, 100_000, 2_000) / 100).astype(dtype.to_pandas_dtype()))
    for enabled in (True, False):
        assert list(fit(DIGIT, column, enabled=enabled).cardinalities) == ["sign", "e2", "e1", "e0", "m1", "m2"]
        inside = np.abs(round_trip(column, enabled=enabled).to_numpy() - column.to_numpy()) == 0
        assert inside.mean() > 0.98  # all but the extremes that protection cuts off


def test_one_person_with_many_fine_numbers_does_not_make_a_column_finer():
    cents = rng(1).integers(0, 10_000, 2_000) / 100
    fine = rng(2).random(2_000) * 100
    entities = np.concatenate([np.arange(2_000), np.full(2_000, 7_000)])
    by_row, column = np.arange(4_000), pa.array(np.concatenate([cents, fine]))
    assert list(fit(DIGIT, column, entities=entities).cardinalities) == ["sign", "e1", "e0", "m1", "m2"]
    assert len(fit(DIGIT, column, entities=by_row).cardinalities) > 10


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20), st.integers(1, 15))
def test_mantissas_are_the_significant_digits_that_python_writes(values, n_digits):
    mantissas, exponents = scientific(np.array(values), n_digits)
    for value, mantissa, exponent in zip(values, mantissas.tolist(), exponents.tolist(), strict=True):
        written = Decimal(f"{abs(value):.{n_digits - 1}e}") if abs(value) >= 1e-100 else Decimal(0)
        found = Decimal(mantissa).scaleb(exponent)
        # The exact value may lie in the middle of two: then either will do.
        assert abs(found - written) <= Decimal(1).scaleb(exponent) * (n_digits == 15 or found != written)


@given(st.lists(st.floats(-1e18, 1e18), min_size=1, max_size=20), st.integers(-20, 5))
def test_what_is_read_is_written_the_same_again(values, last):
    notation = Notation(pa.float64(), 18, last)
    signs, digits = notation.write(pa.array(values))
    again = notation.read(signs, digits, -1e18, 1e18)
    assert np.allclose(again.to_numpy(), values, rtol=1e-14, atol=0.5000001 * 10.0**last)
    assert (notation.write(again)[1] == digits).all()


@given(st.integers(-(10**30), 10**30), st.integers(0, 12))
def test_last_places_are_those_of_the_last_digit_that_is_not_zero(number, n_zeros):
    shifted = number * 10**n_zeros
    text = str(abs(shifted))
    wanted = NO_PLACE if number == 0 else len(text) - len(text.rstrip("0"))
    assert last_places(pa.array([shifted], pa.decimal256(76, 0)), pa.decimal256(76, 0)).tolist() == [wanted]


@pytest.mark.parametrize("dtype", SIGNIFICANT, ids=str)
def test_last_places_of_floats_know_no_rounding_noise(dtype):
    values = pa.array(np.array([0.1, 0.5, 120, 3, 0, 0.25], dtype.to_pandas_dtype()))
    exact = values.cast(pa.float64())
    assert last_places(exact, dtype).tolist() == [-1, -1, 1, 0, NO_PLACE, -2]


@given(st.integers(-(10**20), 10**20), st.integers(0, 10**20), st.integers(0, 19))
def test_ends_of_a_range_are_multiples_inside_it(low, width, last):
    step, (first, final) = 10**last, within(low, low + width, last)
    assert first % step == final % step == 0
    assert low <= first <= final <= low + width or first == final
