"""A finished model of subjects and their events, opened to be asked: needs torch, so that it is imported where used."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from torch import Tensor

from synth_engine.domain import InputError
from synth_engine.estimators.tables import Features, fitted_columns
from synth_engine.nn.orders import natural_order
from synth_engine.sequences.network import SequenceNetwork
from synth_engine.sequences.records import Batch, Records
from synth_engine.stages.devices import resolve_device
from synth_engine.stages.encode import encode_context, encode_events
from synth_engine.stages.generating.context_data import ContextData
from synth_engine.stages.learning.sequential import records_of
from synth_engine.stages.model_files import CONFIGS_FILE, Described, ModelConfigs, load_sequence_network
from synth_engine.stages.relations import Subjects
from synth_engine.stages.statistics import TableStatistics
from synth_engine.stages.table_input import TableLike
from synth_engine.tabular.network import OrderGroup
from synth_engine.workspace import ArtefactReader

# Events at a time; one subject may have more.
BATCH_EVENTS = 4096


@dataclass(frozen=True, eq=False)
class FittedSequences:
    """A network of subjects and what its codes mean.

    Args:
        described: Statistics of the target, and of the context table.
        configs: What else is told of the model.
        network: The network.
    """

    described: Described
    configs: ModelConfigs
    network: SequenceNetwork

    @classmethod
    def open(cls, model: ArtefactReader, described: Described, device: str | None) -> Self:
        """Read the weights."""
        configs = ModelConfigs.model_validate(model.json(CONFIGS_FILE))
        # Whole sequences are looked at, however short the windows were that they were learned from.
        network = load_sequence_network(model, described, resolve_device(device), window=described.target.seq_len.max)
        return cls(described, configs, network)

    @property
    def statistics(self) -> TableStatistics:
        """Of the target."""
        return self.described.target

    @property
    def context_primary_key(self) -> str | None:
        """The primary key of the context table, where there is one."""
        return None if self.described.context is None else self.described.context.keys.primary_key

    def log_likelihood(self, X: Features, ctx_data: TableLike | None) -> "pd.Series[float]":
        """Log-probability of all that there is of each subject: the number of its events, and these in their order.

        Args:
            X: Events, with all columns of the fitted table but a primary key.
            ctx_data: The subjects, where the model has a context table.

        Returns:
            By the subjects' keys: those of `ctx_data`, or the distinct ones of `X`, in their order.
        """
        events, context = self._events(X), self._context(ctx_data)
        key, place = self._key, "X"
        if context is None:
            subjects = Subjects.of(events, key, argument=place)
            firsts = np.unique(subjects.places, return_index=True)[1]
            keys = events[key].combine_chunks().take(pa.array(firsts))
        else:
            subjects = Subjects.of(events, key, context.table, context.table.column_names[0], argument=place)
            keys = context.keys
        records = self._records(events, subjects, context)
        total = torch.cat([torch.zeros(0, dtype=torch.float64), *map(self._of_batch, _batches(records))])
        return pd.Series(total.numpy(), index=pd.Index(keys.to_pandas(), name=key), name="log_prob")

    @property
    def _key(self) -> str:
        key = self.statistics.keys.context_key
        assert key is not None
        return key

    def _events(self, X: Features) -> pa.Table:
        table = fitted_columns(X, self.statistics.schema)
        missing = [name for name in (self._key, *self.statistics.columns) if name not in table.column_names]
        if missing:
            raise InputError(
                f"X: expected a column {missing[0]!r}, found none; each event is judged by all that went before it, so "
                "X must have the context key and all columns of the fitted table"
            )
        return table

    def _context(self, ctx_data: TableLike | None) -> ContextData | None:
        context = self.described.context
        if context is None:
            if ctx_data is not None:
                raise InputError("ctx_data: the model has no context table, so none can be given; leave it out")
            return None
        if ctx_data is None:
            raise InputError(
                f"ctx_data: expected the subjects that {self._key!r} refers to, found None; the model has a context "
                "table, and events are judged by what it says of their subject"
            )
        return ContextData.of(ctx_data, context, self.statistics.schema.field(self._key))

    def _records(self, events: pa.Table, subjects: Subjects, context: ContextData | None) -> Records:
        """Codes of the subjects with their events, as in training: of very long sequences the first events."""
        order = subjects.places.argsort(kind="stable")
        together = Subjects(subjects.places[order], subjects.size)
        of_events = encode_events(
            events.take(pa.array(order)), together, self.statistics.columns, self.statistics.seq_len.max
        )
        of_context = {} if context is None else encode_context(context.table, context.statistics)
        return records_of(self.described, self.network.layout, [pa.table(of_context | of_events)])

    @torch.no_grad()
    def _of_batch(self, batch: Batch) -> Tensor:
        device = self.network.knots_N.device  # of a network that has no weights, too
        batch = Batch.of([part.to(device) for part in batch.tensors])
        n_events, n_columns = len(batch.events_EK), self.network.layout.events.n_columns
        groups = [OrderGroup(n_events, natural_order(n_columns, device))] if n_events else []
        of_lengths, of_events = self.network.losses(batch, groups)
        return -of_lengths.double().index_add(0, batch.subject_E, of_events.double()).cpu()


def _batches(records: Records) -> Iterator[Batch]:
    """All subjects, so many at a time that they have some thousand events; whoever has more is a batch alone."""
    everyone = torch.arange(len(records))
    number = (records.offsets[1:] + everyone) // BATCH_EVENTS  # subjects without any event count, too
    for rows in everyone.split(number.unique_consecutive(return_counts=True)[1].tolist()):
        yield records.batch(rows, torch.zeros_like(rows), records.lengths[rows])
