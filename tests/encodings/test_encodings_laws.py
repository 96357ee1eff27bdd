"""The laws of `synth_engine.encodings.base.Encoding`, over every registered encoding and every Arrow type it takes.

Those for events are in `test_encodings_events`.
"""

import json
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from synth_engine.domain import RareCategoryReplacementMethod
from synth_engine.encodings import AnyEncoding, Encoding, draws_nulls, null_codes
from tests.encodings.columns import FITTERS, TYPES, accepted, columns, fit, overriding, reserved

ANY: TypeAdapter[Encoding] = TypeAdapter(AnyEncoding)

by_encoding = pytest.mark.parametrize("by", FITTERS, ids=lambda by: by.type.removeprefix("TABULAR_").lower())


def a_type(by):
    return st.sampled_from(accepted(by))


def fitted(data, by):
    """A column and an encoding of it: without protection, with thresholds, or with differential privacy."""
    column = data.draw(columns(data.draw(a_type(by))))
    protection = data.draw(st.sampled_from([{"enabled": False}, {"enabled": True}, {"private": True}]))
    return column, fit(by, column, **protection, seed=data.draw(st.integers(0, 9)))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def is_null(values: pa.Array) -> np.ndarray:
    # Arrow crashes when it is asked for the nulls of a dictionary of nulls
    plain = values.dictionary_decode() if pa.types.is_dictionary(values.type) else values
    return plain.is_null(nan_is_null=True).to_numpy(zero_copy_only=False)


def test_every_flat_type_has_an_encoding():
    assert {str(dtype) for by in FITTERS for dtype in accepted(by)} == {str(dtype) for dtype in TYPES}
    assert not [by for by in FITTERS if by.accepts(pa.list_(pa.int8()))]


@by_encoding
@settings(max_examples=50)
@given(data=st.data())
def test_codes_are_below_the_cardinality_for_seen_and_unseen_values(by, data):
    column, encoding = fitted(data, by)
    unseen = data.draw(columns(column.type))
    for values in (column, unseen, column.slice(1), unseen.slice(0, 0)):
        codes = encoding.encode(values)
        assert codes.dtype == np.int32
        assert codes.shape == (len(values), len(encoding.cardinalities))
        assert (codes >= 0).all()
        assert (codes < np.array(list(encoding.cardinalities.values()))).all()


@by_encoding
@settings(max_examples=50)
@given(data=st.data())
def test_json_restores_an_equal_encoding(by, data):
    _, encoding = fitted(data, by)
    text = json.dumps(encoding.model_dump(mode="json"), ensure_ascii=False, allow_nan=False)
    assert ANY.validate_json(text) == encoding
    assert ANY.validate_python(json.loads(text)) == encoding
    assert ANY.validate_json(ANY.dump_json(encoding)) == encoding
    again = ANY.validate_json(text)
    assert json.dumps(again.model_dump(mode="json"), ensure_ascii=False) == text


@by_encoding
@settings(max_examples=50)
@given(data=st.data())
def test_decoded_values_have_the_same_codes_again(by, data):
    column, encoding = fitted(data, by)
    for values in (column, data.draw(columns(column.type))):
        codes = encoding.encode(values)
        again = encoding.encode(encoding.decode(codes, rng()))
        assert (codes == again)[~reserved(encoding, codes)].all()


@by_encoding
@settings(max_examples=50)
@given(data=st.data())
def test_decode_gives_the_exact_type_and_null_for_reserved_codes_only(by, data):
    column, encoding = fitted(data, by)
    codes = encoding.encode(column)
    drawn = np.column_stack([rng().integers(0, size, 50) for size in encoding.cardinalities.values()])
    for some in (codes, drawn.astype(np.int32), codes[:0]):
        values = encoding.decode(some, rng())
        values.validate(full=True)
        assert values.type == column.type
        assert len(values) == len(some)
        assert not is_null(values)[~reserved(encoding, some)].any()


@by_encoding
@settings(max_examples=50)
@given(data=st.data())
def test_nulls_come_back_as_nulls(by, data):
    column, encoding = fitted(data, by)
    decoded = encoding.decode(encoding.encode(column), rng())
    assert is_null(decoded)[is_null(column)].all()


