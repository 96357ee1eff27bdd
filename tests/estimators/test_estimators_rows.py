"""`sample`, `predict` and `impute`: what is given stays, types come back, seeds decide, and several draws become one.

Tests on chance fail for correct code with a probability of at most 1e-4 per case.
"""

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth_engine.domain import InputError
from synth_engine.encodings import ValueCounts, fitter
from synth_engine.estimators.aggregation import aggregated, automatic
from synth_engine.privacy import ValueProtection
from synth_engine.stages.split import resolve_encoding_types
from tests.estimators.helpers import fast

MODELLED = ["city", "plan", "visits", "amount", "since", "active", "code"]


def test_samples_have_the_types_of_the_fitted_table(fitted, table):
    sample = fitted.sample(50)
    assert sample.dtypes.equals(table.dtypes)
    assert len(sample) == 50
    assert len(fitted.sample()) == len(table)
    assert fitted.sample(0).dtypes.equals(table.dtypes)


def test_samples_follow_their_seed(fitted):
    one, same, other = (fitted.sample(20, random_state=seed) for seed in (1, 1, 2))
    assert one.equals(same)
    assert not one.equals(other)
    assert fitted.sample(20).equals(fitted.sample(20, random_state=fitted.random_state))


def test_samples_take_the_arguments_of_generate(fitted, table):
    assert fitted.sample(200, imputation={"columns": ["city"]})["city"].notna().all()
    shares = fitted.sample(200, rebalancing={"column": "plan", "probabilities": {"plus": 1.0}})
    assert (shares["plan"] == "plus").all()
    coldest = fitted.sample(20, sampling_temperature=0.0)["plan"]
    assert coldest.nunique() == 1
    seeds = table[["amount", "id"]][:30]
    assert fitted.sample(seed_data=seeds)[["amount", "id"]].equals(seeds.reset_index(drop=True))


def test_the_mode_of_a_category_is_the_most_probable_one(fitted, table):
    for target in ("city", "plan", "active"):
        predicted = fitted.predict(table, target)
        probable = fitted.predict_proba(table, target).idxmax(axis=1)
        assert predicted.dtype == table[target].dtype
        assert predicted.index.equals(table.index)
        assert (predicted == probable).all() or target == "city"
    assert fitted.predict(table, "visits", agg_fn="mode").dtype == np.int16


def test_predictions_follow_what_they_depend_on(fitted, table):
    """The amount is about 100 for one plan and 200 for the other; the mean of 200 draws is off by a few at most."""
    means = fitted.predict(table[["plan"]], "amount", n_draws=200).groupby(table["plan"]).mean()
    assert means["basic"] == pytest.approx(100, abs=20)
    assert means["plus"] == pytest.approx(200, abs=35)


@pytest.mark.parametrize("agg_fn", ["auto", "mode"])
def test_predictions_of_several_columns_have_their_types(fitted, table, agg_fn):
    predicted = fitted.predict(table[["plan"]], ["since", "visits", "amount", "code", "city"], n_draws=3, agg_fn=agg_fn)
    assert list(predicted.columns) == ["since", "visits", "amount", "code", "city"]
    assert predicted.dtypes.equals(table[predicted.columns].dtypes)
    assert predicted.index.equals(table.index)


def test_lists_and_callables_are_given_all_draws(fitted, table):
    rows = table[["plan"]][:5]
    draws = fitted.predict(rows, "amount", n_draws=4, agg_fn="list", random_state=1)
    assert draws.map(len).tolist() == [4] * 5
    texts = fitted.predict(rows, "amount", 4, lambda values: str(values.tolist()), random_state=1)
    assert texts.tolist() == draws.map(str).tolist()
    spread = fitted.predict(rows, ["amount"], 4, lambda values: values.max() - values.min(), random_state=1)
    expected = draws.map(lambda values: pd.Series(values).max() - pd.Series(values).min())
    pd.testing.assert_series_equal(spread["amount"], expected)


