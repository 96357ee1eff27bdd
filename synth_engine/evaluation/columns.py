"""Columns of several tables as codes that mean the same in each: the one view that all figures are counted on.

Numbers and dates are cut into quantile ranges of the reference, text and truth values into its commonest values with
one class for all others; of free text, whose values hardly ever repeat, the length in characters stands for it. Null is
a class of its own, the last one. So a column has about a dozen classes, however many values it has.
Belongs here: types, and the way to codes. Does not belong here: what is counted on codes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.domain import InputError
from synth_engine.encodings.layouts import plain_type, to_plain

Codes = npt.NDArray[np.int16]
Places = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

N_CLASSES = 10
# Below this share of rows in the commonest values a column is free text or an identifier.
MIN_COMMON_SHARE = 0.1

_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_DAY = 86_400.0


class Kind(StrEnum):
    """How a column is cut into classes."""

    NUMBER = "number"
    DATE = "date"
    CATEGORY = "category"
    TEXT = "text"


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
_WITH_ORDER = ("numbers", "dates", "times of day", "durations")


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


@dataclass(frozen=True, eq=False)
class Ranges:
    """Quantile ranges of something with an order; the last class is null.

    A number that many rows have, such as 0, is a class of its own.
    """

    edges: Floats

    @classmethod
    def of(cls, numbers: Floats) -> "Ranges":
        """Ranges of as many numbers each as possible; NaN does not count."""
        numbers = numbers[~np.isnan(numbers)]
        if not len(numbers):
            return cls(np.empty(0))
        # numbers that occur, not averages of two: these would be NaN between two infinities
        cuts = np.quantile(numbers, np.arange(1, N_CLASSES) / N_CLASSES, method="inverted_cdf")
        popular = cuts[1:][cuts[1:] == cuts[:-1]]
        with np.errstate(over="ignore"):
            behind = np.nextafter(popular, np.inf)
        return cls(np.unique(np.concatenate([cuts, behind])))

    @property
    def size(self) -> int:
        """Number of classes."""
        return len(self.edges) + 2

    def code(self, numbers: Floats) -> Codes:
        """Class of each number."""
        codes: Codes = np.searchsorted(self.edges, numbers, side="right").astype(np.int16)
        codes[np.isnan(numbers)] = self.size - 1
        return codes


@dataclass(frozen=True, eq=False)
class Categories:
    """The commonest values; the last two classes are any other one, and null."""

    commonest: pa.Array

    @classmethod
    def of(cls, entries: pa.Array, of_row: Places) -> "Categories | None":
        """None where values are nearly all different."""
        counts = np.bincount(of_row[of_row >= 0], minlength=len(entries))
        # by value where counts are equal, so that the order of the rows says nothing
        ranked = pa.table({"values": entries, "counts": counts})
        order = pc.sort_indices(ranked, [("counts", "descending"), ("values", "ascending")])[:N_CLASSES]
        if counts[order.to_numpy()].sum() < MIN_COMMON_SHARE * counts.sum():
            return None
        return cls(entries.take(order))

    @property
    def size(self) -> int:
        """Number of classes."""
        return len(self.commonest) + 2

    def code(self, entries: pa.Array, of_row: Places) -> Codes:
        """Class of each row's value."""
        if entries.type != self.commonest.type:
            entries = entries.cast(self.commonest.type)
        known = pc.index_in(entries, self.commonest).fill_null(self.size - 2).to_numpy().astype(np.int16)
        codes: Codes = np.append(known, np.int16(self.size - 1))[of_row]
        return codes


@dataclass(frozen=True, eq=False)
class CodedColumns:
    """Columns of several tables as classes.

    Args:
        names: Of the columns that are compared.
        kinds: Of the same columns.
        sizes: Numbers of their classes; the last class is null.
        tables: Codes of each table, shape (columns, rows).
    """

    names: Sequence[str]
    kinds: Sequence[Kind]
    sizes: Sequence[int]
    tables: Mapping[str, Codes]


def code_columns(of: Comparable, reference: str) -> CodedColumns:
    """Codes of all columns that can be compared.

    Args:
        of: The tables.
        reference: Name of the table whose values the classes are made of.
    """
    kinds, sizes, coded = [], [], []
    for name, what in of.values.items():
        columns = {called: table.columns[name] for called, table in of.tables.items()}
        kind, size, codes = _code(columns, what, reference)
        kinds.append(kind)
        sizes.append(size)
        coded.append(codes)
    stacked = {
        called: np.stack([codes[called] for codes in coded]) if coded else np.empty((0, table.n_rows), np.int16)
        for called, table in of.tables.items()
    }
    return CodedColumns(list(of.values), kinds, sizes, stacked)


def _code(columns: Mapping[str, pa.Array], what: str, reference: str) -> tuple[Kind, int, Mapping[str, Codes]]:
    if what in _WITH_ORDER:
        numbers = {called: numbers_of(column) for called, column in columns.items()}
        return _in_ranges(Kind.DATE if what == "dates" else Kind.NUMBER, numbers, reference)
    entries = {called: entries_of(column) for called, column in columns.items()}
    categories = Categories.of(*entries[reference])
    if categories is None:
        return _in_ranges(Kind.TEXT, {called: _lengths(*found) for called, found in entries.items()}, reference)
    return Kind.CATEGORY, categories.size, {called: categories.code(*found) for called, found in entries.items()}


def _in_ranges(kind: Kind, numbers: Mapping[str, Floats], reference: str) -> tuple[Kind, int, Mapping[str, Codes]]:
    ranges = Ranges.of(numbers[reference])
    return kind, ranges.size, {called: ranges.code(found) for called, found in numbers.items()}


def _lengths(entries: pa.Array, of_row: Places) -> Floats:
    length = pc.utf8_length if pa.types.is_large_string(entries.type) else pc.binary_length
    return np.append(length(entries).to_numpy().astype(np.float64), np.nan)[of_row]
