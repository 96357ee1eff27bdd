"""Scoring against what the network says of every possible row, for tiny networks with random weights.

Both are exact up to single precision.
"""

import itertools

import pytest
import torch

from synth_engine.tabular import scoring
from synth_engine.tabular.scoring import Question, log_likelihood, outcome_probabilities
from tests.tabular.helpers import MIXED, all_rows, losses_of, make_network, random_codes, row_probabilities

CLOSE = {"rtol": 1e-4, "atol": 1e-6}
ORDERS = [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]]
# What is given, and what is asked, as columns of MIXED; those of several sub-columns at every place.
CHAINS = [([], [0]), ([0], [1]), ([3, 1], [0]), ([0, 2, 3], [1]), ([2], [1, 0]), ([3], [0, 1]), ([], [3, 1, 0])]


def question_of(network, given, asked, allowed=None):
    """Every combination of codes of the asked columns is an outcome."""
    layout = network.layout
    parts = [k for column in asked for k in layout.places(f"c{column}")]
    codes = [torch.arange(layout.cardinalities[k]) if allowed is None else allowed[k] for k in parts]
    n = int(torch.tensor([len(each) for each in codes]).prod())
    places = [k for column in given for k in layout.places(f"c{column}")]
    return Question(places, parts, codes, torch.arange(n), n)


def brute_force(network, codes, given, asked):
    """Probability of every combination of asked codes for each row: from those of all rows in a fitting order."""
    rest = [column for column in range(len(MIXED)) if column not in (*given, *asked)]
    rows = all_rows(MIXED)
    joint = row_probabilities(network, rows, [*given, *asked, *rest])
    layout = network.layout
    places = {name: [k for c in columns for k in layout.places(f"c{c}")] for name, columns in
              (("given", given), ("asked", asked))}  # fmt: skip
    combinations = list(itertools.product(*(range(layout.cardinalities[k]) for k in places["asked"])))
    found = torch.zeros(len(codes), len(combinations), dtype=torch.float64)
    for i, row in enumerate(codes):
        fits = (rows[:, places["given"]] == row[places["given"]]).all(1)
        for j, combination in enumerate(combinations):
            found[i, j] = joint[fits & (rows[:, places["asked"]] == torch.tensor(combination)).all(1)].sum()
    return found / found.sum(1, keepdim=True)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("batch_size", [1, 7, 4096])
def test_log_likelihood_is_that_of_training(order, batch_size):
    network, codes = make_network(MIXED, 0), random_codes(MIXED, 20, 0)
    found = log_likelihood(network, codes.int(), order, batch_size=batch_size)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found.exp(), row_probabilities(network, codes, order), **CLOSE)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("n_scored", range(5))
def test_only_the_first_columns_are_scored(order, n_scored):
    network, codes = make_network(MIXED, 1), random_codes(MIXED, 20, 0)
    counted = [k for column in order[:n_scored] for k in network.layout.places(f"c{column}")]
    with torch.no_grad():
        wanted = -losses_of(network, codes, order)[:, counted].sum(1, dtype=torch.float64)
    torch.testing.assert_close(log_likelihood(network, codes, order, n_scored=n_scored), wanted, **CLOSE)


@pytest.mark.parametrize("n_scored", range(4))
def test_codes_that_are_not_scored_do_not_matter(n_scored):
    network, codes, order = make_network(MIXED, 1), random_codes(MIXED, 20, 0), [2, 0, 3, 1]
    other = codes.clone()
    for column in order[n_scored:]:
        other[:, network.layout.places(f"c{column}")] = 0
    one, same = (log_likelihood(network, each, order, n_scored=n_scored) for each in (codes, other))
    assert torch.equal(one, same)


@pytest.mark.parametrize(("given", "asked"), CHAINS)
def test_outcomes_have_the_probabilities_of_all_rows_together(given, asked):
    network, codes = make_network(MIXED, 2), random_codes(MIXED, 5, 0)
    question = question_of(network, given, asked)
    found = outcome_probabilities(network, codes[:, question.given], question)
    torch.testing.assert_close(found, brute_force(network, codes, given, asked), **CLOSE)


@pytest.mark.parametrize(("given", "asked"), CHAINS)
def test_chain_rule_against_log_likelihoods(given, asked):
    """P(asked | given) is the difference of the log-likelihoods of both together and of what is given."""
    network, codes = make_network(MIXED, 3), random_codes(MIXED, 12, 0)
    question = question_of(network, given, asked)
    found = outcome_probabilities(network, codes[:, question.given], question)
    sizes = [len(each) for each in question.allowed]
    place = torch.zeros(len(codes), dtype=torch.long)
    for k, size in zip(question.asked, sizes, strict=True):
        place = place * size + codes[:, k]
    rest = [column for column in range(len(MIXED)) if column not in (*given, *asked)]
    both, before = (
        log_likelihood(network, codes, [*given, *asked, *rest], n_scored=n)
        for n in (len(given) + len(asked), len(given))
    )
    torch.testing.assert_close(found[torch.arange(len(codes)), place].log(), both - before, rtol=1e-4, atol=1e-5)


def test_codes_that_are_not_allowed_leave_their_probability_to_the_others():
    network, codes = make_network(MIXED, 4), random_codes(MIXED, 6, 0)
    everything = question_of(network, [1], [0])
    whole = outcome_probabilities(network, codes[:, everything.given], everything)
    some = question_of(network, [1], [0], allowed={0: torch.tensor([0, 2])})
    found = outcome_probabilities(network, codes[:, some.given], some)
    torch.testing.assert_close(found, whole[:, [0, 2]] / whole[:, [0, 2]].sum(1, keepdim=True), **CLOSE)


def test_outcomes_of_several_codes_add_up():
    network, codes = make_network(MIXED, 5), random_codes(MIXED, 6, 0)
    each = question_of(network, [0], [3])
    alone = outcome_probabilities(network, codes[:, each.given], each)
    together = Question(each.given, each.asked, each.allowed, torch.tensor([1, 0, 1, 1]), 2)
    found = outcome_probabilities(network, codes[:, each.given], together)
    torch.testing.assert_close(found, torch.stack([alone[:, 1], alone[:, [0, 2, 3]].sum(1)], dim=1))


@pytest.mark.parametrize("n_rows", [0, 1, 30])
def test_batches_do_not_matter(n_rows, monkeypatch):
    network, codes = make_network(MIXED, 6), random_codes(MIXED, n_rows, 0)
    question = question_of(network, [3], [1, 0])
    whole = outcome_probabilities(network, codes[:, question.given], question)
    monkeypatch.setattr(scoring, "MAX_HELD", 1)
    torch.testing.assert_close(outcome_probabilities(network, codes[:, question.given], question), whole)
    assert whole.shape == (n_rows, question.n_outcomes)
    torch.testing.assert_close(whole.sum(1), torch.ones(n_rows, dtype=torch.float64))
