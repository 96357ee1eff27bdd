"""Attacks on value protection: whatever fewer than `MINIMUM_ENTITIES` entities hold must not be found in the JSON."""

import json
from collections import defaultdict
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.encodings import fitter
from synth_engine.encodings.alphabets import NEAR
from synth_engine.encodings.calendar import first_days, units_per_day
from synth_engine.encodings.character import CharacterEncoding
from synth_engine.encodings.lat_long import LatLongEncoding
from synth_engine.encodings.text_form import to_text
from synth_engine.privacy import MINIMUM_ENTITIES, ValueProtection
from tests.encodings.columns import FITTERS, accepted, columns, fit, has_room

by_encoding = pytest.mark.parametrize("by", FITTERS, ids=lambda by: by.type.removeprefix("TABULAR_").lower())
NUMERIC = [by for by in FITTERS if by.type.startswith("TABULAR_NUMERIC")]
PLANTABLE = [by for by in FITTERS if has_room(by)]
OTHERS = [by for by in PLANTABLE if by.type not in (Kind.TABULAR_CHARACTER, Kind.TABULAR_LAT_LONG, Kind.AUTO)]
by_plantable = pytest.mark.parametrize("by", PLANTABLE, ids=lambda by: by.type.removeprefix("TABULAR_").lower())
by_other = pytest.mark.parametrize("by", OTHERS, ids=lambda by: by.type.removeprefix("TABULAR_").lower())
by_numeric = pytest.mark.parametrize("by", NUMERIC, ids=lambda by: by.type.removeprefix("TABULAR_NUMERIC_").lower())


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def json_of(by, column, entities=None, seed=0) -> str:
    encoding = by.fit(by.summarise(column, entities), column.type, ValueProtection(), rng(seed))
    return json.dumps(encoding.model_dump(mode="json"), ensure_ascii=False)


def published(encoding) -> list:
    """Every value of the column that the JSON holds, and every end of a range."""
    facts = encoding.model_dump(mode="json")
    return [
        value
        for part in ("categories", "numbers", "atoms", "edges", "cells", "positions")
        for value in facts.get(part, [])
    ]


# --- planted values ---------------------------------------------------------------------------------------------------


def planted(base: list, secret: object, holders: int, dtype: pa.DataType) -> pa.Array:
    values = [*base, *[secret] * holders]
    return pa.array([values[place] for place in rng(1).permutation(len(values))], dtype)


COMMON = {
    "float": (np.round(rng(2).lognormal(6, 1, 1_500), 2).tolist(), pa.float64()),
    "whole floats": (np.round(rng(2).lognormal(6, 1, 1_500)).tolist(), pa.float64()),
    "integer": (rng(2).integers(0, 90, 1_500).tolist(), pa.int64()),
    "wide integer": (rng(2).integers(-(10**6), 10**6, 1_500).tolist(), pa.int64()),
    "decimal": ([Decimal(int(cents)) / 100 for cents in rng(2).integers(0, 10**5, 1_500)], pa.decimal128(20, 4)),
    "few numbers": ([1, 2, 3] * 500, pa.int64()),
}
SECRETS = {
    pa.float64(): [31_415_926.53, -27_182_818.28, 1.618033988e-7, 7.77123e300, 1234.5678],
    pa.int64(): [314_159_265_358, -27_182_818_284, 2**63 - 1, 2**53 + 1],
    pa.decimal128(20, 4): [Decimal("31415926.5359"), Decimal("-27182818.2846"), Decimal("0.1618"), Decimal("123.4567")],
}


@by_numeric
@pytest.mark.parametrize("name", COMMON)
@pytest.mark.parametrize("holders", [1, MINIMUM_ENTITIES - 1])
def test_no_planted_number_is_in_the_json(by, name, holders):
    base, dtype = COMMON[name]
    for secret in SECRETS[dtype]:
        digits = "".join(char for char in str(abs(secret)) if char.isdigit()).strip("0").removesuffix("300")
        for seed in range(5):
            text = json_of(by, planted(base, secret, holders, dtype), seed=seed).replace(".", "")
            assert digits not in text