def test_nothing_but_the_target_may_be_in_x(fitted, table):
    assert len(fitted.predict(table[["plan"]], "plan")) == len(table)
    assert len(fitted.predict(table[["amount"]], "amount", n_draws=2)) == len(table)
    assert len(fitted.predict(table[:0], "amount")) == 0


@pytest.mark.parametrize("n_draws", [1, 3])
def test_imputing_fills_nulls_and_nothing_else(fitted, table, n_draws):
    rng = np.random.default_rng(1)
    gaps = table.copy()
    for name in MODELLED:
        gaps[name] = table[name].where(rng.random(len(table)) < 0.7)
    filled = fitted.impute(gaps, n_draws=n_draws)
    assert not filled[MODELLED].isna().any(axis=None)
    assert filled.dtypes.equals(table.dtypes)
    assert filled.index.equals(table.index)
    for name in table.columns:
        given = gaps[name].notna()
        assert (filled[name][given] == table[name][given]).all()


def test_imputing_looks_at_the_row(fitted, table):
    rows = table[["plan"]].assign(amount=np.nan)
    means = fitted.impute(rows, n_draws=50).groupby("plan")["amount"].mean()
    assert means["plus"] - means["basic"] > 40


def test_imputing_leaves_its_input_and_what_is_whole_alone(fitted, table):
    whole = table[["plan", "visits"]][:9]
    before = whole.copy()
    assert fitted.impute(whole).equals(before)
    gaps = table[:9].copy()
    before = gaps.copy()
    fitted.impute(gaps)
    assert gaps.equals(before)
    assert fitted.impute(table[:0]).dtypes.equals(table.dtypes)


def test_imputing_follows_its_seed(fitted, table):
    one, same, other = (fitted.impute(table, random_state=seed) for seed in (1, 1, 2))
    assert one.equals(same)
    assert not one.equals(other)


def test_arrow_comes_back_in_arrow_types():
    rows = pa.table(
        {"n": pa.array([1, 2, None] * 20, pa.int32()), "d": pa.array([Decimal("1.5"), None, Decimal(2)] * 20)}
    )
    with fast(max_epochs=0.1) as model:
        frames = [model.fit(rows).sample(5), model.impute(rows), model.predict(rows.select(["n"]), ["d"])]
    for frame in frames:
        assert all(isinstance(dtype, pd.ArrowDtype) for dtype in frame.dtypes)
        assert all(dtype.pyarrow_dtype == rows.schema.field(name).type for name, dtype in frame.dtypes.items())


def test_arrays_have_columns_by_place():
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 3, (60, 2)), rng.choice(["no", "yes"], 60)
    with fast(max_epochs=1) as model:
        model.fit(X, y)
        assert list(model.feature_names_in_) == ["x0", "x1"]
        assert model.predict(X).name == "target"
        assert list(model.predict_proba(X).columns) == ["no", "yes"]
        assert list(model.sample(2).columns) == ["x0", "x1", "target"]


def test_y_is_the_target(table):
    X, y = table[["plan", "city"]], table["active"]
    with fast(max_epochs=1) as model:
        assert model.fit(X, y).predict(X).name == "active"
        assert model.target_ == "active"
        assert list(model.predict_proba(X).columns) == [False, True]
        arrow = model.fit(pa.Table.from_pandas(X, preserve_index=False), y.tolist())
        assert arrow.predict(X).name == "target"


def encoding_of(values):
    kind = resolve_encoding_types(pa.schema([pa.field("c", values.type)]), {}, {})["c"]
    counts = ValueCounts.merged([fitter(kind).summarise(values)])
    return fitter(kind).fit(counts, values.type, ValueProtection(enabled=False), np.random.default_rng(0))


DAYS = np.array(["2020-01-01", "2020-01-02", "2020-01-03"], "M8[s]")


