"""Round numbers: inside their interval, as round as can be, and nobody's datum."""

import math
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from synth_engine.privacy import roundest

integers = st.integers(-(2**64), 2**64) | st.integers(-2_000, 2_000)
floats = st.floats(allow_nan=False, allow_infinity=False)


def n_zeros(number: int) -> int:
    """How many zeros a whole number ends with."""
    text = str(number)
    return len(text) - len(text.rstrip("0"))


@given(integers, integers)
def test_a_whole_number_stays_whole_and_inside(one, other):
    low, high = sorted((one, other))
    rounded = roundest(low, high)
    assert isinstance(rounded, int)
    assert low <= rounded <= high


@given(st.integers(-3_000, 3_000), st.integers(0, 400))
def test_no_whole_number_of_the_interval_is_rounder(low, width):
    assume(not low <= 0 <= low + width)
    rounded = roundest(low, low + width)
    assert n_zeros(rounded) == max(n_zeros(number) for number in range(low, low + width + 1))


@given(floats, floats)
def test_a_float_stays_inside(one, other):
    low, high = sorted((one, other))
    rounded = roundest(low, high)
    assert isinstance(rounded, float)
    assert low <= rounded <= high


@given(st.decimals(allow_nan=False, allow_infinity=False, places=30), st.decimals(0, 1000, places=30))
def test_a_decimal_stays_inside_and_has_no_more_digits_than_its_neighbours(low, width):
    high = low + width
    rounded = roundest(low, high)
    assert isinstance(rounded, Decimal)
    assert low <= rounded <= high
    assert rounded.normalize().as_tuple().exponent >= -30


@given(st.floats(1e-300, 1e300), st.floats(1e-6, 1e-1), st.sampled_from([-1, 1]))
def test_a_wide_interval_has_a_number_of_few_digits(middle, share, sign):
    rounded = roundest(*sorted((sign * middle * (1 - share), sign * middle * (1 + share))))
    digits = len(str(Decimal(repr(rounded)).normalize().as_tuple().digits)) // 3
    assert digits <= 1 - math.floor(math.log10(share))


@pytest.mark.parametrize("kind", [int, float, Decimal])
def test_zero_is_the_roundest_of_all(kind):
    assert roundest(kind(-3), kind(1000)) == 0
    assert isinstance(roundest(kind(-3), kind(1000)), kind)
    assert roundest(kind(0), kind(7)) == 0


@pytest.mark.parametrize(
    "number", [5e-324, -5e-324, 1.7976931348623157e308, -1.7976931348623157e308, 0.1, -0.0, 2.0**53]
)
def test_a_single_number_is_itself(number):
    assert roundest(number, number) == number
