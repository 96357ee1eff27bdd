"""Draws the orders of given customers. Which numbers are used is in `known.py`; here is only how they are used."""

import numpy as np
import pandas as pd

from synth_engine.demo import known
from synth_engine.demo.customers import earliest_start
from synth_engine.demo.draw import (
    FloatArray,
    IntArray,
    TimeArray,
    categorical,
    chance,
    labels,
    numbered,
    seconds_after,
)


def make_orders(customers: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The orders' table, customer by customer and in time order for each.

    `owner` is the position of each order's customer; every other column follows from it.
    """
    owner = np.repeat(np.arange(len(customers)), _order_counts(customers, rng))
    product = _sticky_products(owner, rng)
    unit_price = _unit_prices(product, rng)
    quantity = 1 + rng.poisson(known.EXTRA_QUANTITIES[product])
    discount = _discounts(customers, owner, rng)
    return pd.DataFrame(
        {
            "order_id": numbered("O", len(owner)),
            "customer_id": customers["customer_id"].take(owner).reset_index(drop=True),
            "ordered_at": _order_times(customers, owner, rng),
            "product": labels(known.PRODUCTS, product),
            "quantity": quantity,
            "unit_price": unit_price,
            "discount": discount,
            "amount": known.order_amount(quantity, unit_price, discount),
            "channel": _channels(customers, owner, rng),
            "status": labels(known.STATUSES, categorical(rng, known.STATUS_PROBABILITIES, product)),
        }
    )


def _order_counts(customers: pd.DataFrame, rng: np.random.Generator) -> IntArray:
    """None without a lifetime value; otherwise at least one, and very many for heavy buyers."""
    n = len(customers)
    mean_extra = known.EXTRA_ORDERS[known.codes_of(customers["segment"], known.SEGMENTS)]
    mean_extra = mean_extra * np.where(chance(rng, known.HEAVY_BUYER_RATE, n), known.HEAVY_BUYER_FACTOR, 1.0)
    appetite = rng.gamma(known.EXTRA_ORDERS_SHAPE, 1 / known.EXTRA_ORDERS_SHAPE, n)
    return np.where(customers["lifetime_value"] == 0, 0, 1 + rng.poisson(mean_extra * appetite))


def _sticky_products(owner: IntArray, rng: np.random.Generator) -> IntArray:
    """The last fresh choice of the same customer; a customer's first order is always a fresh choice."""
    n = len(owner)
    first = np.diff(owner, prepend=-1) != 0
    fresh = first | ~chance(rng, known.PRODUCT_STICKINESS, n)
    choices = categorical(rng, known.PRODUCT_PROBABILITIES[None], np.zeros(n, dtype=np.int64))
    return choices[np.maximum.accumulate(np.where(fresh, np.arange(n), 0))]


def _order_times(customers: pd.DataFrame, owner: IntArray, rng: np.random.Generator) -> TimeArray:
    """Uniform between the customer's start and `last_seen`, sorted within each customer by one sort of all orders."""
    since = customers["member_since"].to_numpy(dtype="datetime64[s]")
    start = np.where(np.isnat(since), earliest_start(known.age_days(customers["birth_date"])), since)
    length = (customers["last_seen"].to_numpy(dtype="datetime64[s]") - start).astype(np.int64)
    position = np.sort(owner + rng.random(len(owner))) - owner  # in [0, 1], rising for each customer
    return seconds_after(start[owner], position * length[owner])


def _unit_prices(product: IntArray, rng: np.random.Generator) -> FloatArray:
    price_point = categorical(rng, known.PRICE_POINT_PROBABILITIES[None], np.zeros_like(product))
    prices: FloatArray = known.UNIT_PRICES[product, price_point]
    return prices


def _discounts(customers: pd.DataFrame, owner: IntArray, rng: np.random.Generator) -> FloatArray:
    member = customers["is_member"].to_numpy(dtype=np.int64)[owner]
    return known.DISCOUNT_PERCENTS[categorical(rng, known.DISCOUNT_PROBABILITIES, member)] / 100


def _channels(customers: pd.DataFrame, owner: IntArray, rng: np.random.Generator) -> "pd.Series[str]":
    channel = categorical(rng, known.CHANNEL_PROBABILITIES, known.age_bands(customers["birth_date"]))
    return labels(known.CHANNELS, channel[owner])
