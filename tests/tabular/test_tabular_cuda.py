"""The same on a GPU: networks say there what they say on a CPU, and a training there learns."""

import copy

import pytest
import torch

from synth_engine.nn.orders import random_orders
from synth_engine.tabular.calibration import calibrate
from synth_engine.tabular.interventions import Interventions
from synth_engine.tabular.marginals import count_codes
from synth_engine.tabular.network import OrderGroup
from synth_engine.tabular.sampler import sample
from synth_engine.tabular.sizes import Sizes
from tests.tabular.helpers import (
    MIXED,
    all_rows,
    make_network,
    new_network,
    random_codes,
    row_probabilities,
    seeded,
    total_variation,
    train_on,
)
from tests.tabular.known_joint import COLUMNS, draw_rows, true_probabilities

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.mark.parametrize("seed", [0, 1])
def test_losses_and_gradients_equal_those_of_the_cpu(seed):
    network, codes = make_network(MIXED, seed), random_codes(MIXED, 64, seed)
    orders = random_orders(4, len(MIXED), seeded(seed))
    there = copy.deepcopy(network).cuda()
    here_losses = network.losses(codes, [OrderGroup(64, orders)])
    there_losses = there.losses(codes.cuda(), [OrderGroup(64, orders.cuda())])
    torch.testing.assert_close(there_losses.cpu(), here_losses, atol=1e-3, rtol=1e-3)
    here_losses.mean().backward()
    there_losses.mean().backward()
    for one, other in zip(network.parameters(), there.parameters(), strict=True):
        torch.testing.assert_close(other.grad.cpu(), one.grad, atol=1e-3, rtol=1e-3)


def test_samples_are_valid_and_nearly_all_the_same():
    """A draw within rounding of a border may fall on its other side; the later codes of its row then differ too."""
    network = make_network(MIXED, 0)
    interventions = Interventions(0.8, 0.95, {4: [0]})
    here = sample(network, 5000, seeded(0), interventions=interventions)
    there = sample(network.cuda(), 5000, seeded(0), interventions=interventions)
    assert there.device.type == "cpu"
    assert (here == there).all(1).double().mean() > 0.99


def test_a_training_learns_the_known_table():
    training, validation = draw_rows(6000, seed=0).cuda(), draw_rows(1500, seed=1).cuda()
    network = new_network(COLUMNS, 0, Sizes(embedding=8, hidden=32)).cuda()
    _, _, best = train_on(network, training, validation, epochs=20)
    calibrate(best, count_codes(training, best.layout.cardinalities), torch.Generator("cuda").manual_seed(0))
    rows = all_rows(COLUMNS)
    found = row_probabilities(best.cpu(), rows, range(len(COLUMNS)))
    assert total_variation(found, true_probabilities(rows)) < 0.06
