"""What only characters have: atoms, lengths, fixed places, rare characters, dictionaries."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.domain import RareCategoryReplacementMethod as Replacement
from synth_engine.encodings import fitter
from synth_engine.encodings.alphabets import MAX_POSITIONS, Position
from synth_engine.encodings.character import (
    END_CODE,
    MAX_ATOMS,
    N_RESERVED_TEXTS,
    NULL_CODE,
    RARE_CODE,
    SPELLED_CODE,
    CharacterEncoding,
)
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


def numbered(form: str, size: int = 300) -> list[str]:
    """Texts that differ, so that they are spelled."""
    return [form.format(number) for number in rng().permutation(size)]


# --- texts come back --------------------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(pool=st.lists(UNICODE | st.none(), min_size=1, max_size=5), dtype=st.sampled_from(TEXTS))
def test_common_texts_come_back_exactly(pool, dtype):
    assert round_trip(pool * 50, dtype) == pool * 50


@settings(max_examples=50)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=20), dtype=st.sampled_from(TEXTS))
def test_texts_of_common_characters_come_back_exactly(text, dtype):
    texts = [f"{text}{number:03}" for number in range(200)]
    assert not fitted(texts).atoms
    assert round_trip(texts, dtype) == texts


@settings(max_examples=50)
@given(texts=st.lists(UNICODE | st.none(), min_size=1))
def test_without_protection_every_text_comes_back_exactly(texts):
    assert round_trip(texts, enabled=False) == texts


@settings(max_examples=50)
@given(
    texts=st.lists(UNICODE | st.none()),
    long=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=60, max_size=300)),
    times=st.integers(1, 30),
)
def test_without_protection_texts_of_any_length_come_back_exactly(texts, long, times):
    texts = texts * times + long + [text * times for text in long]
    assert round_trip(texts, enabled=False) == texts


def test_without_protection_only_long_texts_need_codes_of_their_own():
    long = [f"{number:0{MAX_POSITIONS + 1}}" for number in range(2_000)]
    encoding = fitted([*long, *numbered("{0:064}", 300), *numbered("{0:03}", 300)], enabled=False)
    assert encoding.atoms == long
    assert len(encoding.positions) == MAX_POSITIONS
    assert not fitted(long).atoms
    assert fitted(long, enabled=False).cardinalities == {"text": N_RESERVED_TEXTS + len(long)}


def test_empty_text_is_not_null():
    encoding = fitted(["", None, "ab"] * 50)
    assert encoding.encode(pa.array(["", None, "ab"])).tolist() == [[2], [NULL_CODE], [3]]
    assert round_trip(["", None, "ab"] * 50) == ["", None, "ab"] * 50
    assert fitted([""] * 50).cardinalities == {"text": 3}
    spelled = [*numbered("{0:03}", 900), *[""] * 20, *[None] * 20]
    encoding = fitted(spelled)
    assert not encoding.atoms
    assert encoding.encode(pa.array(["", None, "12"])).tolist() == [[END_CODE] * 3, [NULL_CODE] * 3, [4, 5, END_CODE]]
    assert round_trip(spelled) == spelled


def test_texts_without_a_common_length_are_cut():
    encoding = fitted([*numbered("{0:010b}", 1_000), *["1" * 40] * 4, "1" * 2_000])
    assert len(encoding.positions) == 10
    decoded = encoding.decode(encoding.encode(pa.array(["1" * 40, "01"])), rng())
    assert decoded.to_pylist() == ["1" * 10, "01"]
    assert len(fitted(numbered("{0:0100}")).positions) == MAX_POSITIONS


# --- atoms ------------------------------------------------------------------------------------------------------------


def test_popular_texts_have_codes_of_their_own_and_all_others_are_spelled():
    encoding = fitted([*["Smith", "Jones"] * 50, *numbered("{0:03}"), *[None] * 20])
    assert encoding.atoms == ["Jones", "Smith"]
    assert encoding.cardinalities == {"text": 4, "p0": 6, "p1": 13, "p2": 13}
    codes = encoding.encode(pa.array(["Smith", None, "012", "Jones"]))
    assert codes.tolist() == [[3, 0, 0, 0], [NULL_CODE, 0, 0, 0], [SPELLED_CODE, 3, 4, 5], [2, 0, 0, 0]]
    assert encoding.decode(codes, rng()).to_pylist() == ["Smith", None, "012", "Jones"]
    assert encoding.never_drawn(Replacement.constant)["text"] == []


def test_alphabets_and_lengths_are_those_of_spelled_texts():
    encoding = fitted([*["a much longer name"] * 500, *numbered("{0:03}")])
    assert ["".join(position.characters) for position in encoding.positions] == ["012", "0123456789", "0123456789"]
    assert not any(position.may_end for position in encoding.positions)


def test_a_text_that_would_be_spelled_like_an_atom_is_that_atom():
    encoding = fitted([*["AB-12", "AB-"] * 50, *numbered("AB-{0:02}", 90)])
    atom = {text: N_RESERVED_TEXTS + code for code, text in enumerate(encoding.atoms)}
    odd = {"AB-12345": "AB-12", "AB_12": "AB-12", "AB": "AB-", "ZZZ": "AB-"}  # cut, and by what is at fixed places
    codes = encoding.encode(pa.array([*odd, "AB-1", "AB-34"]))
    assert codes[:, 0].tolist() == [*(atom[text] for text in odd.values()), SPELLED_CODE, SPELLED_CODE]
    assert not codes[: len(odd), 1:].any()
    # Whoever draws the characters of an atom gets its text, and that has the code of the atom.
    drawn = encoding.decode(np.array([[SPELLED_CODE, 4, 5]], np.int32), rng())
    assert drawn.to_pylist() == ["AB-12"]
    assert encoding.encode(drawn)[0, 0] == atom["AB-12"]


def test_an_atom_is_whole_however_long():
    texts = ["x" * 2_000, "y" * 3_000] * 50 + numbered("{0:03}")
    assert round_trip(texts) == texts


def test_only_the_most_popular_texts_are_atoms():
    texts = [f"{number:03}" for number in range(600) for _ in range(12 + number)]
    assert fitted(texts).atoms == [f"{number:03}" for number in range(600 - MAX_ATOMS, 600)]
    assert len(fitted([f"{number:03}" for number in range(600)] * 20).atoms) == 0  # none is more popular than others


def test_few_atoms_are_not_worth_a_sub_column():
    assert not fitted(["Smith"] * 20 + numbered("{0:03}", 1_000)).atoms
    assert fitted(["Smith"] * 40 + numbered("{0:03}", 1_000)).atoms == ["Smith"]


def test_without_protection_a_text_of_one_person_is_no_atom():
    assert fitted([*["Smith"] * 50, *numbered("{0:03}")], enabled=False).atoms == ["Smith"]


def test_where_too_few_are_left_to_be_spelled_atoms_are_drawn():
    encoding = fitted(["a", "b"] * 100 + numbered("{0}", 31))
    assert not encoding.positions
    assert encoding.cardinalities == {"text": 4}
    for method in Replacement:
        assert encoding.never_drawn(method) == {"text": [NULL_CODE, SPELLED_CODE]}
    decoded = encoding.decode(encoding.encode(pa.array(numbered("{0}", 31))), rng())
    assert set(decoded.to_pylist()) == {"a", "b"}


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
    assert decoded.to_pylist() == ["AB-123/X", "AB-", "AB-1", ""]


def test_drawn_texts_have_the_form_of_the_original():
    encoding = fitted([f"AB-{number:03}" for number in rng().integers(0, 1_000, 500)])
    never = encoding.never_drawn(Replacement.constant)
    allowed = [sorted(set(range(size)) - set(never[part])) for part, size in encoding.cardinalities.items()]
    codes = np.column_stack([rng().choice(some, 200) for some in allowed]).astype(np.int32)
    drawn = encoding.decode(codes, rng())
    assert all(text.startswith("AB-") and text[3:].isdigit() and len(text) == 6 for text in drawn.to_pylist())


def test_a_combining_mark_is_a_character_of_its_own():
    both = [f"{number:02}{letter}" for letter in ("e\N{COMBINING ACUTE ACCENT}", "é") for number in range(100)]
    encoding = fitted(both)
    characters = [position.characters for position in encoding.positions[2:]]
    assert characters == [["e", "é"], ["\N{COMBINING ACUTE ACCENT}"]]
    assert round_trip(both) == both


def test_a_place_that_was_stored_with_rare_characters_keeps_its_sub_column():
    assert Position(characters=["a"], may_end=False).is_fixed
    assert not Position(characters=["a"], may_end=False, has_rare=True).is_fixed


# --- rare characters --------------------------------------------------------------------------------------------------


def with_rare(n_rare: int) -> list[str]:
    """Different rare characters of no kind at one place, each once."""
    rare = [f"{chr(0x2600 + number)}{number:03}" for number in range(n_rare)]
    return [f"{'ab'[number % 2]}{number:03}" for number in range(200)] + rare


@pytest.mark.parametrize("n_rare", [4, 20])
def test_rare_characters_are_never_drawn(n_rare):
    encoding = fitted(with_rare(n_rare))
    for method in Replacement:
        assert encoding.never_drawn(method)["p0"] == [NULL_CODE, RARE_CODE, END_CODE]


def test_a_rare_character_becomes_one_that_others_have_at_its_place():
    encoding = fitted(with_rare(20))
    codes = encoding.encode(pa.array(["a012"] * 900 + ["b012"] * 100 + ["\N{SNOWMAN}012"] * 10_000))
    assert (codes[1_000:, 0] == RARE_CODE).all()
    decoded = encoding.decode(codes, rng()).to_pylist()
    assert decoded[:1_000] == ["a012"] * 900 + ["b012"] * 100
    assert set(decoded) == {"a012", "b012"}
    # 0.9 is expected, with a standard deviation of 0.003: by chance it is off by six of them once in 500 million times.
    assert abs(decoded[1_000:].count("a012") / 10_000 - 0.9) < 0.018


def test_a_rare_character_on_its_own_becomes_any_of_its_place():
    encoding = fitted(with_rare(20))
    rare = encoding.encode(pa.array(["\N{SNOWMAN}012"] * 1_000))
    decoded = encoding.decode(rare, rng()).to_pylist()
    assert {text[0] for text in decoded} == set(encoding.positions[0].characters)
    assert {text[1:] for text in decoded} == {"012"}


def test_a_character_that_is_common_at_the_next_place_may_be_shown():
    common = [f"{one}{other}---{number:02}" for one in "ab" for other in "cd" for number in range(50)]
    positions = fitted([*common, "ca---00", "cb---01", "da---02"]).positions
    assert [position.characters for position in positions[:2]] == [list("-abcd"), list("-abcd")]
    assert [position.characters for position in fitted(common).positions[:2]] == [list("ab"), list("cd")]


def test_texts_end_where_most_characters_would_be_rare():
    texts = ["ab" + chr(0x4E00 + place) + "z" for place in range(200)]
    encoding = fitted(texts)
    assert [position.characters for position in encoding.positions] == [["a"], ["b"]]
    assert encoding.decode(encoding.encode(pa.array(texts)), rng()).to_pylist() == ["ab"] * 200


def test_where_nothing_may_be_shown_all_is_null():
    encoding = fitted([chr(0x4E00 + place) for place in range(200)])
    assert not encoding.positions
    assert encoding.never_drawn(Replacement.constant) == {"p0": [RARE_CODE, END_CODE]}
    codes = np.array([[NULL_CODE], [RARE_CODE], [END_CODE]], np.int32)
    assert encoding.decode(codes, rng()).to_pylist() == [None, "", ""]


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
    texts = [f"{number:03}" for number in range(100)] * 4
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
