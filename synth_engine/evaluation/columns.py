"""Columns of several tables that may be compared: their types, and their values as numbers or entries of a list.

Belongs here: types, and whether tables fit each other. Does not belong here: classes, and what is counted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from synth_engine.domain import InputError
from synth_engine.encodings.layouts import plain_type, to_plain

Places = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_DAY = 86_400.0


def values_of(dtype: pa.DataType) -> str:
    """What values of a type are, in words; columns of different tables compare only if that is the same.

    >>> values_of(pa.int8()), values_of(pa.dictionary(pa.int8(), pa.string())), values_of(pa.list_(pa.int8()))
    ('numbers', 'text', 'nested values')
    """
    dtype = _decoded_type(plain_type(dtype))
    for told, is_kind in _VALUES.items():
        if any(fits(dtype) for fits in is_kind):
            return told
    return "nested values"


_VALUES = {
    "nulls": (pa.types.is_null,),
    "numbers": (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal),
    "dates": (pa.types.is_date, pa.types.is_timestamp),
    "times of day": (pa.types.is_time,),
    "durations": (pa.types.is_duration,),
    "truth values": (pa.types.is_boolean,),
    "text": (pa.types.is_string, pa.types.is_large_string),
    "bytes": (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary),
}
WITH_ORDER = ("numbers", "dates", "times of day", "durations")


def _decoded_type(dtype: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(dtype):
        return _decoded_type(dtype.value_type)
    return dtype.storage_type if isinstance(dtype, pa.BaseExtensionType) else dtype


@dataclass(frozen=True, eq=False)
class PlainTable:
    """Columns of one table as plain Arrow arrays: one chunk, no extension types."""

    columns: Mapping[str, pa.Array]
    n_rows: int

    def take(self, rows: Places) -> "PlainTable":
        """The table of these rows."""
        if len(rows) == self.n_rows and (rows == np.arange(self.n_rows)).all():
            return self
        chosen = pa.array(rows)
        return PlainTable({name: column.take(chosen) for name, column in self.columns.items()}, len(rows))

    def only(self, names: Iterable[str]) -> "PlainTable":
        """The table of these columns."""
        return PlainTable({name: self.columns[name] for name in names}, self.n_rows)


@dataclass(frozen=True, eq=False)
class Comparable:
    """Tables of the same columns, which may be compared.

    Args:
        tables: By name, in the order given.
        values: What the values of each column are, as `values_of` tells.
        left_out: Why a column cannot be compared, by column.
    """

    tables: Mapping[str, PlainTable]
    values: Mapping[str, str]
    left_out: Mapping[str, str]

    def taking(self, rows: Mapping[str, Places]) -> "Comparable":
        """The same with only these rows of each table."""
        tables = {name: table.take(rows[name]) for name, table in self.tables.items()}
        return Comparable(tables, self.values, self.left_out)


def comparable(tables: Mapping[str, pa.Table], keys: Iterable[str] = ()) -> Comparable:
    """Plain columns of tables that have the same columns, in any order.

    Args:
        tables: By name, which is what messages call them; the first is the one that the others have to be like.
        keys: Columns to leave out; those that no table has are no mistake.

    Raises:
        InputError: a column is missing, too many, there twice, or of another kind of values than in the first table.
    """
    _check_names(tables)
    first, *_ = tables.values()
    values: dict[str, str] = {}
    for name in first.column_names:
        if name not in set(keys):
            values[name] = _values_in_all(name, tables)
    nested = [name for name, what in values.items() if what == "nested values"]
    values = {name: what for name, what in values.items() if name not in nested}
    plain = {
        called: PlainTable({name: plain_column(table[name]) for name in values}, table.num_rows)
        for called, table in tables.items()
    }
    return Comparable(plain, values, dict.fromkeys(nested, "nested values are not compared"))


def plain_column(column: pa.ChunkedArray) -> pa.Array:
    """One array of a plain type, without extension type."""
    chunks = [to_plain(chunk) for chunk in column.chunks]
    chunks = [chunk.storage if isinstance(chunk.type, pa.BaseExtensionType) else chunk for chunk in chunks]
    if len(chunks) == 1:
        return chunks[0]
    plain = plain_type(column.type)
    dtype = plain.storage_type if isinstance(plain, pa.BaseExtensionType) else plain
    joined = pa.chunked_array(chunks, dtype)
    return (joined.unify_dictionaries() if pa.types.is_dictionary(dtype) else joined).combine_chunks()


def _check_names(tables: Mapping[str, pa.Table]) -> None:
    (first, expected), *_ = tables.items()
    for called, table in tables.items():
        twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
        if twice:
            raise InputError(f"{called}: expected every column once, found {twice[0]!r} several times; rename them")
        missing = [name for name in expected.column_names if name not in table.column_names]
        if missing:
            raise InputError(f"{called}: expected the columns of {first}, found no {missing[0]!r}")
        unknown = [name for name in table.column_names if name not in expected.column_names]
        if unknown:
            raise InputError(f"{called}: expected the columns of {first}, found {unknown[0]!r} too; leave it out")


def _values_in_all(name: str, tables: Mapping[str, pa.Table]) -> str:
    """What the column's values are; a table in which it holds nothing but nulls has no say."""
    found = {called: values_of(table.schema.field(name).type) for called, table in tables.items()}
    told = [(called, what) for called, what in found.items() if what != "nulls"]
    for called, what in told[1:]:
        if what != told[0][1]:
            raise InputError(
                f"{called}: column {name!r}: expected {told[0][1]} as in {told[0][0]}, found {what}; "
                f"give it the type {tables[told[0][0]].schema.field(name).type}"
            )
    return told[0][1] if told else "nulls"


def numbers_of(values: pa.Array) -> Floats:
    """Numbers, and dates, times and durations in seconds, as floats, shape (rows,); null is NaN."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    dtype, unit = values.type, 1.0
    if pa.types.is_null(dtype):
        return np.full(len(values), np.nan)
    if pa.types.is_temporal(dtype):
        unit = _DAY if pa.types.is_date32(dtype) else _SECONDS[getattr(dtype, "unit", "ms")]
        values = values.cast(pa.int32() if dtype.bit_width == 32 else pa.int64())
    numbers = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    scaled: Floats = numbers.astype(np.float64, copy=False) * unit
    return scaled


def entries_of(values: pa.Array) -> tuple[pa.Array, Places]:
    """The different texts, bytes or truth values, and the place of each row's among them, -1 for null."""
    if pa.types.is_null(values.type):
        return pa.array([], pa.large_string()), np.full(len(values), -1, np.int64)
    encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    # a dictionary may have a value twice, and null
    different = encoded.dictionary.dictionary_encode()
    of_entry = _places(different.indices)
    of_row = _places(encoded.indices)
    entries = different.dictionary
    wide = pa.large_binary() if values_of(entries.type) == "bytes" else pa.large_string()
    entries = entries.cast(pa.binary(-1)).cast(wide) if pa.types.is_fixed_size_binary(entries.type) else entries
    return entries.cast(wide), np.append(of_entry, -1)[of_row]


def _places(indices: pa.Array) -> Places:
    places: Places = indices.cast(pa.int64()).fill_null(-1).to_numpy()
    return places
