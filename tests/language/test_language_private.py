"""Private training of the recurrent network: norms against a backward pass for each record, and who depends on whom."""

import pytest
import torch

from synth_engine.language.private_task import PrivateLanguageTask
from synth_engine.language.recurrent import RecurrentSizes
from synth_engine.nn import Taps
from synth_engine.training import Randomness
from synth_engine.training.private_stepper import PrivateStepper
from tests.language.helpers import CONTEXT, TARGET, N, make_network, make_records, make_vocabulary
from tests.tabular.helpers import seeded

SIZES = [RecurrentSizes(4, 6, 2, 0.0), RecurrentSizes(3, 2, 1, 0.0), RecurrentSizes(4, 3, 2, dropout=0.4)]
COLUMNS = [(CONTEXT, TARGET), ({}, TARGET), ({}, {"price": TARGET["price"]})]


def make(columns=COLUMNS[0], sizes=SIZES[0]):
    context, target = columns
    vocabulary = make_vocabulary(context=list(context), target=list(target))
    task = PrivateLanguageTask(make_records(vocabulary, context=context, target=target), flexible=True)
    return make_network(vocabulary.size, sizes=sizes).double(), task


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("columns", COLUMNS, ids=["context", "no context", "one column"])
def test_norms_equal_those_of_a_backward_pass_for_each_record(columns, sizes):
    network, task = make(columns, sizes)
    rows, taps = torch.tensor([4, 0, 0, 3, 1]), Taps()
    squared = taps.squared_norms(task.batch_losses(network, rows, seeded(0), taps))
    assert sorted(map(id, taps.covered)) == sorted(map(id, network.parameters()))
    expected = []
    for loss in task.batch_losses(network, rows, seeded(0)):
        gradients = torch.autograd.grad(loss, list(network.parameters()), retain_graph=True)
        expected.append(sum(gradient.square().sum() for gradient in gradients))
    torch.testing.assert_close(squared, torch.stack(expected), rtol=1e-4, atol=1e-8)
    assert (squared >= torch.stack(expected) * (1 - 1e-9)).all()


def test_taps_change_no_loss():
    network, task = make()
    plain, tapped = (task.batch_losses(network, torch.arange(N), seeded(0), taps) for taps in (None, Taps()))
    assert torch.equal(plain, tapped)


def test_a_loss_depends_neither_on_other_records_nor_on_their_number():
    network, task = make()
    for seed in range(5):
        together = task.batch_losses(network, torch.arange(N), seeded(seed))
        for row in range(N):
            alone = task.batch_losses(network, torch.tensor([row]), seeded(seed))
            torch.testing.assert_close(alone[0], together[row])


def test_records_see_other_orders_from_step_to_step():
    network, task = make()
    losses = {task.batch_losses(network, torch.tensor([0]), seeded(seed)).item() for seed in range(20)}
    assert 3 <= len(losses) <= 6


def test_a_record_moves_the_weights_by_the_clipping_norm_at_most():
    found = []
    for rows in ([0, 1, 2], [0, 1, 2, 3]):
        network, task = make()
        stepper = PrivateStepper(
            network,
            task.batch_losses,
            Randomness.of_seed(0),
            max_grad_norm=0.1,
            noise_multiplier=0.0,
            records_per_step=1,
        )
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)
        stepper._add_clipped(torch.tensor(rows))
        found.append(torch.cat([parameter.grad.flatten() for parameter in network.parameters()]))
    assert 0.09 < (found[1] - found[0]).norm() <= 0.1
