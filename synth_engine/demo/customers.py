"""Draws the customers. Which numbers are used is in `known.py`; here is only how they are used."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from synth_engine.demo import known
from synth_engine.demo.draw import (
    BoolArray,
    FloatArray,
    IntArray,
    TimeArray,
    as_text,
    categorical,
    chance,
    labels,
    numbered,
    seconds_after,
)
from synth_engine.demo.names import CULTURES
from synth_engine.demo.places import COUNTRIES

SECOND_NAME_RATE = 0.3
DOUBLE_FAMILY_NAME_RATE = 0.15

_CULTURES = tuple(CULTURES.values())
_CULTURE_OF_COUNTRY = np.array([list(CULTURES).index(country.culture) for country in COUNTRIES])
_FAMILY_FIRST = np.array([culture.family_first for culture in _CULTURES])


@dataclass(frozen=True)
class _Traits:
    """What the other columns depend on, as codes into the labels of `known`; one entry per customer."""

    age_days: IntArray
    age_band: IntArray
    country: IntArray
    city: IntArray
    tier: IntArray
    gender: IntArray
    segment: IntArray
    member: IntArray
    ordered: BoolArray

    def __len__(self) -> int:
        return len(self.age_days)


def make_customers(n_customers: int, rng: np.random.Generator) -> pd.DataFrame:
    """The customers' table; its columns and their dependencies are listed in the package's docstring."""
    traits = _traits(n_customers, rng)
    income = _income(traits, rng)
    return pd.DataFrame(
        {
            "customer_id": numbered("C", n_customers),
            "name": _names(traits, rng),
            "gender": labels(known.GENDERS, traits.gender),
            "birth_date": _birth_dates(traits),
            "country": labels(known.COUNTRY_CODES, traits.country),
            "city": labels(known.CITY_NAMES, traits.city),
            "location": _locations(traits.city, rng),
            "segment": labels(known.SEGMENTS, traits.segment),
            "is_member": traits.member.astype(np.bool_),
            "member_since": _member_since(traits, rng),
            "income": _stated_income(income, traits, rng),
            "email_opt_in": _email_opt_in(traits, rng),
            "n_children": rng.binomial(known.CHILDREN_MAXIMUM, known.CHILDREN_RATES[traits.age_band]).astype(np.int8),
            "satisfaction": _satisfaction(traits, rng),
            "lifetime_value": _lifetime_value(income, traits, rng),
            "last_seen": _last_seen(traits, rng),
        }
    )


def _traits(n: int, rng: np.random.Generator) -> _Traits:
    everyone = np.zeros(n, dtype=np.int64)
    band = categorical(rng, known.AGE_BAND_PROBABILITIES[None], everyone)
    country = categorical(rng, known.COUNTRY_PROBABILITIES[None], everyone)
    tier = known.COUNTRY_TIERS[country]
    n_tiers, n_segments = known.SEGMENT_PROBABILITIES.shape[1:]
    segment = categorical(rng, known.SEGMENT_PROBABILITIES.reshape(-1, n_segments), band * n_tiers + tier)
    youngest, limit = known.AGE_BAND_EDGES_DAYS[band], known.AGE_BAND_EDGES_DAYS[band + 1]
    within_band = rng.beta(1.0, known.AGE_BAND_BETA[band])
    return _Traits(
        age_days=np.minimum(youngest + np.floor(within_band * (limit - youngest)).astype(np.int64), limit - 1),
        age_band=band,
        country=country,
        city=categorical(rng, known.CITY_PROBABILITIES, country),
        tier=tier,
        gender=categorical(rng, known.GENDER_PROBABILITIES[None], everyone),
        segment=segment,
        member=chance(rng, known.MEMBER_PROBABILITIES[segment], n).astype(np.int64),
        ordered=~chance(rng, known.NO_ORDERS_RATES[segment], n),
    )


def _birth_dates(traits: _Traits) -> "pd.Series[pd.Timestamp]":
    birth = known.TODAY.astype("datetime64[D]") - traits.age_days.astype("timedelta64[D]")
    return pd.Series(birth).astype("date32[pyarrow]")


def _names(traits: _Traits, rng: np.random.Generator) -> "pd.Series[str]":
    """Given name(s) by culture and gender, family name(s) by culture; both are sometimes doubled."""
    n = len(traits)
    culture = _CULTURE_OF_COUNTRY[traits.country]
    family_first = _FAMILY_FIRST[culture]
    list_of_given = np.where(traits.gender < 2, traits.gender, rng.integers(0, 2, n))  # diverse: either list
    given_lists = [words for entry in _CULTURES for words in (entry.female, entry.male)]
    family_lists = [entry.family for entry in _CULTURES]
    given = _words(given_lists, 2 * culture + list_of_given, rng)
    second = _words(given_lists, 2 * culture + list_of_given, rng)
    family = _words(family_lists, culture, rng)
    other = _words(family_lists, culture, rng)
    has_second = ~family_first & (second != given) & chance(rng, SECOND_NAME_RATE, n)
    has_double = ~family_first & (other != family) & chance(rng, DOUBLE_FAMILY_NAME_RATE, n)
    given = given.where(~has_second, given + " " + second)
    family = family.where(~has_double, family + "-" + other)
    return (given + " " + family).where(~family_first, family + " " + given)


def _words(lists: list[tuple[str, ...]], which: IntArray, rng: np.random.Generator) -> "pd.Series[str]":
    """A word drawn uniformly from `lists[which]`, per row."""
    sizes = np.array([len(words) for words in lists])
    starts = sizes.cumsum() - sizes
    return labels([word for words in lists for word in words], starts[which] + rng.integers(0, sizes[which]))


def _locations(city: IntArray, rng: np.random.Generator) -> "pd.Series[str]":
    degrees = rng.normal(known.CITY_CENTRES[city], known.LOCATION_SPREAD_DEGREES)
    return as_text(degrees[:, 0]) + "," + as_text(degrees[:, 1])


def earliest_start(age_days: IntArray) -> TimeArray:
    """When somebody may first join or order: the shop's opening, or the sixteenth birthday if that is later."""
    sixteen = known.TODAY - (age_days - known.MINIMUM_JOIN_AGE_DAYS).astype("timedelta64[D]")
    return np.maximum(sixteen, known.SHOP_OPENED)


