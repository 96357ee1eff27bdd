"""Differentially private summaries of places and of texts drawn by character: what is shown of them, what they keep."""

import string
from itertools import product

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_engine.demo import make_shop
from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.encodings import fitter
from synth_engine.encodings.coordinates import Coordinates
from synth_engine.privacy import MINIMUM_ENTITIES, RARELY, Budget, ValueProtection, seeded_source
from tests.encodings.test_encodings_release import MANY, budget, fit_private, rng
from tests.encodings.test_encodings_text_auto import CHOICES
from tests.privacy.bounds import FAILURE, most_failures

AUTO, CATEGORIES = fitter(Kind.AUTO), fitter(Kind.TABULAR_CATEGORICAL)
CHARACTERS, PLACES = fitter(Kind.TABULAR_CHARACTER), fitter(Kind.TABULAR_LAT_LONG)


def places(size: int, form: str = "{:.4f},{:.4f}", centre: tuple[float, float] = (48.2, 16.4)) -> list[str]:
    return [form.format(*pair) for pair in rng(1).normal(centre, 0.2, (size, 2))]


def released(by, texts: list, epsilon: float = 5.0, seed: int = 0):
    column = pa.array(texts, pa.string())
    return by.release(by.summarise(column), column.type, budget(epsilon, seed=seed, records=len(texts)))


# --- places -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("epsilon", "near"), [(0.3, 0.8), (3.0, 0.3)])
def test_decoded_places_lie_about_where_the_original_ones_do(epsilon, near):
    column = pa.array(make_shop(12_000, seed=3).customers["location"], pa.string())
    for seed in range(5):
        encoding = fit_private(PLACES, column, epsilon=epsilon, records=12_000, seed=seed)
        codes = encoding.encode(column)
        assert (codes[:, 0] > 1).mean() > 0.9
        one, other = (
            Coordinates.of(texts.cast(pa.large_string())) for texts in (column, encoding.decode(codes, rng()))
        )
        distance = np.hypot(one.latitudes - other.latitudes, one.longitudes - other.longitudes)
        assert np.nanmedian(distance) < near


@pytest.mark.parametrize(
    ("form", "decimals", "shown", "has_space"),
    [
        ("{:.0f},{:.0f}", 0, 0, False),
        ("{:.2f}, {:.2f}", 2, 2, True),
        ("{:.4f},{:.4f}", 4, 4, False),
        ("{:.9f},{:.9f}", 7, 7, False),
    ],
)
def test_places_are_written_as_the_original_ones(form, decimals, shown, has_space):
    encoding = fit_private(PLACES, pa.array(places(2_000, form)), epsilon=3.0)
    assert (encoding.decimals, encoding.shown_decimals, encoding.space_after_comma) == (decimals, shown, has_space)


def test_zeros_at_the_end_are_left_out_where_the_original_has_none():
    column = pa.array([",".join(part.rstrip("0") for part in place.split(",")) for place in places(5_000)])
    encoding = fit_private(PLACES, column, epsilon=3.0)
    assert encoding.decimals == 4
    assert encoding.shown_decimals in (2, 3)


def test_popular_places_are_shown_exactly_and_nobody_has_the_others_but_by_chance():
    texts = ["48.2082,16.3738"] * 800 + places(4_000)
    summary = released(PLACES, texts)
    often = summary.values.filter(pa.array(summary.rows > 100)).to_pylist()
    assert often == ["48.2082,16.3738"]
    assert len(set(summary.values.to_pylist()) & set(texts)) < 20
    assert sum(summary.rows) == pytest.approx(4_800, rel=0.05)


def test_a_place_alone_is_never_in_any_cell():
    for seed in range(20):
        encoding = fit_private(PLACES, pa.array([*places(2_000), "-33.8568,151.2153"]), epsilon=5.0, seed=seed)
        assert encoding.encode(pa.array(["-33.8568,151.2153"]))[0, 0] == 0


@pytest.mark.parametrize("centre", [(90, 0), (-90, 179.9), (0, 180), (0, -180)])
def test_places_at_the_ends_of_the_earth_stay_on_it(centre):
    points = np.clip(rng().normal(centre, 0.5, (2_000, 2)), [-90, -180], [90, 180])
    summary = released(PLACES, [f"{north:.7f},{east:.7f}" for north, east in points])
    assert Coordinates.of(summary.values).is_place.all()
    assert sum(summary.rows) == pytest.approx(2_000, rel=0.1)


# --- characters -------------------------------------------------------------------------------------------------------


def test_lengths_and_characters_are_those_of_the_many():
    column = pa.array(MANY["codes"](5_000))
    encoding = fit_private(CHARACTERS, column, epsilon=3.0, records=5_000)
    assert len(encoding.positions) == 8
    assert all(
        set("AB-0123456789") >= set(place.characters) & set(string.digits + "AB-") for place in encoding.positions
    )
    assert [place.may_end for place in encoding.positions] == [False] * 8
    decoded = encoding.decode(encoding.encode(column), rng())
    assert (np.array(decoded.to_pylist()) == np.array(column.to_pylist())).mean() > 0.99


def test_every_character_of_a_band_is_at_each_of_its_places():
    summary = released(
        CHARACTERS, ["".join(rng(n).choice(list("abcdefgh"), rng(n).integers(3, 9))) for n in range(4_000)]
    )
    encoding = CHARACTERS.fit(summary, pa.string(), ValueProtection(enabled=False), rng())
    assert all(set("abcdefgh") <= set(place.characters) for place in encoding.positions)
    assert [place.may_end for place in encoding.positions] == [False] * 3 + [True] * 5


