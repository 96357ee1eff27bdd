"""What holds for every shop, whatever its size and seed: keys, types, rules without chance in them."""

import time
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from synth_engine.demo import Shop, known, make_shop
from synth_engine.demo.draw import categorical
from synth_engine.demo.names import CULTURES
from synth_engine.demo.places import CITIES, COUNTRIES

SIZES = [0, 1, 2, 300]


@pytest.fixture(scope="module", params=[(0, 0), (1, 3), (3_000, 0), (3_000, 1)], ids=lambda p: f"n={p[0]},seed={p[1]}")
def shop(request: pytest.FixtureRequest) -> Shop:
    n, seed = request.param
    return make_shop(n, seed=seed)


@pytest.mark.parametrize("n", SIZES)
def test_same_arguments_give_the_same_frames_and_leave_the_global_generator_alone(n):
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the point of the test
    first, second = make_shop(n, seed=5), make_shop(n, seed=5)
    assert_frame_equal(first.customers, second.customers)
    assert_frame_equal(first.orders, second.orders)
    assert (before == np.random.get_state()[1]).all()  # noqa: NPY002


def test_seeds_differ():
    assert not make_shop(50, seed=1).customers.equals(make_shop(50, seed=2).customers)


@pytest.mark.parametrize("n", SIZES)
def test_types_do_not_depend_on_the_size(n):
    shop, large = make_shop(n), make_shop(500)
    assert len(shop.customers) == n
    assert shop.customers.dtypes.to_dict() == large.customers.dtypes.to_dict()
    assert shop.orders.dtypes.to_dict() == large.orders.dtypes.to_dict()


def test_negative_size_is_refused():
    with pytest.raises(ValueError, match="zero or more, got -1"):
        make_shop(-1)


def test_parquet_round_trip_keeps_everything(shop, tmp_path):
    for name, frame in vars(shop).items():
        frame.to_parquet(tmp_path / f"{name}.parquet")
        assert_frame_equal(pd.read_parquet(tmp_path / f"{name}.parquet"), frame)


def test_keys(shop):
    assert shop.customers["customer_id"].is_unique
    assert shop.orders["order_id"].is_unique
    assert shop.orders["customer_id"].isin(shop.customers["customer_id"]).all()


def test_only_the_optional_columns_have_nulls(shop):
    optional = ["member_since", "income", "email_opt_in", "satisfaction"]
    assert not shop.customers.drop(columns=optional).isna().any(axis=None)
    assert not shop.orders.isna().any(axis=None)
    assert (shop.customers["member_since"].isna() == ~shop.customers["is_member"]).all()


def test_values_lie_where_they_should(shop):
    customers = shop.customers
    assert customers["satisfaction"].dropna().isin(np.arange(2, 11) / 2).all()
    assert customers["n_children"].between(0, known.CHILDREN_MAXIMUM).all()
    assert customers["location"].str.fullmatch(r"-?\d{1,2}\.\d{4},-?\d{1,3}\.\d{4}").all()
    cents = customers["lifetime_value"] * 100
    assert np.allclose(cents, cents.round(), rtol=1e-12, atol=1e-6)
    age = known.age_days(customers["birth_date"])
    assert ((age >= known.AGE_BAND_EDGES_DAYS[0]) & (age < known.AGE_BAND_EDGES_DAYS[-1])).all()


def test_city_lies_in_its_country(shop):
    pairs = {(country.code, city.name) for country in COUNTRIES for city in country.cities}
    assert set(zip(shop.customers["country"], shop.customers["city"], strict=True)) <= pairs


def test_times_are_whole_seconds_in_the_right_order(shop):
    customers = shop.customers
    orders = shop.orders.merge(customers, on="customer_id", how="left")
    for times in (customers["member_since"].dropna(), customers["last_seen"], orders["ordered_at"]):
        assert (times == times.dt.floor("s")).all()
    sixteenth = pd.to_datetime(customers["birth_date"]) + pd.Timedelta(days=known.MINIMUM_JOIN_AGE_DAYS)
    member = customers["is_member"]
    assert (customers["member_since"] >= sixteenth)[member].all()
    assert customers["member_since"].dropna().between(known.SHOP_OPENED, known.JOIN_END, inclusive="left").all()
    assert customers["last_seen"].between(known.JOIN_END, known.TODAY, inclusive="left").all()
    assert (orders["ordered_at"] <= orders["last_seen"]).all()
    assert (orders["ordered_at"] >= orders["member_since"].fillna(pd.Timestamp(known.SHOP_OPENED))).all()
    assert all(group.is_monotonic_increasing for _, group in orders.groupby("customer_id")["ordered_at"])


def test_customers_without_lifetime_value_are_those_without_orders(shop):
    has_orders = shop.customers["customer_id"].isin(shop.orders["customer_id"])
    assert (has_orders == (shop.customers["lifetime_value"] != 0)).all()


def test_channel_is_constant_per_customer(shop):
    assert (shop.orders.groupby("customer_id")["channel"].nunique() == 1).all()


def test_amounts_are_exact_to_the_cent(shop):
    orders = shop.orders.head(5_000)
    for row in orders.itertuples():
        exact = row.quantity * Decimal(str(row.unit_price)) * (1 - Decimal(str(row.discount)))
        assert row.amount == float(exact.quantize(Decimal("0.01"), ROUND_HALF_UP))


def test_the_shop_has_the_difficulties_it_promises():
    shop = make_shop(30_000)
    customers = shop.customers
    assert customers["name"].nunique() > 20_000
    assert (~customers["name"].map(str.isascii)).mean() > 0.2
    assert (customers["country"].value_counts() < 10).sum() >= 5  # a long tail of rare countries
    assert customers["income"].isna().mean() == pytest.approx(0.08, abs=0.01)
    assert (customers["income"].dropna() % 100 == 0).mean() > 0.8
    assert customers["income"].max() > 20 * customers["income"].median()
    assert (customers["lifetime_value"] == 0).mean() > 0.2
    assert (customers["lifetime_value"] < 0).mean() > 0.01
    assert shop.orders["customer_id"].value_counts().max() > 200


def test_word_lists_are_unambiguous():
    assert len({city.name for city in CITIES}) == len(CITIES)
    assert len({country.code for country in COUNTRIES}) == len(COUNTRIES)
    for culture in CULTURES.values():
        for words in (culture.female, culture.male, culture.family):
            assert len(set(words)) == len(words)


def test_known_tables_cannot_be_changed_by_accident():
    with pytest.raises(ValueError, match="read-only"):
        known.SEGMENT_PROBABILITIES[0, 0, 0] = 1


def test_categorical_draws_what_a_loop_over_the_rows_draws():
    table = np.array([[0.0, 0.5, 0.5, 0.0], [1.0, 0.0, 0.0, 0.0], [0.1, 0.2, 0.3, 0.4]])
    rows = np.random.default_rng(1).integers(0, 3, 2_000)
    uniform = np.random.default_rng(2).integers(0, 2**40, len(rows)) / 2**40
    expected = [int(np.sum(u >= table[row].cumsum()[:-1])) for row, u in zip(rows, uniform, strict=True)]
    assert categorical(np.random.default_rng(2), table, rows).tolist() == expected


@pytest.mark.slow
def test_a_million_customers_take_seconds():
    start = time.perf_counter()
    assert len(make_shop(1_000_000).customers) == 1_000_000
    assert time.perf_counter() - start < 60  # four seconds on two cores; generous for a busy machine