def _member_since(traits: _Traits, rng: np.random.Generator) -> TimeArray:
    start = earliest_start(traits.age_days)
    since = seconds_after(start, rng.random(len(traits)) * (known.JOIN_END - start).astype(np.int64))
    return np.where(traits.member == 1, since, np.datetime64("NaT", "us"))


def _income(traits: _Traits, rng: np.random.Generator) -> FloatArray:
    """Everyone's income before rounding and before some keep it to themselves."""
    n = len(traits)
    body = known.INCOME_MEDIANS[traits.age_band, traits.tier] * rng.lognormal(0.0, known.INCOME_LOG_SPREAD, n)
    tail = chance(rng, known.INCOME_TAIL_RATE, n)
    return body * np.where(tail, 1 + rng.pareto(known.INCOME_TAIL_EXPONENT, n), 1.0)


def _stated_income(income: FloatArray, traits: _Traits, rng: np.random.Generator) -> FloatArray:
    rounded = np.where(chance(rng, known.INCOME_ROUND_RATE, len(traits)), (income / 100).round() * 100, income.round())
    return np.where(chance(rng, known.INCOME_MISSING[traits.segment], len(traits)), np.nan, rounded)


def _email_opt_in(traits: _Traits, rng: np.random.Generator) -> pd.arrays.BooleanArray:
    n = len(traits)
    answer = chance(rng, known.EMAIL_OPT_IN_PROBABILITIES[traits.member], n)
    return pd.arrays.BooleanArray(answer, chance(rng, known.EMAIL_OPT_IN_MISSING, n))


def _satisfaction(traits: _Traits, rng: np.random.Generator) -> FloatArray:
    steps = rng.binomial(known.SATISFACTION_STEPS, known.SATISFACTION_RATES[traits.segment])
    return np.where(chance(rng, known.SATISFACTION_MISSING[traits.member], len(traits)), np.nan, 1 + steps / 2)


def _lifetime_value(income: FloatArray, traits: _Traits, rng: np.random.Generator) -> FloatArray:
    n = len(traits)
    value = income * known.SPENDING_SHARES[traits.segment] * rng.lognormal(0.0, known.SPENDING_LOG_SPREAD, n)
    value *= np.where(chance(rng, known.NEGATIVE_VALUE_RATE, n), known.NEGATIVE_VALUE_FACTOR, 1.0)
    return np.where(traits.ordered, value.round(2), 0.0)


def _last_seen(traits: _Traits, rng: np.random.Generator) -> TimeArray:
    """Whole weeks before today by segment, then a weekday, an hour of that kind of day, and a second of that hour."""
    n = len(traits)
    weeks = 1 + (rng.geometric(known.LAST_WEEK_RATES[traits.segment]) - 1) % known.WEEKS_SEEN  # = truncated geometric
    weekday = categorical(rng, known.WEEKDAY_PROBABILITIES[None], np.zeros(n, dtype=np.int64))
    hour = categorical(rng, known.HOUR_PROBABILITIES, (weekday >= 5).astype(np.int64))
    days = weekday - 7 * weeks
    return seconds_after(known.TODAY, (days * 24 + hour) * 3600 + rng.integers(0, 3600, n))
