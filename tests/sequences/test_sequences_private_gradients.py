"""Norms of single subjects' gradients, and the clipped sum: against a backward pass for each subject alone."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from synth_engine.nn import Taps, Vectors, pairs
from synth_engine.nn.orders import random_orders
from synth_engine.sequences.network import SequenceNetwork
from synth_engine.sequences.records import Batch
from synth_engine.tabular.network import OrderGroup
from synth_engine.tabular.sizes import Sizes
from tests.sequences.helpers import CONTEXT, EVENTS, LENGTH, LISTS, LONGEST, make_records, make_sequence_network, whole
from tests.tabular.helpers import seeded

# Every other column has ranks, so the first columns have none.
LAYOUTS = {
    "all": {},
    "no ranks": {"context": [[3]], "events": [[3]]},
    "no context": {"context": []},
    "one event each": {"length": []},
    "one event each and no context": {"length": [], "context": []},
    "no event columns": {"events": []},
    "one code": {"events": [[1]], "length": [[1]]},
    "lists": {"lists": LISTS},
    "lists only": {"context": [], "lists": LISTS},
    "lists, one event each": {"length": [], "lists": LISTS},
    "several lengths codes": {"length": [[3], [4]], "events": [[2, 40], [3], [41]]},
}
SIZES = [
    Sizes(embedding=3, hidden=4, n_residual=2, dropout=0.0),
    Sizes(embedding=1, hidden=2, n_residual=0, dropout=0.0),
    Sizes(embedding=2, hidden=3, n_residual=1, dropout=0.4),
]


def losses_of(
    network: SequenceNetwork, batch: Batch, groups: list[OrderGroup], weights: Tensor, taps: Taps | None = None
) -> Tensor:
    """Of each subject: the number of its events, and its events by weights as those of a window have."""
    noise = network.draw_noise(len(batch.context_BC), len(batch.events_EK), seeded(1))
    of_lengths, of_events = network.losses(batch, groups, noise, taps)
    weighted = of_events.to(weights) * weights[batch.subject_E]
    return of_lengths.to(weights).index_add(0, batch.subject_E, weighted)


def gradients_one_by_one(network: SequenceNetwork, losses: Tensor) -> list[dict[str, Tensor]]:
    """The gradient of each subject by every parameter: one backward pass each, over the same dropped units."""
    names, parameters = zip(*network.named_parameters(), strict=True)
    found = []
    for loss in losses:
        gradients = torch.autograd.grad(loss, parameters, retain_graph=True, materialize_grads=True, allow_unused=True)
        found.append(dict(zip(names, gradients, strict=True)))
    return found


@st.composite
def batches(draw, layouts=tuple(LAYOUTS)):
    """A network in double precision, some subjects, and groups of orders for their events."""
    columns = {"context": CONTEXT, "length": LENGTH, "events": EVENTS} | LAYOUTS[draw(st.sampled_from(layouts))]
    seed = draw(st.integers(0, 9))
    network = make_sequence_network(seed, sizes=draw(st.sampled_from(SIZES)), **columns).double()
    lengths = draw(st.lists(st.integers(0, LONGEST if columns["length"] else 1), min_size=1, max_size=6))
    batch = whole(make_records(lengths, seed, **columns))
    split = draw(st.integers(0, len(lengths)))  # so many subjects have one order, the others another
    orders = random_orders(2, len(columns["events"]), seeded(seed))
    sizes = [sum(lengths[:split]), sum(lengths[split:])]
    groups = [OrderGroup(size, order[None]) for size, order in zip(sizes, orders, strict=True) if size]
    return network, batch, groups, 1.0 + torch.arange(len(lengths), dtype=torch.float64)


def check_norms(network, batch, groups, weights, rtol=1e-5):
    taps = Taps()
    squared = taps.squared_norms(losses_of(network, batch, groups, weights, taps))
    losses = losses_of(network, batch, groups, weights)
    if not losses.requires_grad:
        assert (squared == 0).all()
        return
    one_by_one = gradients_one_by_one(network, losses)
    expected = torch.stack([sum(part.square().sum() for part in record.values()) for record in one_by_one])
    torch.testing.assert_close(squared, expected, rtol=rtol, atol=1e-8)
    assert (squared >= expected * (1 - 1e-9)).all()


@settings(max_examples=100)
@given(batches())
def test_norms_equal_those_of_a_backward_pass_for_each_subject(batch):
    check_norms(*batch)


@pytest.mark.parametrize("longest", [1, 2, 4])
def test_long_subjects_are_looked_at_piece_by_piece(longest, monkeypatch):
    monkeypatch.setattr(pairs, "LONGEST_PIECE", longest)
    network = make_sequence_network(0).double()
    batch = whole(make_records([7, 0, 3, 1, 5], 0))
    order = random_orders(1, len(EVENTS), seeded(0))
    check_norms(network, batch, [OrderGroup(16, order)], torch.ones(5, dtype=torch.float64))


def test_memory_is_bounded_by_looking_at_a_few_at_a_time(monkeypatch):
    monkeypatch.setattr(pairs, "MAX_NUMBERS", 1)
    network = make_sequence_network(0).double()
    batch = whole(make_records([7, 7, 3, 1, 5], 0))
    order = random_orders(1, len(EVENTS), seeded(0))
    check_norms(network, batch, [OrderGroup(23, order)], torch.ones(5, dtype=torch.float64))


@settings(max_examples=30)
@given(batches())
def test_the_clipped_sum_equals_that_of_clipped_gradients(batch):
    network, *arguments = batch
    taps = Taps()
    losses = losses_of(network, *arguments, taps)
    if not losses.requires_grad:
        return
    shares = (0.5 / taps.squared_norms(losses).sqrt()).clamp(max=1.0)
    losses.backward(shares)
    one_by_one = gradients_one_by_one(network, losses_of(network, *arguments))
    for name, parameter in network.named_parameters():
        expected = sum(share * record[name] for share, record in zip(shares, one_by_one, strict=True))
        found = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        torch.testing.assert_close(found, expected, msg=name)


@settings(max_examples=20)
@given(batches())
def test_taps_change_no_loss_and_no_gradient(batch):
    network, *arguments = batch
    found = []
    for taps in (None, Taps()):
        losses = losses_of(network, *arguments, taps)
        if taps is not None:
            taps.squared_norms(losses)
        if losses.requires_grad:
            losses.sum().backward()
        found.append([losses, *(parameter.grad for parameter in network.parameters())])
        network.zero_grad()
    for plain, tapped in zip(*found, strict=True):
        assert (plain is tapped is None) or torch.equal(plain, tapped)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("lengths", [[1, 1], [0, 0], [0, 1]], ids=str)
def test_every_parameter_is_covered_once(layout, sizes, lengths):
    columns = {"context": CONTEXT, "length": LENGTH, "events": EVENTS} | LAYOUTS[layout]
    network = make_sequence_network(0, sizes=sizes, **columns)
    batch, taps = whole(make_records(lengths, 0, **columns)), Taps()
    groups = [OrderGroup(sum(lengths), random_orders(1, len(columns["events"]), seeded(0)))] if sum(lengths) else []
    losses_of(network, batch, groups, torch.ones(2), taps)
    assert sorted(map(id, taps.covered)) == sorted(map(id, network.parameters()))


def test_a_norm_is_never_too_small_where_events_cancel_each_other():
    """In single precision, with gradients that are large and nearly opposite: rounding must not hide what is left."""
    inputs = torch.randn(1, 16, generator=seeded(0)).expand(50, 16).clone()
    signs = torch.tensor([1.0, -1.0]).repeat(25)
    for seed, rest in itertools.product(range(5), (0.0, 1e-5, 1e-3)):
        gradient = 1e3 * signs[:, None] * (1 + rest * torch.randn(50, 8, generator=seeded(seed)))
        weight = torch.nn.Parameter(torch.zeros(16, 8))
        output, taps = inputs @ weight, Taps()
        pairs.RowTaps(taps, torch.tensor([50])).add(output, Vectors(inputs, has_bias=False), weight)
        squared = taps.squared_norms((output * gradient).sum()[None]).double()
        exact = (inputs.double().t() @ gradient.double()).square().sum()
        assert squared.item() >= exact.item()
