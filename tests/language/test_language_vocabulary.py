"""The vocabulary that is made for a table."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.language.vocabulary import OwnVocabulary
from tests.language.helpers import CONTEXT, KINDS, TARGET, WORDS, make_vocabulary

VOCABULARY = make_vocabulary()
FIXED = VOCABULARY.wording(list(CONTEXT), list(TARGET))
FIXED_IDS = {
    *FIXED.prompt_begin,
    *FIXED.prompt_between,
    *FIXED.prompt_end,
    *FIXED.begin,
    *FIXED.between,
    *FIXED.end,
    *(i for name in (*FIXED.names, *FIXED.prompt_names) for i in name),
    VOCABULARY.pad,
}
ANYTHING = st.text() | st.text(st.sampled_from('{}[]", :0123456789 roomflat\\')) | st.sampled_from(KINDS + WORDS)


@given(st.lists(ANYTHING, max_size=5))
def test_any_text_is_read_as_it_was_written(texts):
    segments = VOCABULARY.encode(texts)
    assert VOCABULARY.decode(segments.lists()) == texts
    assert VOCABULARY.encode(pa.array(texts, pa.large_string())).lists() == segments.lists()


@given(ANYTHING)
def test_texts_contain_no_fixed_wording_and_are_whole_or_in_pieces(text):
    whole = set(VOCABULARY.encode(KINDS, "kind").ids.tolist())
    ids = VOCABULARY.encode([text], "kind").lists()[0]
    assert not FIXED_IDS & {*ids}
    assert (len(ids) == 1) if text in KINDS else not whole & {*ids}


def test_fixed_wording_is_one_token_each_and_says_what_it_says():
    parts = [FIXED.prompt_begin, FIXED.prompt_between, FIXED.prompt_end, FIXED.begin, FIXED.between, FIXED.end]
    assert all(len(part) == 1 for part in (*parts, *FIXED.names, *FIXED.prompt_names))
    assert VOCABULARY.decode(parts) == ["{", ", ", "}\n", "{", ", ", "}"]
    assert VOCABULARY.decode(FIXED.names) == [f'"{name}": ' for name in TARGET]
    assert VOCABULARY.decode(FIXED.prompt_names) == [f'"{name}": ' for name in CONTEXT]
    assert len({*parts, *FIXED.names, *FIXED.prompt_names}) == len(parts) + len(TARGET) + len(CONTEXT)


def test_there_is_no_prompt_without_context():
    wording = make_vocabulary(context=[]).wording([], list(TARGET))
    assert wording.prompt_begin == wording.prompt_end == wording.prompt_names == ()


def test_whole_literals_are_those_of_their_columns():
    assert [len(ids) for ids in VOCABULARY.encode(["null"] * 1, "kind").lists()] == [1]
    assert len(VOCABULARY.encode(["null"], "title").ids) > 1
    assert VOCABULARY.encode(["null"]).lists() == VOCABULARY.encode(["null"], "host").lists()
    assert len(VOCABULARY.encode([KINDS[0]], "host").ids) > 1


def test_digits_are_tokens_of_their_own():
    vocabulary = OwnVocabulary.build({}, ["1234"] * 50 + ["a12"], target=["n"], n_pieces=300)
    assert len(vocabulary.encode(["1234.5"]).ids) == 6


def test_common_words_are_one_token_and_rare_ones_leave_no_trace():
    lengths = VOCABULARY.encode([" room", " flat", " zqzqzq"]).lengths.tolist()
    assert lengths == [1, 1, 7]
    assert OwnVocabulary.build({}, [], target=["a"]).size == 256 + 7 + 1 + 1 - 1


@pytest.mark.parametrize("names", [["a b", 'q"uote', "\n", "été"], ["record , ", "pad"]])
def test_names_of_all_kinds(names):
    vocabulary = OwnVocabulary.build({}, [], target=names, context=names)
    wording = vocabulary.wording(names, names)
    assert [json.loads("{" + text + "1}") for text in vocabulary.decode(wording.names)] == [{name: 1} for name in names]
    assert vocabulary.decode(wording.names) == vocabulary.decode(wording.prompt_names)
    assert len({*wording.names, *wording.prompt_names}) == 2 * len(names)


def test_it_is_stored_and_loaded_as_it_was():
    files = VOCABULARY.files()
    loaded = OwnVocabulary.load(files)
    texts = [*KINDS, '"bright room 12 東京"']
    assert loaded.size == VOCABULARY.size
    assert loaded.pad == VOCABULARY.pad
    for column in (None, "kind", "title"):
        assert loaded.encode(texts, column).lists() == VOCABULARY.encode(texts, column).lists()
    assert loaded.wording(list(CONTEXT), list(TARGET)) == FIXED
    assert loaded.files() == files
    assert make_vocabulary().files() == files


def test_unknown_columns_are_our_own_fault():
    with pytest.raises(AssertionError, match="expected target columns"):
        VOCABULARY.wording([], ["nothing"])


def test_tokens_as_grammars_see_them():
    xgrammar = pytest.importorskip("xgrammar")
    info = VOCABULARY.for_grammars()
    assert info.vocab_size == VOCABULARY.size
    ids = VOCABULARY.encode(['"Überblick 東京"'], "title").lists()[0]
    assert b"".join(info.decoded_vocab[i] for i in ids).decode() == '"Überblick 東京"'
    compiled = xgrammar.GrammarCompiler(info).compile_grammar('root ::= "\\"Private room\\"" "}"')
    mask = xgrammar.allocate_token_bitmask(1, info.vocab_size)
    xgrammar.GrammarMatcher(compiled).fill_next_token_bitmask(mask)
    allowed = [i for i in range(info.vocab_size) if mask[0, i // 32].item() >> (i % 32) & 1]
    assert VOCABULARY.encode([KINDS[0]], "kind").lists()[0][0] in allowed
    assert not {VOCABULARY.pad, *FIXED.begin, *FIXED.prompt_begin} & {*allowed}
