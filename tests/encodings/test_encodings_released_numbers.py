"""Differentially private summaries of categories, numbers and dates: what is shown of them, and what they keep."""

import math
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.encodings import fitter
from synth_engine.encodings.number_line import number_line, numbers_at
from synth_engine.encodings.released_numbers import (
    FALSE_NEIGHBOUR,
    FALSE_ROOT,
    NEIGHBOURS,
    RANGES_ONLY,
    WITH_POPULAR,
    release_numbers,
)
from synth_engine.privacy import MINIMUM_ENTITIES, UNLIKELY, NoisyHistogram, ValueProtection
from tests.encodings.columns import accepted, columns
from tests.encodings.test_encodings_release import budget, fit_private, rng
from tests.privacy.bounds import FAILURE, most_failures, most_unnoticed

# --- what is shown ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.TABULAR_CATEGORICAL, Kind.TABULAR_NUMERIC_DISCRETE])
@settings(max_examples=30)
@given(data=st.data())
def test_a_value_shown_exactly_is_held_by_the_minimum(kind, data):
    by = fitter(kind)
    column = data.draw(columns(data.draw(st.sampled_from(accepted(by)))))
    counts = by.summarise(column)
    released = by.release(counts, column.type, budget(1e3, 0.4))
    for value in released.values:
        assert counts.contributions[0][pc.index(counts.values, value).as_py()] >= MINIMUM_ENTITIES


def test_popular_numbers_are_shown_exactly_and_others_are_nobodys():
    column = pa.array([1234.56] * 500 + [0.25] * 400 + np.round(rng(1).lognormal(6, 1, 3_000), 2).tolist())
    counts = fitter(Kind.TABULAR_NUMERIC_AUTO).summarise(column)
    released = release_numbers(counts, number_line(column.type), budget(2.0, records=3_900))
    common = released.values.filter(pa.array(released.rows > 300)).to_pylist()
    assert {1234.56, 0.25} <= set(common)
    in_hundredths = np.array(released.values.to_pylist()) * 100
    assert np.allclose(in_hundredths, np.rint(in_hundredths))  # cents stay cents


def test_the_range_is_that_of_the_many_and_not_of_the_few():
    """It begins and ends in the powers of two in which the many do, but where noise passes for people in another.

    All seventy of an end are in it unless the noise of the last cut hides them.
    """
    ages, n_seeds, epsilon = rng(1).integers(18, 90, 5_000), 40, 3.0
    column = pa.array([*ages.tolist(), 10**9, -(10**12)])
    by, line = fitter(Kind.TABULAR_NUMERIC_BINNED), number_line(column.type)
    counts = by.summarise(column)
    places = np.searchsorted(line.roots, line.keys(pa.array([18, 89])), "right")
    low, high = numbers_at(line.roots[places - [1, 0]])
    n_beyond = 0
    for seed in range(n_seeds):
        released = by.release(counts, column.type, budget(epsilon, seed=seed, records=5_002))
        encoding = by.fit(released, column.type, ValueProtection(enabled=False), rng())
        numbers = [*encoding.atoms, *encoding.edges]
        assert min(numbers) <= 18
        assert max(numbers) >= 89
        n_beyond += min(numbers) < low or max(numbers) > high
    assert n_beyond <= most_failures(n_seeds, FALSE_ROOT + FALSE_NEIGHBOUR * 2 / NEIGHBOURS)
    fewest = min((ages == end).sum() for end in (18, 89))
    assert 2 * n_seeds * math.exp(-WITH_POPULAR.cuts[-1] * epsilon * fewest) < FAILURE


def test_so_it_is_with_little_epsilon_in_these_draws():
    """No bound is small enough to promise it here; the seeds are fixed."""
    column = pa.array([*rng(1).integers(18, 90, 5_000).tolist(), 10**9, -(10**12)])
    for seed in range(10):
        encoding = fit_private(fitter(Kind.TABULAR_NUMERIC_BINNED), column, epsilon=1.0, seed=seed, records=5_002)
        numbers = [*encoding.atoms, *encoding.edges]
        assert 0 <= min(numbers) <= 18
        assert 88 <= max(numbers) <= 256


def test_what_few_have_is_found_beside_what_many_have():
    """Zero, which is popular, vouches for one and two, of which the powers of two alone would not be noticed.

    Those of a thousand make sure that ones count. Noise can hide one and two below the bound, or empty their cells.
    """
    n_seeds, epsilon, n_ones, n_twos = 20, 0.15, 150, 120
    column = pa.array([0] * 2_000 + [1_001] * 2_000 + [1] * n_ones + [2] * n_twos)
    by, line = fitter(Kind.TABULAR_NUMERIC_BINNED), number_line(column.type)
    n_wrong = 0
    for seed in range(n_seeds):
        encoding = fit_private(by, column, epsilon=epsilon, seed=seed, records=len(column))
        n_wrong += not encoding.decode(encoding.encode(column), rng()).equals(column)
    asked = NoisyHistogram(WITH_POPULAR.roots * epsilon)
    bound = asked.noise_bound(NEIGHBOURS, FALSE_NEIGHBOUR)
    assert n_ones < asked.noise_bound(len(line.roots), FALSE_ROOT)
    probabilities = [math.exp(-asked.epsilon * (some - bound)) / 2 for some in (n_ones, n_twos)]
    probabilities += [math.exp(-share * epsilon * n_twos) / 2 for share in WITH_POPULAR.cuts for _ in range(2)]
    assert n_wrong <= most_failures(n_seeds, sum(probabilities))