@by_encoding
@settings(max_examples=50)
@given(data=st.data())
def test_some_code_of_each_sub_column_may_be_drawn_and_null_only_where_it_must(by, data):
    _, encoding = fitted(data, by)
    for method in RareCategoryReplacementMethod:
        never = encoding.never_drawn(method)
        assert set(never) <= set(encoding.cardinalities)
        allowed = {part: sorted(set(range(n)) - set(never.get(part, []))) for part, n in encoding.cardinalities.items()}
        assert all(allowed.values())
        assert all(0 <= code < encoding.cardinalities[part] for part, codes in never.items() for code in codes)
        drawn = np.column_stack([rng().choice(codes, 50) for codes in allowed.values()]).astype(np.int32)
        nulls = is_null(encoding.decode(drawn, rng()))
        if nulls.any() and not encoding.has_nulls:
            assert nulls.all()  # nothing at all may be shown


@by_encoding
@settings(max_examples=50)
@given(data=st.data())
def test_whether_null_can_be_drawn_is_known_beforehand(by, data):
    _, encoding = fitted(data, by)
    for method in RareCategoryReplacementMethod:
        never = encoding.never_drawn(method)
        allowed = [sorted(set(range(n)) - set(never.get(part, []))) for part, n in encoding.cardinalities.items()]
        drawn = np.column_stack([rng(1).choice(codes, 500) for codes in allowed]).astype(np.int32)
        assert draws_nulls(encoding, method) or not is_null(encoding.decode(drawn, rng())).any()
        assert draws_nulls(encoding, method) >= encoding.has_nulls


@by_encoding
@settings(max_examples=20)
@given(data=st.data())
def test_without_the_codes_of_null_no_value_is_null(by, data):
    _, encoding = fitted(data, by)
    for method in RareCategoryReplacementMethod:
        never, nulls = encoding.never_drawn(method), null_codes(encoding, method)
        assert set(nulls) == set(encoding.cardinalities)
        assert any(nulls.values()) == draws_nulls(encoding, method)
        allowed = [
            sorted(set(range(size)) - set(never.get(part, [])) - set(nulls[part]))
            for part, size in encoding.cardinalities.items()
        ]
        if all(allowed):  # else there is no value to show
            drawn = np.column_stack([rng(1).choice(codes, 300) for codes in allowed]).astype(np.int32)
            assert not is_null(encoding.decode(drawn, rng())).any()


@by_encoding
@settings(max_examples=20)
@given(data=st.data())
def test_named_codes_are_those_of_single_values(by, data):
    _, encoding = fitted(data, by)
    named = encoding.named_codes()
    if not named:
        return
    assert len(encoding.cardinalities) == 1
    assert len(set(named.values())) == len(named)
    codes = np.array(list(named.values()), np.int32).reshape(-1, 1)
    values = encoding.decode(codes, rng())
    assert [str(value) for value in values.to_pylist()] == list(named)


@by_encoding
@settings(max_examples=50)
@given(data=st.data())
def test_ranks_rise_with_the_codes_of_a_sub_column(by, data):
    _, encoding = fitted(data, by)
    for part, ranks in encoding.ranks().items():
        assert len(ranks) == encoding.cardinalities[part]
        ordered = np.array(ranks)[~np.isnan(ranks)]
        assert ((ordered >= 0) & (ordered <= 1)).all()
        assert (np.diff(ordered) > 0).all()


@by_encoding
@settings(max_examples=50)
@given(data=st.data())
def test_the_same_generator_gives_the_same_encoding_and_the_same_values(by, data):
    column, encoding = fitted(data, by)
    enabled, seed = data.draw(st.booleans()), data.draw(st.integers(0, 9))
    assert fit(by, column, enabled=enabled, seed=seed) == fit(by, column, enabled=enabled, seed=seed)
    codes = encoding.encode(column)
    assert encoding.decode(codes, rng(7)).equals(encoding.decode(codes, rng(7)))


