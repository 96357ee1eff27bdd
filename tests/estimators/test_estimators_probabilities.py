"""`predict_proba` and `log_prob`: laws of probability, and agreement with what is drawn.

Tests on chance fail for correct code with a probability of at most `ERROR_PROBABILITY` per case.
"""

import itertools

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats

from synth_engine.domain import InputError
from tests.estimators.helpers import CITIES

ERROR_PROBABILITY = 1e-4
PLANS = ["basic", "plus"]


@pytest.mark.parametrize("target", ["city", "plan", "visits", "amount", "since", "active"])
@pytest.mark.parametrize("given", [[], ["plan"], ["amount", "since"], ["id", "code", "visits", "active"]])
def test_probabilities_add_up_to_one(fitted, table, target, given):
    probabilities = fitted.predict_proba(table[[*given, target]][:7], target)
    assert (probabilities >= 0).all(axis=None)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert probabilities.index.equals(table.index[:7])


def test_outcomes_of_each_kind_of_column(fitted, table):
    outcomes = {name: list(fitted.predict_proba(table[:1], name).columns) for name in table.columns[1:-1]}
    assert outcomes["city"] == [*CITIES, None]
    assert outcomes["plan"] == PLANS
    assert outcomes["visits"] == [0, 1, 2, 3]
    assert outcomes["since"] == [2020, 2021, 2022, 2023, None]
    assert outcomes["active"] == [False, True]
    *values, null = outcomes["amount"]
    assert null is None
    ranges = [value for value in values if isinstance(value, pd.Interval)]
    assert ranges, "a continuous number has bins"
    assert all(one.right <= other.left for one, other in itertools.pairwise(ranges))
    known = table["amount"].dropna()
    assert known.map(lambda amount: any(amount in each for each in ranges) or amount in values).all()


def test_the_target_in_x_is_not_looked_at(fitted, table):
    given = table[:20]
    plain = fitted.predict_proba(given.drop(columns="plan"), "plan")
    assert plain.equals(fitted.predict_proba(given, "plan"))
    assert plain.equals(fitted.predict_proba(given.assign(plan=[object()] * 20), "plan"))


def test_a_null_is_given_and_a_missing_column_is_not(fitted, table):
    given = table[["plan", "city"]][:1].assign(city=None)
    assert not np.allclose(fitted.predict_proba(given, "visits"), fitted.predict_proba(given[["plan"]], "visits"))


