"""Subjects with their events as something to learn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from synth_engine.sequences.context import Context
from synth_engine.sequences.layout import SequenceLayout
from synth_engine.sequences.network import SequenceNetwork
from synth_engine.sequences.private_task import PrivateSequenceTask
from synth_engine.sequences.records import Records
from synth_engine.sequences.task import DEFAULT_WINDOW, SequenceTask
from synth_engine.sequences.transfer import SequenceColumns, transfer_sequences
from synth_engine.stages.contexts import encoded_context
from synth_engine.stages.encode import EVENTS, LENGTH
from synth_engine.stages.encoded_columns import list_codes
from synth_engine.stages.learning.kinds import Counts, Reusable, Task, other_kind
from synth_engine.stages.lists import ListLength
from synth_engine.stages.model_files import Described, NetworkSizes, sequence_layout_of, weights_file
from synth_engine.tabular.calibration import BATCH, MAX_ROWS, calibrate
from synth_engine.tabular.conditionals import RowState
from synth_engine.tabular.marginals import count_codes
from synth_engine.tabular.recipe import AVERAGE_DECAY, batch_size_for, private_schedule_for, private_sizes, schedule_for
from synth_engine.tabular.sizes import DEFAULT, Sizes, sizes_for
from synth_engine.tabular.transferred import Transfer
from synth_engine.training import Schedule
from synth_engine.training.gradients import Gradients, SideBySideGradients
from synth_engine.training.private_stepper import TappedLosses
from synth_engine.workspace import ArtefactReader
from synth_engine.workspace.artefacts import TRAINING, VALIDATION

# With that of single rows training stops getting better much too early (batting: 24.43 in place of 24.05 nats).
WEIGHT_DECAY = 0.2
# On a CPU these are learned from side by side. Not more of them: short operations are mostly overhead.
PARTS_OF_A_STEP = 2


@dataclass(frozen=True, eq=False)
class SequenceKind:
    """See `kinds.Kind`.

    Args:
        described: Statistics of the target, and of the context table.
        layout: What they come to.
        records: Subjects, by role.
        window: The most events of a subject that are seen at once.
    """

    described: Described
    layout: SequenceLayout
    records: Mapping[str, Records]
    window: int

    default_model, releases_counts, average_decay = DEFAULT, True, AVERAGE_DECAY

    @classmethod
    def read(
        cls, described: Described, encoded: ArtefactReader, device: torch.device, window: int | None
    ) -> "SequenceKind":
        """Read all partitions."""
        layout = sequence_layout_of(described)
        tables = {role: [encoded.table(name) for name in encoded.parts(role)] for role in (TRAINING, VALIDATION)}
        records = {role: records_of(described, layout, each).to(device) for role, each in tables.items()}
        return cls(described, layout, records, window or DEFAULT_WINDOW)

    @property
    def device(self) -> torch.device:
        """Where the codes lie."""
        return self.records[TRAINING].device

    @property
    def n_records(self) -> int:
        """Number of training subjects."""
        return len(self.records[TRAINING])

    @property
    def n_parts(self) -> int:
        """Number of windows."""
        lengths = self.records[TRAINING].lengths
        return int(((lengths + self.window - 1) // self.window).clamp(min=1).sum())

    @property
    def events_per_part(self) -> float:
        """A usual number of events, as far as it may be known: what losses are divided by."""
        return float(max(1, min(self.described.target.seq_len.median, self.window)))

    def batch_size(self) -> int:
        """With as many events as a batch of single rows would have."""
        rows = batch_size_for(int(self.n_parts * self.events_per_part))
        return max(1, round(rows / self.events_per_part))

    def schedule(self, parts_per_step: int) -> Schedule:
        """That of as many rows as there are events, with less weight decay."""
        n_rows, rows_per_step = (int(n * self.events_per_part) for n in (self.n_parts, parts_per_step))
        return replace(schedule_for(n_rows, rows_per_step), weight_decay=WEIGHT_DECAY)

    def private_schedule(self, steps: int, records_per_step: int) -> Schedule:
        """By the number of subjects."""
        return private_schedule_for(steps, records_per_step)

    def records_with(self, n_rows: int) -> int:
        """By the usual number of events."""
        return max(1, int(n_rows / self.events_per_part))

    def sizes(self, model: str | None, *, private: bool) -> Sizes:
        """By the number of sub-columns of an event; no units are dropped.

        Whoever learns with half of the history missing now and then relies on it less than it deserves (batting: the
        league stays in 82.0 % of steps with dropout, in 84.4 % without, in 85.9 % of the data).
        """
        sizes = replace(sizes_for(model, len(self.layout.events.cardinalities)), dropout=0.0)
        return private_sizes(sizes) if private else sizes

    def files(self, network: nn.Module) -> dict[str, bytes]:
        """Its weights."""
        return weights_file(network)

    def network(self, sizes: NetworkSizes) -> SequenceNetwork:
        """A fresh network."""
        assert isinstance(sizes, Sizes)
        return SequenceNetwork(self.layout, sizes, self.window)

    def counts(self) -> Counts:
        """Of all training events, and of all numbers of them."""
        return self._counts(None)

    def bounded_counts(self) -> Counts:
        """Events of longer sequences count for less, so that a subject counts as one usual sequence at most.

        An event of a usual or shorter sequence counts for one by the usual number of events: all events count the
        same but for long sequences, and less noise is needed than if one of each subject were chosen.
        """
        lengths = self.records[TRAINING].lengths
        weights = 1 / lengths.double().clamp(min=self.events_per_part)
        return self._counts(torch.repeat_interleave(weights, lengths))

    def _counts(self, weights_E: Tensor | None) -> Counts:
        records = self.records[TRAINING]
        return [
            count_codes(records.events_EK, self.layout.events.cardinalities, weights_E),
            count_codes(records.length_SL, self.layout.length.cardinalities),
        ]

    def start(self, network: nn.Module, counts: Counts) -> None:
        """Let the first predictions be these frequencies."""
        assert isinstance(network, SequenceNetwork)
        network.start_from_marginals(*counts)

    def calibrate(self, network: nn.Module, counts: Counts, generator: torch.Generator, *, private: bool) -> None:
        """Numbers of events, and events where everyone has just one and nothing else is known of subjects.

        Given a context, numbers of events are right in the mean over the contexts of training, at which private
        training must not look. Not events that depend on what is given: shifting their biases would break what is
        learned of that.
        """
        assert isinstance(network, SequenceNetwork)
        of_events, of_lengths = counts
        if self.layout.is_sequential and not (network.lengths.has_state and private):
            calibrate(network.lengths, of_lengths, generator, self._state_of_lengths(network))
        if self.layout.events.columns and not network.events.has_state:
            calibrate(network.events, of_events, generator)

    @torch.no_grad()
    def _state_of_lengths(self, network: SequenceNetwork) -> RowState | None:
        """That of some training subjects, or of all; None where numbers of events depend on nothing."""
        if not (network.lengths.has_state and self.n_records):
            return None
        step = -(-self.n_records // MAX_ROWS)
        context = self.records[TRAINING].context.of(torch.arange(0, self.n_records, step, device=self.device))
        vectors = torch.cat([network.context(part) for part in context.split(BATCH)])
        return RowState(network.lengths.of_state(vectors), None)

    def task(self, network: nn.Module, *, flexible: bool) -> SequenceTask:
        """Plain training."""
        assert isinstance(network, SequenceNetwork)
        return SequenceTask(
            network,
            self.records[TRAINING],
            self.records[VALIDATION],
            flexible=flexible,
            window=self.window,
            scale=self.events_per_part,
            n_parts=PARTS_OF_A_STEP if self.device.type == "cpu" else 1,
        )

    def gradients(self, network: nn.Module, task: Task) -> Gradients:
        """One operation after the other: batches have as many events as their subjects happen to have."""
        assert isinstance(task, SequenceTask)
        return SideBySideGradients(network, task)

    def private_losses(self, *, flexible: bool) -> TappedLosses:
        """Training with differential privacy, of subjects."""
        task = PrivateSequenceTask(
            self.records[TRAINING], flexible=flexible, longest=self.window, scale=self.events_per_part
        )
        return task.batch_losses

    def carry_over(self, reused: Reusable, new: nn.Module) -> Transfer:
        """Column by column, code by code, in events, their numbers and the context."""
        assert isinstance(new, SequenceNetwork)
        old = reused.network
        if not isinstance(old, SequenceNetwork):
            raise other_kind(reused.described, self.described)
        known = _columns(reused.described, old.layout)
        return transfer_sequences(old, known, new, _columns(self.described, new.layout))


def _columns(described: Described, layout: SequenceLayout) -> SequenceColumns:
    """The encodings that a layout was made from."""
    target, context = described.target, described.context
    encoding, lists = target.seq_len.encoding, {} if context is None else context.lists
    return SequenceColumns(
        context=({} if context is None else context.columns) | {name: ListLength(each) for name, each in lists.items()},
        length={LENGTH: encoding} if layout.is_sequential and encoding is not None else {},
        events=target.columns,
        lists={name: each.elements for name, each in lists.items()},
    )


def records_of(described: Described, layout: SequenceLayout, tables: Sequence[pa.Table]) -> Records:
    """Subjects as `encode` writes them, one table after the other."""
    lengths = np.concatenate([table[LENGTH].to_numpy().astype(np.int64) for table in tables])
    contexts = [encoded_context(table, described.context) for table in tables]
    events = [_events(table, len(layout.events.cardinalities)) for table in tables]
    codes = np.zeros((len(lengths), 0), np.int32)
    encoding = described.target.seq_len.encoding
    if layout.is_sequential and encoding is not None:
        codes = encoding.encode(pa.array(lengths))
    return Records(
        Context.joined(contexts),
        _tensor(codes),
        _tensor(np.concatenate([[0], lengths.cumsum()])),
        _tensor(np.concatenate(events)),
    )


def _events(table: pa.Table, n_codes: int) -> "np.typing.NDArray[np.int32]":
    if n_codes == 0:
        return np.zeros((int(np.sum(table[LENGTH].to_numpy(), dtype=np.int64)), 0), np.int32)
    return list_codes(table[EVENTS]).codes


def _tensor(array: "np.typing.NDArray[np.int32] | np.typing.NDArray[np.int64]") -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))
