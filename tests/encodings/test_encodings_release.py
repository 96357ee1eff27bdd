"""Differentially private summaries, over every registered encoding: what they cost, what they show, what they keep."""

import json
import math
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.encodings import ValueCounts, fitter
from synth_engine.encodings.number_line import number_line
from synth_engine.encodings.released_numbers import release_numbers
from synth_engine.privacy import MINIMUM_ENTITIES, Budget, ValueProtection, seeded_source
from tests.encodings.columns import FITTERS, accepted, columns
from tests.privacy.empirical import least_epsilon

by_encoding = pytest.mark.parametrize("by", FITTERS, ids=lambda by: by.type.removeprefix("TABULAR_").lower())


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def budget(epsilon: float = 1.0, delta: float = 1e-6, seed: int = 0, records: int = 0) -> Budget:
    return Budget(epsilon, delta, seeded_source(rng(seed)), records=records)


def fit_private(by, column, entities=None, **options):
    spent = budget(**options)
    released = by.release(by.summarise(column, entities), column.type, spent)
    return by.fit(released, column.type, ValueProtection(enabled=False), rng())


# --- what it costs ----------------------------------------------------------------------------------------------------


@by_encoding
@settings(max_examples=30)
@given(data=st.data())
def test_a_column_spends_its_epsilon_and_no_more_than_its_delta(by, data):
    column = data.draw(columns(data.draw(st.sampled_from(accepted(by)))))
    epsilon = data.draw(st.sampled_from([0.01, 1.0, 50.0]))
    spent = budget(epsilon, 1e-4, records=len(column))
    by.release(by.summarise(column), column.type, spent)
    assert math.fsum(spend.epsilon for spend in spent.spends) == pytest.approx(epsilon, rel=1e-9)
    assert math.fsum(spend.delta for spend in spent.spends) <= 1e-4


class Watched(ValueCounts):
    """A summary that tells when something else is looked at than what an entity changes by one."""

    _ALLOWED = frozenset({"contributions", "values", "levels", "rows", "null_rows", "one_each", "null_one_each"})

    def __getattribute__(self, name):
        assert name.startswith("_") or name in Watched._ALLOWED, name
        return super().__getattribute__(name)


@by_encoding
def test_only_bounded_contributions_are_looked_at(by):
    dtype = pa.timestamp("s") if by.type == Kind.TABULAR_DATETIME else pa.int64()
    column = pa.array(rng().integers(0, 10**6, 500)).cast(dtype)
    exact = by.summarise(column)
    watched = Watched(**{name: getattr(exact, name) for name in exact.__dataclass_fields__})
    by.release(watched, dtype, budget(10.0))


# --- one entity, whatever it has --------------------------------------------------------------------------------------


@by_encoding
def test_one_entity_with_many_rows_counts_once(by):
    dtype = pa.timestamp("s") if by.type == Kind.TABULAR_DATETIME else pa.int64()
    values = [10, 11, 12] * 300 + [987_654_321] * 5_000 + [900_000_000 + 1_001 * step for step in range(5_000)]
    entities = np.array([*range(900), *[7_777] * 10_000])
    counts = by.summarise(pa.array(values, pa.int64()).cast(dtype), entities)
    assert counts.contributions[0].sum() + counts.contributions[1] == 901
    for seed in range(5):
        encoding = fit_private(by, pa.array(values, pa.int64()).cast(dtype), entities, epsilon=5.0, seed=seed)
        text = json.dumps(encoding.model_dump(mode="json"))
        assert "987654321" not in text
        assert "1998" not in text  # the year of 900,000,000


def test_an_entity_stands_for_its_middle_row_in_any_partitioning():
    values = pa.array([5, 1, None, 7, 7, 2, None, None])
    entities = np.array([1, 1, 1, 2, 2, 3, 4, 4])
    counts = ValueCounts.of(values, entities)
    assert dict(zip(counts.values.to_pylist(), counts.contributions[0].tolist(), strict=True)) == {
        1: 1,
        2: 1,
        5: 0,
        7: 1,
    }
    assert counts.contributions[1] == 1
    parts = ValueCounts.of(values[:5], entities[:5]).merge(ValueCounts.of(values[5:], entities[5:]))
    assert (parts.contributions[0] == counts.contributions[0]).all()
    assert parts.contributions[1] == counts.contributions[1]


