"""Drawing: first the numbers of events of all subjects, then event after event, many subjects at once."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from synth_engine.nn.threads import map_in_threads
from synth_engine.sequences.context import Context
from synth_engine.sequences.network import SequenceNetwork
from synth_engine.tabular.conditionals import Conditionals, RowState
from synth_engine.tabular.given import Given
from synth_engine.tabular.interventions import Interventions
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.sampler import DEFAULT_BATCH, Source, draw_rows, places_of

# On a CPU there are so many parts of the subjects at least, as long as none is smaller than this.
LEAST_PARTS, LEAST_PART = 4, 256
# Numbers that the generator makes at a time.
PHILOX_BLOCK = 4


@runtime_checkable
class Following(Protocol):
    """A mask of an event that depends on the events before it."""

    def follow(self, codes_EK: Tensor) -> None:
        """Take note of the codes of all events, int32 on the CPU, which are filled in while they are drawn."""
        ...


@torch.no_grad()
def draw_lengths(
    network: SequenceNetwork,
    context: Context,
    generator: torch.Generator,
    *,
    interventions: Interventions | None = None,
    batch_size: int = DEFAULT_BATCH,
) -> Tensor:
    """Draw codes of the numbers of events.

    Args:
        network: A trained network.
        context: Codes of the subjects' context.
        generator: Source of randomness, on the CPU.
        interventions: What to do to the probabilities.
        batch_size: Subjects at a time; bounds the memory.

    Returns:
        Codes (S, L), int32, on the CPU; without sub-columns where every subject has exactly one event.
    """
    if not network.layout.is_sequential:
        return torch.zeros(len(context), 0, dtype=torch.int32)
    source = _source(network.lengths, interventions, None)
    uniforms = torch.rand(len(context), len(source.places), generator=generator, dtype=torch.float64)
    context_SU = _encoded(network, context, batch_size)
    state = RowState(network.lengths.of_state(context_SU), None)
    return draw_rows(source, uniforms, state=state, batch_size=batch_size)


@torch.no_grad()
def draw_events(
    network: SequenceNetwork,
    context: Context,
    lengths_S: Tensor,
    seed_of_step: Callable[[int], int],
    *,
    given: Given | None = None,
    interventions: Interventions | None = None,
    order: Sequence[int] | None = None,
    batch_size: int = DEFAULT_BATCH,
) -> Tensor:
    """Draw the codes of all events.

    Args:
        network: A trained network.
        context: Codes of the subjects' context.
        lengths_S: Number of events of each subject, int64.
        seed_of_step: Seed of the first event of all subjects, of the second, and so on, from 0.
        given: Codes that are known of the events, which stand subject by subject: they come back as they are, and each
            event is drawn given what is known of it and all events before.
        interventions: What to do to the probabilities. Masks know an event by its place among all of them; those that
            are `Following` look at the events before it as well.
        order: Columns of an event in the order in which they are drawn; None is the natural order.
        batch_size: Events at a time; bounds the memory. On a CPU several such batches are drawn at once, in threads.

    Returns:
        Codes (E, K), int32, on the CPU, subject by subject.
    """
    codes = torch.zeros(int(lengths_S.sum()), len(network.layout.events.cardinalities), dtype=torch.int32)
    if not codes.numel():
        return codes
    for mask in interventions.masks if interventions else ():
        if isinstance(mask, Following):
            mask.follow(codes)
    source, table_VU = _source(network.events, interventions, order), table_of_history(network)
    start_S = lengths_S.cumsum(0) - lengths_S

    @torch.no_grad()  # which belongs to a thread
    def draw(part: _Part) -> None:
        of_part = context.of(part.subjects.to(context.device))
        drawing = Drawing(network, of_part, lengths_S[part.subjects], table_VU)
        for step in range(int(lengths_S[part.subjects[0]])):
            some = part.subjects[: drawing.begin(step)]
            index = start_S[some] + step
            codes[index] = drawn = draw_rows(
                source,
                uniforms(seed_of_step(step), part.first, len(index), codes.shape[1]),
                given=None if given is None else given.rows(index),
                state=drawing.state(step),
                index=index,
                batch_size=len(index),
            )
            drawing.take_up(drawn)

    if context.device.type == "cpu":
        map_in_threads(draw, _parts(lengths_S, batch_size, LEAST_PARTS))
    else:
        for part in _parts(lengths_S, batch_size):
            draw(part)
    return codes


class _Part(NamedTuple):
    """Subjects whose events are drawn together, those with most events first.

    Args:
        subjects: Which of all.
        first: How many have their turn before them.
    """

    subjects: Tensor
    first: int


def _parts(lengths_S: Tensor, batch_size: int, least: int = 1) -> list[_Part]:
    """All subjects with events. Sorted by length, so that those of a part go on about equally long.

    Args:
        lengths_S: Number of events of each subject.
        batch_size: The most subjects of a part.
        least: Parts that there are at least, to be drawn side by side. Not the number of threads: it would decide what
            is added up in one product, and so over the last bits.
    """
    order = lengths_S.argsort(descending=True, stable=True)[: int((lengths_S > 0).sum())]
    size = min(batch_size, max(LEAST_PART, -(-len(order) // least)))
    return [_Part(subjects, place * size) for place, subjects in enumerate(order.split(size))]


def uniforms(seed: int, first: int, n: int, k: int) -> Tensor:
    """Rows `first` to ``first + n`` of a table of random numbers from 0 up to 1, (n, k), that a seed stands for.

    The generator is "Philox" (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011), which can begin
    anywhere: rows are the same whoever asks for them, together with whatever others.

    >>> torch.equal(uniforms(7, 0, 5, 3)[2:], uniforms(7, 2, 3, 3))
    True
    """
    blocks = -(-k // PHILOX_BLOCK)
    bits = np.random.Philox(key=seed)
    bits.advance(first * blocks)
    return torch.from_numpy(np.random.Generator(bits).random((n, blocks * PHILOX_BLOCK)))[:, :k]


class Drawing:
    """Subjects whose events are being drawn: those with most events first, so that who goes on is a slice.

    Args:
        network: A trained network.
        context: Codes of the subjects' context.
        lengths_B: Number of events of each subject, descending.
        table_VU: See `table_of_history`.
    """

    def __init__(self, network: SequenceNetwork, context: Context, lengths_B: Tensor, table_VU: Tensor) -> None:
        self._network, self._table, self._lengths = network, table_VU, lengths_B.to(context.device)
        vectors = network.context(context)
        self._context = network.mixed_context(vectors) if network.has_history else vectors
        self._before: Tensor | None = None
        self._memory = network.history.start(len(lengths_B)) if network.has_history else None
        self._n_active = len(lengths_B)

    def begin(self, step: int) -> int:
        """How many subjects, the first ones, have an event in this step."""
        self._n_active = int((self._lengths > step).sum())
        if self._memory is not None:
            self._memory = self._memory.first(self._n_active)
        return self._n_active

    def state(self, step: int) -> RowState:
        """What these events are given beside their own codes."""
        network, n = self._network, self._n_active
        context = self._context[:n]
        if self._memory is None:
            return RowState(network.events.of_state(context), None)
        totals = self._lengths[:n]
        index = torch.full_like(totals, step)
        state = network.state(context, index, totals, network.history.read(self._memory))
        return RowState(network.events.of_state(state), None if self._before is None else self._before[:n])

    def take_up(self, codes: Tensor) -> None:
        """These events were drawn."""
        if self._memory is not None:
            self._before = codes.to(self._context.device)
            places = self._before + self._network.events.embedding.offsets_K
            self._memory = self._network.history.step(self._table, places, self._memory)


def table_of_history(network: SequenceNetwork) -> Tensor:
    """What each code of an event adds to the memory; nothing where there is none."""
    if not network.has_history:
        return network.knots_N.new_zeros(0, 0)
    return network.history.table(network.events.embedding.vectors().split(network.layout.events.cardinalities))


def _encoded(network: SequenceNetwork, context: Context, batch_size: int) -> Tensor:
    return torch.cat([network.context(part) for part in context.split(batch_size)])


def _source(network: TabularNetwork, interventions: Interventions | None, order: Sequence[int] | None) -> Source:
    return Source(Conditionals(network), interventions or Interventions(), places_of(network, order))
