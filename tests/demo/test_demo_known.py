"""The shop obeys the probabilities stated in `known`: one chi-square test per table, bounds for the continuous columns.

A correct shop would fail one given check with a probability of at most `ERROR_PROBABILITY`, so all of them together
(about forty) with less than half a percent; as the seed is fixed, they either always pass or always fail.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from synth_engine.demo import Shop, known, make_shop

ERROR_PROBABILITY = 1e-4
N_CUSTOMERS = 40_000


class Draws(NamedTuple):
    """`codes[i]` was drawn from `table[rows[i]]`."""

    rows: Any
    codes: Any
    table: Any


def marginal(codes: Any, probabilities: Any) -> Draws:
    return Draws(np.zeros(len(codes), dtype=int), codes, probabilities[None])


def yes_or_no(rows: Any, codes: Any, rates: Any) -> Draws:
    return Draws(rows, codes, np.column_stack([1 - rates, rates]))


def given(frame: pd.DataFrame, kept: Any) -> pd.DataFrame:
    return frame[np.asarray(kept)]


@pytest.fixture(scope="module")
def shop() -> Shop:
    """The shop, with columns of codes (named `_…`) added for the tests."""
    shop = make_shop(N_CUSTOMERS, seed=0)
    customers = shop.customers.assign(
        _band=known.age_bands(shop.customers["birth_date"]),
        _country=known.codes_of(shop.customers["country"], known.COUNTRY_CODES),
        _city=known.codes_of(shop.customers["city"], known.CITY_NAMES),
        _gender=known.codes_of(shop.customers["gender"], known.GENDERS),
        _segment=known.codes_of(shop.customers["segment"], known.SEGMENTS),
        _member=shop.customers["is_member"].astype(int),
        _weekday=shop.customers["last_seen"].dt.day_of_week,
    )
    customers["_tier"] = known.COUNTRY_TIERS[customers["_country"]]
    product = known.codes_of(shop.orders["product"], known.PRODUCTS)
    same_customer = shop.orders["customer_id"].eq(shop.orders["customer_id"].shift())
    orders = shop.orders.assign(
        _product=product,
        _previous=np.where(same_customer, np.roll(product, 1), -1),
        _channel=known.codes_of(shop.orders["channel"], known.CHANNELS),
        _status=known.codes_of(shop.orders["status"], known.STATUSES),
        _discount=np.searchsorted(known.DISCOUNT_PERCENTS, (shop.orders["discount"] * 100).round()),
        _price_point=(shop.orders["unit_price"].to_numpy()[:, None] == known.UNIT_PRICES[product]).argmax(axis=1),
    )
    return Shop(customers, orders.merge(customers[["customer_id", "_member", "_band"]], on="customer_id"))


# --- customers --------------------------------------------------------------------------------------------------------
def gender(shop: Shop) -> Draws:
    return marginal(shop.customers["_gender"], known.GENDER_PROBABILITIES)


def age_band(shop: Shop) -> Draws:
    return marginal(shop.customers["_band"], known.AGE_BAND_PROBABILITIES)


def country(shop: Shop) -> Draws:
    return marginal(shop.customers["_country"], known.COUNTRY_PROBABILITIES)


def city(shop: Shop) -> Draws:
    return Draws(shop.customers["_country"], shop.customers["_city"], known.CITY_PROBABILITIES)


def segment(shop: Shop) -> Draws:
    rows = shop.customers["_band"] * 3 + shop.customers["_tier"]
    return Draws(rows, shop.customers["_segment"], known.SEGMENT_PROBABILITIES.reshape(-1, 3))


def member(shop: Shop) -> Draws:
    return yes_or_no(shop.customers["_segment"], shop.customers["_member"], known.MEMBER_PROBABILITIES)


def email_opt_in(shop: Shop) -> Draws:
    answered = given(shop.customers, shop.customers["email_opt_in"].notna())
    return yes_or_no(answered["_member"], answered["email_opt_in"].astype(int), known.EMAIL_OPT_IN_PROBABILITIES)


def email_opt_in_missing(shop: Shop) -> Draws:
    missing = known.EMAIL_OPT_IN_MISSING
    return marginal(shop.customers["email_opt_in"].isna().astype(int), np.array([1 - missing, missing]))


def income_missing(shop: Shop) -> Draws:
    return yes_or_no(shop.customers["_segment"], shop.customers["income"].isna().astype(int), known.INCOME_MISSING)


def n_children(shop: Shop) -> Draws:
    counts = np.arange(known.CHILDREN_MAXIMUM + 1)
    table = stats.binom.pmf(counts, known.CHILDREN_MAXIMUM, known.CHILDREN_RATES[:, None])
    return Draws(shop.customers["_band"], shop.customers["n_children"], table)


def satisfaction(shop: Shop) -> Draws:
    answered = given(shop.customers, shop.customers["satisfaction"].notna())
    steps = np.arange(known.SATISFACTION_STEPS + 1)
    table = stats.binom.pmf(steps, known.SATISFACTION_STEPS, known.SATISFACTION_RATES[:, None])
    return Draws(answered["_segment"], ((answered["satisfaction"] - 1) * 2).astype(int), table)


def satisfaction_missing(shop: Shop) -> Draws:
    missing = shop.customers["satisfaction"].isna().astype(int)
    return yes_or_no(shop.customers["_member"], missing, known.SATISFACTION_MISSING)


def lifetime_value_zero(shop: Shop) -> Draws:
    zero = (shop.customers["lifetime_value"] == 0).astype(int)
    return yes_or_no(shop.customers["_segment"], zero, known.NO_ORDERS_RATES)


def lifetime_value_negative(shop: Shop) -> Draws:
    value = shop.customers["lifetime_value"]
    rate = known.NEGATIVE_VALUE_RATE
    return marginal((value[value != 0] < 0).astype(int), np.array([1 - rate, rate]))


def last_week(shop: Shop) -> Draws:
    weeks = (pd.Timestamp(known.TODAY) - shop.customers["last_seen"]).dt.total_seconds() // (7 * 86_400)
    return Draws(shop.customers["_segment"], weeks.astype(int), known.last_week_probabilities())


def weekday(shop: Shop) -> Draws:
    return marginal(shop.customers["_weekday"], known.WEEKDAY_PROBABILITIES)


def hour(shop: Shop) -> Draws:
    weekend = (shop.customers["_weekday"] >= 5).astype(int)
    return Draws(weekend, shop.customers["last_seen"].dt.hour, known.HOUR_PROBABILITIES)


# --- orders -----------------------------------------------------------------------------------------------------------
def first_product(shop: Shop) -> Draws:
    return marginal(given(shop.orders, shop.orders["_previous"] < 0)["_product"], known.PRODUCT_PROBABILITIES)


def next_product(shop: Shop) -> Draws:
    later = given(shop.orders, shop.orders["_previous"] >= 0)
    return Draws(later["_previous"], later["_product"], known.product_transitions())


def unit_price(shop: Shop) -> Draws:
    return marginal(shop.orders["_price_point"], known.PRICE_POINT_PROBABILITIES)


def quantity(shop: Shop) -> Draws:
    table = stats.poisson.pmf(np.arange(40), known.EXTRA_QUANTITIES[:, None])
    return Draws(shop.orders["_product"], shop.orders["quantity"] - 1, table)


def discount(shop: Shop) -> Draws:
    return Draws(shop.orders["_member"], shop.orders["_discount"], known.DISCOUNT_PROBABILITIES)


def channel(shop: Shop) -> Draws:
    customers = shop.orders.drop_duplicates("customer_id")
    return Draws(customers["_band"], customers["_channel"], known.CHANNEL_PROBABILITIES)


def status(shop: Shop) -> Draws:
    return Draws(shop.orders["_product"], shop.orders["_status"], known.STATUS_PROBABILITIES)


MARGINALS = [
    gender, age_band, country, email_opt_in_missing, lifetime_value_negative, weekday, first_product, unit_price,
]  # fmt: skip
CONDITIONALS = [
    city, segment, member, email_opt_in, income_missing, n_children, satisfaction, satisfaction_missing,
    lifetime_value_zero, last_week, hour, next_product, quantity, discount, channel, status,
]  # fmt: skip


def chi_square_p_value(draws: Draws) -> float:
    """One test over all rows; cells where fewer than five are expected are pooled within their row."""
    counts = np.zeros(draws.table.shape)
    np.add.at(counts, (np.asarray(draws.rows), np.asarray(draws.codes)), 1)
    if counts[draws.table == 0].any():
        return 0.0
    statistic, freedom = 0.0, 0
    for observed, expected in zip(counts, draws.table * counts.sum(axis=1, keepdims=True), strict=True):
        large = expected >= 5
        seen = np.append(observed[large], observed[~large].sum())
        wanted = np.append(expected[large], expected[~large].sum())
        seen, wanted = seen[wanted > 1], wanted[wanted > 1]
        statistic += float(np.sum((seen - wanted) ** 2 / wanted))
        freedom += max(len(seen) - 1, 0)
    return float(stats.chi2.sf(statistic, freedom))


def law_name(law: Callable[[Shop], Draws]) -> str:
    return law.__name__


@pytest.mark.parametrize("law", MARGINALS + CONDITIONALS, ids=law_name)
def test_categories_have_the_stated_probabilities(shop, law):
    assert chi_square_p_value(law(shop)) > ERROR_PROBABILITY


@pytest.mark.parametrize("law", CONDITIONALS, ids=law_name)
def test_a_lost_dependency_is_noticed(shop, law):
    draws = law(shop)
    shuffled = np.random.default_rng(0).permutation(np.asarray(draws.codes))
    assert chi_square_p_value(draws._replace(codes=shuffled)) < ERROR_PROBABILITY


@pytest.mark.parametrize(("one", "other"), [("_gender", "_segment"), ("_gender", "_band"), ("_weekday", "_member")])
def test_what_is_not_listed_is_independent(shop, one, other):
    table = pd.crosstab(shop.customers[one], shop.customers[other])
    assert stats.chi2_contingency(table).pvalue > ERROR_PROBABILITY


def test_segment_probabilities_by_name():
    probabilities = known.segment_probabilities("45-59", "IN")
    assert probabilities.tolist() == known.SEGMENT_PROBABILITIES[2, 2].tolist()
    assert probabilities.sum() == pytest.approx(1)


# --- continuous columns -----------------------------------------------------------------------------------------------
def assert_distributed(values: Any, cdf: Callable[[Any], Any], *, slack: float = 0.0) -> None:
    """Bound of Dvoretzky, Kiefer, Wolfowitz and Massart on the distance of an empirical from its true distribution.

    `slack` is what rounding, or the rare tail of another distribution, may add to that distance.
    """
    bound = np.sqrt(np.log(2 / ERROR_PROBABILITY) / (2 * len(values)))
    assert stats.kstest(np.asarray(values), cdf).statistic < bound + slack


def test_location_is_normal_around_the_city(shop):
    degrees = shop.customers["location"].str.split(",", expand=True).astype(float).to_numpy()
    distance = (degrees - known.CITY_CENTRES[shop.customers["_city"]]) / known.LOCATION_SPREAD_DEGREES
    assert_distributed(distance[:, 0], stats.norm.cdf, slack=0.001)
    assert_distributed(distance[:, 1], stats.norm.cdf, slack=0.001)


def test_age_within_its_band(shop):
    band = shop.customers["_band"].to_numpy()
    edges = known.AGE_BAND_EDGES_DAYS
    position = (known.age_days(shop.customers["birth_date"]) + 0.5 - edges[band]) / (edges[band + 1] - edges[band])
    for code, beta in enumerate(known.AGE_BAND_BETA):
        assert_distributed(position[band == code], stats.beta(1, beta).cdf, slack=0.001)


def test_income_is_lognormal_by_age_and_country_with_a_rare_tail(shop):
    stated = given(shop.customers, shop.customers["income"].notna())
    median = known.INCOME_MEDIANS[stated["_band"], stated["_tier"]]
    score = np.log(stated["income"] / median) / known.INCOME_LOG_SPREAD
    assert_distributed(score, stats.norm.cdf, slack=known.INCOME_TAIL_RATE + 0.01)
    assert (score > 5).mean() > known.INCOME_TAIL_RATE / 50  # 3e-7 without the tail


def test_lifetime_value_follows_income_and_segment(shop):
    kept = given(shop.customers, shop.customers["income"].notna() & (shop.customers["lifetime_value"] > 0))
    share = known.SPENDING_SHARES[kept["_segment"]]
    score = np.log(kept["lifetime_value"] / kept["income"] / share) / known.SPENDING_LOG_SPREAD
    assert_distributed(score, stats.norm.cdf, slack=0.005)


def test_member_since_is_uniform_from_the_earliest_start(shop):
    members = given(shop.customers, shop.customers["is_member"])
    sixteenth = pd.to_datetime(members["birth_date"]) + pd.Timedelta(days=known.MINIMUM_JOIN_AGE_DAYS)
    start = sixteenth.clip(lower=pd.Timestamp(known.SHOP_OPENED))
    position = (members["member_since"] - start) / (pd.Timestamp(known.JOIN_END) - start)
    assert_distributed(position.astype(float), stats.uniform.cdf, slack=0.001)


def test_number_of_orders_by_segment(shop):
    counts = shop.orders["customer_id"].value_counts()
    buyers = shop.customers.set_index("customer_id").loc[counts.index, "_segment"]
    for code, mean in enumerate(known.mean_orders()):
        of_segment = counts[buyers == code]
        standard_error = of_segment.std() / np.sqrt(len(of_segment))
        assert abs(of_segment.mean() - mean) < 5 * standard_error  # 6e-7 if normal; wider, as the tail is heavy
