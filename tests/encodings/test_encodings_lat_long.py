"""What only coordinates have: how they are written, the ends of the world, popular places, cells."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.judge import judge_auc
from synth_engine.demo import make_shop
from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.domain import RareCategoryReplacementMethod as Replacement
from synth_engine.encodings import fitter
from synth_engine.encodings.coordinates import EAST_END, MAX_DECIMALS, Coordinates, to_texts, to_ticks
from synth_engine.encodings.lat_long import NULL_CODE, RARE_CODE, LatLongEncoding
from synth_engine.privacy import MINIMUM_ENTITIES, RANDOM_EXTRA, ValueProtection
from tests.encodings.columns import fit

LAT_LONG = fitter(Kind.TABULAR_LAT_LONG)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def fitted(texts: list, *, enabled: bool = True) -> LatLongEncoding:
    encoding = fit(LAT_LONG, pa.array(texts, pa.string()), enabled=enabled)
    assert isinstance(encoding, LatLongEncoding)
    return encoding


def round_trip(texts: list, *, enabled: bool = True) -> list:
    encoding = fitted(texts, enabled=enabled)
    return encoding.decode(encoding.encode(pa.array(texts, pa.string())), rng()).to_pylist()


def shown(texts: list) -> list:
    """Without those who are too few for any cell."""
    places = [text for text in texts if text is not None]
    assert len(texts) - len(places) < MINIMUM_ENTITIES + RANDOM_EXTRA
    return places


def degrees(texts: list) -> np.ndarray:
    return np.array([[float(part) for part in text.split(",")] for text in texts])


def around(centre: tuple[float, float], spread: float, size: int, form: str = "{:.4f},{:.4f}", seed: int = 1) -> list:
    return [form.format(*place) for place in rng(seed).normal(centre, spread, (size, 2))]


# --- how places are written -------------------------------------------------------------------------------------------

PLACES = {
    "48.2082,16.3738": (48.2082, 16.3738),
    " 48.2082 ,\t16.3738\n": (48.2082, 16.3738),
    "+48,-16": (48, -16),
    "-.5,5.": (-0.5, 5),
    "1e-05,1.5E+1": (0.00001, 15),
    "-0.0,00012.50": (0, 12.5),
    "90,180": (90, 180),
    "-90.000,-180": (-90, -180),
}
NO_PLACES = ["", ",", "48.2", "48.2,", "91,0", "0,180.0001", "-90.5,0", "1,2,3", "48.2;16.3", "48.2 16.3", "48,2 16,3"]
NO_PLACES += [
    "48.2°,16.3°",
    "48.2N,16.3E",
    "nan,nan",
    "inf,0",
    "1e999,0",
    "--1,1",
    "1.2.3,4",
    "0x10,1",
    "(1,2)",
    "\uff11,\uff12",
]


@pytest.mark.parametrize("text", PLACES)
def test_lenient_forms_of_places(text):
    found = Coordinates.of(pa.array([text], pa.large_string()))
    assert found.is_place.tolist() == [True]
    assert (found.latitudes[0], found.longitudes[0]) == PLACES[text]


@pytest.mark.parametrize("text", NO_PLACES)
def test_what_is_no_place_is_null(text):
    column = pa.array([text, None, "48.2,16.3"] * 40)
    assert LAT_LONG.canonical(column).to_pylist() == [None, None, "48.2,16.3"] * 40
    encoding = fit(LAT_LONG, column)
    assert encoding.has_nulls
    assert encoding.encode(column)[:, 0].tolist() == [NULL_CODE, NULL_CODE, 2] * 40
    assert encoding.decode(encoding.encode(column), rng()).to_pylist() == [None, None, "48.2,16.3"] * 40


def test_decimals_are_counted_as_they_would_be_written_without_exponent():
    found = Coordinates.of(pa.array(["1.25,3", "1e-05,0.5", "1.25e1,.125", "5.,-7", "1.5e-3,1"], pa.large_string()))
    assert found.most.tolist() == [2, 5, 3, 0, 4]
    assert found.fewest.tolist() == [0, 1, 1, 0, 0]


@given(tick=st.integers(0, 360 * 10**MAX_DECIMALS), decimals=st.integers(0, MAX_DECIMALS), data=st.data())
def test_texts_of_ticks_are_exact(tick, decimals, data):
    tick %= 360 * 10**decimals + 1
    shown = data.draw(st.integers(0, decimals))
    ticks = np.array([tick], np.uint64)
    text = to_texts(ticks, decimals, shown, EAST_END)[0].as_py()
    assert Decimal(text) == Decimal(tick).scaleb(-decimals) - EAST_END
    assert len(text.partition(".")[2]) >= shown
    assert not text.endswith(".")
    assert not text.startswith("-0") or float(text) < 0
    assert to_ticks(np.array([float(text)]), decimals, EAST_END).tolist() == [tick]


@pytest.mark.parametrize("form", ["{:.0f},{:.0f}", "{:.2f},{:.2f}", "{:.4f}, {:.4f}", "{:.7f},{:.7f}"])
def test_decoded_places_are_written_as_the_original_ones(form):
    texts = around((48.2, 16.4), 3, 2_000, form)
    decoded = shown(round_trip(texts))
    assert {(text.index(","), len(text)) for text in decoded} <= {(text.index(","), len(text)) for text in texts}
    assert {", " in text for text in decoded} == {", " in form}


def test_zeros_at_the_end_are_left_out_where_the_original_has_none():
    texts = [f"{north:.3f}".rstrip("0") + "," + f"{east:.3f}".rstrip("0") for north, east in rng().random((5_000, 2))]
    texts = [text for text in texts if "." in text.split(",")[0][:-1] and not text.endswith(".")]
    decoded = shown(round_trip(texts))
    assert np.mean([text.endswith("0") for text in decoded]) < 0.01
    assert {len(text) for text in decoded} >= {9, 10, 11}


def test_more_than_seven_decimals_are_rounded_and_a_few_finer_ones_do_not_count():
    assert fitted(around((0, 0), 1, 200, "{:.12f},{:.12f}")).decimals == MAX_DECIMALS
    assert fitted([*around((0, 0), 1, 1_000, "{:.3f},{:.3f}"), "0.123456,0.5"]).decimals == 3
    assert fitted(around((0, 0), 1, 200, "{:.12f},{:.12f}"), enabled=False).decimals == MAX_DECIMALS
    assert fitted(["1.5,1.5"] * 99 + ["0.123456,0.5"], enabled=False).decimals == 1


# --- where places are -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["90,180", "-90,-180", "90.0000000,-180.0000000", "-90.00,180.00", "0,0"])
def test_the_ends_of_the_world(text):
    assert round_trip([text] * 50) == [text] * 50
    near = [text, *around((0, 0), 1, 200)]
    encoding = fitted(near, enabled=False)
    far = encoding.decode(encoding.encode(pa.array([text] * 200)), rng()).to_pylist()
    assert np.abs(degrees(far)).max(axis=0) @ [2, 1] <= 360


def test_places_around_a_pole_and_the_date_line_stay_on_earth():
    spread = np.clip(rng().normal([90, 180], 0.01, (3_000, 2)), -180, [90, 180])
    decoded = degrees(shown(round_trip([f"{north:.5f},{east:.5f}" for north, east in spread])))
    assert (decoded <= [90, 180]).all()
    assert (decoded > [89.9, 179.9]).all()


def test_popular_places_come_back_exactly():
    shops = ["48.20820,16.37380", "48.20831,16.37391"]
    texts = shops * 100 + around((48.2, 16.37), 0.5, 2_000, "{:.5f},{:.5f}")
    decoded = round_trip(texts)
    assert decoded[:200] == shops * 100
    assert len(set(decoded[200:]) & set(shops)) == 0


def test_nothing_but_popular_places_needs_no_steps():
    encoding = fitted(["48.2082,16.3738", "-33.8688,151.2093"] * 50)
    assert encoding.cardinalities == {"cell": 4}
    assert round_trip(["48.2082,16.3738", "-33.8688,151.2093"] * 50) == ["48.2082,16.3738", "-33.8688,151.2093"] * 50


def test_a_place_far_from_all_others_is_rare():
    texts = around((48.2, 16.4), 0.1, 1_000)
    encoding = fitted(texts)
    assert encoding.encode(pa.array(["-45.5,-120.25"])).tolist() == [[RARE_CODE, 0, 0]]
    assert encoding.decode(np.array([[RARE_CODE, 0, 0]], np.int32), rng()).to_pylist() == [None]
    for method in Replacement:
        assert encoding.never_drawn(method)["cell"] == [RARE_CODE, NULL_CODE]
    assert None not in round_trip(texts, enabled=False)


def test_decoded_places_are_near_the_original_ones():
    texts = around((48.2, 16.4), 0.1, 4_000)
    distances = np.abs(degrees(round_trip(texts)) - degrees(texts)).max(axis=1)
    assert np.quantile(distances, 0.9) < 0.01


# --- without protection -----------------------------------------------------------------------------------------------


def decimal_texts(end: int) -> st.SearchStrategy[str]:
    """Degrees up to `end` as people and programs write them, with up to twenty decimals."""
    digits = st.integers(0, 20).flatmap(lambda size: st.text("0123456789", min_size=size, max_size=size))
    plain = st.tuples(st.sampled_from(["", "-", "+"]), st.integers(0, end - 1), digits).map(
        lambda parts: f"{parts[0]}{parts[1]}" + (f".{parts[2]}" if parts[2] else "")
    )
    return plain | st.sampled_from([str(end), f"-{end}.000", "-0.0", "007", ".5", "1e-05", "-2.5E1", "1e-300", "5."])


WRITTEN = st.tuples(decimal_texts(90), st.sampled_from([",", ", ", " , ", ",\t"]), decimal_texts(180)).map("".join)


@settings(max_examples=100)
@given(pool=st.lists(WRITTEN | st.none(), min_size=1, max_size=12), spread=st.integers(0, 300), seed=st.integers(0, 9))
def test_without_protection_every_place_comes_back_exactly_as_it_was_written(pool, spread, seed):
    texts = pool * 3 + around((48.2, 16.4), 10.0**-seed, spread, "{:.5f},{:.5f}", seed)
    assert round_trip(texts, enabled=False) == texts


@pytest.mark.parametrize("form", ["{:.0f},{:.0f}", "{:.4f}, {:.4f}", "{:.7f},{:.7f}", "{0!r},{1!r}"])
def test_without_protection_places_all_over_the_world_come_back_exactly(form):
    pairs = rng().uniform([-90, -180], [90, 180], (3_000, 2)).tolist()
    texts = [form.format(*pair) for pair in pairs] * 2
    assert round_trip(texts, enabled=False) == texts


def test_without_protection_places_of_few_entities_come_back_among_what_is_none():
    texts = ["48.2082,16.3738", "unknown", "+48,16", None, "48.25,16"] * 8
    entities = np.arange(40) // 10
    by, column = LAT_LONG, pa.array(texts)
    encoding = by.fit(by.summarise(column, entities), column.type, ValueProtection(enabled=False), rng())
    wanted = [None if text == "unknown" else text for text in texts]
    assert encoding.decode(encoding.encode(column), rng()).to_pylist() == wanted


def test_without_protection_only_what_is_written_otherwise_needs_a_code_of_its_own():
    odd = ["+48,16", "48.123456789,16.5", " 48.2082, 16.3738"]
    texts = around((48.2, 16.4), 0.1, 2_000)
    encoding = fitted([*texts, *odd, *odd], enabled=False)
    assert (encoding.decimals, encoding.texts) == (4, sorted(odd))
    assert list(encoding.cardinalities) == ["cell", "lat", "long", "lat1", "long1", "lat2", "long2"]
    assert encoding.cardinalities["cell"] == 2 + len(encoding.cells) + len(odd) < 250
    assert len(encoding.ranks()["cell"]) == encoding.cardinalities["cell"]
    assert not fitted([*texts, *odd, *odd]).texts


def test_where_all_places_are_written_otherwise_they_may_be_drawn():
    encoding = fitted(["+48,+16", "+49,+17"] * 20, enabled=False)
    assert not encoding.cells
    assert encoding.cardinalities == {"cell": 4}
    assert encoding.never_drawn(Replacement.constant) == {"cell": [RARE_CODE, NULL_CODE]}
    assert encoding.encode(pa.array(["48,16", "x"]))[:, 0].tolist() == [RARE_CODE, NULL_CODE]


def test_places_drawn_without_protection_are_in_the_cell_and_step_asked_for():
    """Whatever steps inside the step a model draws, also those that lead to another cell, or to none."""
    texts = around((48.2, 16.4), 0.1, 1_000) + around((90, 180), 0.00001, 50, "90.0,{1:.4f}")
    texts = [text for text in texts if Coordinates.of(pa.array([text], pa.large_string())).is_place[0]]
    encoding = fitted(texts, enabled=False)
    drawn = np.column_stack(
        [rng(place).integers(0, size, 500) for place, size in enumerate(encoding.cardinalities.values())]
    )
    drawn[:, :3] = encoding.encode(pa.array(texts))[rng().integers(0, len(texts), 500), :3]
    decoded = encoding.decode(drawn.astype(np.int32), rng())
    assert encoding.encode(decoded)[:, :3].tolist() == drawn[:, :3].tolist()


def test_with_protection_and_with_differential_privacy_nothing_is_exact():
    texts = around((48.2, 16.4), 0.1, 2_000)
    for options in ({}, {"private": True}):
        encoding = fit(LAT_LONG, pa.array(texts), **options)
        assert not encoding.is_exact
        assert list(encoding.cardinalities) == ["cell", "lat", "long"]


# --- drawing ----------------------------------------------------------------------------------------------------------


def test_a_missing_step_is_drawn_from_the_whole_cell():
    texts = around((48.2, 16.4), 0.1, 1_000)
    encoding = fitted(texts)
    codes = np.repeat(encoding.encode(pa.array(texts))[:1], 300, axis=0)
    codes[:, 1:] = 0
    again = encoding.encode(encoding.decode(codes, rng()))
    assert len(set(map(tuple, again[:, 1:].tolist()))) > 50


def test_a_judge_cannot_tell_decoded_from_held_out_places_of_the_demo():
    """The target of 0.52 leaves room for four standard deviations of the AUC of chance, 0.005 for 8,000 rows."""
    customers = make_shop(16_000, seed=3).customers
    places = pa.array(customers["location"].tolist(), pa.string())
    first, second = places[:8_000], places[8_000:]
    encoding = fit(LAT_LONG, first)
    decoded = encoding.decode(encoding.encode(first), rng(2))
    found, wanted = (pd.DataFrame(degrees(texts)) for texts in (shown(decoded.to_pylist()), second.to_pylist()))
    assert judge_auc(wanted, found) <= 0.52
    assert sum(encoding.cardinalities.values()) < 250
