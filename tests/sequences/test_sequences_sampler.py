"""Drawing of subjects: what is given stays, nothing depends on batches, and chances are those that were learned."""

import math

import pytest
import torch

from synth_engine.sequences.context import Context
from synth_engine.sequences.records import Records
from synth_engine.sequences.sampler import draw_events, draw_lengths
from synth_engine.tabular.given import Given
from synth_engine.tabular.interventions import Interventions
from tests.sequences.helpers import (
    CONTEXT,
    EVENTS,
    LENGTHS,
    in_natural_order,
    make_records,
    make_sequence_network,
    random_table,
    whole,
)
from tests.tabular.helpers import seeded


def seeds(step: int) -> int:
    return 100 + step


@pytest.mark.parametrize("batch_size", [1, 3, 4096])
def test_what_is_drawn_does_not_depend_on_the_size_of_batches(batch_size):
    network, records = make_sequence_network(2), make_records(LENGTHS)
    network.double()  # so that sums of other batches do not decide
    drawn = draw_events(network, records.context, records.lengths, seeds, batch_size=batch_size)
    assert torch.equal(drawn, draw_events(network, records.context, records.lengths, seeds))
    lengths = draw_lengths(network, records.context, seeded(1), batch_size=batch_size)
    assert torch.equal(lengths, draw_lengths(network, records.context, seeded(1)))


def test_what_is_drawn_does_not_depend_on_the_number_of_threads():
    network, records = make_sequence_network(2), make_records([3, 0, 1, 5] * 300)  # enough for several parts
    threads, drawn = torch.get_num_threads(), []
    for n in (1, 2):
        torch.set_num_threads(n)
        drawn.append(draw_events(network, records.context, records.lengths, seeds))
    torch.set_num_threads(threads)
    assert torch.equal(*drawn)


def test_codes_are_in_range_and_of_the_right_number():
    network, records = make_sequence_network(2), make_records(LENGTHS)
    drawn = draw_events(network, records.context, records.lengths, seeds)
    sizes = torch.tensor([size for column in EVENTS for size in column])
    assert drawn.shape == (sum(LENGTHS), len(sizes))
    assert drawn.dtype == torch.int32
    assert ((drawn >= 0) & (drawn < sizes)).all()


def test_given_cells_come_back_and_the_events_before_them_do_not_change():
    network, records = make_sequence_network(5), make_records(LENGTHS)
    free = draw_events(network, records.context, records.lengths, seeds)
    is_given = torch.rand(len(free), len(EVENTS), generator=seeded(3)) < 0.4
    is_given[:3] = False  # nothing is given of the first subject
    codes = random_table(EVENTS, len(free), 7)
    drawn = draw_events(network, records.context, records.lengths, seeds, given=Given(codes, is_given))
    cells = is_given[:, network.events.column_of_K]
    assert torch.equal(drawn[cells], codes[cells])
    assert torch.equal(drawn[:3], free[:3])
    assert not torch.equal(drawn[3:][~cells[3:]], free[3:][~cells[3:]])


def test_forbidden_codes_are_not_drawn_and_coldest_is_the_likeliest():
    network, records = make_sequence_network(6), make_records([6] * 50)
    drawn = draw_events(
        network, records.context, records.lengths, seeds, interventions=Interventions(forbidden={0: [1]})
    )
    assert not (drawn[:, 0] == 1).any()
    cold = Interventions(temperature=0.0)
    one, other = (
        draw_events(network, records.context, records.lengths, lambda step, s=s: s + step, interventions=cold)
        for s in (0, 50)
    )
    assert torch.equal(one, other)


class _Index:
    """A mask that allows everything and keeps the numbers of the rows that it is asked about."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def allowed(self, k, seen):
        if k == 0:
            self.seen += seen.index.tolist()


def test_masks_know_events_by_their_places_among_all():
    network, records, mask = make_sequence_network(1), make_records(LENGTHS), _Index()
    draw_events(network, records.context, records.lengths, seeds, interventions=Interventions(masks=[mask]))
    assert sorted(mask.seen) == list(range(sum(LENGTHS)))


def test_frequencies_of_whole_sequences_are_their_probabilities():
    """Chi-squared over all sequences of two events with one code of three each; fails for one seed in 10^6."""
    network = make_sequence_network(8, events=[[3]])
    n = 20_000
    context = Context(random_table(CONTEXT, 1, 0).expand(n, -1))
    lengths = torch.full((n,), 2)
    drawn = draw_events(network, context, lengths, seeds).view(n, 2)
    counts = torch.bincount(drawn[:, 0] * 3 + drawn[:, 1], minlength=9).double()
    events = torch.tensor([[a, b] for a in range(3) for b in range(3)], dtype=torch.int32).view(-1, 1)
    all_of_them = Records(
        context.of(torch.arange(9)), torch.zeros(9, 2, dtype=torch.int32), torch.arange(0, 19, 2), events
    )
    batch = whole(all_of_them)
    with torch.no_grad():
        expected = network.losses(batch, in_natural_order(network, batch))[1].view(9, 2).sum(1).neg().exp().double()
    assert expected.sum().item() == pytest.approx(1, abs=1e-5)
    statistic = ((counts - n * expected) ** 2 / (n * expected)).sum().item()
    assert statistic < 8 + 2 * math.sqrt(8 * math.log(1e6)) + 2 * math.log(1e6)  # Laurent and Massart (2000), lemma 1


def test_lengths_follow_their_probabilities():
    """Hoeffding over the first code, error 1e-6."""
    network, n = make_sequence_network(9, length=[[4]]), 20_000
    context = Context(random_table(CONTEXT, 1, 0).expand(n, -1))
    drawn = draw_lengths(network, context, seeded(5))
    records = Records(
        context.of(torch.arange(4)),
        torch.arange(4, dtype=torch.int32)[:, None],
        torch.zeros(5, dtype=torch.long),
        random_table(EVENTS, 0, 0),
    )
    with torch.no_grad():
        expected = network.losses(whole(records), [])[0].neg().exp()
    shares = torch.bincount(drawn[:, 0], minlength=4) / n
    assert (shares - expected).abs().max() < math.sqrt(math.log(2 * 4 / 1e-6) / (2 * n))


def test_nobody_has_nothing():
    network, records = make_sequence_network(1), make_records([])
    assert draw_lengths(network, records.context, seeded(0)).shape == (0, 2)
    assert draw_events(network, records.context, records.lengths, seeds).shape == (0, 4)
    empty = make_records([0, 0])
    assert draw_events(network, empty.context, empty.lengths, seeds).shape == (0, 4)
