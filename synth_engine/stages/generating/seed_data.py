"""Seed data: columns that the user gives, which come back as they are while all else is drawn to fit them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.domain import GenerateConfig, InputError
from synth_engine.encodings import Encoding, Entities
from synth_engine.stages.statistics import TableStatistics
from synth_engine.stages.table_input import TableLike, fitted, to_arrow

ARGUMENT = "seed_data"


@dataclass(frozen=True, eq=False)
class SeedData:
    """Columns that are given, in plain layout and with the types of the original table.

    Args:
        table: One row for every row to come.
        filled: Those of its columns in which nulls are not given, but to be drawn.
        is_there: In which rows anything is given; None stands for all.
    """

    table: pa.Table
    filled: frozenset[str] = frozenset()
    is_there: npt.NDArray[np.bool_] | None = None

    @classmethod
    def of(cls, data: TableLike, statistics: TableStatistics, filled: Collection[str] = ()) -> Self:
        """Check what the user gave; raises `InputError` naming the column that cannot be used."""
        table, schema = to_arrow(data, ARGUMENT), statistics.schema
        unknown = [name for name in table.column_names if name not in schema.names]
        if unknown:
            known = ", ".join(schema.names)
            raise InputError(f"{ARGUMENT}: unknown column {unknown[0]!r}; the model knows {known}")
        columns = [fitted(table[name].combine_chunks(), schema.field(name), ARGUMENT) for name in table.column_names]
        fields = [schema.field(name) for name in table.column_names]
        nullable = [field.with_nullable(True) for field in fields]
        seeds = cls(pa.table(columns, schema=pa.schema(nullable)), frozenset(filled) & set(table.column_names))
        seeds._check_key(statistics.keys.primary_key)
        return seeds

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.table.num_rows)

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return list(self.table.column_names)

    def slice(self, start: int, n_rows: int) -> Self:
        """Some rows."""
        return replace(self, table=self.table.slice(start, n_rows))

    def take(self, rows: npt.NDArray[np.int64]) -> Self:
        """Rows in another order."""
        return replace(self, table=self.table.take(pa.array(rows)))

    def among(self, places: npt.NDArray[np.int64], n_rows: int) -> Self:
        """The same rows among others of which nothing is given.

        Args:
            places: Where each row goes.
            n_rows: Number of all rows.
        """
        row_at = np.full(n_rows, -1)
        row_at[places] = np.arange(self.n_rows)
        is_there = row_at >= 0
        return replace(self, table=self.table.take(pa.array(row_at, mask=~is_there)), is_there=is_there)

    def is_given(self, name: str) -> npt.NDArray[np.bool_]:
        """In which rows the column is given."""
        given: npt.NDArray[np.bool_] = np.full(self.n_rows, name in self.names)
        if name in self.filled:
            given = self.table[name].combine_chunks().is_valid().to_numpy(zero_copy_only=False)
        return given if self.is_there is None else given & self.is_there

    def codes(self, name: str, encoding: Encoding, entities: Entities | None = None) -> npt.NDArray[np.int32]:
        """Codes of a column that is given, (rows, sub-columns); raises `InputError` for values it cannot take."""
        try:
            return encoding.encode_events(self.table[name].combine_chunks(), entities)
        except InputError as error:
            raise InputError(f"{ARGUMENT}: column {name!r}: {error}") from None

    def completed(self, name: str, drawn: pa.Array) -> pa.Array:
        """The given values of a column, and drawn ones where none is given."""
        given = self.is_given(name)
        values = self.table[name].combine_chunks()
        if given.all():
            return values
        place = np.where(given, 0, self.n_rows) + np.arange(self.n_rows)
        return pa.concat_arrays([values, drawn]).take(pa.array(place))

    def check_encodable(self, encodings: Mapping[str, Encoding]) -> None:
        """Raise `InputError` naming a column with values that its encoding refuses."""
        for name in self.names:
            if name in encodings:
                self.codes(name, encodings[name])

    def _check_key(self, key: str | None) -> None:
        if key is None or key not in self.names:
            return
        values = self.table[key].combine_chunks()
        if values.null_count:
            raise InputError(f"{ARGUMENT}: the primary key {key!r} has {values.null_count} null(s); give every row one")
        plain = values.dictionary_decode() if pa.types.is_dictionary(values.type) else values
        n_different = len(pc.unique(plain.storage if isinstance(plain, pa.ExtensionArray) else plain))
        if n_different < len(values):
            raise InputError(
                f"{ARGUMENT}: the primary key {key!r} must be unique, found {len(values) - n_different} value(s) again"
            )


def n_rows_of(config: GenerateConfig, statistics: TableStatistics, seeds: SeedData | None) -> int:
    """Number of rows to come, where each stands for itself; raises `InputError` where two numbers are asked for."""
    if seeds is None:
        return statistics.total_records if config.sample_size is None else config.sample_size
    if config.sample_size not in (None, seeds.n_rows):
        raise InputError(
            f"sample_size: seed_data has {seeds.n_rows} row(s), which is how many are generated, found "
            f"{config.sample_size}; leave it out"
        )
    return seeds.n_rows