@pytest.mark.parametrize("targets", [["city", "plan"], ["plan", "amount"], ["active", "city", "visits"]])
def test_probabilities_of_several_targets_follow_the_chain_rule(fitted, table, targets):
    """P(a, b | x) = P(a | x) P(b | a, x), each on its own."""
    given = table.drop(columns=targets)[:5]
    joint = fitted.predict_proba(given, targets)
    np.testing.assert_allclose(joint.sum(axis=1), 1)
    for outcome in joint.columns[:: 1 + len(joint.columns) // 12]:
        if any(pd.isna(value) for value in outcome):
            continue
        product, known = np.ones(5), given
        for name, value in zip(targets, outcome, strict=True):
            product = product * fitted.predict_proba(known, name)[value].to_numpy()
            known = known.assign(**{name: table[name].dtype.type(value) if name == "visits" else value})
        np.testing.assert_allclose(joint[outcome], product, rtol=1e-4)


def test_positions_inside_bins_are_summed_over(fitted, table):
    """An earlier target that has two sub-columns: what is left when the later one is summed out is the target alone."""
    given = table.drop(columns=["amount", "plan"])[:4]
    joint = fitted.predict_proba(given, ["amount", "plan"])
    alone = fitted.predict_proba(given, "amount")
    summed = joint.to_numpy().reshape(4, alone.shape[1], 2).sum(axis=2)
    np.testing.assert_allclose(summed, alone, rtol=1e-5)


@pytest.mark.parametrize("target", ["visits", "amount"])
def test_probabilities_are_the_frequencies_of_draws(fitted, table, target):
    """Chi-square of 4,000 draws; outcomes of which fewer than five are expected are pooled.

    The columns before the target are given, so that it is drawn next, from the very conditional that is asked for.
    """
    given = table[["city", "plan", "visits", "amount"]].loc[:1000, :target].drop(columns=target)
    probabilities = fitted.predict_proba(given, target).iloc[0]
    drawn = fitted.sample(seed_data=given.loc[given.index.repeat(4000)], random_state=1)[target]
    counts = np.array([_how_often(drawn, outcome, list(probabilities.index)) for outcome in probabilities.index])
    assert counts.sum() == 4000
    expected = 4000 * probabilities.to_numpy()
    small = expected < 5
    counts, expected = (np.append(each[~small], each[small].sum()) for each in (counts, expected))
    is_kept = expected > 0
    found = stats.chisquare(counts[is_kept], expected[is_kept], sum_check=False)
    assert found.pvalue > ERROR_PROBABILITY


def _how_often(drawn, outcome, outcomes):
    if outcome is None:
        return drawn.isna().sum()
    if isinstance(outcome, pd.Interval):
        atoms = [other for other in outcomes if other is not None and not isinstance(other, pd.Interval)]
        return sum(value in outcome for value in drawn.dropna() if value not in atoms)
    return (drawn == outcome).sum()


@pytest.fixture(scope="session")
def every_row():
    """All rows that a model of `city` and `plan` tells apart: with null, and with one value that it does not know."""
    values = [[*CITIES, None, "Rom"], [*PLANS, None, "gold"]]
    return pd.DataFrame(itertools.product(*values), columns=["city", "plan"]).astype("str")


@pytest.mark.parametrize("n_orders", [None, 1])
def test_likelihoods_of_all_rows_add_up_to_one(tiny, every_row, n_orders):
    assert np.exp(tiny.log_prob(every_row, n_orders=n_orders, random_state=3)).sum() == pytest.approx(1, abs=1e-5)


def test_differences_of_log_prob_are_conditionals(tiny, every_row):
    """P(plan | city) from the likelihoods of both and of the first alone, where nothing that is never drawn counts."""
    known = every_row[every_row["plan"].isin(PLANS)].reset_index(drop=True)
    conditional = np.exp(tiny.log_prob(known) - tiny.log_prob(known[["city"]]))
    conditional = conditional / conditional.groupby(known["city"].fillna("")).transform("sum")
    found = tiny.predict_proba(known, "plan").to_numpy()[np.arange(len(known)), known["plan"].map(PLANS.index)]
    np.testing.assert_allclose(found, conditional, rtol=1e-4)


def test_random_orders_are_averaged_and_seeded(tiny, table):
    table = table[["city", "plan"]]
    one, same = (tiny.log_prob(table, n_orders=1, random_state=0) for _ in range(2))
    assert one.equals(same)
    natural = tiny.log_prob(table)
    # Of two columns there are two orders; many random ones come close to the mean of both.
    orders = {tuple(each.round(4)) for each in (tiny.log_prob(table, 1, random_state=seed) for seed in range(8))}
    assert len(orders) == 2
    assert tuple(natural.round(4)) in orders
    mean = np.mean([np.array(each) for each in orders], axis=0)
    half = tiny.log_prob(table, n_orders=400, random_state=0)
    spread = np.abs(np.array(list(orders)) - mean).max()
    # The share of one order among 400 is within 0.1 of a half, but for a probability of 6e-5.
    assert np.abs(half - mean).max() <= 0.2 * spread + 1e-3
    assert half.index.equals(table.index)


def test_values_that_are_not_known_count_as_rare_or_nearest(fitted, table):
    row = table.drop(columns="id")[:1]
    rare = fitted.log_prob(row.assign(city="Rom"))
    assert rare.equals(fitted.log_prob(row.assign(city="Paris")))
    assert (rare < fitted.log_prob(row)).all()
    top = table["amount"].max()
    assert fitted.log_prob(row.assign(amount=top)).equals(fitted.log_prob(row.assign(amount=10 * top)))


def test_unlikely_rows_are_found(fitted, table):
    """Rows of the more expensive plan that cost as little as one of the other's."""
    rows = table[(table["plan"] == "plus") & table["amount"].notna()][:20]
    assert fitted.log_prob(rows.assign(amount=100.0)).mean() < fitted.log_prob(rows).mean()


@pytest.mark.parametrize("n_rows", [0, 1])
def test_few_rows(fitted, table, n_rows):
    rows = table[:n_rows]
    assert fitted.predict_proba(rows, ["city", "amount"]).shape[0] == n_rows
    assert len(fitted.log_prob(rows)) == n_rows
    assert len(fitted.log_prob(rows, n_orders=2)) == n_rows


def test_rows_of_nulls(fitted, table):
    rows = pd.DataFrame({name: pa.nulls(3).to_pandas() for name in table.columns[1:]})
    assert np.isfinite(fitted.log_prob(rows)).all()
    np.testing.assert_allclose(fitted.predict_proba(rows, "plan").sum(axis=1), 1)


@pytest.mark.parametrize("target", ["code", ["plan", "code"]])
def test_a_column_without_a_list_of_outcomes_is_refused(fitted, table, target):
    with pytest.raises(InputError, match="'code' has encoding TABULAR_CHARACTER"):
        fitted.predict_proba(table, target)


def test_too_many_combinations_are_refused(fitted, table):
    with pytest.raises(InputError, match=r"'since', 'amount' together have .* more than 100,000"):
        fitted.predict_proba(table, ["since", "amount"])


def test_one_order_knows_what_comes_before_only(natural, table):
    np.testing.assert_allclose(natural.predict_proba(table[["city"]], "plan").sum(axis=1), 1)
    np.testing.assert_allclose(natural.predict_proba(table[["city"]], ["plan", "visits"]).sum(axis=1), 1)
    assert np.isfinite(natural.log_prob(table[["city", "plan"]])).all()
    for given, target, culprit in [
        (["plan", "visits"], "city", "'plan' does not come before 'city'"),
        (["visits", "city"], "plan", "'visits' does not come before 'plan'"),
        (["city"], "visits", "'plan' is missing"),
        (["city"], ["visits", "plan"], "'plan' is missing"),
    ]:
        with pytest.raises(InputError, match=f"column {culprit}"):
            natural.predict_proba(table[given], target)
    with pytest.raises(InputError, match="column 'city' is missing"):
        natural.log_prob(table[["plan"]])
    with pytest.raises(InputError, match="n_orders"):
        natural.log_prob(table[["city"]], n_orders=2)
