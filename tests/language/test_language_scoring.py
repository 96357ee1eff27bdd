"""Log-probabilities of records."""

import torch

from synth_engine.language.scoring import batches_by_length, log_prob
from tests.language.helpers import TARGET, N, make_network, make_records, make_vocabulary, natural

VOCABULARY = make_vocabulary()
RECORDS = make_records(VOCABULARY)


def test_log_probabilities_equal_those_of_one_token_after_the_other():
    network = make_network(VOCABULARY.size)
    orders = torch.tensor([[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1], [0, 1, 2], [2, 0, 1]])
    found = log_prob(network, RECORDS, orders)
    for row in range(N):
        tokens, judged, _ = RECORDS.batch(torch.tensor([row]), orders[row : row + 1])
        logits, state = network.step(tokens[:, :1], network.start(1, torch.device("cpu")))
        total = 0.0
        for place in range(1, tokens.shape[1]):
            if judged[0, place]:
                total += logits.log_softmax(-1)[0, tokens[0, place]].item()
            logits, state = network.step(tokens[:, place : place + 1], state)
        torch.testing.assert_close(found[row].item(), total, rtol=1e-4, atol=1e-4)


def test_the_natural_order_is_meant_where_none_is_given_and_batches_do_not_matter():
    network = make_network(VOCABULARY.size)
    expected = log_prob(network, RECORDS, natural(N, len(TARGET)))
    torch.testing.assert_close(log_prob(network, RECORDS), expected)
    torch.testing.assert_close(log_prob(network, RECORDS, max_tokens=1), expected)


def test_no_records_have_no_probabilities():
    nothing = make_records(VOCABULARY, context={"host": []}, target={name: [] for name in TARGET})
    assert log_prob(make_network(VOCABULARY.size), nothing).shape == (0,)


def test_batches_hold_every_record_once_and_little_padding():
    lengths = torch.randint(1, 50, (100,), generator=torch.Generator().manual_seed(0))
    batches = batches_by_length(lengths, 200)
    assert sorted(torch.cat(batches).tolist()) == list(range(100))
    assert all(len(rows) * lengths[rows].max() <= 200 for rows in batches)