@pytest.mark.parametrize(
    "secret", ["Zoë Æsop-Quux", "a\0b", "👩‍👩‍👧", "x" * 3_000, "_RARE_x", "\N{COMBINING ACUTE ACCENT}"]
)
@pytest.mark.parametrize("dtype", [pa.string(), pa.dictionary(pa.int16(), pa.string(), ordered=True)])
def test_no_planted_category_is_in_the_json(secret, dtype):
    base = ["red", "green", "blue", None] * 200
    for holders in (1, MINIMUM_ENTITIES - 1):
        for seed in range(5):
            text = json_of(fitter(Kind.TABULAR_CATEGORICAL), planted(base, secret, holders, dtype), seed=seed)
            assert secret not in json.loads(text)["categories"]
            assert json.dumps(secret, ensure_ascii=False)[1:-1] not in text


@pytest.mark.parametrize("dtype", [pa.date32(), pa.timestamp("ms"), pa.timestamp("ns", "UTC")])
@pytest.mark.parametrize("secret", ["1903-02-17", "2187-10-23", "1950-07-09"])
def test_no_planted_date_is_in_the_json(dtype, secret):
    base = (rng(3).integers(0, 15 * 365, 1_500) + int(first_days(np.array([2005]))[0])).tolist()
    day = int(np.datetime64(secret, "D").astype(int))
    column = pa.array([*base, *[day] * (MINIMUM_ENTITIES - 1)], pa.int32()).cast(pa.date32()).cast(dtype)
    for seed in range(10):
        facts = json.loads(json_of(fitter(Kind.TABULAR_DATETIME), column, seed=seed))
        in_ms = day * 86_400_000
        assert not in_ms <= facts["low"] < in_ms + 86_400_000
        assert not in_ms <= facts["high"] < in_ms + 86_400_000
        assert int(secret[:4]) not in facts["years"]


def names(size: int, seed: int = 4) -> list[str]:
    """Like names of people: different nearly everywhere, of few characters."""
    letters = rng(seed).choice(list("aeinorst"), (size, 12))
    return ["".join(row[:length]) for row, length in zip(letters, rng(seed).integers(4, 12, size), strict=True)]


@pytest.mark.parametrize("secret", ["Zoë Æsop-Quux", "a\0b", "👩‍👩‍👧", "x" * 60, "Qqqq", "eeeeeeeeeeeeee", "é"])
@pytest.mark.parametrize("kind", [Kind.TABULAR_CHARACTER, Kind.AUTO])
@pytest.mark.parametrize("holders", [1, MINIMUM_ENTITIES - 1])
def test_neither_the_characters_nor_the_length_of_a_planted_name_are_in_the_json(kind, secret, holders):
    column = planted(names(1_000), secret, holders, pa.string())
    for seed in range(5):
        encoding = json.loads(json_of(fitter(kind), column, seed=seed))
        assert encoding["encoding_type"] == Kind.TABULAR_CHARACTER
        assert len(encoding["positions"]) <= 11
        shown = {character for position in encoding["positions"] for character in position["characters"]}
        assert shown == set("aeinorst")
        assert secret not in encoding["atoms"]


def test_a_planted_character_at_one_place_is_in_no_alphabet():
    columns_of_codes = [f"AB-{number:04}" for number in rng(6).integers(0, 10_000, 1_000)]
    for secret in ("XB-0000", "AB-000Z", "AB_0000", "AB-00", "AB-0000-7"):
        column = planted(columns_of_codes, secret, MINIMUM_ENTITIES - 1, pa.string())
        for seed in range(5):
            positions = fit(fitter(Kind.AUTO), column, seed=seed).positions
            assert ["".join(position.characters) for position in positions] == ["A", "B", "-", *["0123456789"] * 4]
            assert not any(position.may_end for position in positions)


@pytest.mark.parametrize("secret", ["-77.8463,166.6683", "47.123,15.5", "89.9999,-179.9999", "48.200001,16.300001"])
@pytest.mark.parametrize("kind", [Kind.TABULAR_LAT_LONG, Kind.AUTO])
def test_no_planted_place_is_in_the_json(kind, secret):
    many = rng(7).normal([48.2, 16.4], 0.05, (1_000, 2))
    column = planted([f"{north:.4f},{east:.4f}" for north, east in many], secret, MINIMUM_ENTITIES - 1, pa.string())
    north, east = (float(part) for part in secret.split(","))
    for seed in range(5):
        encoding = fit(fitter(kind), column, seed=seed)
        text = encoding.model_dump_json()
        assert not [part for part in secret.split(",") if part in text]
        assert encoding.decimals == 4
        sides = np.array([2**cell.level / 10**encoding.decimals for cell in encoding.cells])
        at = np.floor(np.array([north + 90, east + 180]) / sides[:, None])
        is_inside = (at == [(cell.row, cell.column) for cell in encoding.cells]).all(axis=1)
        assert sides[is_inside].min(initial=99) > (0.01 if secret.startswith("48") else 3)


