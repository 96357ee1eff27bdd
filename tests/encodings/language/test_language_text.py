"""Texts as JSON strings, and their words: fast paths against slow twins, what is cut, what may be known."""

import json
import re
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_engine.domain import InputError
from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.encodings.language import language_fitter
from synth_engine.encodings.language.literals import text_literals, texts_of
from synth_engine.encodings.language.text import LanguageText
from synth_engine.encodings.language.words import Words
from synth_engine.encodings.value_counts import ValueCounts
from synth_engine.privacy import MINIMUM_ENTITIES
from tests.encodings.columns import fit
from tests.encodings.language.grammars import matcher_of

ODD = ["", '"', "\\", "\n\r\t\b\f", "\0\x01\x1f\x7f\x80", "\u2028\u2029\ufeff", "e\N{COMBINING ACUTE ACCENT}", "\u0301"]
ODD += ["👩‍👩‍👧", "null", '"null"', "{a: [1, 2]}", "</s>", "\\u0041", "\U0010ffff", " two  spaces ", "\\n"]


def texts(values: list) -> pa.Array:
    return pa.array(values, pa.large_string())


anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(ODD)


@settings(max_examples=200)
@given(st.lists(anything | st.none(), max_size=8))
def test_literals_are_those_of_json(values: list):
    literals = text_literals(texts(values))
    assert literals.to_pylist() == [json.dumps(value, ensure_ascii=False) for value in values]
    assert texts_of(literals).to_pylist() == values
    assert texts_of(literals.slice(1, 3)).to_pylist() == values[1:4]


def test_every_character_comes_back():
    every = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    for start in range(0, len(every), 10_000):
        part = texts(["".join(every[start : start + 10_000]), *every[start : start + 200]])
        assert texts_of(text_literals(part)).equals(part)


@settings(max_examples=60)
@given(anything)
def test_the_grammar_of_texts_allows_what_json_writes_and_no_other_form(text: str):
    allows = matcher_of(
        LanguageText(dtype=pa.string(), has_nulls=False, limit=50, longest_literal=60).grammar(nulls=False)
    )
    literal = json.dumps(text, ensure_ascii=False)
    assert allows(literal)
    for other in (json.dumps(text + "é\n"), literal[:-1], literal + " ", f" {literal}", literal[1:], "null"):
        assert not allows(other)


def test_other_escapes_are_not_allowed():
    allows = matcher_of(fit(LanguageText, texts(["a"] * 40)).grammar(nulls=True))
    for text in (r"\/", r"\u000a", r"\u0009", r"\u0041", r"\ud800", r"\u001F", "\n", r"\x", "\\"):
        assert not allows(f'"{text}"')
    for text in (r"\n", r"\u0000", r"\u001f", r"\u000b", "/", "\x7f", r"\\"):
        assert allows(f'"{text}"')


# --- words ------------------------------------------------------------------------------------------------------------


def kind_of(character: str) -> str:
    if character.isspace():
        return "space"
    return {"L": "letter", "M": "letter", "N": "number"}.get(unicodedata.category(character)[0], "other")


def words_of(text: str) -> set[str]:
    """The slow twin: a run of one kind, with the one space before it."""
    kinds = "".join(kind_of(character)[0] for character in text)
    places = [match.span() for match in re.finditer(r"l+|n+|o+", kinds)]
    return {text[start - (start > 0 and text[start - 1] == " ") : end] for start, end in places}


@settings(max_examples=200)
@given(st.lists(anything | st.text("ab 1.\té\u0301", max_size=12), max_size=8))
def test_words_are_runs_of_one_kind_with_the_space_before_them(values: list[str]):
    words = Words.of(texts(values))
    named = words.words.to_pylist()
    assert named == sorted(set().union(*map(words_of, values)), key=str.encode)
    found = [{named[word] for word in words.word[words.text == place]} for place in range(len(values))]
    assert found == [words_of(value) for value in values]
    counts = np.arange(1, len(values) + 1)
    holders = dict(zip(named, words.holders(counts).tolist(), strict=True))
    assert holders == {
        w: sum(n for n, value in zip(counts, values, strict=True) if w in words_of(value)) for w in named
    }


