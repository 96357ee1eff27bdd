"""Norms of single records' gradients, and the clipped sum: against a backward pass for each record alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from synth_engine.nn import Taps, Vectors
from synth_engine.nn.orders import random_orders
from synth_engine.tabular.network import OrderGroup, TabularNetwork
from synth_engine.tabular.sizes import Sizes
from tests.tabular.helpers import MIXED, make_network, random_codes, seeded

# Among them: padded buckets (cardinalities 2 and 3), a single code, one column, parts of one column only.
LAYOUTS = [MIXED, [[3], [2], [3]], [[2, 2, 2], [3, 4]], [[5]], [[2, 40], [3], [41]], [[1]], [[2, 3, 4]]]
SIZES = [
    Sizes(embedding=3, hidden=5, n_residual=2, dropout=0.0),
    Sizes(embedding=1, hidden=2, n_residual=0, dropout=0.3),
    Sizes(embedding=2, hidden=9, n_residual=1, dropout=0.5),
]
GROUPS = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=3)


def losses_of(
    network: TabularNetwork, codes: Tensor, groups: list[OrderGroup], seed: int, taps: Taps | None = None
) -> Tensor:
    return network.losses(codes, groups, network.draw_noise(len(codes), seeded(seed)), taps).sum(0)


def gradients_one_by_one(network: TabularNetwork, losses: Tensor) -> list[dict[str, Tensor]]:
    """The gradient of each record by every parameter: one backward pass each, over the same dropped units."""
    names, parameters = zip(*network.named_parameters(), strict=True)
    found = []
    for loss in losses:
        gradients = torch.autograd.grad(loss, parameters, retain_graph=True, materialize_grads=True)
        found.append(dict(zip(names, gradients, strict=True)))
    return found


@st.composite
def batches(draw):
    """A network in double precision, codes, and groups of orders for them."""
    columns = draw(st.sampled_from(LAYOUTS))
    seed = draw(st.integers(0, 9))
    network = make_network(columns, seed, draw(st.sampled_from(SIZES))).double()
    groups = [
        OrderGroup(n_orders * each, random_orders(n_orders, len(columns), seeded(seed + i)))
        for i, (n_orders, each) in enumerate(draw(GROUPS))
    ]
    return network, random_codes(columns, sum(group.n_rows for group in groups), seed), groups


@settings(max_examples=60)
@given(batches())
def test_norms_equal_those_of_a_backward_pass_for_each_record(batch):
    network, codes, groups = batch
    taps = Taps()
    squared = taps.squared_norms(losses_of(network, codes, groups, 1, taps))
    one_by_one = gradients_one_by_one(network, losses_of(network, codes, groups, 1))
    expected = torch.stack([sum(part.square().sum() for part in record.values()) for record in one_by_one])
    torch.testing.assert_close(squared, expected)


@settings(max_examples=40)
@given(batches())
def test_the_clipped_sum_equals_that_of_clipped_gradients(batch):
    network, codes, groups = batch
    taps = Taps()
    losses = losses_of(network, codes, groups, 1, taps)
    weights = (0.5 / taps.squared_norms(losses).sqrt()).clamp(max=1.0)
    losses.backward(weights)
    one_by_one = gradients_one_by_one(network, losses_of(network, codes, groups, 1))
    for name, parameter in network.named_parameters():
        expected = sum(weight * record[name] for weight, record in zip(weights, one_by_one, strict=True))
        torch.testing.assert_close(parameter.grad, expected, msg=name)


@settings(max_examples=20)
@given(batches())
def test_taps_change_no_loss_and_no_gradient(batch):
    network, codes, groups = batch
    found = []
    for taps in (None, Taps()):
        losses = losses_of(network, codes, groups, 1, taps)
        if taps is not None:
            taps.squared_norms(losses)
        losses.sum().backward()
        found.append([losses, *(parameter.grad for parameter in network.parameters())])
        network.zero_grad()
    for plain, tapped in zip(*found, strict=True):
        assert torch.equal(plain, tapped)


@pytest.mark.parametrize("columns", LAYOUTS, ids=str)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_every_parameter_is_covered_once(columns, sizes):
    network = make_network(columns, 0, sizes)
    taps = Taps()
    losses_of(network, random_codes(columns, 2, 0), [OrderGroup(2, random_orders(1, len(columns), seeded(0)))], 0, taps)
    assert sorted(map(id, taps.covered)) == sorted(map(id, network.parameters()))


def test_a_tap_that_no_gradient_comes_by_is_an_error():
    layer = nn.Linear(2, 1)
    taps = Taps()
    used, unused = layer(torch.ones(3, 2))[None], layer(torch.ones(3, 2))[None]
    for output in (used, unused):
        taps.add(output, Vectors(torch.ones(1, 3, 2), has_bias=False), layer.weight)
    with pytest.raises(AssertionError, match="by every tap"):
        taps.squared_norms(used[0, :, 0])
