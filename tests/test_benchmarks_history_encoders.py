"""The benchmark's encoders: gradients of single subjects, and twins."""

import pytest
import torch

from benchmarks.history_encoders import (
    AttentiveHistory,
    GatedHistory,
    NormalisedGatedHistory,
    NormalisedHistory,
    attend,
)
from synth_engine.nn import Taps
from synth_engine.nn.orders import random_orders
from synth_engine.sequences import network as networks
from synth_engine.tabular.network import OrderGroup
from synth_engine.tabular.sizes import Sizes
from tests.sequences.helpers import EVENTS, make_records, make_sequence_network, whole
from tests.sequences.test_sequences_private_gradients import check_norms, gradients_one_by_one, losses_of
from tests.tabular.helpers import seeded

ENCODERS = [GatedHistory, NormalisedGatedHistory, NormalisedHistory, AttentiveHistory]
LENGTHS = [[7, 0, 3, 1, 5], [1, 1], [0, 1], [2, 2, 6]]


def small_case(encoder, lengths, seed, monkeypatch):
    monkeypatch.setattr(networks, "History", encoder)
    network = make_sequence_network(seed, sizes=Sizes(embedding=3, hidden=4, n_residual=0, dropout=0.0)).double()
    assert isinstance(network.history, encoder)
    groups = [OrderGroup(sum(lengths), random_orders(1, len(EVENTS), seeded(seed)))]
    return network, whole(make_records(lengths, seed)), groups, 1.0 + torch.arange(len(lengths), dtype=torch.float64)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_norms_equal_those_of_a_backward_pass_for_each_subject(encoder, lengths, monkeypatch):
    for seed in range(3):
        check_norms(*small_case(encoder, lengths, seed, monkeypatch))


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_the_clipped_sum_equals_that_of_clipped_gradients(encoder, lengths, monkeypatch):
    network, *arguments = small_case(encoder, lengths, 0, monkeypatch)
    taps = Taps()
    losses = losses_of(network, *arguments, taps)
    shares = (0.5 / taps.squared_norms(losses).sqrt()).clamp(max=1.0)
    assert sorted(map(id, taps.covered)) == sorted(map(id, network.parameters()))
    losses.backward(shares)
    one_by_one = gradients_one_by_one(network, losses_of(network, *arguments))
    for name, parameter in network.named_parameters():
        expected = sum(share * record[name] for share, record in zip(shares, one_by_one, strict=True))
        torch.testing.assert_close(parameter.grad, expected, msg=name)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_history_depends_on_earlier_events_of_its_sequence_alone(encoder):
    torch.manual_seed(0)
    history, inputs = encoder(3, 8), torch.randn(9, 3, requires_grad=True)
    is_first = torch.tensor([True, False, False, True, True, False, False, False, False])
    found = history(inputs, is_first, 5)
    assert found.shape == (9, history.size)
    subject = is_first.cumsum(0)
    for event in range(9):
        (gradient,) = torch.autograd.grad(found[event].sum(), inputs, retain_graph=True)
        seen = (subject == subject[event]) & (torch.arange(9) < event)
        assert torch.equal((gradient != 0).any(1), seen)


def test_the_gated_encoder_is_that_of_torch():
    torch.manual_seed(0)
    history, inputs = GatedHistory(3, 4), torch.randn(6, 3)
    torch.nn.init.normal_(history.state_bias)
    twin = torch.nn.GRU(4, 4)
    weights = (history.input_weight.t(), history.state_weight.t(), history.input_bias, history.state_bias)
    for name, weight in zip(("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"), weights, strict=True):
        getattr(twin, name).data.copy_(weight)
    features = (inputs @ history.weight + history.bias).relu()
    found = history(inputs, torch.tensor([True, False, True, False, False, False]), 4)
    for start, end in ((0, 2), (2, 6)):
        expected = torch.cat([features[start : end - 1], twin(features[start : end - 1])[0]], 1)
        torch.testing.assert_close(found[start + 1 : end], expected)


def test_attention_equals_that_of_each_place_by_hand():
    heads = torch.randn(6, 24, generator=seeded(0))
    found = attend(heads, torch.tensor([1, 5]), n_heads=2)
    queries, keys, values = heads.unflatten(1, (3, 2, 4)).unbind(1)
    for event in range(6):
        so_far = slice(0 if event == 0 else 1, event + 1)
        back = event - torch.arange(6)[so_far]
        scores = (
            torch.einsum("hd,ehd->he", queries[event], keys[so_far]) / 2 - torch.tensor([[1 / 16], [1 / 256]]) * back
        )
        expected = torch.einsum("he,ehd->hd", scores.softmax(1), values[so_far]).flatten()
        torch.testing.assert_close(found[event], expected)