@settings(max_examples=100)
@given(st.lists(st.text("ab 1.", max_size=12), min_size=1, max_size=8, unique=True), st.data())
def test_one_entity_more_stands_for_one_word_more(values: list[str], data):
    words = Words.of(texts(values))
    counts = np.array(data.draw(st.lists(st.integers(0, 9), min_size=len(values), max_size=len(values))))
    before = words.representatives(counts)
    assert before.sum() == sum(n for n, value in zip(counts, values, strict=True) if words_of(value))
    for place, value in enumerate(values):
        more = counts.copy()
        more[place] += 1
        difference = words.representatives(more) - before
        changed = [word for word, n in zip(words.words.to_pylist(), difference, strict=True) if n]
        assert np.abs(difference).sum() == len(changed) == bool(words_of(value))
        assert set(changed) <= words_of(value)


def test_common_words_come_first_and_rare_ones_never():
    values = [f"the {'quick' if row % 2 else 'brown'} fox number {row}" for row in range(300)]
    values += ["the secretword"] * (MINIMUM_ENTITIES - 1)
    for seed in range(5):
        encoding = fit(LanguageText, texts(values), seed=seed)
        assert encoding.words()[:4] == ["the", " fox", " number", " brown"]
        assert " secretword" not in encoding.words()
        assert "secretword" not in encoding.model_dump_json()
        assert " 17" not in encoding.words()


def test_a_word_is_counted_once_for_each_entity():
    values = ["mine mine mine"] * 400 + ["yours"] * 40
    entities = np.array([0] * 400 + list(range(1, 41)))
    counts = LanguageText.summarise(texts(values), entities)
    assert fit(LanguageText, texts(values), entities=entities).words() == ["yours"]
    assert counts.lowest.sum() == 41


def test_private_words_are_those_of_many():
    rng = np.random.default_rng(0)
    values = [f"{rng.choice(['nice', 'great'])} place, {''.join(rng.choice(list('abcdef'), 6))}" for _ in range(3_000)]
    encoding = fit(LanguageText, texts(values), private=True)
    assert set(encoding.words()) == {"nice", "great", " place", ","}
    assert encoding.limit in (16, 24, 32)


# --- lengths ----------------------------------------------------------------------------------------------------------


def test_the_length_of_few_texts_is_not_known():
    values = ["x" * 10] * 200 + ["y" * 900] * (MINIMUM_ENTITIES - 1)
    for seed in range(5):
        encoding = fit(LanguageText, texts(values), seed=seed)
        assert encoding.limit == 10
        assert encoding.write(texts(["y" * 900])).to_pylist() == [f'"{"y" * 10}"']
    assert fit(LanguageText, texts(values), enabled=False).limit == 900


def test_texts_that_are_mostly_escapes_are_cut_where_the_literal_is_full():
    encoding = fit(LanguageText, texts(["x" * 100] * 100))
    for text in ("\0" * 100, '"' * 100, "a" + "\n" * 99, "\\" * 60):
        (literal,) = encoding.write(texts([text])).to_pylist()
        assert encoding.longest - 6 < len(literal) <= encoding.longest
        assert text.startswith(json.loads(literal))


def test_what_is_drawn_too_long_is_cut():
    encoding = fit(LanguageText, texts(["x" * 10] * 100))
    assert encoding.read(texts([f'"{"é" * 20}"', '"\\n"'])).to_pylist() == ["é" * 10, "\n"]


def test_bytes_that_are_no_text_are_refused():
    broken = pa.array([b"ok", b"\xff\xfe"], pa.large_binary()).view(pa.large_string())
    for kind in (Kind.LANGUAGE_TEXT, Kind.AUTO, Kind.LANGUAGE_CATEGORICAL):
        with pytest.raises(InputError, match="expected text in UTF-8"):
            language_fitter(kind).summarise(broken)


# --- choice -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"enabled": False}, {"private": True}], ids=str)
def test_few_common_texts_are_categories_and_others_texts(options: dict):
    by, rng = language_fitter(Kind.AUTO), np.random.default_rng(0)
    cities = rng.choice(["Vienna", "Graz", "Linz"], 2_000).tolist()
    titles = [" ".join(rng.choice(["big", "small", "flat", "house", "nice"], 5)) + f" {row}" for row in range(2_000)]
    for column, kind in ((cities, Kind.LANGUAGE_CATEGORICAL), (titles, Kind.LANGUAGE_TEXT)):
        assert fit(by, texts(column), **options).type == kind
    mostly = cities[:1_700] + titles[:300]
    assert fit(by, texts(mostly), **options).type == Kind.LANGUAGE_TEXT


def test_summaries_hold_no_more_of_a_text_than_is_kept():
    counts = LanguageText.summarise(texts(["é" * 100_000, "a" * 100_000 + "b"]))
    assert [len(text) for text in counts.values.to_pylist()] == [4_097] * 2
    assert isinstance(counts, ValueCounts)