@pytest.mark.parametrize(
    ("draws", "agg_fn", "expected"),
    [
        (pa.array([1, 2, 2, 5, 5, 5]), "mode", [2, 5]),
        (pa.array([3, 1, 2, 1, None, None]), "mode", [3, None]),
        (pa.array([1, 2, 4, None, 7, None], pa.int8()), "mean", [2, 7]),
        (pa.array([1, 2, None, None, None, None]), "mean", [2, None]),
        (pa.array([2**64 - 1] * 3 + [2**64 - 3, None, None], pa.uint64()), "mean", [2**64 - 1, 2**64 - 3]),
        (pa.array([-(2**63)] * 6), "mean", [-(2**63)] * 2),
        (pa.array([1.5, 2.5, None, None, None, None]), "mean", [2.0, None]),
        (pa.array([9, 1, 5, None, 7, 8]), "median", [5, 7]),
        (pa.array(["b", "a", "a", None, "c", None]), "mode", ["a", None]),
        (pa.array([True, False, False, True, True, True]), "auto", [False, True]),
        (pa.array(DAYS[[2, 0, 1, 0, 0, 2]]), "auto", DAYS[[1, 0]].tolist()),
        (pa.array([Decimal("1.10"), Decimal("9"), Decimal("2"), None, Decimal("3"), None]), "auto", [2, 3]),
        (pa.array([1, 2, 6, 1, 1, 1]), "auto", [3, 1]),
    ],
)
def test_draws_become_one_value(draws, agg_fn, expected):
    found = aggregated("c", draws, 3, agg_fn, encoding_of(draws))
    assert found.type == draws.type
    assert found.to_pylist() == expected


@pytest.mark.parametrize("agg_fn", ["mode", "median"])
@pytest.mark.parametrize("n_draws", [1, 4, 5])
def test_aggregation_equals_its_slow_twin(agg_fn, n_draws):
    rng = np.random.default_rng(n_draws)
    values = [None if value < 0 else value for value in rng.integers(-2, 5, 40 * n_draws).tolist()]
    draws = pa.array(values, pa.int32())
    found = aggregated("c", draws, n_draws, agg_fn, encoding_of(draws)).to_pylist()
    for row, value in enumerate(found):
        own = values[row * n_draws : (row + 1) * n_draws]
        if agg_fn == "mode":
            assert value == max(own, key=own.count)  # the first of the most frequent ones
        else:
            known = sorted(each for each in own if each is not None)
            assert value == (known[(len(known) - 1) // 2] if known else None)


@pytest.mark.parametrize(
    ("values", "agg_fn"),
    [(pa.array(["a", "b"]), "mean"), (pa.array(["a", "b"]), "median"), (pa.array(DAYS[:2]), "mean")],
)
def test_an_aggregation_that_does_not_suit_is_refused(values, agg_fn):
    with pytest.raises(InputError, match=f"agg_fn: '{agg_fn}' is for .* column 'c'"):
        aggregated("c", values, 1, agg_fn, encoding_of(values))


def test_automatic_aggregation_suits_the_column(fitted):
    chosen = {name: automatic(encoding) for name, encoding in fitted._model().columns.items()}
    assert {name for name, kind in chosen.items() if kind == "mean"} == {"visits", "amount"}
    assert {name for name, kind in chosen.items() if kind == "median"} == {"since"}
    assert {name for name, kind in chosen.items() if kind == "mode"} == {"city", "plan", "active", "code"}


def test_one_order_draws_what_comes_after(natural, table):
    rows = table[["city", "plan", "visits"]]
    assert natural.predict(rows[["city"]], ["visits", "plan"], n_draws=2).shape == (len(rows), 2)
    assert (
        natural.predict(rows[["city"]], "plan") == natural.predict_proba(rows[["city"]], "plan").idxmax(axis=1)
    ).all()
    with pytest.raises(InputError, match=r"column 'plan' is missing: .* without enable_flexible_generation"):
        natural.predict(rows[["city"]], "visits", n_draws=2)
    with pytest.raises(InputError, match="imputation: nulls of column 'city' cannot be filled where 'plan'"):
        natural.impute(rows)
    assert natural.impute(rows[["city"]])["city"].notna().all()
