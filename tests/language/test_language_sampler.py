"""Whole records: always valid, as likely as they should be, each by itself."""

import json
from collections import Counter

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from synth_engine.language.grammar import ColumnRules
from synth_engine.language.requests import Requests
from synth_engine.language.sampler import sample
from tests.language.drawing import RULES, TEXT, TableNetwork, accepts, compiled, make_requests, slowly, strings
from tests.language.helpers import CONTEXT, KINDS, TARGET, make_network, make_vocabulary
from tests.tabular.helpers import seeded

# Chance that a test of distributions fails although they are right.
ERROR = 1e-6


def drawn(network, vocabulary, grammars, requests, seed=1, **options):
    wording = vocabulary.wording(list(requests.context), [grammar.name for grammar in grammars])
    return sample(network, vocabulary, wording, grammars, requests, generator=seeded(seed), **options)


@pytest.fixture(scope="module")
def made():
    vocabulary = make_vocabulary()
    return make_network(vocabulary.size).eval(), vocabulary, compiled(vocabulary)


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("top_p", [0.5, 1.0])
def test_every_literal_is_allowed_and_given_ones_are_as_they_were(made, temperature, top_p):
    *_, grammars = made
    requests = make_requests(60)
    for row, record in enumerate(drawn(*made, requests, temperature=temperature, top_p=top_p, batch_size=25)):
        for column, (name, literal) in enumerate(zip(TARGET, record, strict=True)):
            given = requests.given[name][row].as_py() if name in requests.given else None
            assert literal == (given or literal)
            json.loads(literal)
            assert accepts(grammars[column].followed, f"{literal}, ")
            assert accepts(grammars[column].last, f"{literal}}}")


@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.7, 0.8), (0.0, 1.0)])
def test_records_are_those_that_are_drawn_slowly_one_by_one(temperature, top_p):
    vocabulary = make_vocabulary()
    network = make_network(vocabulary.size).eval()
    grammars = compiled(vocabulary, [ColumnRules("title", TEXT, 10_000), *RULES[1:]])
    # Texts end soon.
    network.head_bias.data[[vocabulary.encode(['"'], "title").lists()[0][0]]] += 4
    requests = make_requests(30, seed=2)
    options = {"temperature": temperature, "top_p": top_p}
    if temperature == 0:  # most likely texts may be endless
        requests = Requests(requests.orders_NC, requests.context, requests.given | {"title": strings(['"x"'] * 30)})
    found = drawn(network, vocabulary, grammars, requests, seed=5, batch_size=13, **options)
    seeds = torch.randint(-(2**63), 2**63 - 1, (30,), generator=seeded(5)).numpy().view(np.uint64)
    assert found == slowly(network, vocabulary, grammars, requests, seeds, **options)


def test_a_seed_decides_and_the_size_of_batches_does_not(made):
    requests = make_requests(40)
    first = drawn(*made, requests)
    assert drawn(*made, requests) == first
    assert drawn(*made, requests, batch_size=7) == first
    assert drawn(*made, requests, seed=2) != first


def test_records_do_not_influence_each_other(made):
    requests, others = make_requests(40), make_requests(40, seed=9)
    changed = np.arange(40) % 4 == 0
    orders = np.where(changed[:, None], others.orders_NC, requests.orders_NC)
    titles = strings(['"very long title of another record"' if each else None for each in changed])
    mixed = Requests(orders, requests.context, requests.given | {"title": titles})
    before, after = drawn(*made, requests), drawn(*made, mixed)
    assert [before[row] for row in np.flatnonzero(~changed)] == [after[row] for row in np.flatnonzero(~changed)]
    assert any(before[row] != after[row] for row in np.flatnonzero(changed))


@pytest.mark.parametrize("n", [0, 1])
def test_few_records(made, n):
    assert len(drawn(*made, make_requests(n))) == n


def test_records_of_which_all_is_given(made):
    requests = make_requests(5)
    given = {name: strings(literals[:5]) for name, literals in TARGET.items()}
    found = drawn(*made, Requests(requests.orders_NC, requests.context, given))
    assert found == [list(row) for row in zip(*given_texts(given), strict=True)]


def given_texts(given):
    return [literals.to_pylist() for literals in given.values()]


