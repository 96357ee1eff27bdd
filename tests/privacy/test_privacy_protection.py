"""The guarantees of `ValueProtection`, one test each."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.privacy import ENOUGH_ENTITIES, MINIMUM_ENTITIES, RANDOM_EXTRA, ValueProtection, roundest

ON, OFF = ValueProtection(), ValueProtection(enabled=False)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@st.composite
def entities_of_values(draw):
    """Ascending distinct values, and of each entity the places of its smallest and its largest value."""
    kind = draw(st.sampled_from([int, float]))
    number = st.integers(-(2**63), 2**63 - 1) | st.integers(-50, 50)
    values = sorted({kind(value) for value in draw(st.lists(number, min_size=1, max_size=40))})
    n_entities = draw(st.sampled_from([1, 4, 5, 11, ENOUGH_ENTITIES - 1, ENOUGH_ENTITIES, ENOUGH_ENTITIES + 1, 100]))
    places = np.sort(rng(draw(st.integers(0, 99))).integers(0, len(values), (n_entities, 2)), axis=1)
    lowest, highest = (np.bincount(places[:, end], minlength=len(values)) for end in (0, 1))
    return pa.array(values), lowest, highest


@given(entities_of_values(), st.integers(0, 99))
def test_enough_entities_lie_at_or_beyond_each_bound(drawn, seed):
    values, lowest, highest = drawn
    bounds = ON.bounds(values, lowest, highest, rng(seed))
    if lowest.sum() < ENOUGH_ENTITIES:
        assert bounds is None
        return
    low, high = bounds
    plain = np.array(values.to_pylist(), object)
    assert low <= high
    assert lowest[plain <= low].sum() >= MINIMUM_ENTITIES
    assert highest[plain >= high].sum() >= MINIMUM_ENTITIES
    assert plain[0] <= low
    assert high <= plain[-1]


@given(entities_of_values(), st.integers(0, 99))
def test_a_bound_is_held_by_enough_entities_or_round_among_as_many(drawn, seed):
    values, lowest, highest = drawn
    plain = values.to_pylist()
    for end, counts in ((0, lowest), (1, highest)):
        intervals = []
        bounds = ON.bounds(
            values, lowest, highest, rng(seed), rounded=lambda a, b, to=intervals: to.append((a, b)) or a
        )
        if bounds is None:
            return
        low, high = intervals[end]
        of_entity = sum(count for value, count in zip(plain, counts, strict=True) if low <= value <= high)
        assert of_entity >= MINIMUM_ENTITIES


@given(entities_of_values())
def test_without_protection_the_range_is_exact(drawn):
    values, lowest, highest = drawn
    assert OFF.bounds(values, lowest, highest, rng()) == (values[0].as_py(), values[-1].as_py())


def test_a_single_entity_with_many_extremes_does_not_move_a_bound():
    values = pa.array([float(value) for value in range(100)] + [1e6 + value for value in range(1000)])
    lowest = np.array([1] * 100 + [0] * 1000)
    highest = np.array([0] + [1] * 99 + [0] * 999 + [1])  # the first entity has all the large values
    for seed in range(50):
        assert ON.bounds(values, lowest, highest, rng(seed))[1] < 100


def test_thresholds_are_random_and_never_below_the_minimum():
    drawn = {ON.threshold(rng(seed)) for seed in range(200)}
    assert drawn == set(range(MINIMUM_ENTITIES, MINIMUM_ENTITIES + RANDOM_EXTRA + 1))
    assert {OFF.threshold(rng(seed)) for seed in range(20)} == {1}


def test_a_bound_has_fewer_digits_than_the_values_around_it():
    values = pa.array(np.sort(rng(3).lognormal(8, 1, 1000)))
    ones = np.ones(1000, np.int64)
    for seed in range(20):
        for bound in ON.bounds(values, ones, ones, rng(seed)):
            assert len(repr(bound).replace(".", "").strip("0")) <= 4


def test_no_values_have_no_bounds():
    none = np.zeros(0, np.int64)
    assert ON.bounds(pa.array([], pa.float64()), none, none, rng()) is None
    assert OFF.bounds(pa.array([], pa.float64()), none, none, rng()) is None


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64(), pa.float64(), pa.decimal128(38, 4)])
def test_bounds_are_exact_python_numbers_of_the_values_kind(kind):
    values = pa.array([1], pa.int64()).cast(kind)
    many = np.array([50])
    assert ON.bounds(values, many, many, rng()) == (values[0].as_py(),) * 2
    assert type(roundest(*ON.bounds(values, many, many, rng()))) is type(values[0].as_py())
