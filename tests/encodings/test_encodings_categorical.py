"""What only categories have: their order, the rare token, null beside the empty text, dictionaries."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.domain import RareCategoryReplacementMethod as Replacement
from synth_engine.encodings import fitter
from synth_engine.encodings.categorical import NULL_CODE, RARE_CODE, RARE_TOKEN, CategoricalEncoding
from synth_engine.encodings.text_form import from_text, to_text
from synth_engine.privacy import ValueProtection
from tests.encodings.columns import TYPES, build, columns, fit

CATEGORICAL = fitter(Kind.TABULAR_CATEGORICAL)
FLAT = [dtype for dtype in TYPES if not pa.types.is_dictionary(dtype)]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def round_trip(column: pa.Array, *, enabled: bool = True) -> pa.Array:
    encoding = fit(CATEGORICAL, column, enabled=enabled)
    return encoding.decode(encoding.encode(column), rng())


@given(data=st.data())
def test_the_text_form_is_exact(data):
    column = data.draw(columns(data.draw(st.sampled_from(FLAT))))
    again = from_text(to_text(column), column.type)
    assert again.type == column.type
    assert to_text(again).equals(to_text(column))
    assert again.equals(column) or pa.types.is_floating(column.type)  # NaN becomes null, -0.0 becomes 0.0


@given(data=st.data())
def test_without_protection_every_value_is_kept_exactly(data):
    column = data.draw(columns(data.draw(st.sampled_from(TYPES))))
    assert CATEGORICAL.canonical(round_trip(column, enabled=False)).equals(CATEGORICAL.canonical(column))


def test_categories_are_in_alphabetical_order():
    column = pa.array(["b", "a", "B", "", "é", "e\N{COMBINING ACUTE ACCENT}", "_RARE_", "\0", "👩‍👩‍👧", "10", "9"] * 20)
    encoding = fit(CATEGORICAL, column)
    assert encoding.categories == sorted(set(column.to_pylist()))
    assert not encoding.has_rare


def test_empty_text_is_a_category_and_null_is_not():
    column = pa.array(["", None, "a"] * 20)
    encoding = fit(CATEGORICAL, column)
    assert encoding.categories == ["", "a"]
    assert encoding.has_nulls
    assert encoding.encode(column)[:3, 0].tolist() == [2, NULL_CODE, 3]
    assert round_trip(column).equals(column)


def test_a_category_named_as_the_rare_token_keeps_its_own_code():
    column = pa.array([RARE_TOKEN, "a"] * 20 + ["once"])
    encoding = fit(CATEGORICAL, column)
    assert encoding.categories == [RARE_TOKEN, "a"]
    assert encoding.encode(pa.array([RARE_TOKEN, "once", "never seen"]))[:, 0].tolist() == [2, RARE_CODE, RARE_CODE]
    assert encoding.decode(np.array([[RARE_CODE], [2]], np.int32), rng()).to_pylist() == [RARE_TOKEN, RARE_TOKEN]
    shown = fit(CATEGORICAL, column.dictionary_encode()).decode(np.array([[RARE_CODE], [2]], np.int32), rng())
    assert shown.dictionary.to_pylist() == [RARE_TOKEN, "a"]


@pytest.mark.parametrize("value_type", [pa.int64(), pa.bool_(), pa.float32(), pa.date32(), pa.decimal128(5, 2)])
def test_rare_is_never_drawn_where_the_type_has_no_place_for_the_token(value_type):
    kind = bool if value_type == pa.bool_() else int
    encoding = fit(CATEGORICAL, build([kind(0)] * 20 + [kind(1)] * 3, value_type))
    assert encoding.has_rare
    for method in Replacement:
        assert RARE_CODE in encoding.never_drawn(method)["cat"]


def test_the_replacement_method_decides_whether_rare_is_drawn():
    encoding = fit(CATEGORICAL, pa.array(["a"] * 20 + ["once"]))
    assert encoding.never_drawn(Replacement.constant)["cat"] == [NULL_CODE]
    assert encoding.never_drawn(Replacement.sample)["cat"] == [RARE_CODE, NULL_CODE]
    only_rare = fit(CATEGORICAL, pa.array([f"v{place}" for place in range(50)]))
    for method in Replacement:
        assert only_rare.never_drawn(method)["cat"] == [NULL_CODE]


def test_floats_and_booleans_are_categories():
    assert fit(CATEGORICAL, pa.array([0.1, -0.0, 0.0, 1e300, float("nan")] * 10)).categories == ["0", "0.1", "1e+300"]
    booleans = pa.array([True, False, None] * 20)
    assert fit(CATEGORICAL, booleans).categories == ["false", "true"]
    assert round_trip(booleans).equals(booleans)


# --- dictionaries -----------------------------------------------------------------------------------------------------

LEVELS = ["none", "low", "mid", "high", "never"]


def ordered(values: list, levels: list = LEVELS) -> pa.Array:
    indices = pa.array([None if value is None else levels.index(value) for value in values], pa.int8())
    return pa.DictionaryArray.from_arrays(indices, pa.array(levels), ordered=True)


def test_an_ordered_dictionary_keeps_its_order():
    column = ordered(["high", "low", None, "mid", "none"] * 20)
    encoding = fit(CATEGORICAL, column)
    assert encoding.categories == LEVELS[:4]
    decoded = encoding.decode(encoding.encode(column), rng())
    assert decoded.dictionary.to_pylist() == LEVELS[:4]
    assert decoded.to_pylist() == column.to_pylist()
    assert encoding.ranks()["cat"][2:] == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_partitions_with_contradicting_orders_fall_back_to_the_alphabet():
    parts = [ordered(["high", "low"] * 20), ordered(["high", "low"] * 20, LEVELS[::-1])]
    counts = CATEGORICAL.summarise(parts[0]).merge(CATEGORICAL.summarise(parts[1]))
    assert CATEGORICAL.fit(counts, parts[0].type, ValueProtection(), rng()).categories == ["high", "low"]


def test_the_dictionary_does_not_depend_on_the_codes():
    column = pa.array(["b", "a", "c", None, "once"] * 1 + ["b", "a", "c", None] * 20).dictionary_encode()
    encoding = fit(CATEGORICAL, column)
    shards = [
        encoding.decode(encoding.encode(part), rng()) for part in (column, column.slice(3, 2), column.slice(0, 0))
    ]
    assert {tuple(shard.dictionary.to_pylist()) for shard in shards} == {("a", "b", "c", RARE_TOKEN)}


def test_a_full_dictionary_of_eight_bits_has_no_room_for_the_token_and_needs_none():
    values = [f"v{place:03}" for place in range(128)]
    column = pa.array(values * 12).dictionary_encode().cast(pa.dictionary(pa.int8(), pa.string()))
    encoding = fit(CATEGORICAL, column)
    assert not encoding.has_rare
    assert encoding.decode(encoding.encode(column), rng()).cast(pa.string()).equals(column.cast(pa.string()))
    assert encoding.decode(np.array([[RARE_CODE]], np.int32), rng()).to_pylist() == [None]


def test_nulls_and_repeats_inside_a_dictionary():
    dictionary = pa.array(["a", None, "a", "b"])
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 3, None] * 20, pa.int8()), dictionary)
    encoding = fit(CATEGORICAL, column)
    assert isinstance(encoding, CategoricalEncoding)
    assert encoding.categories == ["a", "b"]
    assert encoding.encode(column)[:5, 0].tolist() == [2, NULL_CODE, 2, 3, NULL_CODE]
    assert encoding.encode(column.slice(1, 3))[:, 0].tolist() == [NULL_CODE, 2, 3]
