"""The facts about the demo shop that a model can be tested against: every table and constant the shop is drawn from.

Read the tables as "P(column | row)": the axes are named in the line below each. Codes are positions in the tuples
of labels (`SEGMENTS`, `COUNTRY_CODES`, …). Nothing here draws anything; drawing is in `customers.py` and `orders.py`.
Money is in euros.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from synth_engine.demo.places import CITIES, COUNTRIES

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


def _table(values: npt.ArrayLike) -> FloatArray:
    """A read-only table of numbers, as the tables are shared by everyone who imports them."""
    table = np.array(values, dtype=np.float64)
    table.flags.writeable = False
    return table


def _probabilities(weights: npt.ArrayLike) -> FloatArray:
    """Weights scaled to sum to one along the last axis."""
    table = np.array(weights, dtype=np.float64)
    return _table(table / table.sum(axis=-1, keepdims=True))


# --- time -------------------------------------------------------------------------------------------------------------
TODAY = np.datetime64("2025-01-06", "s")
"""The Monday, 0:00, on which the shop's data were exported; nothing happens at or after it."""
SHOP_OPENED = np.datetime64("2015-01-01", "s")
"""Nobody joins or orders before this."""
JOIN_END = np.datetime64("2024-01-01", "s")
"""Nobody joins at or after this, and everybody is seen after it."""
MINIMUM_JOIN_AGE_DAYS = 5844
"""Sixteen years: nobody joins or orders before."""

# --- who --------------------------------------------------------------------------------------------------------------
GENDERS = ("female", "male", "diverse")
GENDER_PROBABILITIES = _probabilities([0.51, 0.46, 0.03])

AGE_BANDS = ("18-29", "30-44", "45-59", "60+")
AGE_BAND_EDGES_DAYS = np.array([6575, 10957, 16436, 21915, 36525], dtype=np.int64)
"""Age at `TODAY` in days; band b holds edges[b] <= age < edges[b + 1]."""
AGE_BAND_PROBABILITIES = _probabilities([0.25, 0.35, 0.25, 0.15])
AGE_BAND_BETA = _table([1, 1, 1, 3])
"""Within its band an age is Beta(1, b): uniform, but falling towards 100 in the last band."""

COUNTRY_CODES = tuple(country.code for country in COUNTRIES)
COUNTRY_PROBABILITIES = _probabilities([country.weight for country in COUNTRIES])
COUNTRY_TIERS: IntArray = np.array([country.tier for country in COUNTRIES], dtype=np.int64)

CITY_NAMES = tuple(city.name for city in CITIES)
CITY_CENTRES = _table([(city.latitude, city.longitude) for city in CITIES])
"""(city, [latitude, longitude]) in degrees."""
CITY_PROBABILITIES = _probabilities(
    [
        [1 / (country.cities.index(city) + 1) if city in country.cities else 0.0 for city in CITIES]
        for country in COUNTRIES
    ]
)
"""(country, city): the k-th city of a country has weight 1/k."""
LOCATION_SPREAD_DEGREES = 0.05
"""Latitude and longitude are normal around the city's centre with this standard deviation, independently."""

SEGMENTS = ("basic", "plus", "premium")
_SEGMENT_BY_BAND = np.array([[0.70, 0.25, 0.05], [0.50, 0.37, 0.13], [0.40, 0.38, 0.22], [0.50, 0.35, 0.15]])
_SEGMENT_BY_TIER = np.array([[1.0, 1.1, 1.4], [1.0, 1.0, 1.0], [1.3, 0.9, 0.4]])
SEGMENT_PROBABILITIES = _probabilities(_SEGMENT_BY_BAND[:, None, :] * _SEGMENT_BY_TIER[None, :, :])
"""(age band, wealth tier of the country, segment)."""

