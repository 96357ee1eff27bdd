"""Laws of the recurrent network."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from synth_engine.language.recurrent import RecurrentNetwork, RecurrentSizes
from synth_engine.nn.recurrence import Places, scan, scan_in_steps
from tests.language.helpers import TINY, make_network, make_records, make_vocabulary, natural
from tests.tabular.helpers import seeded

SIZE = 11
SIZES = [TINY, RecurrentSizes(embedding=3, units=5, n_layers=1, dropout=0.0)]


def random_tokens(n: int, longest: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, SIZE, (n, longest), generator=seeded(seed))


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_logits_depend_neither_on_other_records_nor_on_padding(sizes):
    network, tokens_BT, lengths_B = make_network(SIZE, sizes=sizes), random_tokens(4, 9), torch.tensor([5, 9, 1, 6])
    together = network.logits(tokens_BT, lengths_B)
    assert together.shape == (4, 9, SIZE)
    for i, length in enumerate(lengths_B.tolist()):
        alone = network.logits(tokens_BT[i : i + 1, :length], lengths_B[i : i + 1])
        torch.testing.assert_close(together[i, :length], alone[0])
    tokens_BT[0, 5:] = 0
    torch.testing.assert_close(network.logits(tokens_BT, lengths_B)[0, :5], together[0, :5])


def test_logits_depend_on_all_tokens_before_and_on_none_after():
    network, tokens_BT, lengths_B = make_network(SIZE).double(), random_tokens(1, 8), torch.tensor([8])
    before = network.logits(tokens_BT, lengths_B)[0]
    for place in range(8):
        changed = tokens_BT.clone()
        changed[0, place] = (changed[0, place] + 1) % SIZE
        is_changed = (network.logits(changed, lengths_B)[0] != before).any(1).tolist()
        assert is_changed == [False] * place + [True] * (8 - place)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("pieces", [[1] * 6, [2, 4], [6], [3, 1, 2]], ids=str)
def test_reading_on_gives_the_same_logits(sizes, pieces):
    network, tokens_BT = make_network(SIZE, sizes=sizes), random_tokens(3, 6)
    expected = network.logits(tokens_BT, torch.tensor([6] * 3))
    state, done = network.start(3, torch.device("cpu")), 0
    for n in pieces:
        logits_BV, state = network.step(tokens_BT[:, done : done + n], state)
        done += n
        torch.testing.assert_close(logits_BV, expected[:, done - 1])


def test_states_of_some_texts():
    network, tokens_BT = make_network(SIZE), random_tokens(4, 5)
    _, state = network.step(tokens_BT[:, :3], network.start(4, torch.device("cpu")))
    rows = torch.tensor([3, 0, 3])
    chosen, _ = network.step(tokens_BT[rows, 3:], state.select(rows))
    of_all, _ = network.step(tokens_BT[:, 3:], state)
    torch.testing.assert_close(chosen, of_all[rows])


def test_losses_are_those_of_the_judged_tokens():
    vocabulary = make_vocabulary()
    network = make_network(vocabulary.size)
    batch = make_records(vocabulary).batch(torch.arange(6), natural(6))
    logits = network.logits(batch.tokens_BT, batch.lengths_B)
    for i, loss in enumerate(network.losses(batch)):
        judged = batch.is_judged_BT[i].nonzero()[:, 0]
        expected = cross_entropy(logits[i, judged - 1], batch.tokens_BT[i, judged], reduction="sum")
        torch.testing.assert_close(loss, expected)


def test_dropout_changes_losses_and_depends_on_its_noise_alone():
    vocabulary = make_vocabulary()
    network = RecurrentNetwork(vocabulary.size, RecurrentSizes(8, 12, 2, dropout=0.3))
    batch = make_records(vocabulary).batch(torch.arange(6), natural(6))
    noise = network.draw_noise(int(batch.lengths_B.sum()), seeded(0))
    assert torch.equal(network.losses(batch, noise), network.losses(batch, noise))
    assert not torch.allclose(network.losses(batch, noise), network.losses(batch))


def test_first_predictions_are_the_frequencies():
    torch.manual_seed(0)
    network = RecurrentNetwork(SIZE, TINY)
    counts = torch.arange(SIZE) * 10.0
    network.start_from(counts)
    found = network.logits(random_tokens(2, 4), torch.tensor([4, 4])).softmax(-1)
    torch.testing.assert_close(found, ((counts + 0.5) / (counts + 0.5).sum()).expand_as(found), atol=0.1, rtol=0.5)


@pytest.mark.parametrize("lengths", [[1], [3, 1, 4], [2, 2, 2], [1, 5, 5, 1]], ids=str)
def test_scanning_in_steps_equals_scanning_by_doubling(lengths):
    n, places = sum(lengths), Places(torch.tensor(lengths))
    inputs = [torch.rand(n, 3, dtype=torch.float64, generator=seeded(i)).requires_grad_() for i in range(2)]
    found = scan_in_steps(*inputs, places)
    expected = scan(inputs[0] * ~places.is_first_E[:, None], inputs[1], max(lengths))
    torch.testing.assert_close(found, expected)
    weights = torch.rand(n, 3, dtype=torch.float64, generator=seeded(2))
    gradients = [
        torch.autograd.grad((each * weights).sum(), inputs, materialize_grads=True, allow_unused=True)
        for each in (found, expected)
    ]
    torch.testing.assert_close(*gradients)
