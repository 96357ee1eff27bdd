"""The task of language models: what is drawn, what is lost, what is validated."""

import itertools
import math

import pytest
import torch

from synth_engine.language.recurrent import RecurrentNetwork, RecurrentSizes
from synth_engine.language.task import LanguageTask, draw_orders
from synth_engine.training import PlainStepper, Randomness, ShuffledRows
from synth_engine.training.gradients import EagerGradients
from tests.language.helpers import TARGET, N, make_network, make_records, make_vocabulary, natural
from tests.tabular.helpers import seeded

VOCABULARY = make_vocabulary()
RECORDS = make_records(VOCABULARY)


def make_task(*, flexible: bool, dropout: float = 0.0, **options) -> LanguageTask:
    network = make_network(VOCABULARY.size, sizes=RecurrentSizes(8, 12, 2, dropout))
    return LanguageTask(network, RECORDS, RECORDS, flexible=flexible, **options)


def test_without_flexibility_losses_are_those_in_the_natural_order():
    task = make_task(flexible=False)
    rows = torch.tensor([3, 1, 1])
    found = task.losses(task.network, task.draw(rows, seeded(0)))
    torch.testing.assert_close(found, task.network.losses(RECORDS.batch(rows, natural(3))))
    assert task.validation_loss(task.network) == pytest.approx(
        task.network.losses(RECORDS.batch(torch.arange(N), natural(N))).mean().item()
    )


def test_half_of_the_orders_are_natural_and_the_others_uniform():
    n, n_columns = 6000, 3
    orders = draw_orders(n, n_columns, 0.5, seeded(0))
    counts = dict.fromkeys(itertools.permutations(range(n_columns)), 0)
    for order in orders.tolist():
        counts[tuple(order)] += 1
    expected = {order: n * (0.5 / math.factorial(n_columns) + 0.5 * (order == (0, 1, 2))) for order in counts}
    assert all(abs(counts[order] - expected[order]) < 5 * math.sqrt(expected[order]) for order in counts)


def test_validation_is_the_same_every_time_and_sees_several_orders():
    task = make_task(flexible=True, dropout=0.3)
    assert task.validation_loss(task.network) == task.validation_loss(task.network)
    assert task.validation_loss(task.network) != make_task(flexible=False).validation_loss(task.network)


def test_there_may_be_nothing_to_validate_by():
    nothing = make_records(VOCABULARY, context={"host": []}, target={name: [] for name in TARGET})
    task = LanguageTask(make_network(VOCABULARY.size), RECORDS, nothing, flexible=True)
    assert task.validation_loss(task.network) is None


def test_what_is_drawn_follows_from_the_generator():
    task = make_task(flexible=True, dropout=0.3)
    one, same, other = (task.draw(torch.arange(N), seeded(seed)) for seed in (0, 0, 1))
    assert all(map(torch.equal, one, same))
    assert not torch.equal(one[0], other[0])


def test_training_learns_the_records():
    torch.manual_seed(0)
    network = RecurrentNetwork(VOCABULARY.size, RecurrentSizes(16, 24, 2, 0.0))
    task, randomness = LanguageTask(network, RECORDS, RECORDS, flexible=True), Randomness.of_seed(0)
    stepper = PlainStepper(network, task, randomness, gradients=EagerGradients(network, task))
    sampler = ShuffledRows(N, N, 1, randomness, torch.device("cpu"))
    before = task.validation_loss(network)
    for step in range(150):
        stepper.step(step, sampler.batches(step), rate=1e-2, weight_decay=0.0)
    # Six records: which one it is costs ln 6 at least, and in any order most of it is then known.
    assert task.validation_loss(network) < min(before / 10, 8.0)
