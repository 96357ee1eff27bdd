"""The network's guarantee, and that training and sampling see the same conditionals."""

import io
import itertools
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from synth_engine.nn.orders import natural_order, random_orders
from synth_engine.tabular import conditionals
from synth_engine.tabular.marginals import count_codes
from synth_engine.tabular.network import OrderGroup, TabularNetwork
from synth_engine.tabular.sizes import Sizes
from tests.tabular.helpers import (
    MIXED,
    TINY,
    all_rows,
    as_places,
    losses_of,
    make_network,
    new_network,
    places_in_order,
    random_codes,
    row_probabilities,
    seeded,
    total_variation,
)

LAYOUTS = [MIXED, [[3], [2], [3]], [[2, 2, 2], [3, 4]], [[5]], [[2, 40], [3], [41]]]


@st.composite
def networks(draw):
    """A network, its columns, and an order of them."""
    columns = draw(st.sampled_from(LAYOUTS))
    sizes = draw(st.sampled_from([TINY, Sizes(embedding=1, hidden=2, n_residual=0), Sizes(embedding=2, hidden=9)]))
    network = make_network(columns, draw(st.integers(0, 5)), sizes)
    return network, columns, draw(st.permutations(range(len(columns))))


def losses_of_every_code(network: TabularNetwork, codes: Tensor, order: list[int], k: int) -> Tensor:
    """The whole distribution of sub-column ``k`` given the codes before it: (B, cardinality)."""
    variants = []
    for code in range(network.layout.cardinalities[k]):
        variants.append(losses_of(network, codes.index_fill(1, torch.tensor(k), code), order)[:, k])
    return torch.stack(variants, dim=1)


@settings(max_examples=40)
@given(networks(), st.integers(0, 3))
def test_nothing_that_comes_later_matters(drawn, seed):
    network, columns, order = drawn
    codes, others = random_codes(columns, 6, seed), random_codes(columns, 6, seed + 100)
    places = places_in_order(network, order)
    for done, k in enumerate(places):
        later = places[done:]
        changed = codes.clone()
        changed[:, later] = others[:, later]
        before = losses_of_every_code(network, codes, order, k)
        assert torch.equal(losses_of_every_code(network, changed, order, k), before)


@pytest.mark.parametrize("columns", [[[3], [2, 3], [4]], [[2, 2, 2], [3, 4]]])
@pytest.mark.parametrize("seed", [0, 1])
def test_everything_that_comes_earlier_matters(columns, seed):
    network = make_network(columns, seed, Sizes(embedding=3, hidden=20))
    codes = all_rows(columns)
    for order in itertools.permutations(range(len(columns))):
        places = places_in_order(network, order)
        for earlier, later in itertools.combinations(places, 2):
            changed = codes.clone()
            changed[:, earlier] = (codes[:, earlier] + 1) % network.layout.cardinalities[earlier]
            before, after = (losses_of(network, each, order)[:, later] for each in (codes, changed))
            assert (before - after).abs().max() > 1e-3


@pytest.mark.parametrize("max_kept", [0, conditionals.MAX_KEPT])
@given(drawn=networks())
def test_training_and_sampling_see_the_same_conditionals(drawn, max_kept):
    network, columns, order = drawn
    codes = random_codes(columns, 7, 0)
    losses = losses_of(network, codes, order)
    places = places_in_order(network, order)
    with mock.patch.object(conditionals, "MAX_KEPT", max_kept), torch.no_grad():
        one_by_one = conditionals.Conditionals(network)
    in_order = (codes.int() + one_by_one.offsets_K)[:, places]
    for done, k in enumerate([*places, *places]):  # the second time from the tables that were kept
        logits = one_by_one.logits(in_order[:, : done % len(places)], k)
        slow = cross_entropy(logits, codes[:, k], reduction="none")
        torch.testing.assert_close(losses[:, k], slow, atol=1e-4, rtol=1e-4)


def slow_logits(network: TabularNetwork, row: Tensor, earlier: list[int], k: int) -> Tensor:
    """Logits of sub-column ``k`` for one row: plain layers, one after the other."""
    place = network.heads.place[k]
    vectors = network.embedding(row)
    units = network.blocks.bias[place] + sum(vectors[i] @ network.blocks.weight[i, :, place] for i in earlier)
    hidden = units.relu()
    for weight, bias in zip(network.residual_weights, network.residual_biases, strict=True):
        hidden = hidden + (hidden @ weight[place] + bias[place, 0]).relu()
    return network.heads.logits(hidden[None], k)[0]


