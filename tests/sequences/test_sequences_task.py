"""Windows of sequences, and the losses that training goes by."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.sequences.task import SequenceTask, Windows
from synth_engine.tabular.sizes import Sizes
from synth_engine.training.gradients import EagerGradients, SideBySideGradients
from tests.sequences.helpers import LENGTHS, LISTS, TINY, make_records, make_sequence_network
from tests.tabular.helpers import seeded


@given(st.lists(st.integers(0, 40), max_size=8), st.integers(1, 9))
def test_windows_in_order_cover_every_event_once(lengths, longest):
    records = make_records(lengths)
    windows = Windows(records, longest)
    batch = windows.in_order(torch.arange(len(windows)))
    assert torch.equal(batch.events_EK, records.events_EK.long())
    assert len(set(windows.subject_W.tolist())) == len(lengths)
    assert torch.bincount(batch.subject_E, minlength=1).max() <= longest
    assert torch.equal(batch.total_E, records.lengths.repeat_interleave(records.lengths))


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8), st.integers(1, 9), st.integers(0, 99))
def test_random_windows_are_runs_of_events_of_one_subject(lengths, longest, seed):
    records = make_records(lengths)
    windows = Windows(records, longest)
    rows = torch.arange(len(windows))
    batch = windows.at_random(rows, seeded(seed))
    for window in range(len(windows)):
        mine = batch.subject_E == window
        subject = int(windows.subject_W[window])
        index = batch.index_E[mine]
        assert batch.is_first_E[mine].tolist() == [True] * bool(len(index)) + [False] * (len(index) - 1)
        assert torch.equal(index.diff(), torch.ones(max(len(index) - 1, 0), dtype=torch.long))
        assert len(index) == lengths[subject] if lengths[subject] <= longest else 1 <= len(index) <= longest
        assert torch.equal(batch.events_EK[mine], records.events_EK[records.offsets[subject] + index].long())


def test_all_events_of_a_long_sequence_are_seen_equally_often():
    """Every count is binomial; Hoeffding for 30 events, error 1e-6."""
    windows, n = Windows(make_records([30]), 7), 20_000
    batch = windows.at_random(torch.zeros(n, dtype=torch.long), seeded(0))
    shares = torch.bincount(batch.index_E, minlength=30) / n
    assert (shares - 7 / 36).abs().max() < 0.0212


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8), st.integers(1, 9))
def test_every_length_and_in_the_mean_every_event_counts_once(lengths, longest):
    windows = Windows(make_records(lengths), longest)
    expected = longest / (windows.records.lengths + longest - 1)  # of an event to be in a random window
    expected = torch.where(windows.records.lengths <= longest, 1.0, expected)
    of_length, of_event = torch.zeros(2, len(lengths)).index_add(1, windows.subject_W, windows.weights_W2.t())
    assert torch.equal(of_length, torch.ones(len(lengths)))
    torch.testing.assert_close(of_event * expected, torch.ones(len(lengths)))


def test_losses_are_divided_by_a_usual_number_of_events():
    network, records = make_sequence_network(1), make_records(LENGTHS)
    plain, scaled = (SequenceTask(network, records, records, flexible=False, scale=scale) for scale in (1.0, 4.0))
    rows = torch.arange(len(records))
    one, other = (task.losses(network, task.draw(rows, seeded(0))) for task in (plain, scaled))
    torch.testing.assert_close(one, 4 * other)
    assert plain.validation_loss(network) == pytest.approx(one.mean().item(), rel=1e-5)
    assert scaled.validation_loss(network) == pytest.approx(one.mean().item() / 4, rel=1e-5)


@pytest.mark.parametrize("kind", [{}, {"lists": LISTS}, {"context": []}])
@pytest.mark.parametrize("rows", [[0, 1, 2, 3, 4], [3], [1], [1, 0]])  # also a part without subjects, or without events
def test_parts_side_by_side_give_the_gradients_of_the_whole(kind, rows):
    network, records = make_sequence_network(1, **kind), make_records(LENGTHS, **kind)
    task = SequenceTask(network, records, records, flexible=True, n_parts=2)
    drawn = task.draw(torch.tensor(rows), seeded(0))
    assert len(task.losses(network, drawn)) == len(rows)
    found = []
    for gradients in (SideBySideGradients(network, task), EagerGradients(network, task)):
        found.append([gradients.add(drawn, 7), *(p.grad for p in network.parameters())])
        assert gradients.add(drawn, 7) == found[-1][0]  # which adds to the gradients that there are
        network.zero_grad()
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "kind", [{}, {"context": []}, {"length": []}, {"events": []}, {"events": [[3]]}, {"lists": LISTS}]
)
def test_dropout_is_drawn_for_every_layer(kind):
    lengths = [1] * 5 if kind.get("length") == [] else LENGTHS
    sizes = Sizes(TINY.embedding, TINY.hidden, TINY.n_residual, dropout=0.5)
    network, records = make_sequence_network(1, sizes=sizes, **kind), make_records(lengths, **kind)
    task = SequenceTask(network, records, records, flexible=True)
    rows = torch.arange(5)
    one, same, other = (task.losses(network, task.draw(rows, seeded(seed))) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert kind.get("context") == [] or not torch.allclose(one, other)
    assert task.validation_loss(network) == task.validation_loss(network)


def test_losses_of_training_and_validation_are_about_as_many_events():
    """Of sequences of 40 events in windows of 5, in which all codes are equally likely, and a single length."""
    network, records = make_sequence_network(1, scale=0.0, window=5), make_records([40] * 6)
    task = SequenceTask(network, records, records, flexible=False, window=5)
    seen = [task.losses(network, task.draw(torch.arange(48), seeded(seed))).mean().item() for seed in range(40)]
    assert sum(seen) / 40 == pytest.approx(task.validation_loss(network), rel=0.05)  # of 48 * 40 windows


def test_without_subjects_there_is_no_validation():
    network = make_sequence_network(1)
    assert SequenceTask(network, make_records([1]), make_records([]), flexible=True).validation_loss(network) is None