# --- what is kept, against the slow count of its holders --------------------------------------------------------------


@st.composite
def held(draw, by):
    """A column, and whom each row belongs to: few entities with many rows."""
    column = draw(columns(draw(st.sampled_from(accepted(by)))))
    n_entities = draw(st.sampled_from([1, 4, 5, 30, 60, 1_000]))
    return column, rng(draw(st.integers(0, 9))).integers(0, n_entities, len(column))


def holders_of(by, column: pa.Array, entities: np.ndarray) -> dict:
    """Whom each value belongs to, row by row."""
    values = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    form = to_text if by.type == Kind.TABULAR_CATEGORICAL else by.canonical
    holders = defaultdict(set)
    for value, entity in zip(form(values).to_pylist(), entities.tolist(), strict=True):
        holders[value].add(entity)
    holders.pop(None, None)
    return holders


@pytest.mark.parametrize("kind", [Kind.TABULAR_CATEGORICAL, Kind.TABULAR_NUMERIC_DISCRETE, Kind.TABULAR_NUMERIC_BINNED])
@settings(max_examples=50)
@given(data=st.data())
def test_every_kept_value_is_held_by_enough_entities(kind, data):
    by = fitter(kind)
    column, entities = data.draw(held(by))
    encoding = by.fit(by.summarise(column, entities), column.type, ValueProtection(), rng())
    holders = holders_of(by, column, entities)
    facts = encoding.model_dump()
    for value in facts.get("categories", facts.get("numbers", facts.get("atoms"))):
        some = holders[value]
        if kind == Kind.TABULAR_NUMERIC_BINNED:  # an atom stands for all that is rounded or clipped to it
            tick = encoding._scale.ticks_of([value])
            ends = encoding._scale.ticks_of(
                [min(facts["atoms"] + facts["edges"]), max(facts["atoms"] + facts["edges"])]
            )
            same = (who for other, who in holders.items() if np.clip(encoding._scale.ticks_of([other]), *ends) == tick)
            some = set().union(*same)
        assert len(some) >= MINIMUM_ENTITIES


@settings(max_examples=50)
@given(data=st.data())
def test_every_atom_and_every_character_near_its_place_is_held_by_enough_entities(data):
    by = fitter(Kind.TABULAR_CHARACTER)
    column, entities = data.draw(held(by))
    encoding = by.fit(by.summarise(column, entities), column.type, ValueProtection(), rng())
    assert isinstance(encoding, CharacterEncoding)
    holders = holders_of(by, column, entities)
    for atom in encoding.atoms:
        assert len(holders.pop(atom)) >= MINIMUM_ENTITIES  # what follows is of those that are left: the spelled ones

    def number(texts: list[str]) -> int:
        return len(set().union(*(holders[text] for text in texts)))

    for place, position in enumerate(encoding.positions):
        near = {text: text[max(place - NEAR, 0) : place + NEAR + 1] for text in holders}
        for one in position.characters:
            assert number([text for text in holders if one in near[text]]) >= MINIMUM_ENTITIES
        assert not position.may_end or number([text for text in holders if len(text) <= place]) >= MINIMUM_ENTITIES
    length = len(encoding.positions)
    assert length <= 1 or number([text for text in holders if len(text) >= length]) >= MINIMUM_ENTITIES


@settings(max_examples=50)
@given(data=st.data())
def test_every_cell_belongs_to_enough_entities(data):
    by = fitter(Kind.TABULAR_LAT_LONG)
    column, entities = data.draw(held(by))
    encoding = by.fit(by.summarise(column, entities), column.type, ValueProtection(), rng())
    codes = encoding.encode(column)[:, 0]
    for code in range(2, encoding.cardinalities["cell"]):
        assert len(set(entities[codes == code])) >= MINIMUM_ENTITIES