def test_popular_texts_are_shown_exactly_and_others_are_made_up():
    texts = ["popular"] * 800 + ["Straße"] * 400 + MANY["codes"](4_000)
    summary = released(CHARACTERS, texts)
    often = summary.values.filter(pa.array(summary.rows >= MINIMUM_ENTITIES)).to_pylist()
    assert often == ["Straße", "popular"]
    assert len(set(summary.values.to_pylist()) & set(texts)) < 10
    assert sum(summary.rows) == pytest.approx(5_200, rel=0.05)


@settings(max_examples=40)
@given(data=st.data())
def test_characters_outside_ascii_are_those_of_the_minimum_and_no_made_up_text_is_popular(data):
    """Whatever the noise: with a budget so large that nothing else would hide them."""
    texts = data.draw(st.lists(st.text("aéß🙂", max_size=5), max_size=80))
    column = pa.array(texts, pa.string())
    summary = CHARACTERS.release(CHARACTERS.summarise(column), column.type, budget(1e3, 0.4))
    for text, count in zip(summary.values.to_pylist(), summary.rows.tolist(), strict=True):
        assert count < MINIMUM_ENTITIES or texts.count(text) >= MINIMUM_ENTITIES
        for character in set(text) - set(string.printable):
            assert sum(character in other for other in texts) >= MINIMUM_ENTITIES


@pytest.mark.parametrize("texts", [[], [None] * 100, [""] * 500, ["x"], [None], ["y" * 5_000] * 100 + ["z" * 70] * 100])
@pytest.mark.parametrize("by", [CHARACTERS, PLACES, AUTO], ids=lambda by: by.type)
def test_odd_columns(by, texts):
    column = pa.array(texts, pa.string())
    for seed in range(5):
        encoding = fit_private(by, column, seed=seed, records=len(texts))
        decoded = encoding.decode(encoding.encode(column), rng())
        assert decoded.type == column.type
        assert len(decoded) == len(column)


def test_nulls_are_noticed_where_they_are_many():
    for by, some in ((CHARACTERS, MANY["codes"](3_000)), (PLACES, places(3_000)), (AUTO, places(3_000))):
        for n_nulls, expected in ((0, False), (1, False), (2_000, True)):
            assert fit_private(by, pa.array([*some, *[None] * n_nulls]), epsilon=2.0).has_nulls == expected


# --- the choice -------------------------------------------------------------------------------------------------------

# A choice by shares of people cannot see whether nearly nobody lives beside the shops; popular places come out exactly.
# Nor are there too few people to tell where the budget is that large.
OTHERWISE = {"shops' locations": Kind.TABULAR_LAT_LONG, "too few to tell": Kind.TABULAR_CHARACTER}
# Noise can change the choice: half of the texts are common, which is the border; or it is about two people.
UNCLEAR = {"locations among others", "too few locations"}
# Of a column; so large that a choice among a thousand texts is seldom unclear.
EPSILON, DELTA = 200.0, 1e-3


class Shifted(Budget):
    """A budget whose answers are off by as much as noise ever is, in the given directions."""

    signs: list[int]

    def histogram(self, counts, share, purpose):
        _, mechanism = super().histogram(counts, share, purpose)
        signs, self.signs = self.signs[: len(counts)], self.signs[len(counts) :]
        return counts + np.array(signs) * mechanism.noise_bound(2 * 5, FAILURE), mechanism


def possible(texts: list) -> set[Kind]:
    """What is chosen by the exact counts, and by counts that are all off by what noise exceeds with `FAILURE` only."""
    column = pa.array(texts, pa.string())
    counts, found = AUTO.summarise(column), set()
    with pytest.MonkeyPatch.context() as patch:
        for encoding in (CATEGORIES, CHARACTERS, PLACES):  # only the choice matters
            patch.setattr(encoding, "release", lambda counts, dtype, budget: counts)
        for signs in [(0,) * 5, *product((-1, 1), repeat=5)]:
            spent = Shifted(EPSILON, DELTA, seeded_source(rng()), records=len(texts))
            spent.signs = list(signs)
            found.add(AUTO.release(counts, column.type, spent).chosen.type)
    return found


@pytest.mark.parametrize("name", CHOICES)
def test_the_choice_is_that_of_thresholds_unless_noise_can_change_it(name):
    """But with `FAILURE` for each draw of noise."""
    texts, kind = CHOICES[name]
    kinds = possible(texts)
    assert (len(kinds) > 1) == (name in UNCLEAR)
    for seed in range(3):
        column = pa.array(texts, pa.string())
        encoding = fit_private(AUTO, column, epsilon=EPSILON, delta=DELTA, seed=seed, records=len(texts))
        assert encoding.encoding_type in (kinds if name in UNCLEAR else {OTHERWISE.get(name, kind)})


def test_where_nothing_may_be_shown_all_are_rare():
    """Unless noise passes for one of the printable characters of ASCII, in one of the two bands."""
    column, n_seeds = pa.array([chr(0x4E00 + place) for place in range(2_000)]), 30
    n_wrong = 0
    for seed in range(n_seeds):
        encoding = fit_private(AUTO, column, epsilon=5.0, seed=seed)
        all_are_rare = encoding.encoding_type == Kind.TABULAR_CATEGORICAL
        assert not all_are_rare or (encoding.has_rare and not encoding.categories)
        n_wrong += not all_are_rare
    assert n_wrong <= most_failures(n_seeds, 2 * RARELY)
