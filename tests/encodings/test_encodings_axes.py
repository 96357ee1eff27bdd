"""Places on a line keep the order of values exactly, whatever types they have, and lead back to them."""

from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st

from synth_engine.domain import InputError
from synth_engine.encodings.axes import kind_of, make_axes, unit_of
from tests.encodings.columns import DATES, DURATIONS, NUMBERS, TIMES, TIMESTAMPS, build, columns, elements, fit, fitter

ENCODINGS = ["TABULAR_NUMERIC_DISCRETE", "TABULAR_NUMERIC_BINNED", "TABULAR_NUMERIC_DIGIT", "TABULAR_DATETIME"]
FAMILIES = {
    "numbers": [dtype for dtype in NUMBERS if kind_of(dtype) == "number"],
    "durations": DURATIONS,
    "times": TIMES,
    "dates": [*DATES, *(dtype for dtype in TIMESTAMPS if dtype.tz is None)],
}

some = settings(max_examples=30, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
by_family = pytest.mark.parametrize("family", FAMILIES)


def two(data, family):
    """Two columns on one line: their axes, and values that they may have."""
    axes, values = {}, {}
    for name in "ab":
        dtype = data.draw(st.sampled_from(FAMILIES[family]))
        by = data.draw(st.sampled_from([fitter(kind) for kind in ENCODINGS if fitter(kind).accepts(dtype)]))
        near = st.lists(st.integers(0, 100), min_size=1, max_size=20)
        column = build(data.draw(near), dtype) if data.draw(st.booleans()) else data.draw(columns(dtype, max_rows=60))
        encoding = fit(by, column, enabled=False)
        sizes = list(encoding.cardinalities.values())
        codes = np.column_stack([np.random.default_rng(0).integers(0, size, 15) for size in sizes])
        axes[name], values[name] = encoding, encoding.decode(codes.astype("i4"), np.random.default_rng(0)).drop_null()
    try:
        return make_axes(axes, "constraints"), values
    except InputError as error:
        assert "too many digits, or too wide a range" in str(error)  # noqa: PT017
        reject()


def exact(axis, values: pa.Array) -> list:
    numbers = axis.encoding.canonical(values).to_pylist()
    return [Fraction(number) * unit_of(axis.encoding.dtype) for number in numbers]


def as_compared(axes, values) -> list[list]:
    """As floats where one of them is a column of floats."""
    found = [exact(axes[name], values[name]) for name in "ab"]
    is_float = any(pa.types.is_floating(axis.encoding.dtype) for axis in axes.values())
    return [[float(number) if is_float else number for number in numbers] for numbers in found]


@by_family
@some
@given(data=st.data())
def test_places_keep_the_order_of_values(family, data):
    axes, values = two(data, family)
    one, other = as_compared(axes, values)
    places = [axes[name].places(values[name]).tolist() for name in "ab"]
    for low, low_place in zip(one, places[0], strict=True):
        for high, high_place in zip(other, places[1], strict=True):
            assert (low < high, low == high) == (low_place < high_place, low_place == high_place)


@by_family
@some
@given(data=st.data())
def test_any_values_are_compared_exactly_with_those_of_the_other_column(family, data):
    axes, values = two(data, family)
    dtype = axes["a"].encoding.dtype
    anything = data.draw(st.lists(elements(dtype), min_size=1, max_size=8))
    values["a"] = build(anything, dtype).filter(axes["a"].encoding.canonical(build(anything, dtype)).is_valid())
    one, other = as_compared(axes, values)
    places = axes["a"].places_of_any(values["a"]).tolist(), axes["b"].places(values["b"]).tolist()
    for low, low_place in zip(one, places[0], strict=True):
        for high, high_place in zip(other, places[1], strict=True):
            assert (low < high, low == high) == (low_place < high_place, low_place == high_place)


@by_family
@some
@given(data=st.data())
def test_the_way_back(family, data):
    axes, values = two(data, family)
    for name in "ab":
        axis = axes[name]
        places = axis.places(values[name])
        assert axis.places(axis.values(places)).tolist() == places.tolist()
        assert axis.values(places).type == axis.encoding.dtype
        for rounded in (axis.up(places), axis.down(places)):
            assert rounded.tolist() == places.tolist()


@by_family
@some
@given(data=st.data())
def test_rounding_goes_to_the_nearest_value_of_the_column(family, data):
    """Places of one column, rounded to the other's: on the right side, and nothing of the other lies between."""
    axes, values = two(data, family)
    places, own = axes["a"].places(values["a"]), axes["b"].places(values["b"])
    assume(len(own))
    inside = np.clip(places, own.min(), own.max())
    up, down = axes["b"].up(inside), axes["b"].down(inside)
    assert (down <= inside).all()
    assert (inside <= up).all()
    assert not ((own > inside[:, None]) & (own < up[:, None])).any()
    assert not ((own < inside[:, None]) & (own > down[:, None])).any()


def test_what_cannot_be_compared():
    number = fit(fitter("TABULAR_NUMERIC_BINNED"), pa.array([1, 2, 3]), enabled=False)
    date = fit(fitter("TABULAR_DATETIME"), build([1, 2, 3], pa.date32()), enabled=False)
    zoned = fit(fitter("TABULAR_DATETIME"), build([1, 2, 3], pa.timestamp("us", "UTC")), enabled=False)
    large = fit(fitter("TABULAR_NUMERIC_BINNED"), pa.array([1, 2, 2**62]), enabled=False)
    real = fit(fitter("TABULAR_NUMERIC_BINNED"), pa.array([0.1, 0.7]), enabled=False)
    for pair, message in [
        ((number, date), "^here: columns 'a' and 'b' cannot be compared, as one is a number and the other a date;"),
        ((date, zoned), "one is a date and the other a date with a time zone"),
        ((number, large), "^here: column 'b' has too many digits"),
        ((large, real), "^here: column 'a' has too many digits"),
    ]:
        with pytest.raises(InputError, match=message):
            make_axes(dict(zip("ab", pair, strict=True)), "here")
    assert set(make_axes({"a": number, "b": real}, "here")) == {"a", "b"}