@pytest.mark.parametrize("kind", [Kind.TABULAR_NUMERIC_BINNED, Kind.TABULAR_NUMERIC_DIGIT])
@settings(max_examples=50)
@given(data=st.data())
def test_enough_entities_lie_at_or_beyond_the_published_range(kind, data):
    by = fitter(kind)
    column, entities = data.draw(held(by))
    encoding = by.fit(by.summarise(column, entities), column.type, ValueProtection(), rng())
    facts = encoding.model_dump()
    ends = [*facts.get("atoms", []), *facts.get("edges", [])] or (
        [facts["low"], facts["high"]] if facts.get("any_values") else []
    )
    if not ends:
        return
    low, high = encoding._scale.ticks_of([min(ends), max(ends)]).tolist()
    tick = {value: encoding._scale.ticks_of([value]).tolist()[0] for value in holders_of(by, column, entities)}
    holders = holders_of(by, column, entities)
    assert len(set().union(*(who for value, who in holders.items() if tick[value] <= low))) >= MINIMUM_ENTITIES
    assert len(set().union(*(who for value, who in holders.items() if tick[value] >= high))) >= MINIMUM_ENTITIES


@given(data=st.data())
def test_enough_entities_lie_at_or_beyond_the_days_of_a_datetimes_range(data):
    by = fitter(Kind.TABULAR_DATETIME)
    column, entities = data.draw(held(by))
    encoding = by.fit(by.summarise(column, entities), column.type, ValueProtection(), rng())
    if not encoding.any_values:
        return
    holders = holders_of(by, column, entities)
    day = {units: units // units_per_day(column.type) for units in holders}
    low, high = encoding.low // 86_400_000, encoding.high // 86_400_000
    assert len(set().union(*(who for units, who in holders.items() if day[units] <= low))) >= MINIMUM_ENTITIES
    assert len(set().union(*(who for units, who in holders.items() if day[units] >= high))) >= MINIMUM_ENTITIES


@by_encoding
@settings(max_examples=50)
@given(data=st.data())
def test_nulls_are_drawn_only_where_enough_entities_have_them(by, data):
    column, entities = data.draw(held(by))
    encoding = by.fit(by.summarise(column, entities), column.type, ValueProtection(), rng())
    values = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    if isinstance(encoding, LatLongEncoding):  # what is no place is null
        values = encoding.canonical(values)
    nulls = values.is_null(nan_is_null=True).to_numpy(zero_copy_only=False)
    assert not encoding.has_nulls or len(set(entities[nulls])) >= MINIMUM_ENTITIES


def test_edges_of_a_continuous_column_are_nobodys_values():
    column = pa.array(rng(5).lognormal(3, 2, 5_000))
    encoding = fit(fitter(Kind.TABULAR_NUMERIC_BINNED), column)
    assert len(encoding.edges) > 60
    assert not set(encoding.edges) & set(column.to_pylist())
    assert max(len(repr(edge).replace(".", "").strip("0")) for edge in encoding.edges) <= 5


# --- entities, not rows -----------------------------------------------------------------------------------------------


# By encoding type: what many have, what a single entity has, and the type of the column; numbers elsewhere.
PLACES = ["48.20,16.37", "48.30,16.30", "47.07,15.43"]
COLUMNS = {
    Kind.TABULAR_DATETIME: ([10, 11, 12], 86_400 * 4_000, pa.timestamp("s")),
    Kind.TABULAR_DATETIME_RELATIVE: ([10, 11, 12], 86_400 * 4_000, pa.timestamp("s")),
    Kind.TABULAR_CHARACTER: (["10", "11", "12"], "987654321", pa.string()),
    Kind.TABULAR_LAT_LONG: (PLACES, "-9.87654321,-98.7654321", pa.string()),
    Kind.AUTO: (PLACES, "987654321", pa.string()),
}


@by_plantable
def test_one_entity_with_a_thousand_rows_is_one(by):
    common, secret, dtype = COLUMNS.get(by.type, ([10, 11, 12], 987_654_321, pa.int64()))
    values = common * 100 + [secret] * 1_000
    entities = np.array([*range(300), *[7_777] * 1_000])
    assert len(set(entities)) > MINIMUM_ENTITIES
    column = pa.array(values).cast(dtype)
    for seed in range(5):
        text = json_of(by, column, entities, seed)
        assert "987654321" not in text
        assert "7654321" not in text
        assert dtype != pa.timestamp("s") or str(secret * 1_000) not in text


@by_other
def test_one_entity_with_a_thousand_different_rows_is_one(by):
    dtype = pa.timestamp("s") if by.type.startswith("TABULAR_DATETIME") else pa.int64()
    values = [10, 11, 12] * 100 + [900_000_000 + 1_001 * step for step in range(1_000)]
    entities = np.array([*range(300), *[7_777] * 1_000])
    for seed in range(5):
        encoding = by.fit(by.summarise(pa.array(values).cast(dtype), entities), dtype, ValueProtection(), rng(seed))
        facts = encoding.model_dump()
        facts |= facts.get("dates", {})
        ends = [facts.get("high", 0), *map(int, published(encoding))]
        assert max(ends) <= 12 if dtype == pa.int64() else max(ends) < 86_400_000


def test_one_entity_with_many_values_inside_the_range_shapes_neither_edges_nor_precision():
    common, many = rng(6).integers(0, 1_000, 400).astype(float), np.round(rng(7).uniform(500.1, 500.9, 20_000), 3)
    column, entities = pa.array(np.append(common, many)), np.append(np.arange(400), np.full(20_000, 7_777))
    by = fitter(Kind.TABULAR_NUMERIC_BINNED)
    for seed in range(5):
        encoding = by.fit(by.summarise(column, entities), column.type, ValueProtection(), rng(seed))
        assert encoding.decimals == 0
    column = pa.array(np.append(common + rng(8).random(400), many))
    for seed in range(5):
        encoding = by.fit(by.summarise(column, entities), column.type, ValueProtection(), rng(seed))
        assert not [edge for edge in encoding.edges if 500 < edge < 501]
        without = by.fit(by.summarise(column[:400]), column.type, ValueProtection(), rng(seed))
        assert len(encoding.edges) <= len(without.edges)


@pytest.mark.parametrize("n_rows", [1, 7, 50])
def test_every_edge_has_the_values_of_enough_entities_around_it(n_rows):
    """The edges of a bin and the two beside it span the values of many people, however many rows each has."""
    entities = np.repeat(np.arange(1_000), n_rows)
    values = np.repeat(rng(9).lognormal(5, 1, 1_000), n_rows) + rng(10).normal(0, 0.01, 1_000 * n_rows)
    by = fitter(Kind.TABULAR_NUMERIC_BINNED)
    encoding = by.fit(by.summarise(pa.array(values), entities), pa.float64(), ValueProtection(), rng())
    assert len(encoding.edges) > 20
    for low, high in zip(encoding.edges[:-2], encoding.edges[2:], strict=True):
        assert len(set(entities[(values >= low) & (values <= high)])) >= MINIMUM_ENTITIES


@pytest.mark.parametrize("kind", [Kind.TABULAR_CHARACTER, Kind.TABULAR_LAT_LONG, Kind.AUTO])
def test_one_entity_with_a_thousand_different_texts_is_one(kind):
    by = fitter(kind)
    many = names(300) if kind == Kind.TABULAR_CHARACTER else PLACES * 100
    secret = "XYZ" if kind == Kind.TABULAR_CHARACTER else "-41.5,"
    column = pa.array(many + [f"{secret}{number}" for number in np.linspace(100, 101, 1_000)])
    entities = np.array([*range(300), *[7_777] * 1_000])
    for seed in range(5):
        encoding = by.fit(by.summarise(column, entities), column.type, ValueProtection(), rng(seed))
        if kind == Kind.TABULAR_CHARACTER:
            shown = {character for position in encoding.positions for character in position.characters}
            assert shown == set("aeinorst")
        else:
            assert len(encoding.cells) == 3
            assert (encoding.encode(column)[300:, 0] == 0).all()


# --- too few entities -------------------------------------------------------------------------------------------------


@by_encoding
@settings(max_examples=50)
@given(data=st.data(), n_entities=st.integers(0, MINIMUM_ENTITIES - 1))
def test_with_too_few_entities_nothing_is_published(by, data, n_entities):
    column = data.draw(columns(data.draw(st.sampled_from(accepted(by)))))
    column = column if n_entities else column.slice(0, 0)
    entities = np.arange(len(column)) % max(n_entities, 1)
    encoding = by.fit(by.summarise(column, entities), column.type, ValueProtection(), rng())
    nothing = by.fit(by.summarise(column.slice(0, 0)), column.type, ValueProtection(), rng())
    assert not published(encoding)
    assert not encoding.has_nulls
    facts, empty = encoding.model_dump(), nothing.model_dump()
    facts.pop("has_rare", None)
    empty.pop("has_rare", None)
    if facts["encoding_type"] == empty["encoding_type"]:
        assert facts == empty
