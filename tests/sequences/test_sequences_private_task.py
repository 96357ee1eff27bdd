"""The guarantees of `PrivateSequenceTask`: a subject's loss depends on no other subject, nor on their number."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from synth_engine.sequences.network import SequenceNetwork
from synth_engine.sequences.private_task import PrivateSequenceTask
from synth_engine.sequences.records import Records
from synth_engine.tabular.network import OrderGroup
from tests.sequences.helpers import LENGTHS, LISTS, in_natural_order, make_records, make_sequence_network, whole
from tests.tabular.helpers import seeded


def first(records: Records, n: int) -> Records:
    """A table of the first subjects alone."""
    n_events = int(records.offsets[n])
    return Records(
        records.context.of(torch.arange(n)),
        records.length_SL[:n],
        records.offsets[: n + 1],
        records.events_EK[:n_events],
    )


def losses(network: SequenceNetwork, records: Records, rows: list[int], seed: int, **wanted) -> Tensor:
    """In no order, as a subject's place follows from its column order."""
    task = PrivateSequenceTask(records, **{"flexible": True, "n_orders": 3} | wanted)
    return task.batch_losses(network, torch.tensor(rows, dtype=torch.long), seeded(seed)).sort().values


@settings(max_examples=20)
@given(st.integers(0, 30), st.integers(1, 4))
def test_a_subject_more_changes_no_other_ones_loss(seed, longest):
    """Neither one more in the batch, nor one more in the table: losses are the same, not only alike."""
    network = make_sequence_network(1).double()
    records = make_records([*LENGTHS, 7, 3, 0, 5, 6], seed)
    everyone = losses(network, records, list(range(10)), seed, longest=longest)
    for left_out in (0, 4, 9):
        others = losses(network, records, [row for row in range(10) if row != left_out], seed, longest=longest)
        alone = losses(network, records, [left_out], seed, longest=longest)
        torch.testing.assert_close(torch.cat([others, alone]).sort().values, everyone)
    fewer = losses(network, first(records, 9), list(range(9)), seed, longest=longest)
    torch.testing.assert_close(fewer, losses(network, records, list(range(9)), seed, longest=longest))


@pytest.mark.parametrize("natural", [{"flexible": False}, {"natural_share": 1.0}])
@pytest.mark.parametrize("kind", [{}, {"context": []}, {"length": []}, {"events": []}, {"lists": LISTS}])
def test_natural_order_alone(natural, kind):
    network = make_sequence_network(2, **kind)
    records = make_records([1, 0, 1] if kind.get("length") == [] else LENGTHS, **kind)
    batch = whole(records)
    of_lengths, of_events = network.losses(batch, in_natural_order(network, batch))
    expected = of_lengths.index_add(0, batch.subject_E, of_events) / 4
    found = losses(network, records, list(range(len(records))), 0, scale=4.0, **natural)
    torch.testing.assert_close(found, expected.sort().values)


def test_all_events_of_a_subject_have_one_order_and_subjects_choose_for_themselves():
    """Losses of whole subjects are those in one of the orders; over many batches they have them by their shares.

    One of six random orders is the natural one, too. Five standard deviations are allowed for, batches being counted:
    exceeded with a probability below 1e-6, seeds being fixed.
    """
    network, records = make_sequence_network(0), make_records([4, 4], 0)
    batch = whole(records)
    orders = torch.tensor([[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
    with torch.no_grad():
        possible = []
        for order in orders:
            of_lengths, of_events = network.losses(batch, [OrderGroup(8, order[None])])
            possible.append(of_lengths.index_add(0, batch.subject_E, of_events))
        task = PrivateSequenceTask(records, flexible=True, n_orders=3, natural_share=0.3)
        generator, n_batches, natural = seeded(0), 300, 0
        for _ in range(n_batches):
            loss = task.batch_losses(network, torch.tensor([1]), generator)
            is_it = torch.isclose(loss, torch.stack(possible)[:, 1], rtol=1e-5)
            assert is_it.sum() == 1
            natural += int(is_it[0])
    expected = 0.3 + 0.7 / 6
    assert abs(natural / n_batches - expected) < 5 * (expected * (1 - expected) / n_batches) ** 0.5


def test_over_all_windows_the_mean_loss_is_that_of_all_events():
    """Events without a history, so that a window's losses are those of the whole; error 1e-6 by Hoeffding.

    A window of 3 of 7 events: losses are between those of nothing and three times the largest loss times three events.
    """
    n, one = 4000, make_records([7], 1)
    network = make_sequence_network(0)
    network.mix_weight.data.zero_()
    many = Records(
        one.context.of(torch.zeros(n, dtype=torch.long)),
        one.length_SL.expand(n, -1),
        7 * torch.arange(n + 1),
        one.events_EK.repeat(n, 1),
    )
    network.events.repeat_weight.data.zero_()
    network.events.repeat_bias.data.zero_()
    batch = whole(one)
    with torch.no_grad():
        of_lengths, of_events = network.losses(batch, in_natural_order(network, batch))
        found = PrivateSequenceTask(many, flexible=False, longest=3).batch_losses(network, torch.arange(n), seeded(0))
    largest = 3.0 * 3.0 * of_events.max().item()
    assert abs(found.mean() - of_lengths - of_events.sum()) < largest * (7.3 / n) ** 0.5
    assert found.min() < 0.5 * found.max()  # windows differ


@pytest.mark.parametrize("lengths", [[0], [0, 0], [1], [7]], ids=str)
def test_hardly_anything_to_learn_from(lengths):
    network, records = make_sequence_network(0), make_records(lengths)
    found = losses(network, records, list(range(len(lengths))), 0)
    assert found.shape == (len(lengths),)
    assert found.isfinite().all()


def test_follows_its_generator():
    network, records = make_sequence_network(0), make_records([7] * 20)
    one, same, other = (losses(network, records, list(range(20)), seed, longest=3) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
