"""Context data: the subjects that the user gives, whose events are drawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import pandas as pd
import pyarrow as pa

from synth_engine.domain import InputError
from synth_engine.encodings.language import LanguageEncoding
from synth_engine.sequences.context import Context
from synth_engine.stages.contexts import context_of
from synth_engine.stages.language_data import CONTEXT, written
from synth_engine.stages.model_files import Described
from synth_engine.stages.relations import check_primary_key
from synth_engine.stages.statistics import TableStatistics
from synth_engine.stages.table_input import TableLike, fitted, to_arrow

ARGUMENT = "ctx_data"
NO_CONTEXT = f"{ARGUMENT}: the model has no context table, so none can be given; use seed_data for columns"


@dataclass(frozen=True, eq=False)
class ContextData:
    """Subjects that are given: their keys, and what the model knows of them.

    Args:
        keys: One for each subject, of the type that the target's context key has.
        table: The keys and the modelled columns, in plain layout and with the types of the original context table.
        statistics: Of the original context table.
    """

    keys: pa.Array
    table: pa.Table
    statistics: TableStatistics

    @classmethod
    def of(cls, data: TableLike, context: TableStatistics, key_field: pa.Field) -> Self:
        """Check what the user gave.

        Args:
            data: A row for each subject: its primary key and all modelled columns; others are not looked at.
            context: Statistics of the original context table.
            key_field: The target's context key.

        Raises:
            InputError: a column that is missing or cannot be used, keys that are null or not unique.
        """
        key, schema = context.keys.primary_key, context.schema
        assert key is not None
        names = context.modelled
        table = to_arrow(_selected(data, [key, *names]), ARGUMENT, lists=True)
        check_primary_key(table, key, ARGUMENT)
        # Of a target without any row it is not known which type its keys have.
        is_unknown = pa.types.is_null(key_field.type)
        values = table[key].combine_chunks()
        keys = pa.nulls(len(values)) if is_unknown else fitted(values, key_field.with_name(key), ARGUMENT)
        fields = [schema.field(name).with_nullable(True) for name in names]
        columns = [fitted(table[field.name].combine_chunks(), field, ARGUMENT) for field in fields]
        found = cls(keys, pa.table({key: keys, **dict(zip(names, columns, strict=True))}), context)
        found._check()
        return found

    @property
    def size(self) -> int:
        """Number of subjects."""
        return len(self.keys)

    def _check(self) -> None:
        """Raise `InputError` for values that cannot be encoded or written."""
        if self.statistics.language:
            self.literals(self.statistics.language, 0, self.size)
        else:
            self.codes(0, self.size)

    def literals(self, columns: Mapping[str, LanguageEncoding], start: int, n_rows: int) -> dict[str, pa.Array]:
        """What is written of some subjects, by column of the encoded data; raises `InputError` if it cannot be."""
        try:
            return dict(written(self.table.slice(start, n_rows), columns, CONTEXT))
        except InputError as error:
            raise InputError(f"{ARGUMENT}: {error}") from None

    def codes(self, start: int, n_rows: int) -> Context:
        """Codes of some subjects; raises `InputError` for values that cannot be encoded."""
        try:
            return context_of(self.table.slice(start, n_rows).combine_chunks(), self.statistics)
        except InputError as error:
            raise InputError(f"{ARGUMENT}: {error}") from None


def context_for(
    described: Described, ctx_data: TableLike | None, key: pa.Field, drawn: str = "events"
) -> ContextData | None:
    """The subjects that are given to a model with a context key; None where it has no context table.

    Args:
        described: Statistics that the model was trained with.
        ctx_data: What the user gives.
        key: The context key of the target.
        drawn: What is generated of each, for errors.

    Raises:
        InputError: subjects are given to a model that has no context table, or none to one that has.
    """
    if described.context is None:
        if ctx_data is not None:
            raise InputError(
                "ctx_data: the model has no context table, so none can be given; use seed_data for first "
                f"{drawn}, with the keys of their subjects in {key.name!r}"
            )
        return None
    if ctx_data is None:
        raise InputError(
            f"ctx_data: expected the subjects whose {drawn} are to be generated, found None; {key.name!r} refers to a "
            f"context table, so give synthetic subjects, made by a model of that table, or, if you really want {drawn} "
            "for real people, the original table"
        )
    return ContextData.of(ctx_data, described.context, key)


def _selected(data: TableLike, names: list[str]) -> TableLike:
    if not isinstance(data, pd.DataFrame | pa.Table):
        raise InputError(f"{ARGUMENT}: expected a pandas.DataFrame or a pyarrow.Table, found {type(data).__name__}")
    there = list(data.columns) if isinstance(data, pd.DataFrame) else data.column_names
    missing = [name for name in names if name not in there]
    if missing:
        what = "the primary key of the context table" if missing[0] == names[0] else "which the model has learned from"
        found = ", ".join(map(str, there[:20])) + (", …" if len(there) > 20 else "")
        raise InputError(f"{ARGUMENT}: expected a column {missing[0]!r}, {what}; found {found or 'none'}")
    return data[names] if isinstance(data, pd.DataFrame) else data.select(names)
