"""Tables of three origins as comparable numbers: codes of equal values, coarse codes, ranks.

Belongs here: what is the same for all attacks: columns to codes, distances between kinds of values to vectors. Does not
belong here: reading types (`harmony`), subjects (`subjects`), attacks.

Shape legend: R rows (or subjects), C columns, D dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from synth_engine.domain.randomness import generator
from synth_engine.evaluation.privacy.harmony import harmonised, is_ordered
from synth_engine.evaluation.privacy.subjects import features_of_subjects

MAX_ROWS = 20_000
"""So many rows of each table are compared with each other, where all pairs are needed."""

_STEPS = 20  # of coarse values of an ordered column: a match is within 5 % of the ranks
_ONE_HOT = 32  # categories up to which each has a dimension of its own
_DIMENSIONS = 2_048  # for categories of all columns that have more
_USUAL = 256  # dimensions up to which MAX_ROWS is meant

Codes = npt.NDArray[np.int32]
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Rows:
    """Rows of one origin.

    Attributes:
        codes_RC: Shape (R, C): equal values of a column, and only these, have equal codes; 0 where one is missing.
        ranks_RC: Shape (R, C): the share of real values that are smaller, equal ones counted half; 0.5 where a value is
            missing or the column has no order.
    """

    codes_RC: Codes
    ranks_RC: Vectors

    def __len__(self) -> int:
        return len(self.codes_RC)

    def take(self, places: npt.NDArray[np.intp]) -> "Rows":
        """The rows at these places, in that order."""
        return Rows(self.codes_RC[places], self.ranks_RC[places])

    def shuffled(self, rng: np.random.Generator, most: int | None = None) -> "Rows":
        """In random order, and at most so many."""
        return self.take(rng.permutation(len(self))[:most])


@dataclass(frozen=True)
class Prepared:
    """Training, held-out and synthetic rows as numbers, and what the columns are.

    Attributes:
        training: What the generator learned from.
        holdout: Real rows of the same population that it has not seen.
        synthetic: What it made.
        names: Names of the C columns.
        is_ordered: Of each column, whether its values are numbers or times.
        left_out: Columns that no attack uses, since they hold lists or structures.
        unit: What a row stands for: ``row`` or ``subject``.
    """

    training: Rows
    holdout: Rows
    synthetic: Rows
    names: tuple[str, ...]
    is_ordered: tuple[bool, ...]
    left_out: tuple[str, ...] = ()
    unit: str = "row"

    @property
    def origins(self) -> tuple[Rows, Rows, Rows]:
        """Training, held-out, synthetic."""
        return self.training, self.holdout, self.synthetic

    def coarse(self) -> "Prepared":
        """The same with ordered columns in 20 steps of equal numbers of real rows."""
        training, holdout, synthetic = (_coarse(rows, self.is_ordered) for rows in self.origins)
        return replace(self, training=training, holdout=holdout, synthetic=synthetic)

    def lacks(self, least: int) -> str | None:
        """Why there is too little for an attack that wants so many units of each origin; None if there is enough."""
        if not self.names:
            return "there is no column to compare"
        few = [f"{len(rows):,} {name}" for name, rows in zip(_ORIGINS, self.origins, strict=True) if len(rows) < least]
        return f"needs at least {least:,} {self.unit}s of each, found {', '.join(few)}" if few else None


_ORIGINS = ("training", "holdout", "synthetic")


def prepare(
    training: pa.Table,
    holdout: pa.Table,
    synthetic: pa.Table,
    *,
    keys: Sequence[str] = (),
    context_key: str | None = None,
) -> Prepared:
    """Make tables comparable. Linear in their sizes, so all rows are there; attacks take samples where they need to.

    Args:
        training: What the generator learned from.
        holdout: Real rows of the same population that it has not seen; the split must have been by chance.
        synthetic: What it made.
        keys: Columns to ignore, such as primary keys: numbers that say nothing of a person.
        context_key: The column that says whose event a row is. Then subjects are compared, by features of their events;
            rows without a subject are ignored.

    Raises:
        InputError: If tables have different columns, or a column has kinds of values that cannot be compared.
    """
    tables, left_out = harmonised((training, holdout, synthetic), keys, context_key)
    if context_key is not None:
        tables = [features_of_subjects(table, context_key) for table in tables]
    names = tuple(tables[0].column_names)
    ordered = tuple(is_ordered(kind) for kind in tables[0].schema.types)
    codes = [np.zeros((table.num_rows, len(names)), np.int32) for table in tables]
    ranks = [np.full((table.num_rows, len(names)), 0.5, np.float32) for table in tables]
    for place, name in enumerate(names):
        column = [table[name].combine_chunks() for table in tables]
        coded = _coded_numbers(column) if ordered[place] else (_coded_texts(column), None)
        for origin in range(len(tables)):
            codes[origin][:, place] = coded[0][origin]
            if coded[1] is not None:
                ranks[origin][:, place] = coded[1][origin]
    rows = [Rows(*pair) for pair in zip(codes, ranks, strict=True)]
    unit = "row" if context_key is None else "subject"
    return Prepared(rows[0], rows[1], rows[2], names, ordered, left_out, unit)


def _coded_texts(column: list[Any]) -> list[Codes]:
    indices = pa.chunked_array(column).dictionary_encode().combine_chunks().indices
    codes = indices.cast(pa.int32()).fill_null(-1).to_numpy(zero_copy_only=False) + 1
    return _per_origin(codes, column)


def _coded_numbers(column: list[Any]) -> tuple[list[Codes], list[Vectors]]:
    whole = pa.chunked_array(column).combine_chunks()
    is_there = whole.is_valid().to_numpy(zero_copy_only=False)
    values, inverse = np.unique(whole.drop_null().to_numpy(), return_inverse=True)
    codes = np.zeros(len(whole), np.int32)
    codes[is_there] = inverse + 1
    # ranks among real rows of both origins, so that neither has an advantage
    n_real = len(column[0]) + len(column[1])
    counts = np.bincount(codes[:n_real], minlength=len(values) + 1)[1:]
    middles = (np.cumsum(counts) - counts / 2) / max(counts.sum(), 1)
    ranks = np.concatenate([[0.5], middles]).astype(np.float32)[codes]
    return _per_origin(codes, column), _per_origin(ranks, column)


def _per_origin(values: npt.NDArray[Any], column: list[Any]) -> list[npt.NDArray[Any]]:
    return np.split(values, np.cumsum([len(part) for part in column])[:-1])


def _coarse(rows: Rows, ordered: Sequence[bool]) -> Rows:
    steps = 1 + np.minimum((rows.ranks_RC * _STEPS).astype(np.int32), _STEPS - 1)
    return Rows(np.where(np.array(ordered, np.bool_) & (rows.codes_RC > 0), steps, rows.codes_RC), rows.ranks_RC)


@dataclass(frozen=True)
class Space:
    """Where rows lie as points: squared distances add up, at most about 1 from each column, in the manner of Gower.

    An ordered column has one dimension, its ranks, and one for missing values where there are some. Of another column
    with up to 32 values each value has a dimension, so that two that differ are 1 apart. With more values each has a
    random code of signs: two that differ are 1 apart on average (Johnson and Lindenstrauss, 1984), equal ones are 0.

    Attributes:
        parts: Of each column, its vectors by code, shape (codes, D of the column); None for ordered columns without
            missing values, whose only dimension is the rank.
    """

    is_ordered: tuple[bool, ...]
    parts: tuple[Vectors | None, ...]

    @classmethod
    def of(cls, prepared: Prepared) -> "Space":
        """The space in which rows of these tables lie. Same tables, same space."""
        rng = generator(0, "privacy", "space")
        n_others = max(len(prepared.names) - sum(prepared.is_ordered), 1)
        n_signs = min(max(_DIMENSIONS // n_others, 4), _ONE_HOT)
        parts: list[Vectors | None] = []
        for place, ordered in enumerate(prepared.is_ordered):
            columns = [rows.codes_RC[:, place] for rows in prepared.origins if len(rows)]
            n_codes = 1 + max((int(codes.max()) for codes in columns), default=0)
            if ordered:
                has_missing = any((codes == 0).any() for codes in columns)
                missing = np.zeros((n_codes, 1), np.float32)
                missing[0] = 1
                parts.append(missing if has_missing else None)
            elif n_codes <= _ONE_HOT:
                parts.append(np.eye(n_codes, dtype=np.float32) * np.float32(0.5**0.5))
            else:
                signs = rng.integers(0, 2, (n_codes, n_signs)).astype(np.float32)
                parts.append(signs * np.float32((2 / n_signs) ** 0.5))
        return cls(prepared.is_ordered, tuple(parts))

    def points(self, rows: Rows, columns: Sequence[int] | None = None) -> Vectors:
        """Rows as points of shape (R, D), by some columns or by all."""
        vectors = []
        for place in range(len(self.parts)) if columns is None else columns:
            if self.is_ordered[place]:
                vectors.append(rows.ranks_RC[:, place, None])
            part = self.parts[place]
            if part is not None:
                vectors.append(part[rows.codes_RC[:, place]])
        return np.hstack(vectors) if vectors else np.zeros((len(rows), 0), np.float32)

    def most(self, max_rows: int) -> int:
        """So many rows in place of `max_rows`, that wide tables take about as long as others."""
        n_dimensions = sum(1 if part is None else part.shape[1] for part in self.parts)
        return max(int(max_rows * min(1.0, (_USUAL / max(n_dimensions, 1)) ** 0.5)), 1)