@pytest.mark.parametrize("longest", [2, 10, 60])
@pytest.mark.parametrize("kind", ["never ends", "begins characters", "begins escapes", "nan"])
def test_texts_end_whatever_the_network(longest, kind):
    vocabulary = make_vocabulary(context=())
    grammars = compiled(vocabulary, [ColumnRules("title", TEXT, longest), *RULES[1:]])
    written = vocabulary.for_grammars().decoded_vocab
    table = torch.randn(vocabulary.size, vocabulary.size, generator=seeded(1))
    table[:, [i for i, token in enumerate(written) if b'"' in token]] = -1000
    likely = {"never ends": b"a", "begins characters": b"\xf0", "begins escapes": b"\\"}.get(kind)
    table[:, [i for i, token in enumerate(written) if token == likely]] = 6
    table = torch.full_like(table, torch.nan) if kind == "nan" else table
    requests = Requests(np.tile(np.arange(3), (50, 1)))
    most = max(map(len, written))
    for title, *_ in drawn(TableNetwork(table), vocabulary, grammars, requests):
        assert accepts(grammars[0].followed, f"{title}, ")
        json.loads(title)
        assert len(title) <= longest + most + 6


def exact(table, vocabulary, grammar, end, before, temperature, top_p):
    """Probabilities of all literals, token by token under the masks of a matcher."""
    from xgrammar import GrammarMatcher, allocate_token_bitmask

    matcher, written = (
        GrammarMatcher(grammar, terminate_without_stop_token=True),
        vocabulary.for_grammars().decoded_vocab,
    )
    found: Counter = Counter()

    def follow(last, text, probability):
        if matcher.is_terminated():
            found[text.decode()[: -len(end)]] += probability
            return
        mask = allocate_token_bitmask(1, vocabulary.size)
        matcher.fill_next_token_bitmask(mask)
        is_allowed = np.unpackbits(mask.numpy().view(np.uint8), bitorder="little", count=vocabulary.size).astype(bool)
        weights = np.where(is_allowed, np.exp(table[last].double().numpy() / temperature), 0)
        if top_p < 1:
            cumulated = np.sort(weights)[::-1].cumsum()
            weights[weights < np.sort(weights)[::-1][(cumulated < top_p * cumulated[-1]).sum()]] = 0
        for token in np.flatnonzero(weights):
            matcher.accept_token(int(token))
            follow(token, text + written[token], probability * weights[token] / weights.sum())
            matcher.rollback(1)

    follow(before, b"", 1.0)
    return found


@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.6, 1.0), (1.0, 0.8), (1.5, 0.6)])
def test_literals_are_as_frequent_as_they_are_likely(temperature, top_p):
    vocabulary = make_vocabulary(context=())
    rules = [
        ColumnRules("kind", f"value ::= {' | '.join(json.dumps(kind) for kind in KINDS)}\n", 20),
        ColumnRules("price", 'value ::= ("-"? [1-3] ("." [05])?) | "null"\n', 9),
    ]
    grammars = compiled(vocabulary, rules)
    table = torch.randn(vocabulary.size, vocabulary.size, generator=seeded(3))
    n = 10_000
    names = [rule.name for rule in rules]
    requests = Requests(np.tile([1, 0], (n, 1)))
    found = drawn(
        TableNetwork(table), vocabulary, grammars, requests, temperature=temperature, top_p=top_p, batch_size=4096
    )
    wording = vocabulary.wording([], names)
    for column, grammar, end in ((1, grammars[1].followed, ", "), (0, grammars[0].last, "}")):
        of = exact(table, vocabulary, grammar, end, wording.names[column][-1], temperature, top_p)
        assert sum(of.values()) == pytest.approx(1)
        counts = Counter(record[column] for record in found)
        assert set(counts) <= set(of)
        common = [literal for literal in of if of[literal] * n >= 10]
        observed = [counts[literal] for literal in common]
        expected = [of[literal] * n for literal in common]
        rest = n - sum(observed), n - sum(expected)
        if rest[1] > 1:
            observed, expected = [*observed, rest[0]], [*expected, rest[1]]
        assert len(common) == 1 or chisquare(observed, np.array(expected) / sum(expected) * n).pvalue > ERROR


def test_context_decides(made):
    """With the most likely tokens, records of the same host are the same; those of some other host are not."""
    hosts = sorted(set(CONTEXT["host"]))
    n = 4 * len(hosts)
    requests = Requests(np.tile(np.arange(3), (n, 1)), {"host": strings(hosts * 4)})
    found = drawn(*made, requests, temperature=0.0)
    by_host = {host: {tuple(found[row]) for row in range(n) if row % len(hosts) == i} for i, host in enumerate(hosts)}
    assert all(len(records) == 1 for records in by_host.values())
    assert len(set.union(*by_host.values())) > 1
