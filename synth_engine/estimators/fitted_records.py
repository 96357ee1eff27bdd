"""A finished language model, opened to be asked: needs torch, so that it is imported where it is used."""

from dataclasses import dataclass
from typing import Self

import pandas as pd
import pyarrow as pa

from synth_engine.domain import InputError
from synth_engine.estimators.tables import Features, fitted_columns
from synth_engine.language.scoring import log_prob
from synth_engine.stages.devices import resolve_device
from synth_engine.stages.generating.context_data import context_for
from synth_engine.stages.language_data import encode_records
from synth_engine.stages.language_model import LanguageModel, WrittenColumns, load_language_model
from synth_engine.stages.model_files import CONFIGS_FILE, Described, ModelConfigs
from synth_engine.stages.relations import Subjects
from synth_engine.stages.statistics import TableStatistics
from synth_engine.stages.table_input import TableLike
from synth_engine.workspace import ArtefactReader


@dataclass(frozen=True, eq=False)
class FittedRecords:
    """A language model and what it writes.

    Args:
        described: Statistics of the target, and of the context table.
        configs: What else is told of the model.
        model: Network and vocabulary.
    """

    described: Described
    configs: ModelConfigs
    model: LanguageModel

    @classmethod
    def open(cls, model: ArtefactReader, described: Described, device: str | None) -> Self:
        """Read the weights."""
        configs = ModelConfigs.model_validate(model.json(CONFIGS_FILE))
        return cls(described, configs, load_language_model(model, resolve_device(device)))

    @property
    def statistics(self) -> TableStatistics:
        """Of the target."""
        return self.described.target

    @property
    def context_primary_key(self) -> str | None:
        """The primary key of the context table, where there is one."""
        return None if self.described.context is None else self.described.context.keys.primary_key

    def log_likelihood(self, X: Features, ctx_data: TableLike | None) -> "pd.Series[float]":
        """Log-probability of each record as it is written, in nats.

        Args:
            X: Records, with all columns of the fitted table but a primary key.
            ctx_data: What they belong to, where the model has a context table.

        Returns:
            One for each row of `X`, in their order.
        """
        table = fitted_columns(X, self.statistics.schema)
        missing = [name for name in self.statistics.language if name not in table.column_names]
        if missing:
            raise InputError(f"X: expected a column {missing[0]!r}, found none; give all columns of the fitted table")
        rows, columns = self._context(table, ctx_data), WrittenColumns.of(self.described)
        try:
            encoded = encode_records(table, columns.target, rows, columns.context)
        except InputError as error:
            raise InputError(f"X: {error}") from None
        network = self.model.network
        device = next(network.parameters()).device
        records = columns.records([encoded], self.model.vocabulary).to(device)
        return pd.Series(log_prob(network, records).cpu().numpy(), name="log_prob")

    def _context(self, table: pa.Table, ctx_data: TableLike | None) -> pa.Table | None:
        """The context row of each record."""
        key = self.statistics.keys.context_key
        if key is None:
            if ctx_data is not None:
                raise InputError("ctx_data: the model has no context table, so none can be given; leave it out")
            return None
        context = context_for(self.described, ctx_data, self.statistics.schema.field(key), drawn="records")
        if context is None:
            return None
        if key not in table.column_names:
            raise InputError(
                f"X: expected a column {key!r}, which says what of ctx_data a record belongs to; found none"
            )
        subjects = Subjects.of(table, key, context.table, context.table.column_names[0], argument="X")
        return context.table.take(pa.array(subjects.places))