def test_nulls_are_noticed_where_they_are_many():
    for n_nulls, expected in ((0, False), (1, False), (2_000, True)):
        column = pa.array([*range(5_000), *[None] * n_nulls], pa.int64())
        for by in (fitter(Kind.TABULAR_NUMERIC_AUTO), fitter(Kind.TABULAR_CATEGORICAL)):
            assert fit_private(by, column, epsilon=1.0, records=len(column)).has_nulls == expected


def test_rare_is_drawn_where_many_have_values_that_are_not_shown():
    by = fitter(Kind.TABULAR_CATEGORICAL)
    few, many = (pa.array(["a"] * 3_000 + [f"rare {i}" for i in range(n_rare)]) for n_rare in (2, 2_000))
    assert not fit_private(by, few, records=len(few)).has_rare
    assert fit_private(by, many, records=len(many)).has_rare


def test_the_declared_order_of_categories_stays():
    dictionary = pa.array(["low", "middle", "high", "unused", "rare"])
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2] * 500 + [4], pa.int8()), dictionary, ordered=True)
    encoding = fit_private(fitter(Kind.TABULAR_CATEGORICAL), column, records=1_501)
    assert encoding.categories == ["low", "middle", "high"]


@pytest.mark.parametrize(
    ("values", "dtype", "parts"),
    [
        (rng(0).integers(10_000, 19_000, 5_000), pa.date32(), []),
        (rng(0).integers(10_000, 19_000, 5_000) * 86_400, pa.timestamp("s"), []),
        (rng(0).integers(10_000 * 24, 19_000 * 24, 5_000) * 3_600_000, pa.timestamp("ms"), ["hour"]),
        (rng(0).integers(10**18, 15 * 10**17, 5_000), pa.timestamp("ns"), ["hour", "minute", "second", "ms"]),
    ],
)
def test_dates_keep_their_range_and_precision(values, dtype, parts):
    """But where noise passes for finer times, or for people at one of two ends in one of two rounds."""
    column, n_seeds = pa.array(values, pa.int32() if dtype == pa.date32() else pa.int64()).cast(dtype), 10
    by = fitter(Kind.TABULAR_DATETIME)
    counts = by.summarise(column)
    exact = by.fit(counts, dtype, ValueProtection(enabled=False), rng())
    years = 2 * 366 * 86_400_000
    n_wrong = 0
    for seed in range(n_seeds):
        released = by.release(counts, dtype, budget(2.0, seed=seed, records=5_000))
        encoding = by.fit(released, dtype, ValueProtection(enabled=False), rng())
        is_near = abs(encoding.low - exact.low) < years and abs(encoding.high - exact.high) < years
        n_wrong += not is_near or encoding.time_parts != parts
    assert n_wrong <= most_failures(n_seeds, 5 * UNLIKELY)


@pytest.mark.parametrize("dtype", [pa.decimal128(20, 4), pa.decimal128(38, 18), pa.decimal256(60, 2)])
def test_decimals_keep_their_digits(dtype):
    """Nobody is beyond 1,000, and people at an end are cut off only as far as noise could hide them, twice.

    In these draws no more than fifty are, which is less than can be promised; the seed is fixed.
    """
    n_people, epsilon = 5_000, 2.0
    cents = rng(1).integers(0, 10**5, n_people)
    column = pa.array([Decimal(int(number)) / 100 for number in cents], dtype)
    encoding = fit_private(fitter(Kind.TABULAR_NUMERIC_DIGIT), column, epsilon=epsilon, records=n_people)
    assert encoding.decimals == 2
    assert 0 <= encoding.low < 10
    assert 990 < encoding.high < 1_024
    share = RANGES_ONLY.cuts[0]
    assert share == RANGES_ONLY.cuts[1]
    # In a dozen parts of cells there are enough, and before these there are fewer than a hundred parts.
    hidden = 2 * most_unnoticed(share * epsilon, 12, 100)
    assert (cents < 100 * encoding.low).sum() <= hidden
    assert (cents > 100 * encoding.high).sum() <= hidden


# --- how much survives ------------------------------------------------------------------------------------------------


def test_a_column_of_amounts_comes_back_nearly_as_it_was():
    amounts = np.concatenate([np.round(rng(1).lognormal(6, 1, 18_000), 2), np.repeat([0.0, 1000.0], 1_000)])
    column = pa.array(amounts)
    encoding = fit_private(fitter(Kind.TABULAR_NUMERIC_AUTO), column, epsilon=0.5, records=20_000)
    decoded = encoding.decode(encoding.encode(column), rng()).to_numpy()
    edges = np.unique(np.quantile(amounts, np.linspace(0, 1, 51)))
    one, other = (np.histogram(np.clip(some, edges[0], edges[-1]), edges)[0] for some in (amounts, decoded))
    assert np.abs(one - other).sum() / 2 / len(amounts) < 0.02
    assert (decoded == 1000.0).mean() == pytest.approx(0.05, abs=0.01)
