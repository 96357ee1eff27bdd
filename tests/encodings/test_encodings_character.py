"""What only characters have: code points, lengths, fixed places, rare characters, dictionaries."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_engine.domain import InputError
from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.domain import RareCategoryReplacementMethod as Replacement
from synth_engine.encodings import fitter
from synth_engine.encodings.character import (
    END_CODE,
    MAX_POSITIONS,
    NULL_CODE,
    RARE_CHARACTER,
    RARE_CODE,
    CharacterEncoding,
)
from synth_engine.encodings.code_points import END, from_code_points, lengths_of, to_code_points
from tests.encodings.columns import TEXTS, fit

CHARACTER = fitter(Kind.TABULAR_CHARACTER)
TEXT = pa.string()
UNICODE = st.text(st.characters(exclude_categories=["Cs"]), max_size=MAX_POSITIONS)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def fitted(texts: list, dtype: pa.DataType = TEXT, *, enabled: bool = True) -> CharacterEncoding:
    encoding = fit(CHARACTER, pa.array(texts).cast(dtype), enabled=enabled)
    assert isinstance(encoding, CharacterEncoding)
    return encoding


def round_trip(texts: list, dtype: pa.DataType = TEXT, *, enabled: bool = True) -> list:
    column = pa.array(texts).cast(dtype)
    encoding = fit(CHARACTER, column, enabled=enabled)
    decoded = encoding.decode(encoding.encode(column), rng())
    assert decoded.type == dtype
    return decoded.to_pylist()


# --- code points ------------------------------------------------------------------------------------------------------


@given(texts=st.lists(UNICODE | st.none()), width=st.integers(1, MAX_POSITIONS), start=st.integers(0, 3))
def test_code_points_are_those_of_python(texts, width, start):
    array = pa.array(texts, pa.large_string()).slice(start)
    points = to_code_points(array, width)
    assert lengths_of(array).tolist() == [len(text or "") for text in texts[start:]]
    for row, text in zip(points.tolist(), texts[start:], strict=True):
        wanted = [ord(character) for character in (text or "")[:width]]
        assert row == wanted + [END] * (width - len(wanted))
    assert from_code_points(points).to_pylist() == [(text or "")[:width] for text in texts[start:]]


def test_bytes_that_are_no_text_are_refused():
    for octets in (b"\xff\xfe\xfd", b"\xed\xa0\x80"):
        broken = pa.LargeStringArray.from_buffers(1, pa.py_buffer(np.array([0, 3])), pa.py_buffer(octets))
        with pytest.raises(InputError, match="expected text in UTF-8"):
            to_code_points(broken, 3)


# --- texts come back --------------------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(pool=st.lists(UNICODE | st.none(), min_size=1, max_size=5), dtype=st.sampled_from(TEXTS))
def test_common_texts_come_back_exactly(pool, dtype):
    assert round_trip(pool * 50, dtype) == pool * 50


@settings(max_examples=50)
@given(texts=st.lists(UNICODE | st.none(), min_size=1))
def test_without_protection_every_text_comes_back_exactly(texts):
    assert round_trip(texts, enabled=False) == texts


def test_empty_text_is_not_null():
    encoding = fitted(["", None, "ab"] * 50)
    assert encoding.encode(pa.array(["", None, "a"])).tolist() == [[END_CODE] * 2, [NULL_CODE] * 2, [3, END_CODE]]
    assert round_trip(["", None, "ab"] * 50) == ["", None, "ab"] * 50
    assert round_trip([""] * 50) == [""] * 50
    assert fitted([""] * 50).cardinalities == {"p0": 3}


def test_texts_without_a_common_length_are_cut():
    encoding = fitted(["xyxyx", "yxyxy"] * 50 + ["x" * 40] * 4 + ["x" * 2_000])
    assert len(encoding.positions) == 5
    decoded = encoding.decode(encoding.encode(pa.array(["x" * 40, "xx"])), rng())
    assert decoded.to_pylist() == ["xxxxx", "xx"]
    assert len(fitted(["x" * 2_000] * 100).positions) == MAX_POSITIONS


# --- places that cost nothing -----------------------------------------------------------------------------------------


def test_places_where_all_texts_are_the_same_have_no_sub_column():
    codes = [f"AB-{number:03}/X" for number in rng().integers(0, 1_000, 500)]
    encoding = fitted(codes)
    assert list(encoding.cardinalities) == ["p0", "p3", "p4", "p5"]
    assert list(encoding.cardinalities.values()) == [4, 13, 13, 13]
    assert round_trip(codes) == codes
    # What does not fit is made to: the fixed places are written whatever was there, but not behind the end.
    odd = pa.array(["ZZ_123_Z", "AB", "AB-1", ""])
    decoded = encoding.decode(encoding.encode(odd), rng())
    assert decoded.to_pylist() == [f"{RARE_CHARACTER}B-123/X", "AB-", "AB-1", ""]


def test_drawn_texts_have_the_form_of_the_original():
    encoding = fitted([f"AB-{number:03}" for number in rng().integers(0, 1_000, 500)])
    never = encoding.never_drawn(Replacement.constant)
    allowed = [sorted(set(range(size)) - set(never[part])) for part, size in encoding.cardinalities.items()]
    codes = np.column_stack([rng().choice(some, 200) for some in allowed]).astype(np.int32)
    drawn = encoding.decode(codes, rng())
    assert all(text.startswith("AB-") and text[3:].isdigit() and len(text) == 6 for text in drawn.to_pylist())


def test_a_combining_mark_is_a_character_of_its_own():
    both = ["e\N{COMBINING ACUTE ACCENT}", "é"] * 50
    encoding = fitted(both)
    assert [position.characters for position in encoding.positions] == [["e", "é"], ["\N{COMBINING ACUTE ACCENT}"]]
    assert round_trip(both) == both


# --- rare characters --------------------------------------------------------------------------------------------------


def with_rare(n_rare: int) -> list[str]:
    """Different rare characters at one place, each once."""
    return ["ax", "bx"] * 100 + [chr(0x4E00 + place) + "x" for place in range(n_rare)]


def test_the_replacement_method_decides_whether_rare_characters_are_drawn():
    encoding = fitted(with_rare(20))
    assert encoding.positions[0].has_rare
    assert encoding.never_drawn(Replacement.constant)["p0"] == [NULL_CODE, END_CODE]
    assert encoding.never_drawn(Replacement.sample)["p0"] == [NULL_CODE, RARE_CODE, END_CODE]
    assert encoding.decode(np.array([[RARE_CODE]], np.int32), rng()).to_pylist() == [RARE_CHARACTER + "x"]


def test_rare_characters_of_few_entities_are_never_drawn():
    encoding = fitted(with_rare(4))
    assert not encoding.positions[0].has_rare
    for method in Replacement:
        assert RARE_CODE in encoding.never_drawn(method)["p0"]


def test_a_character_that_is_common_at_the_next_place_may_be_shown():
    texts = [f"{first}{second}" for first in "ab" for second in "cd"] * 50 + ["ca", "cb", "da"]
    assert [position.characters for position in fitted(texts).positions] == [list("abcd"), list("abcd")]
    without_rare = [f"{first}{second}" for first in "ab" for second in "cd"] * 50
    assert [position.characters for position in fitted(without_rare).positions] == [list("ab"), list("cd")]


def test_texts_end_where_most_characters_would_be_rare():
    texts = ["ab" + chr(0x4E00 + place) + "z" for place in range(200)]
    encoding = fitted(texts)
    assert [position.characters for position in encoding.positions] == [["a"], ["b"]]
    assert encoding.decode(encoding.encode(pa.array(texts)), rng()).to_pylist() == ["ab"] * 200


def test_where_nothing_may_be_shown_all_is_null():
    encoding = fitted([chr(0x4E00 + place) for place in range(200)])
    assert not encoding.positions
    assert encoding.never_drawn(Replacement.constant) == {"p0": [RARE_CODE, END_CODE]}
    assert encoding.decode(np.array([[NULL_CODE]], np.int32), rng()).to_pylist() == [None]


# --- dictionaries -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_ordered", [False, True])
@pytest.mark.parametrize("value_type", TEXTS)
def test_dictionaries_of_text(is_ordered, value_type):
    column = pa.array(["b", None, "a", ""] * 50).dictionary_encode()
    dtype = pa.dictionary(pa.int8(), value_type, ordered=is_ordered)
    column = pa.DictionaryArray.from_arrays(
        column.indices.cast(pa.int8()), column.dictionary.cast(value_type), ordered=is_ordered
    )
    encoding = fit(CHARACTER, column)
    decoded = encoding.decode(encoding.encode(column), rng())
    assert decoded.type == dtype
    assert decoded.to_pylist() == column.to_pylist()
    assert decoded.dictionary.to_pylist() == ["", "a", "b"]


def test_a_narrow_dictionary_repeats_texts():
    texts = [f"{number:03}" for number in range(100)] * 10
    column = pa.array(texts).dictionary_encode().cast(pa.dictionary(pa.int8(), pa.string()))
    encoding = fit(CHARACTER, column)
    drawn = np.column_stack([rng(place).integers(3, size, 1_000) for place, size in enumerate((4, 13, 13))])
    decoded = encoding.decode(drawn.astype(np.int32), rng())
    decoded.validate(full=True)
    assert len(decoded.dictionary) == 100
    wide = [f"{number:04}" for number in rng(1).integers(0, 10_000, 2_000)]
    encoding = fit(CHARACTER, pa.array(wide)).model_copy(update={"dtype": column.type})
    decoded = encoding.decode(encoding.encode(pa.array(wide)), rng())
    decoded.validate(full=True)
    assert len(decoded.dictionary) == 128
    assert set(decoded.cast(pa.string()).to_pylist()) <= set(wide)