# --- what they told us ------------------------------------------------------------------------------------------------
MEMBER_PROBABILITIES = _table([0.3, 0.6, 0.9])
"""(segment,)"""
EMAIL_OPT_IN_PROBABILITIES = _table([0.3, 0.75])
"""(not member / member,), among the answers given."""
EMAIL_OPT_IN_MISSING = 0.1
CHILDREN_MAXIMUM = 5
CHILDREN_RATES = _table([0.06, 0.25, 0.36, 0.40])
"""(age band,): number of children is Binomial(5, rate)."""
SATISFACTION_STEPS = 8
SATISFACTION_RATES = _table([0.55, 0.65, 0.80])
"""(segment,): satisfaction is 1 + Binomial(8, rate) / 2."""
SATISFACTION_MISSING = _table([0.65, 0.25])
"""(not member / member,)"""

# --- money ------------------------------------------------------------------------------------------------------------
INCOME_MEDIANS = _table(np.outer([24_000, 42_000, 50_000, 36_000], [1.2, 0.8, 0.4]))
"""(age band, wealth tier)"""
INCOME_LOG_SPREAD = 0.45
INCOME_TAIL_RATE = 0.01
"""This share of incomes is multiplied by a Pareto variable >= 1 ..."""
INCOME_TAIL_EXPONENT = 1.5
"""... with this exponent."""
INCOME_ROUND_RATE = 0.85
"""This share of people state their income in hundreds, the others in whole euros."""
INCOME_MISSING = _table([0.12, 0.06, 0.02])
"""(segment,)"""
NO_ORDERS_RATES = _table([0.45, 0.20, 0.05])
"""(segment,): these have a lifetime value of exactly zero and no orders."""
NEGATIVE_VALUE_RATE = 0.03
"""Of those who ordered, this share has returned more than it kept, and a negative lifetime value."""
SPENDING_SHARES = _table([0.005, 0.015, 0.05])
"""(segment,): median of positive lifetime value / income (also where the income is not stated)."""
SPENDING_LOG_SPREAD = 0.25
NEGATIVE_VALUE_FACTOR = -0.1

# --- visits -----------------------------------------------------------------------------------------------------------
WEEKS_SEEN = 52
LAST_WEEK_RATES = _table([0.05, 0.10, 0.20])
"""(segment,): `last_seen` lies 1, 2, …, 52 whole weeks before `TODAY`'s, geometrically with this rate, truncated."""
WEEKDAY_PROBABILITIES = _probabilities([12, 12, 12, 13, 15, 20, 16])
"""(Monday … Sunday,)"""
HOUR_PROBABILITIES = _probabilities(
    [
        [2, 1, 1, 1, 1, 2, 6, 9, 7, 5, 5, 6, 10, 7, 5, 5, 6, 9, 12, 14, 15, 13, 8, 4],
        [4, 3, 2, 1, 1, 1, 1, 2, 4, 8, 12, 14, 12, 10, 10, 10, 10, 9, 9, 9, 9, 8, 7, 5],
    ]
)
"""(Monday to Friday / weekend, hour of the day)"""

# --- orders -----------------------------------------------------------------------------------------------------------
EXTRA_ORDERS = _table([1.0, 3.0, 6.0])
"""(segment,): a customer with orders has 1 + Poisson(this * Gamma(2, mean 1)) of them."""
EXTRA_ORDERS_SHAPE = 2.0
HEAVY_BUYER_RATE = 0.002
"""For this share of the customers the mean number of extra orders is ..."""
HEAVY_BUYER_FACTOR = 50.0
"""... this many times higher."""

