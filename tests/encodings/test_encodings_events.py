"""The laws of encodings once more, for rows that are events of sequences."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.encodings import AnyEncoding, Encoding
from synth_engine.privacy import ValueProtection
from tests.encodings.columns import FITTERS, accepted, columns, reserved
from tests.encodings.test_encodings_laws import is_null, rng

ANY: TypeAdapter[Encoding] = TypeAdapter(AnyEncoding)

by_encoding = pytest.mark.parametrize("by", FITTERS, ids=lambda by: by.type.removeprefix("TABULAR_").lower())


@st.composite
def events(draw, by):
    """A column, whom each of its rows belongs to, and an encoding fitted to both."""
    column = draw(columns(draw(st.sampled_from(accepted(by)))))
    entities = owners(len(column), draw(st.sampled_from([1, 2, 5, 40])), draw(st.integers(0, 9)))
    protection = ValueProtection(enabled=draw(st.booleans()))
    return column, entities, by.fit(by.summarise(column, entities), column.type, protection, rng())


def owners(n_rows: int, mean: int, seed: int) -> np.ndarray:
    """Whom rows belong to: sequences of different lengths, numbered in no order."""
    lengths = rng(seed).geometric(1 / mean, n_rows)
    return rng(seed).permutation(n_rows)[np.repeat(np.arange(n_rows), lengths)[:n_rows]]


def random_codes(encoding: Encoding, n_rows: int) -> np.ndarray:
    return np.column_stack([rng().integers(0, size, n_rows) for size in encoding.cardinalities.values()]).astype(
        np.int32
    )


@by_encoding
@settings(max_examples=50)
@given(data=st.data())
def test_codes_of_events_are_below_the_cardinality(by, data):
    column, entities, encoding = data.draw(events(by))
    unseen = data.draw(columns(column.type))
    for values, who in ((column, entities), (unseen, owners(len(unseen), 3, 0)), (unseen, None)):
        codes = encoding.encode_events(values, who)
        assert codes.dtype == np.int32
        assert codes.shape == (len(values), len(encoding.cardinalities))
        assert (codes >= 0).all()
        assert (codes < np.array(list(encoding.cardinalities.values()))).all()


@by_encoding
@settings(max_examples=50)
@given(data=st.data())
def test_events_come_back_in_their_exact_type_with_their_nulls(by, data):
    column, entities, encoding = data.draw(events(by))
    codes = encoding.encode_events(column, entities)
    decoded = encoding.decode_events(codes, entities, rng())
    decoded.validate(full=True)
    assert decoded.type == column.type
    assert is_null(decoded)[is_null(column)].all()
    drawn = random_codes(encoding, len(column))
    decoded = encoding.decode_events(drawn, entities, rng())
    decoded.validate(full=True)
    assert decoded.type == column.type
    assert not is_null(decoded)[~reserved(encoding, drawn)].any()


@by_encoding
@settings(max_examples=50)
@given(data=st.data())
def test_decoded_events_have_the_same_codes_again(by, data):
    column, entities, encoding = data.draw(events(by))
    codes = encoding.encode_events(column, entities)
    decoded = encoding.decode_events(codes, entities, rng())
    again = encoding.encode_events(decoded, entities)
    wrong = (codes != again).any(axis=1) & ~reserved(encoding, codes)
    if by.type == Kind.TABULAR_DATETIME_RELATIVE and encoding.intervals is not None:
        # Sums that leave the range are clipped to it: the interval to such a date, and the one after it, are shorter.
        at_end = np.isin(encoding.dates.encode(decoded), encoding.dates.encode(ends(encoding))).all(axis=1)
        wrong &= ~at_end & ~np.roll(at_end, 1)
    assert not wrong.any()


def ends(encoding) -> pa.Array:
    """The first and the last date that may be shown."""
    low, high = encoding._range
    return encoding.decode(encoding.encode(pa.array([low, high]).cast(encoding.dtype)), rng())


@by_encoding
@settings(max_examples=50)
@given(data=st.data())
def test_without_entities_events_are_rows(by, data):
    column, _, encoding = data.draw(events(by))
    codes = encoding.encode_events(column, None)
    assert (codes == encoding.encode(column)).all()
    assert (codes == encoding.encode_events(column, np.arange(len(column)))).all()
    assert encoding.decode_events(codes, None, rng(3)).equals(encoding.decode(codes, rng(3)))


@by_encoding
@settings(max_examples=50)
@given(data=st.data())
def test_json_restores_an_equal_encoding_of_events(by, data):
    _, _, encoding = data.draw(events(by))
    text = json.dumps(encoding.model_dump(mode="json"), ensure_ascii=False, allow_nan=False)
    assert ANY.validate_json(text) == encoding
    assert set(encoding.ranks()) <= set(encoding.cardinalities)


@by_encoding
@settings(max_examples=50)
@given(data=st.data())
def test_a_sequence_does_not_depend_on_the_others(by, data):
    column, entities, encoding = data.draw(events(by))
    codes = encoding.encode_events(column, entities)
    for who in np.unique(entities)[:5]:
        own = np.flatnonzero(entities == who)
        alone = column.slice(own[0], len(own))
        assert (encoding.encode_events(alone, np.zeros(len(own), np.int64)) == codes[own]).all()
