"""Tiny networks of subjects with random weights, and subjects with random codes."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from synth_engine.sequences.context import Context, Lists
from synth_engine.sequences.layout import ListLayout, SequenceLayout
from synth_engine.sequences.network import SequenceNetwork
from synth_engine.sequences.records import Batch, Records
from synth_engine.sequences.sampler import Drawing, _encoded, table_of_history
from synth_engine.tabular.conditionals import Conditionals, RowState
from synth_engine.tabular.network import OrderGroup
from synth_engine.tabular.sizes import Sizes
from tests.tabular.helpers import make_layout, seeded

TINY = Sizes(embedding=3, hidden=4, n_residual=1, dropout=0.0)
CONTEXT, LENGTH, EVENTS = [[3], [2, 2]], [[4, 2]], [[3], [2, 6], [4]]
LISTS, LONGEST_LIST = [[3, 2], [4]], 4  # one column of lists each
LONGEST = 7
LENGTHS = (3, 0, 1, 7, 2)


def make_sequence_network(
    seed: int = 0,
    *,
    context: Sequence[Sequence[int]] = CONTEXT,
    length: Sequence[Sequence[int]] = LENGTH,
    events: Sequence[Sequence[int]] = EVENTS,
    lists: Sequence[Sequence[int]] = (),
    sizes: Sizes = TINY,
    window: int = 100,
    scale: float = 0.7,
) -> SequenceNetwork:
    """All weights and biases normal with this standard deviation, so that everything depends on everything."""
    layouts = (make_layout(each) for each in (context, length, events))
    of_lists = tuple(ListLayout(make_layout([each]), LONGEST_LIST) for each in lists)
    network = SequenceNetwork(SequenceLayout(*layouts, LONGEST if length else 1, of_lists), sizes, window)
    for i, parameter in enumerate(network.parameters()):
        parameter.data.normal_(std=scale, generator=seeded(1000 * seed + i))
    return network


def random_table(columns: Sequence[Sequence[int]], n_rows: int, seed: int) -> Tensor:
    sizes = [size for column in columns for size in column]
    parts = [torch.randint(0, size, (n_rows,), generator=seeded(seed + i)) for i, size in enumerate(sizes)]
    return torch.stack(parts, 1).int() if parts else torch.zeros(n_rows, 0, dtype=torch.int32)


def random_lists(sizes: Sequence[int], n_lists: int, seed: int) -> Lists:
    lengths = torch.randint(0, LONGEST_LIST + 1, (n_lists,), generator=seeded(seed))
    offsets = torch.nn.functional.pad(lengths.cumsum(0), (1, 0))
    return Lists(random_table([sizes], int(offsets[-1]), seed + 1), offsets)


def make_records(
    lengths: Sequence[int], seed: int = 0, *, context=CONTEXT, length=LENGTH, events=EVENTS, lists=()
) -> Records:
    offsets = torch.tensor([0, *lengths]).cumsum(0)
    n = len(lengths)
    return Records(
        Context(
            random_table(context, n, seed),
            tuple(random_lists(sizes, n, seed + 30 + place) for place, sizes in enumerate(lists)),
        ),
        random_table(length, n, seed + 10),
        offsets,
        random_table(events, int(offsets[-1]), seed + 20),
    )


def whole(records: Records, rows: Sequence[int] | None = None) -> Batch:
    """All events of some subjects."""
    chosen = torch.arange(len(records)) if rows is None else torch.tensor(rows, dtype=torch.long)
    return records.batch(chosen, torch.zeros(len(chosen), dtype=torch.long), records.lengths[chosen])


def in_natural_order(network: SequenceNetwork, batch: Batch) -> list[OrderGroup]:
    n_columns = network.layout.events.n_columns
    return [OrderGroup(len(batch.events_EK), torch.arange(n_columns)[None])] if len(batch.events_EK) else []


@torch.no_grad()
def losses_as_drawn(network: SequenceNetwork, records: Records, order: Sequence[int]) -> tuple[Tensor, Tensor]:
    """What `losses` gives, by the way that drawing goes: event after event, sub-column after sub-column."""
    columns = network.layout.events.column_of.tolist()
    places = [k for column in order for k, owner in enumerate(columns) if owner == column]
    of_events = torch.zeros(len(records.events_EK))
    if network.layout.events.columns:
        _add_events(network, records, places, of_events)
    of_lengths = torch.zeros(len(records))
    if network.layout.is_sequential:
        _add_lengths(network, records, of_lengths)
    return of_lengths, of_events


def events_as_drawn(network: SequenceNetwork, records: Records) -> Iterator[tuple[Tensor, Tensor, RowState]]:
    """Places, codes and states of the first events of all subjects, then of the second ones, and so on."""
    order = records.lengths.argsort(descending=True, stable=True)
    drawing = Drawing(network, records.context.of(order), records.lengths[order], table_of_history(network))
    for step in range(int(records.lengths.max())):
        index = records.offsets[order[: drawing.begin(step)]] + step
        yield index, records.events_EK[index], drawing.state(step)
        drawing.take_up(records.events_EK[index])


def _add_events(network, records, places, of_events):
    conditionals = Conditionals(network.events)
    for index, codes, state in events_as_drawn(network, records):
        with_offsets = (codes + conditionals.offsets_K)[:, places]
        for done, k in enumerate(places):
            logits = conditionals.logits(with_offsets[:, :done], k, state)
            of_events[index] += cross_entropy(logits, codes[:, k].long(), reduction="none")


def _add_lengths(network, records, of_lengths):
    conditionals = Conditionals(network.lengths)
    state = RowState(network.lengths.of_state(_encoded(network, records.context, 3)), None)
    with_offsets = records.length_SL + conditionals.offsets_K
    for k in range(records.length_SL.shape[1]):
        logits = conditionals.logits(with_offsets[:, :k], k, state)
        of_lengths += cross_entropy(logits, records.length_SL[:, k].long(), reduction="none")
