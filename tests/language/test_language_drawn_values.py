"""What may come next in a value, and how a value that is too long is ended."""

import json
import random

import numpy as np
import pytest
import torch
from xgrammar import GrammarMatcher, allocate_token_bitmask

from synth_engine.language import values as module
from synth_engine.language.draws import unpacked
from synth_engine.language.grammar import BETWEEN, END, ColumnRules
from synth_engine.language.values import Values
from tests.language.drawing import TEXT, accepts, compiled
from tests.language.helpers import make_vocabulary

N_ROWS = 12


def make_values(vocabulary, grammars):
    return Values([each for of in grammars for each in (of.followed, of.last)], vocabulary.size, N_ROWS)


def allowed(masks, size: int):
    return unpacked(masks.numpy().view(np.uint8), size)


@pytest.mark.parametrize("remembered", [0, 1, 3, 100])
@pytest.mark.parametrize("most", [10, 10_000])
def test_masks_are_those_of_a_matcher_for_each_value(remembered, most, monkeypatch):
    monkeypatch.setattr(module, "_REMEMBERED", remembered)
    monkeypatch.setattr(module, "_MOST", most)
    vocabulary, chance = make_vocabulary(), random.Random(1)
    grammars = compiled(vocabulary)
    values = make_values(vocabulary, grammars)
    twins: list = [None] * N_ROWS
    mask = allocate_token_bitmask(1, vocabulary.size)
    n_ended = 0
    for _ in range(60):
        for row in range(N_ROWS):
            if twins[row] is None:
                number = chance.randrange(2 * len(grammars))
                values.start(row, number)
                grammar = grammars[number // 2]
                twins[row] = GrammarMatcher(
                    grammar.last if number % 2 else grammar.followed, terminate_without_stop_token=True
                )
        rows = sorted(chance.sample(range(N_ROWS), 8))
        found, tokens = allowed(values.allowed(rows), vocabulary.size), []
        for place, row in enumerate(rows):
            twins[row].fill_next_token_bitmask(mask)
            assert (found[place] == allowed(mask, vocabulary.size)[0]).all()
            tokens.append(chance.choice(np.flatnonzero(found[place]).tolist()))
            assert twins[row].accept_token(tokens[-1])
        ended = values.advance(rows, tokens)
        assert ended == [twins[row].is_terminated() for row in rows]
        n_ended += sum(ended)
        twins = [None if twin is not None and twin.is_terminated() else twin for twin in twins]
    assert n_ended > 20


BEGINNINGS = [
    "",
    '"',
    '"a',
    '"a\\',
    '"a\\u',
    '"a\\u0',
    '"a\\u00',
    '"a\\u001',
    "n",
    "nul",
    "null",
    '"a"',
    '"東京',
    '"é"',
]


@pytest.mark.parametrize("end", [BETWEEN, END])
@pytest.mark.parametrize("beginning", [*(text.encode() for text in BEGINNINGS), b'"\xe6', b'"\xe6\x9d', b'"\xf0\x9f'])
def test_any_value_can_be_completed(beginning, end):
    vocabulary = make_vocabulary()
    grammars = compiled(vocabulary, [ColumnRules("title", TEXT, 20)])
    values = make_values(vocabulary, grammars)
    id_of = {token: i for i, token in reversed(list(enumerate(vocabulary.for_grammars().decoded_vocab)))}
    values.start(0, int(end == END))
    for byte in beginning:
        values.advance([0], [id_of[bytes([byte])]])
    found = values.completion(0, end)
    assert accepts(grammars[0].last if end == END else grammars[0].followed, beginning + found)
    json.loads((beginning + found).decode()[: -len(end)])
    assert len(found) <= 5 + len(end)


def test_what_is_not_allowed_is_refused():
    vocabulary = make_vocabulary()
    values = make_values(vocabulary, compiled(vocabulary))
    values.start(0, 4)
    is_allowed = torch.from_numpy(allowed(values.allowed([0]), vocabulary.size))[0]
    with pytest.raises(AssertionError, match="a token that the grammar allows"):
        values.advance([0], [int((~is_allowed).nonzero()[0, 0])])
