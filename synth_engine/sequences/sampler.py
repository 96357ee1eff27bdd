"""Drawing: first the numbers of events of all subjects, then event after event, all subjects at once."""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from synth_engine.sequences.context import Context
from synth_engine.sequences.network import SequenceNetwork
from synth_engine.tabular.conditionals import Conditionals, RowState
from synth_engine.tabular.given import Given
from synth_engine.tabular.interventions import Interventions
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.sampler import DEFAULT_BATCH, Source, draw_rows, places_of


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
        batch_size: Events at a time; bounds the memory.

    Returns:
        Codes (E, K), int32, on the CPU, subject by subject.
    """
    codes = torch.zeros(int(lengths_S.sum()), len(network.layout.events.cardinalities), dtype=torch.int32)
    if not codes.numel():
        return codes
    for mask in interventions.masks if interventions else ():
        if isinstance(mask, Following):
            mask.follow(codes)
    source, drawing = (
        _source(network.events, interventions, order),
        _Drawing(network, context, lengths_S, batch_size),
    )
    for step in range(int(lengths_S.max())):
        index = drawing.begin(step)
        generator = torch.Generator().manual_seed(seed_of_step(step))
        codes[index] = drawn = draw_rows(
            source,
            torch.rand(len(index), codes.shape[1], generator=generator, dtype=torch.float64),
            given=None if given is None else given.rows(index),
            state=drawing.state(step),
            index=index,
            batch_size=batch_size,
        )
        drawing.take_up(drawn)
    return codes


class _Drawing:
    """Subjects whose events are being drawn: those with most events first, so that who goes on is a slice.

    Args:
        network: A trained network.
        context: Codes of the subjects' context.
        lengths_S: Number of events of each subject.
        batch_size: Subjects at a time.
    """

    def __init__(self, network: SequenceNetwork, context: Context, lengths_S: Tensor, batch_size: int) -> None:
        self._network, self._batch_size = network, batch_size
        order = lengths_S.argsort(descending=True, stable=True)
        self._lengths = lengths_S[order]
        self._offsets = (lengths_S.cumsum(0) - lengths_S)[order]
        self._context = _encoded(network, context, batch_size)[order.to(context.device)]
        self._before: Tensor | None = None
        self._memory = network.history.start(len(order)) if network.has_history else None
        self._n_active = len(order)

    def begin(self, step: int) -> Tensor:
        """The places among all events of those that are drawn in this step."""
        self._n_active = int((self._lengths > step).sum())
        if self._memory is not None:
            self._memory = self._memory.first(self._n_active)
        return self._offsets[: self._n_active] + step

    def state(self, step: int) -> RowState:
        """What these events are given beside their own codes."""
        network, n = self._network, self._n_active
        context = self._context[:n]
        if self._memory is None:
            return RowState(network.events.of_state(context), None)
        totals = self._lengths[:n].to(context.device)
        index = torch.full_like(totals, step)
        state = network.state(context, index, totals, network.history.read(self._memory))
        return RowState(network.events.of_state(state), None if self._before is None else self._before[:n])

    def take_up(self, codes: Tensor) -> None:
        """These events were drawn."""
        if self._memory is not None:
            self._before = codes.to(self._context.device)
            embedded = self._network.events.embedding(self._before.long()).flatten(1)
            self._memory = self._network.history.step(embedded, self._memory)


def _encoded(network: SequenceNetwork, context: Context, batch_size: int) -> Tensor:
    return torch.cat([network.context(part) for part in context.split(batch_size)])


def _source(network: TabularNetwork, interventions: Interventions | None, order: Sequence[int] | None) -> Source:
    return Source(Conditionals(network), interventions or Interventions(), places_of(network, order))
