"""The network of subjects: a context, a number of events given it, and events given that and all events before."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from synth_engine.nn import Listener, RowTaps, Taps, Vectors, dropout, random_bytes
from synth_engine.sequences.context import ContextEncoder
from synth_engine.sequences.history import History
from synth_engine.sequences.layout import SequenceLayout
from synth_engine.sequences.positions import hats, knots
from synth_engine.sequences.records import Batch
from synth_engine.tabular.network import OrderGroup, Surroundings, TabularNetwork
from synth_engine.tabular.sizes import Sizes

# Units of the context, of each layer of the history and of the state of an event, for each unit of a block.
UNITS_PER_HIDDEN = 2
# Parameters that not only events depend on.
_OF_SUBJECTS = ("context.", "lengths.")


class SequenceNetwork(nn.Module):
    """Distributions of the number of events of a subject, and of every code of every event.

    Args:
        layout: Of all codes.
        sizes: Numbers of units.
        window: The most events of a subject in a batch.

    Guarantees: the distribution of a code depends on nothing that comes after it: not on later events, nor on later
    sub-columns of the same event in the order.
    """

    knots_N: Tensor

    def __init__(self, layout: SequenceLayout, sizes: Sizes, window: int) -> None:
        super().__init__()
        self.layout, self.sizes = layout, sizes
        self._longest = min(window, layout.longest)
        units = UNITS_PER_HIDDEN * sizes.hidden
        self.context = ContextEncoder(layout.context, layout.lists, sizes.embedding, units)
        self.register_buffer("knots_N", knots(layout.longest), persistent=False)
        self.has_history = bool(layout.is_sequential and layout.events.columns)
        state = self.context.units
        if layout.is_sequential:
            self.lengths = TabularNetwork(layout.length, sizes, state=state)
        if self.has_history:
            self.history = History(len(layout.events.cardinalities) * sizes.embedding, units)
            inputs = state + 3 * len(self.knots_N) + self.history.size
            self.mix_weight = nn.Parameter(torch.randn(inputs, units) * math.sqrt(2 / inputs))
            self.mix_bias = nn.Parameter(torch.zeros(units))
            state = units
        if layout.events.columns:
            self.events = TabularNetwork(layout.events, sizes, state=state, repeats=self.has_history)

    def start_from_marginals(self, events: Sequence[Tensor], lengths: Sequence[Tensor]) -> None:
        """Let the first predictions be these frequencies of codes, of events and of lengths."""
        if self.layout.events.columns:
            self.events.start_from_marginals(events)
        if self.layout.is_sequential:
            self.lengths.start_from_marginals(lengths)

    def draw_noise(self, n_subjects: int, n_events: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """What decides over the units that are dropped, `n_noise` tensors; see `losses`."""
        if not self.sizes.dropout:
            return ()
        shapes = [(n_subjects, self.context.units)]
        if self.has_history:
            shapes.append((n_events, len(self.mix_bias)))
        drawn = [random_bytes(shape, generator) for shape in shapes]
        if self.layout.is_sequential:
            drawn += self.lengths.draw_noise(n_subjects, generator)
        if self.layout.events.columns:
            drawn += self.events.draw_noise(n_events, generator)
        return tuple(drawn)

    @property
    def n_noise(self) -> int:
        """Tensors of `draw_noise`."""
        if not self.sizes.dropout:
            return 0
        of_events = self.events.n_noise if self.layout.events.columns else 0
        return 1 + self.has_history + self._n_noise_of_lengths + of_events

    @property
    def _n_noise_of_lengths(self) -> int:
        return self.lengths.n_noise if self.layout.is_sequential else 0

    def losses(
        self, batch: Batch, groups: Sequence[OrderGroup], noise: Sequence[Tensor] = (), taps: Taps | None = None
    ) -> tuple[Tensor, Tensor]:
        """Negative log-likelihoods, in nats.

        Args:
            batch: Subjects and their events.
            groups: The column orders of the events, in the events' order.
            noise: Of `draw_noise`; without it no unit is dropped.
            taps: Told of every layer, for norms of the subjects' gradients. Then all events of a subject must have the
                same column order.

        Returns:
            That of the number of events of each subject, (B,), and that of each event, (E,).
        """
        if taps is not None and not self.layout.is_sequential and not batch.events_EK.numel():
            taps.leave_out(self.parameters())
            taps = None
        of_context, of_state, drops = self._apart(noise)
        n_lengths = self._n_noise_of_lengths if noise else 0
        context_BU = self.context(batch.context, self.sizes.dropout, of_context, taps)
        of_lengths = self._of_lengths(batch, context_BU, drops[:n_lengths], taps)
        if not batch.events_EK.numel():
            if taps is not None:
                taps.leave_out(p for name, p in self.named_parameters() if not name.startswith(_OF_SUBJECTS))
            return of_lengths, context_BU.new_zeros(len(batch.events_EK))
        row_taps = None if taps is None else RowTaps(taps, torch.bincount(batch.subject_E, minlength=len(context_BU)))
        embedded_EKD = self.events.embedding(batch.events_EK, row_taps)
        around = self._around(batch, context_BU, embedded_EKD, of_state, row_taps)
        of_events_KE = self.events.losses(
            batch.events_EK, groups, drops[n_lengths:], row_taps, embedded_BKD=embedded_EKD, around=around
        )
        return of_lengths, of_events_KE.sum(0)

    def _apart(self, noise: Sequence[Tensor]) -> tuple[Tensor | None, Tensor | None, Sequence[Tensor]]:
        """What is for the context, what for the state of events, and all else."""
        if not noise:
            return None, None, ()
        if not self.has_history:
            return noise[0], None, noise[1:]
        return noise[0], noise[1], noise[2:]

    def _of_lengths(self, batch: Batch, context_BU: Tensor, noise: Sequence[Tensor], taps: Listener | None) -> Tensor:
        if not self.layout.is_sequential:
            return context_BU.new_zeros(len(context_BU))
        n_columns, device = self.layout.length.n_columns, context_BU.device
        group = OrderGroup(len(context_BU), torch.arange(n_columns, device=device)[None])
        return self.lengths.losses(batch.length_BL, [group], noise, taps, around=Surroundings(context_BU)).sum(0)

    def _around(
        self,
        batch: Batch,
        context_BU: Tensor,
        embedded_EKD: Tensor,
        noise: Tensor | None,
        taps: Listener | None,
    ) -> Surroundings:
        if not self.has_history:
            return Surroundings(_of_each(context_BU, batch.subject_E))
        history = self.history(embedded_EKD.flatten(1), batch.is_first_E, self._longest, taps)
        before_EK = nn.functional.pad(batch.events_EK, (0, 0, 1, 0))[:-1]
        places = self._places(batch.index_E, batch.total_E)
        mixed = self._mixed(_of_each(self.mixed_context(context_BU), batch.subject_E), places, history)
        if taps is not None:
            inputs = torch.cat([context_BU[batch.subject_E], places, history], 1)
            taps.add(mixed, Vectors(inputs), self.mix_weight, self.mix_bias)
        state = dropout(mixed.relu(), self.sizes.dropout, noise)
        return Surroundings(state, before_EK, (~batch.is_first_E).to(state))

    def mixed_context(self, context_BU: Tensor) -> Tensor:
        """The part of the context in the states of events: computed once for all events of a subject."""
        return torch.addmm(self.mix_bias, context_BU.to(self.mix_bias), self.mix_weight[: self.context.units])

    def state(self, mixed_context_BU: Tensor, index_B: Tensor, total_B: Tensor, history_BU: Tensor) -> Tensor:
        """State (B, U) of events: the context, their places and what went before, mixed."""
        return self._mixed(mixed_context_BU, self._places(index_B, total_B), history_BU).relu_()

    def _places(self, index_E: Tensor, total_E: Tensor) -> Tensor:
        """Vectors (E, P) of places in sequences."""
        numbers = index_E, total_E - index_E - 1, total_E
        return torch.cat([hats(each, self.knots_N) for each in numbers], 1)

    def _mixed(self, mixed_context_EU: Tensor, places_EP: Tensor, history_EU: Tensor) -> Tensor:
        weight = self.mix_weight[self.context.units :]
        return torch.addmm(mixed_context_EU, torch.cat([places_EP, history_EU], 1), weight)


def _of_each(of_subjects_BU: Tensor, subject_E: Tensor) -> Tensor:
    """What belongs to the subject of each event. An embedding, as its gradient is found the fastest."""
    of_events: Tensor = nn.functional.embedding(subject_E, of_subjects_BU)
    return of_events
