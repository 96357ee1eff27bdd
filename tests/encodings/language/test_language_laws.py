"""The laws of `LanguageEncoding`, over every registered language encoding and every Arrow type it takes."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from synth_engine.domain import InputError
from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.encodings.language import AnyLanguageEncoding, LanguageEncoding, detect_language, language_fitter
from synth_engine.encodings.language.categorical import LanguageCategorical
from synth_engine.privacy import ValueProtection
from tests.encodings.columns import NUMBERS, TYPES, accepted, columns, fit
from tests.encodings.language.fitters import LANGUAGE_FITTERS, by_encoding
from tests.encodings.language.grammars import matcher_of

ANY: TypeAdapter[LanguageEncoding] = TypeAdapter(AnyLanguageEncoding)


def fitted(data, by):
    """A column and an encoding of it: without protection, with thresholds, or with differential privacy."""
    column = data.draw(columns(data.draw(st.sampled_from(accepted(by)))))
    protection = data.draw(st.sampled_from([{"enabled": False}, {"enabled": True}, {"private": True}]))
    return column, fit(by, column, **protection, seed=data.draw(st.integers(0, 9)))


def plain(values: pa.Array) -> pa.Array:
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def is_null(values: pa.Array) -> np.ndarray:
    return plain(values).is_null(nan_is_null=True).to_numpy(zero_copy_only=False)


def is_rare(encoding: LanguageEncoding, literals: pa.Array) -> np.ndarray:
    rare = encoding.rare if isinstance(encoding, LanguageCategorical) else None
    return np.array([literal == rare for literal in literals.to_pylist()], np.bool_)


def test_every_flat_type_has_an_encoding():
    assert {str(dtype) for by in LANGUAGE_FITTERS for dtype in accepted(by)} == {str(dtype) for dtype in TYPES}
    for dtype in TYPES:
        assert language_fitter(detect_language(dtype)).accepts(dtype)
    with pytest.raises(InputError, match="expected a flat type"):
        detect_language(pa.list_(pa.int8()))


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        *[(dtype, Kind.LANGUAGE_NUMERIC) for dtype in NUMBERS],
        (pa.date32(), Kind.LANGUAGE_DATETIME),
        (pa.timestamp("ns", "UTC"), Kind.LANGUAGE_DATETIME),
        (pa.bool_(), Kind.LANGUAGE_CATEGORICAL),
        (pa.dictionary(pa.int8(), pa.string()), Kind.LANGUAGE_CATEGORICAL),
        (pa.large_string(), Kind.AUTO),
    ],
    ids=str,
)
def test_what_a_type_stands_for(dtype: pa.DataType, kind: Kind):
    assert detect_language(dtype) == kind


@by_encoding
@settings(max_examples=20)
@given(data=st.data())
def test_seen_and_unseen_values_are_written_as_json_no_longer_than_said(by, data):
    column, encoding = fitted(data, by)
    unseen = data.draw(columns(column.type))
    for values in (column, unseen, column.slice(1), unseen.slice(0, 0)):
        literals = encoding.write(values)
        assert literals.type == pa.large_string()
        assert len(literals) == len(values)
        assert literals.null_count == 0
        texts = literals.to_pylist()
        assert max(map(len, texts), default=0) <= encoding.longest
        parsed = [json.loads(text) for text in texts]
        nothing = np.array([value is None for value in parsed], np.bool_)
        assert (nothing == (is_null(values) | (not encoding.has_values))).all()


@by_encoding
@settings(max_examples=20)
@given(data=st.data())
def test_what_was_written_comes_back_in_the_exact_type_and_is_written_the_same_again(by, data):
    column, encoding = fitted(data, by)
    for values in (column, data.draw(columns(column.type))):
        literals = encoding.write(values)
        again = encoding.read(literals)
        again.validate(full=True)
        assert again.type == column.type
        nothing = np.array([literal == "null" for literal in literals.to_pylist()], np.bool_)
        rare = is_rare(encoding, literals)
        assert (is_null(again) == (nothing | rare)).all()
        assert encoding.write(again).filter(pa.array(~rare)).equals(literals.filter(pa.array(~rare)))
    literals = encoding.write(column)
    assert plain(encoding.read(literals.slice(3, 5))).equals(plain(encoding.read(literals)).slice(3, 5))


@by_encoding
@settings(max_examples=20)
@given(data=st.data())
def test_the_grammar_allows_what_is_written_but_rare_values_and_nulls(by, data):
    column, encoding = fitted(data, by)
    for nulls in (False, True):
        allows = matcher_of(encoding.grammar(nulls=nulls))
        assert allows("null") == (nulls or not encoding.has_values)
        literals = encoding.write(column).unique()
        rare = is_rare(encoding, literals)
        for literal, never in list(zip(literals.to_pylist(), rare, strict=True))[:60]:
            assert allows(literal) == (not never and (literal != "null" or nulls or not encoding.has_values)), literal
            assert not allows(literal + '"')
    assert not any(map(matcher_of(encoding.grammar(nulls=True)), ["", '"', "nul", "NaN", " 1", '"\n"', "Infinity"]))


@by_encoding
@settings(max_examples=20)
@given(data=st.data())
def test_tokens_of_their_own_are_what_may_be_written(by, data):
    _, encoding = fitted(data, by)
    whole = encoding.whole()
    assert len(set(whole)) == len(whole)
    assert ("null" in whole) == (encoding.has_nulls or not encoding.has_values)
    allows = matcher_of(encoding.grammar(nulls=True))
    for literal in whole[:50]:
        assert allows(literal) != (isinstance(encoding, LanguageCategorical) and literal == encoding.rare)
    assert all(word.strip() for word in encoding.words())


@by_encoding
@settings(max_examples=20)
@given(data=st.data())
def test_json_restores_an_equal_encoding(by, data):
    _, encoding = fitted(data, by)
    text = json.dumps(encoding.model_dump(mode="json"), ensure_ascii=False, allow_nan=False)
    assert ANY.validate_json(text) == encoding
    assert ANY.validate_python(json.loads(text)) == encoding
    again = ANY.validate_json(ANY.dump_json(encoding))
    assert again.grammar(nulls=True) == encoding.grammar(nulls=True)
    assert json.dumps(again.model_dump(mode="json"), ensure_ascii=False) == text


@by_encoding
@settings(max_examples=20)
@given(data=st.data())
def test_partitions_do_not_matter(by, data):
    column = data.draw(columns(data.draw(st.sampled_from(accepted(by)))))
    cut = sorted(data.draw(st.lists(st.integers(0, len(column)), min_size=2, max_size=2)))
    parts = [column.slice(start, stop - start) for start, stop in zip([0, *cut], [*cut, len(column)], strict=True)]
    one, two, three = (by.summarise(part) for part in parts)
    protection = ValueProtection(enabled=data.draw(st.booleans()))
    whole = by.fit(by.summarise(column), column.type, protection, np.random.default_rng(0))
    for counts in (one.merge(two).merge(three), one.merge(two.merge(three)), three.merge(one).merge(two)):
        assert by.fit(counts, column.type, protection, np.random.default_rng(0)) == whole


@by_encoding
@pytest.mark.parametrize("size", [0, 1, 50])
@pytest.mark.parametrize("enabled", [False, True])
def test_a_column_of_nulls_allows_null_only(by, size: int, enabled: bool):
    for dtype in accepted(by):
        column = (
            pa.DictionaryArray.from_arrays(
                pa.nulls(size, dtype.index_type), pa.array([], dtype.value_type), ordered=dtype.ordered
            )
            if pa.types.is_dictionary(dtype)
            else pa.nulls(size, dtype)
        )
        encoding = fit(by, column, enabled=enabled)
        assert not encoding.has_values
        assert encoding.write(column).to_pylist() == ["null"] * size
        assert is_null(encoding.read(pa.array(["null"] * 3, pa.large_string()))).all()
        assert encoding.longest == 4
        assert encoding.whole() == ["null"]
    for nulls in (False, True):
        allows = matcher_of(encoding.grammar(nulls=nulls))
        assert allows("null")
        assert not any(map(allows, ["0", '""', "false", '"2000-01-01"']))
