"""Laws of the network of subjects: who sees what, and that drawing and learning are about the same distributions."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.nn.neighbours import REACH, Neighbours
from synth_engine.nn.recurrence import LinearRecurrence, scan
from synth_engine.sequences.positions import hats, knots
from synth_engine.tabular.network import OrderGroup
from tests.sequences.helpers import (
    CONTEXT,
    EVENTS,
    LENGTH,
    LENGTHS,
    LISTS,
    in_natural_order,
    losses_as_drawn,
    make_records,
    make_sequence_network,
    whole,
)
from tests.tabular.helpers import seeded

KINDS = {
    "all": {},
    "no context": {"context": []},
    "lists": {"lists": LISTS},
    "lists only": {"context": [], "lists": LISTS},
    "one event each": {"length": []},
    "no event columns": {"events": []},
    "one code": {"events": [[1]]},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 1])
def test_drawing_and_learning_see_the_same_distributions(kind, seed):
    columns = {"context": CONTEXT, "length": LENGTH, "events": EVENTS} | KINDS[kind]
    network = make_sequence_network(seed, **columns)
    records = make_records(LENGTHS if columns["length"] else [1] * 5, seed, **columns)
    n_columns = len(columns["events"])
    for order in itertools.islice(itertools.permutations(range(n_columns)), 6):
        places = torch.tensor(order, dtype=torch.long).argsort()[None]
        groups = [OrderGroup(len(records.events_EK), places)]
        fast = network.losses(whole(records), groups)
        for one, other in zip(fast, losses_as_drawn(network, records, order), strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_an_event_depends_on_all_before_it_and_on_none_after_it():
    network, records = make_sequence_network(3).double(), make_records([5, 4], seed=1)
    before = network.losses(whole(records), in_natural_order(network, whole(records)))[1]
    for changed in range(9):
        other = make_records([5, 4], seed=1)
        other.events_EK[changed, 0] = (other.events_EK[changed, 0] + 1) % 3
        after = network.losses(whole(other), in_natural_order(network, whole(other)))[1]
        is_changed = (before - after).abs() > 1e-12
        end = 5 if changed < 5 else 9
        assert is_changed[changed:end].all()
        assert not is_changed[:changed].any()
        assert not is_changed[end:].any()


def test_everything_of_a_subject_depends_on_its_context_and_on_that_of_no_other():
    network, records = make_sequence_network(4).double(), make_records([2, 3], seed=1)
    other = make_records([2, 3], seed=1)
    other.context.codes_SC[1, 0] = (other.context.codes_SC[1, 0] + 1) % 3
    before, after = (network.losses(whole(each), in_natural_order(network, whole(each))) for each in (records, other))
    assert ((before[0] - after[0]).abs() > 1e-12).tolist() == [False, True]
    assert ((before[1] - after[1]).abs() > 1e-12).tolist() == [False] * 2 + [True] * 3


@given(st.lists(st.integers(0, 6), min_size=1, max_size=6), st.integers(0, 50))
def test_losses_of_a_subject_do_not_depend_on_the_others(lengths, seed):
    network, records = make_sequence_network(1).double(), make_records(lengths, seed)
    together = network.losses(whole(records), in_natural_order(network, whole(records)))
    one_by_one = [whole(records, [i]) for i in range(len(lengths))]
    apart = [network.losses(batch, in_natural_order(network, batch)) for batch in one_by_one]
    for part in range(2):
        torch.testing.assert_close(together[part], torch.cat([each[part] for each in apart]))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(0, 50))
def test_scan_equals_one_step_after_the_other(lengths, seed):
    layer = LinearRecurrence(3, 2).double()
    inputs = torch.randn(sum(lengths), 3, generator=seeded(seed), dtype=torch.float64)
    is_first = torch.zeros(len(inputs), dtype=torch.bool)
    is_first[torch.tensor([0, *lengths[:-1]]).cumsum(0)] = True
    slow, state = [], torch.zeros(1, 2, dtype=torch.float64)
    for row, begins in zip(inputs, is_first, strict=True):
        state = layer.step(row[None], torch.zeros_like(state) if begins else state)
        slow.append(state)
    torch.testing.assert_close(layer(inputs, is_first, max(lengths)), torch.cat(slow))


def test_states_stay_bounded_in_long_sequences():
    keep, added = torch.full((10_000, 1), 0.999), torch.full((10_000, 1), 0.001)
    assert scan(keep, added, 10_000)[-1].item() == pytest.approx(1, abs=1e-3)


@given(st.integers(1, 10_000), st.integers(0, 20_000))
def test_places_are_told_apart(longest, number):
    basis = hats(torch.tensor([number]), knots(longest))
    assert basis.sum().item() == pytest.approx(1, abs=1e-5)
    assert len(basis[0]) <= 45
    told = (basis * knots(longest)).sum().item()
    assert told == pytest.approx(min(number, longest), rel=1e-3, abs=1e-3)


@given(st.integers(1, 9), st.integers(2, 9), st.booleans())
def test_neighbours_are_the_codes_just_above_and_below(n_reserved, n_ordered, is_ordered):
    size = n_reserved + n_ordered
    ranks = (
        [float("nan")] * n_reserved + torch.linspace(0, 1, n_ordered).tolist() if is_ordered else [float("nan")] * size
    )
    table = Neighbours([2, size, 2], torch.tensor([0.0, 1.0, *ranks, 0.0, 1.0]))
    for code in range(size):
        codes, is_there = table(torch.tensor([[0], [code], [1]]), torch.arange(3))
        found = codes[1, 0][is_there[1, 0] == 1].tolist()
        low, high = (n_reserved, size - 1) if is_ordered and code >= n_reserved else (code, code)
        assert found == [each for each in range(code - REACH, code + REACH + 1) if low <= each <= high]
        assert [each.tolist() for each in table.of(torch.tensor([code]), 1)] == [
            codes[1].tolist(),
            is_there[1].tolist(),
        ]