@by_encoding
@settings(max_examples=50)
@given(data=st.data())
def test_a_column_without_values_is_drawn_as_nulls(by, data):
    dtype = data.draw(a_type(by))
    assume(not pa.types.is_dictionary(dtype))
    encoding = fit(by, pa.nulls(data.draw(st.sampled_from([0, 1, 50])), dtype), enabled=data.draw(st.booleans()))
    never = encoding.never_drawn(RareCategoryReplacementMethod.constant)
    codes = [[min(set(range(size)) - set(never.get(part, []))) for part, size in encoding.cardinalities.items()]] * 3
    assert is_null(encoding.decode(np.array(codes, np.int32), rng())).all()


# --- order ------------------------------------------------------------------------------------------------------------

ORDERED = overriding("extent")

by_ordered = pytest.mark.parametrize("by", [by for by in FITTERS if by.type in ORDERED], ids=lambda by: by.type.lower())


def exact(encoding: Encoding, values: pa.Array) -> list:
    return encoding.canonical(values).to_pylist()


def random_codes(encoding: Encoding, n_rows: int) -> np.ndarray:
    return np.column_stack([rng(1).integers(0, size, n_rows) for size in encoding.cardinalities.values()]).astype("i4")


def test_what_has_an_order():
    for by in FITTERS:
        encoding = fit(by, pa.nulls(3, accepted(by)[0]))
        assert (encoding.extent(np.zeros((3, 1), np.int32)) is not None) == (encoding.type in ORDERED)


@by_ordered
@settings(max_examples=50)
@given(data=st.data())
def test_extents_hold_what_codes_decode_to(by, data):
    column, encoding = fitted(data, by)
    for codes in (encoding.encode(column)[:50], random_codes(encoding, 50), random_codes(encoding, 0)):
        values = exact(encoding, encoding.decode(codes, rng()))
        for depth in range(1, codes.shape[1] + 1):
            extent = encoding.extent(codes[:, :depth])
            assert [end.type for end in extent] == [column.type] * 2
            for low, value, high in zip(exact(encoding, extent[0]), values, exact(encoding, extent[1]), strict=True):
                assert low is high is value is None or low <= value <= high


@by_ordered
@settings(max_examples=30)
@given(data=st.data())
def test_extents_of_longer_beginnings_cover_that_of_a_shorter_one(by, data):
    """Every multiple of the step is in one of them: so none begins behind a step after the last one ended."""
    _, encoding = fitted(data, by)
    sizes = list(encoding.cardinalities.values())
    step = encoding.step()
    for row in random_codes(encoding, 5):
        for depth in range(1, len(sizes)):
            parent = [exact(encoding, end)[0] for end in encoding.extent(row[None, :depth])]
            longer = np.column_stack([np.tile(row[:depth], (sizes[depth], 1)), np.arange(sizes[depth])]).astype("i4")
            lows, highs = (exact(encoding, end) for end in encoding.extent(longer))
            if parent[0] is None:
                assert set(lows) == {None}
                continue
            assert (min(lows), max(highs)) == tuple(parent)
            if step is not None:
                reached = min(lows)
                for low, high in sorted(zip(lows, highs, strict=True)):
                    assert low <= reached or Fraction(low) - Fraction(reached) <= step * (1 + 1e-9)
                    reached = max(reached, high)


@by_ordered
@settings(max_examples=50)
@given(data=st.data())
def test_all_values_and_ends_are_multiples_of_the_step(by, data):
    _, encoding = fitted(data, by)
    step, codes = encoding.step(), random_codes(encoding, 50)
    if step is None:
        assert pa.types.is_floating(encoding.dtype)
        return
    for values in (encoding.decode(codes, rng()), *encoding.extent(codes[:, :1])):
        for value in exact(encoding, values):
            if value is not None and pa.types.is_floating(encoding.dtype):
                width = np.dtype(encoding.dtype.to_pandas_dtype()).type
                assert width(float(round(Fraction(value) / step) * step)) == pytest.approx(value, rel=1e-3)
            elif value is not None:
                assert Fraction(value) % step == 0