@given(st.data())
def test_one_entity_more_changes_one_contribution_by_one(data):
    values = data.draw(st.lists(st.integers(0, 3) | st.none(), min_size=1, max_size=30))
    entities = data.draw(st.lists(st.integers(0, 4), min_size=len(values), max_size=len(values)))
    without = [place for place, entity in enumerate(entities) if entity != entities[0]]

    def histogram(places):
        counts = ValueCounts.of(pa.array([values[place] for place in places], pa.int64()), np.array(entities)[places])
        found = dict.fromkeys([0, 1, 2, 3], 0) | dict(
            zip(counts.values.to_pylist(), counts.contributions[0].tolist(), strict=True)
        )
        return np.array([*found.values(), counts.contributions[1]])

    difference = histogram(list(range(len(values)))) - histogram(without)
    assert sorted(difference.tolist()) == [0, 0, 0, 0, 1]


# --- attacks by statistics --------------------------------------------------------------------------------------------

RUNS = 150
FAILURE = 1e-6


@pytest.mark.parametrize(
    ("kind", "epsilon", "one_more"),
    [
        (Kind.TABULAR_CATEGORICAL, 1.0, "rare"),
        (Kind.TABULAR_NUMERIC_AUTO, 1.0, 10**6),
        (Kind.TABULAR_NUMERIC_DIGIT, 1.0, 10**6),
    ],
)
def test_whole_encodings_of_neighbouring_tables_cannot_be_told_apart_better_than_epsilon_says(kind, epsilon, one_more):
    """The answer of a run is how far the encoding reaches for the additional entity: its code, by its own encoding."""
    by = fitter(kind)
    common = ["common"] * 60 + ["rare"] * 8 if one_more == "rare" else [0] * 60 + [10**6] * 8

    def runs_on(values):
        column = pa.array(values)
        counts = by.summarise(column)

        def runs(n_runs, seed):
            answers = []
            for run in range(n_runs):
                spent = budget(epsilon, 1e-2, seed=seed * RUNS + run, records=len(values))
                encoding = by.fit(
                    by.release(counts, column.type, spent), column.type, ValueProtection(enabled=False), rng()
                )
                answers.append(int(encoding.encode(pa.array([one_more])).sum()))
            return np.array(answers)

        return runs

    assert least_epsilon(runs_on(common), runs_on([*common, one_more]), RUNS, 1e-2, FAILURE) <= epsilon


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


def test_the_range_is_about_that_of_the_many_and_not_of_the_few():
    column = pa.array([*rng(1).integers(18, 90, 5_000).tolist(), 10**9, -(10**12)])
    for seed in range(10):
        encoding = fit_private(fitter(Kind.TABULAR_NUMERIC_BINNED), column, epsilon=1.0, seed=seed, records=5_002)
        assert 0 <= encoding.edges[0] <= 30
        assert 88 <= encoding.edges[-1] <= 256


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
    column = pa.array(values, pa.int32() if dtype == pa.date32() else pa.int64()).cast(dtype)
    encoding = fit_private(fitter(Kind.TABULAR_DATETIME), column, epsilon=2.0, records=5_000)
    assert encoding.time_parts == parts
    exact = fitter(Kind.TABULAR_DATETIME).fit(
        fitter(Kind.TABULAR_DATETIME).summarise(column), dtype, ValueProtection(enabled=False), rng()
    )
    years = 20 * 366 * 86_400_000
    assert abs(encoding.low - exact.low) < years
    assert abs(encoding.high - exact.high) < years


@pytest.mark.parametrize("dtype", [pa.decimal128(20, 4), pa.decimal128(38, 18), pa.decimal256(60, 2)])
def test_decimals_keep_their_digits(dtype):
    column = pa.array([Decimal(int(cents)) / 100 for cents in rng(1).integers(0, 10**5, 5_000)], dtype)
    encoding = fit_private(fitter(Kind.TABULAR_NUMERIC_DIGIT), column, epsilon=2.0, records=5_000)
    assert encoding.decimals == 2
    assert 0 <= encoding.low < 10
    assert 990 < encoding.high < 1_100


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
