"""Through the five verbs the demo shop's known dependencies survive.

A quick training on few customers and columns, and as slow tests a full one, both with fixed seeds. Tolerances are about
half as much again as the worst of five seeds, whose range each test names (quick; slow). Real tables of 5,000 customers
are themselves 0.03 (segments) and 0.02 (cities) away from their probabilities, of 2,000 0.04 in both.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from synth_engine import analyze, encode, generate, split, train
from synth_engine.demo import known, make_shop
from tests.stages.helpers import SMALL, synthetic

QUICK_COLUMNS = ["customer_id", "birth_date", "country", "city", "segment", "is_member", "member_since", "n_children"]


class Made(NamedTuple):
    """Synthetic customers with known codes, and how far they may be from the truth."""

    customers: pd.DataFrame
    is_quick: bool

    def allows(self, quick: float, slow: float) -> float:
        return quick if self.is_quick else slow


def run_verbs(customers: pd.DataFrame, root: str, *, model: str | None, max_epochs: float, seed: int) -> pd.DataFrame:
    split(customers, tgt_primary_key="customer_id", workspace_dir=root, random_state=seed)
    analyze(workspace_dir=root, random_state=seed)
    encode(workspace_dir=root)
    train(workspace_dir=root, model=model, max_epochs=max_epochs, device="cpu", random_state=seed)
    generate(workspace_dir=root, sample_size=10_000, device="cpu", random_state=seed)
    return synthetic(root).to_pandas()


def quick_customers(root: str, seed: int) -> pd.DataFrame:
    return run_verbs(make_shop(2000, seed=seed).customers[QUICK_COLUMNS], root, model=SMALL, max_epochs=12, seed=seed)


def slow_customers(root: str, seed: int) -> pd.DataFrame:
    customers = make_shop(5000, seed=seed).customers.drop(columns=["name", "location"])
    return run_verbs(customers, root, model=None, max_epochs=40, seed=seed)


def with_codes(customers: pd.DataFrame) -> pd.DataFrame:
    """With codes of the known labels; -1 for rare or missing ones."""
    country = known.codes_of(customers["country"], known.COUNTRY_CODES)
    age_band = known.age_bands(customers["birth_date"].fillna(customers["birth_date"].mode()[0]))
    return customers.assign(
        _country=country,
        _tier=known.COUNTRY_TIERS[country],
        _city=known.codes_of(customers["city"], known.CITY_NAMES),
        _segment=known.codes_of(customers["segment"], known.SEGMENTS),
        _band=age_band.clip(0, len(known.AGE_BANDS) - 1),
        _member=customers["is_member"].astype(bool),
    )


@pytest.fixture(scope="module", params=["quick", pytest.param("slow", marks=pytest.mark.slow)])
def made(request, tmp_path_factory) -> Made:
    root = str(tmp_path_factory.mktemp("shop") / "ws")
    is_quick = request.param == "quick"
    return Made(with_codes((quick_customers if is_quick else slow_customers)(root, 0)), is_quick)


def mean_distance(rows: pd.Series, codes: pd.Series, table: np.ndarray) -> float:
    """Total variation between a row of the table and the shares of codes given it, weighted by how common it is."""
    counts = np.zeros(table.shape)
    np.add.at(counts, (rows, codes), 1)
    totals = counts.sum(axis=1, keepdims=True)
    distances = np.abs(counts / np.maximum(totals, 1) - table).sum(axis=1) / 2
    return float((distances * totals[:, 0]).sum() / totals.sum())


def segment_distance(customers: pd.DataFrame) -> float:
    n_tiers, n_segments = known.SEGMENT_PROBABILITIES.shape[1:]
    given = customers[(customers["_segment"] >= 0) & (customers["_country"] >= 0)]
    rows = given["_band"] * n_tiers + given["_tier"]
    return mean_distance(rows, given["_segment"], known.SEGMENT_PROBABILITIES.reshape(-1, n_segments))


def known_places(customers: pd.DataFrame) -> pd.DataFrame:
    return customers[(customers["_country"] >= 0) & (customers["_city"] >= 0)]


def share_of_possible_cities(customers: pd.DataFrame) -> float:
    given = known_places(customers)
    return float((known.CITY_PROBABILITIES[given["_country"], given["_city"]] > 0).mean())


def city_distance(customers: pd.DataFrame) -> float:
    given = known_places(customers)
    return mean_distance(given["_country"], given["_city"], known.CITY_PROBABILITIES)


def worst_member_rate(customers: pd.DataFrame) -> float:
    found = customers[customers["_segment"] >= 0].groupby("_segment")["_member"].mean()
    return float(np.abs(found.to_numpy() - known.MEMBER_PROBABILITIES).max())


def country_distance(customers: pd.DataFrame) -> float:
    given = customers["_country"][customers["_country"] >= 0]
    shares = np.bincount(given, minlength=len(known.COUNTRY_CODES)) / len(given)
    return float(np.abs(shares - known.COUNTRY_PROBABILITIES).sum() / 2)


def null_share(customers: pd.DataFrame) -> float:
    """Share of rows in which the date is missing exactly if there is no membership."""
    return float((customers["member_since"].isna() != customers["_member"]).mean())


def worst_children(customers: pd.DataFrame) -> float:
    means = customers.groupby("_band")["n_children"].mean()
    return float(np.abs(means - known.CHILDREN_MAXIMUM * known.CHILDREN_RATES).max())


def test_segment_given_age_and_wealth(made):
    """0.03 to 0.05; 0.03 to 0.035."""
    assert segment_distance(made.customers) < made.allows(0.08, 0.055)


def test_cities_lie_in_their_country(made):
    """88 to 90 %; 92 to 95 %."""
    assert share_of_possible_cities(made.customers) > made.allows(0.82, 0.88)


def test_city_given_country(made):
    """0.12 to 0.145; 0.07 to 0.1."""
    assert city_distance(made.customers) < made.allows(0.22, 0.15)


def test_country(made):
    """0.04 to 0.05; 0.03 to 0.04. A country with few cities in the table may be rare."""
    assert country_distance(made.customers) < made.allows(0.075, 0.06)


def test_membership_given_segment(made):
    """Off by up to 0.04; 0.045. The rates are 0.3, 0.6 and 0.9."""
    assert worst_member_rate(made.customers) < made.allows(0.06, 0.07)


def test_member_since_is_null_exactly_for_non_members(made):
    """99.5 %; 99.4 %."""
    assert null_share(made.customers) > 0.99


def test_number_of_children_given_age(made):
    """Off by up to 0.26; 0.22. The means go from 0.3 to 2."""
    assert worst_children(made.customers) < made.allows(0.4, 0.35)


@pytest.mark.parametrize(
    ("measure", "column", "tolerance"),
    [(segment_distance, "_segment", 0.08), (city_distance, "_city", 0.22), (worst_member_rate, "_member", 0.06)],
)
def test_a_lost_dependency_would_be_noticed(measure, column, tolerance):
    customers = with_codes(make_shop(10_000, seed=5).customers)
    assert measure(customers) < tolerance / 2
    customers[column] = np.random.default_rng(0).permutation(customers[column])
    assert measure(customers) > tolerance


def test_misplaced_nulls_and_cities_would_be_noticed():
    customers = with_codes(make_shop(10_000, seed=5).customers)
    assert null_share(customers) == share_of_possible_cities(customers) == 1
    flipped = np.random.default_rng(0).random(len(customers)) < 0.02
    assert null_share(customers.assign(_member=customers["_member"] ^ flipped)) < 0.99
    shuffled = customers.assign(_city=np.random.default_rng(0).permutation(customers["_city"]))
    assert share_of_possible_cities(shuffled) < 0.5