@given(networks())
def test_equals_plain_layers_for_each_sub_column(drawn):
    network, columns, order = drawn
    codes = random_codes(columns, 2, 0)
    losses = losses_of(network, codes, order)
    places = places_in_order(network, order)
    for done, k in enumerate(places):
        slow = torch.stack([slow_logits(network, row, places[:done], k) for row in codes])
        torch.testing.assert_close(
            losses[:, k], cross_entropy(slow, codes[:, k], reduction="none"), atol=1e-4, rtol=1e-4
        )


@pytest.mark.parametrize("columns", [MIXED, [[2, 2, 2], [3, 4]], [[5]]])
@pytest.mark.parametrize("seed", [0, 1])
def test_probabilities_of_all_rows_add_up_to_one_in_any_order(columns, seed):
    network = make_network(columns, seed).double()
    rows = all_rows(columns)
    for order in itertools.permutations(range(len(columns))):
        assert row_probabilities(network, rows, order).sum().item() == pytest.approx(1, abs=1e-9)


def test_orders_of_an_untrained_network_disagree():
    """Else the laws over orders above would say little."""
    network, rows = make_network(MIXED, 0).double(), all_rows(MIXED)
    there, back = (row_probabilities(network, rows, order) for order in ([0, 1, 2, 3], [3, 2, 1, 0]))
    assert total_variation(there, back) > 0.05


@given(st.integers(0, 20), st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=3))
def test_groups_of_orders_equal_separate_calls(seed, groups):
    network = make_network(MIXED, seed)
    made = [
        OrderGroup(n_orders * each, random_orders(n_orders, len(MIXED), seeded(seed + i)))
        for i, (n_orders, each) in enumerate(groups)
    ]
    codes = random_codes(MIXED, sum(group.n_rows for group in made), seed)
    orders = [order for group in made for order in group.order_GC for _ in range(group.n_rows // len(group.order_GC))]
    one_by_one = [
        network.losses(row[None], [OrderGroup(1, order[None])]) for row, order in zip(codes, orders, strict=True)
    ]
    torch.testing.assert_close(network.losses(codes, made), torch.cat(one_by_one, dim=1), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_gradients_equal_finite_differences(seed, order):
    columns = [[3], [2, 3], [2]]
    network = make_network(columns, seed, Sizes(embedding=2, hidden=3, n_residual=1)).double()
    codes = random_codes(columns, 4, seed)
    names = [name for name, _ in network.named_parameters()]
    group = [OrderGroup(len(codes), as_places(order))]

    def loss(*values):
        return functional_call(network, dict(zip(names, values, strict=True)), (codes, group)).sum()

    network.forward = network.losses
    assert torch.autograd.gradcheck(loss, tuple(network.parameters()))


def test_dropout_follows_its_noise_and_needs_some():
    sizes = Sizes(embedding=3, hidden=20, dropout=0.5)
    network = make_network(MIXED, 0, sizes)
    codes, group = random_codes(MIXED, 9, 0), [OrderGroup(9, natural_order(len(MIXED)))]
    plain = network.losses(codes, group)
    one, same, other = (network.losses(codes, group, network.draw_noise(9, seeded(seed))) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert not torch.equal(one, plain)
    assert torch.equal(network.train().losses(codes, group), network.eval().losses(codes, group))


def test_starts_near_the_marginals():
    columns = [[3], [2, 3], [4]]
    network = new_network(columns, 0, Sizes(embedding=16, hidden=64))
    codes = random_codes(columns, 4000, 0) % torch.tensor([2, 2, 3, 2])
    counts = count_codes(codes, network.layout.cardinalities)
    network.start_from_marginals(counts)
    entropy = sum(-(share * share.clamp(min=1e-9).log()).sum() for share in (count / len(codes) for count in counts))
    loss = losses_of(network, codes, [0, 1, 2]).sum(1).mean()
    assert loss.item() == pytest.approx(entropy.item(), abs=0.05)


@pytest.mark.parametrize("seed", [0, 1])
def test_weights_survive_a_file(seed):
    one, other = make_network(MIXED, seed), make_network(MIXED, seed + 10)
    file = io.BytesIO()
    torch.save(one.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    rows = all_rows(MIXED)
    assert torch.equal(losses_of(one, rows, [0, 1, 2, 3]), losses_of(other, rows, [0, 1, 2, 3]))
    assert list(one.state_dict()) == [name for name, _ in one.named_parameters()]
