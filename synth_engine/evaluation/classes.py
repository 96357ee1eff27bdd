"""Columns of several tables as codes that mean the same in each: the one view that all figures are counted on.

Numbers and dates are cut into quantile ranges of the reference, text and truth values into its commonest values with
one class for all others; of free text, whose values hardly ever repeat, the length in characters stands for it. Null is
a class of its own, the last one. So a column has about a dozen classes, however many values it has.
Belongs here: classes. Does not belong here: types and their values, which `columns` knows; what is counted on codes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.evaluation.columns import WITH_ORDER, Comparable, Floats, Places, entries_of, numbers_of

Codes = npt.NDArray[np.int16]

N_CLASSES = 10
# Below this share of rows in the commonest values a column is free text or an identifier.
MIN_COMMON_SHARE = 0.1


class Kind(StrEnum):
    """How a column is cut into classes."""

    NUMBER = "number"
    DATE = "date"
    CATEGORY = "category"
    TEXT = "text"


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
    if what in WITH_ORDER:
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