PRODUCTS = ("coffee", "tea", "chocolate", "mug", "grinder", "kettle", "espresso machine", "gift card")
PRODUCT_PROBABILITIES = _probabilities([30, 18, 16, 12, 8, 8, 3, 5])
"""(product,) of a first or a fresh choice; this is also the distribution over all orders."""
PRODUCT_STICKINESS = 0.6
"""With this probability an order repeats the previous product, otherwise the choice is fresh (may be the same)."""
UNIT_PRICES = _table(
    [
        [7.99, 9.99, 14.5],
        [4.49, 5.99, 8.25],
        [2.99, 3.49, 6.95],
        [8.9, 12.9, 19.9],
        [49.0, 89.0, 149.0],
        [29.9, 39.9, 79.9],
        [249.0, 449.0, 1299.0],
        [10.0, 25.0, 50.0],
    ]
)
"""(product, price point)"""
PRICE_POINT_PROBABILITIES = _probabilities([0.5, 0.35, 0.15])
EXTRA_QUANTITIES = _table([1.5, 1.0, 2.0, 0.8, 0.05, 0.05, 0.02, 0.4])
"""(product,): quantity is 1 + Poisson(this)."""
DISCOUNT_PERCENTS: IntArray = np.array([0, 5, 10, 20], dtype=np.int64)
DISCOUNT_PROBABILITIES = _probabilities([[0.90, 0.05, 0.04, 0.01], [0.50, 0.25, 0.15, 0.10]])
"""(not member / member, discount)"""
CHANNELS = ("web", "app", "store", "phone")
CHANNEL_PROBABILITIES = _probabilities([[30, 60, 9, 1], [45, 40, 13, 2], [50, 20, 25, 5], [30, 5, 45, 20]])
"""(age band, channel); one draw per customer."""
STATUSES = ("delivered", "returned", "cancelled")
_RETURN_RATES = np.array([0.01, 0.01, 0.01, 0.06, 0.12, 0.10, 0.20, 0.0])
STATUS_PROBABILITIES = _table(np.column_stack([0.96 - _RETURN_RATES, _RETURN_RATES, np.full(8, 0.04)]))
"""(product, status)"""


def age_days(birth_date: "pd.Series[Any]") -> IntArray:
    """Age at `TODAY` in days, of birth dates in any of pandas' types for dates."""
    born = pa.array(birth_date, from_pandas=True).cast(pa.date32()).to_numpy(zero_copy_only=False)
    days: IntArray = (TODAY.astype("datetime64[D]") - born).astype(np.int64)
    return days


def age_bands(birth_date: "pd.Series[Any]") -> IntArray:
    """Codes into `AGE_BANDS` of birth dates, by the age at `TODAY`."""
    bands: IntArray = np.searchsorted(AGE_BAND_EDGES_DAYS, age_days(birth_date), side="right") - 1
    return bands


def codes_of(values: "pd.Series[Any]", labels: tuple[str, ...]) -> IntArray:
    """Position of each value in `labels`, -1 where it is not among them."""
    return pd.Index(labels).get_indexer(pd.Index(values)).astype(np.int64)


def segment_probabilities(age_band: str, country: str) -> FloatArray:
    """P(segment | age band, country), in the order of `SEGMENTS`."""
    tier = COUNTRY_TIERS[COUNTRY_CODES.index(country)]
    probabilities: FloatArray = SEGMENT_PROBABILITIES[AGE_BANDS.index(age_band), tier]
    return probabilities


def last_week_probabilities() -> FloatArray:
    """P(`last_seen` is w whole weeks ago | segment) as (segment, w - 1), w = 1 … `WEEKS_SEEN`."""
    return _probabilities((1 - LAST_WEEK_RATES[:, None]) ** np.arange(WEEKS_SEEN))


def product_transitions() -> FloatArray:
    """P(product of the next order | product of this order) of one customer, as (this, next)."""
    return PRODUCT_STICKINESS * np.eye(len(PRODUCTS)) + (1 - PRODUCT_STICKINESS) * PRODUCT_PROBABILITIES


def mean_orders() -> FloatArray:
    """Expected number of orders of a customer who has any, by segment."""
    return 1 + EXTRA_ORDERS * (1 + HEAVY_BUYER_RATE * (HEAVY_BUYER_FACTOR - 1))


def order_amount(quantity: npt.ArrayLike, unit_price: npt.ArrayLike, discount: npt.ArrayLike) -> FloatArray:
    """Return quantity * unit_price * (1 - discount), exact to the cent: half a cent is rounded up."""
    cents = np.rint(np.multiply(unit_price, 100)).astype(np.int64)
    percent = 100 - np.rint(np.multiply(discount, 100)).astype(np.int64)
    return (np.asarray(quantity, dtype=np.int64) * cents * percent + 50) // 100 / 100
