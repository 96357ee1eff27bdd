"""The project's own demo data: an online shop's customers and their orders, of any size, with known dependencies.

The same `(n_customers, seed)` always gives the same frames. A model of this data can be tested against the very
probabilities it was drawn from: they are tables and functions in `synth_engine.demo.known`. Only the shop belongs here;
nothing of the rest of `synth_engine` is imported.

Known dependencies (-> "is drawn given"; names in capitals are in `known`):

customers
    * country -> city (CITY_PROBABILITIES) -> location (normal around CITY_CENTRES); country -> script of the name
    * gender -> given name
    * age band, wealth tier of the country -> segment (SEGMENT_PROBABILITIES) and income (INCOME_MEDIANS, lognormal with
      a Pareto tail; in hundreds for INCOME_ROUND_RATE of the people)
    * segment -> income missing (INCOME_MISSING), is_member (MEMBER_PROBABILITIES), satisfaction (SATISFACTION_RATES)
    * is_member -> member_since (null exactly for non-members; from the sixteenth birthday on), email_opt_in
      (EMAIL_OPT_IN_PROBABILITIES), satisfaction missing (SATISFACTION_MISSING)
    * age band -> n_children (CHILDREN_RATES)
    * segment -> lifetime_value is zero (NO_ORDERS_RATES); otherwise income, segment -> lifetime_value
      (SPENDING_SHARES; its sign is independent, NEGATIVE_VALUE_RATE)
    * segment -> weeks since last_seen (`last_week_probabilities`); weekday (WEEKDAY_PROBABILITIES) -> hour
      (HOUR_PROBABILITIES)
orders
    * lifetime_value is zero <-> no orders; segment -> number of orders (`mean_orders`, a few HEAVY_BUYERs)
    * member_since (or opening, or sixteenth birthday) <= ordered_at <= last_seen, never falling within a customer
    * product of the previous order -> product (`product_transitions`)
    * product -> unit_price (UNIT_PRICES), quantity (EXTRA_QUANTITIES), status (STATUS_PROBABILITIES)
    * is_member -> discount (DISCOUNT_PROBABILITIES); amount is `order_amount(quantity, unit_price, discount)`
    * age band -> channel (CHANNEL_PROBABILITIES), the same for all orders of a customer

Whatever is not listed is independent given the columns to the left of its arrow.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from synth_engine.demo.customers import make_customers
from synth_engine.demo.orders import make_orders

__all__ = ["Shop", "make_shop"]


@dataclass(frozen=True)
class Shop:
    """Two related tables: `orders["customer_id"]` refers to the unique `customers["customer_id"]`."""

    customers: pd.DataFrame
    orders: pd.DataFrame


def make_shop(n_customers: int, *, seed: int = 0) -> Shop:
    """Draw a shop with this many customers, and on average about three orders for each.

    Args:
        n_customers: Number of customers, from zero up.
        seed: Not negative; the only source of randomness.

    Raises:
        ValueError: If either number is negative.
    """
    if n_customers < 0:
        raise ValueError(f"n_customers must be zero or more, got {n_customers}")
    for_customers, for_orders = np.random.default_rng(seed).spawn(2)
    customers = make_customers(n_customers, for_customers)
    return Shop(customers, make_orders(customers, for_orders))
