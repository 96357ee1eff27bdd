"""A few honest figures on how like the original a synthetic table is, in about a second.

Distributions of single columns and of pairs of columns are compared by total variation distance, after every column
has been cut into few classes: ten quantile ranges or the ten commonest categories of the training rows, one class for
all other categories, one for null. The synthetic rows are compared with validation rows, which no model has seen; how
near the training rows themselves come to these is the ceiling, since samples of one distribution differ too.
Belongs here: the figures. Does not belong here: files, Dagster, the engine.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

N_CLASSES = 10
# More rows than this do not change the figures, more columns than this make too many pairs.
MAX_ROWS = 50_000
MAX_PAIRED_COLUMNS = 100
# Below this share of rows in the commonest categories a column is free text or an identifier: nothing to compare.
MIN_COMMON_SHARE = 0.1
_CHUNK = 8192

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Accuracy(BaseModel):
    """One minus the total variation distance, from 0 to 1: of the synthetic rows, and the ceiling."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    synthetic: float
    ceiling: float


class Fidelity(BaseModel):
    """Mean accuracy over columns (`univariate`) and pairs of columns (`bivariate`, None if there is no pair)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    univariate: Accuracy | None
    bivariate: Accuracy | None
    columns: dict[str, Accuracy]
    left_out: list[str]
    compared_rows: int
    validation_rows: int


@dataclass(frozen=True)
class _Coded:
    """Columns as classes, of shape (columns, rows); those of column i begin at ``starts[i]``."""

    names: list[str]
    starts: Codes
    synthetic: Codes
    training: Codes
    validation: Codes


def measure_fidelity(
    synthetic: pa.Table, training: pa.Table, validation: pa.Table, *, keys: Iterable[str] = ()
) -> Fidelity | None:
    """Compare tables of the same columns; None where one of them has no row.

    As many synthetic as training rows are compared, so that neither has an advantage by its size.

    Args:
        synthetic: Synthetic rows, in random order.
        training: Rows that the model was trained on, in random order.
        validation: Rows held out, in random order.
        keys: Columns to leave out.
    """
    n_rows = min(synthetic.num_rows, training.num_rows, MAX_ROWS)
    if n_rows == 0 or validation.num_rows == 0:
        return None
    tables = (synthetic.slice(0, n_rows), training.slice(0, n_rows), validation.slice(0, MAX_ROWS))
    names = [name for name in training.column_names if name not in set(keys)]
    coded, left_out = _code_tables(names, *tables)
    columns = _univariate(coded)
    return Fidelity(
        univariate=_mean(list(columns.values())),
        bivariate=_bivariate(coded),
        columns=columns,
        left_out=left_out,
        compared_rows=n_rows,
        validation_rows=tables[2].num_rows,
    )


def _code_tables(
    names: list[str], synthetic: pa.Table, training: pa.Table, validation: pa.Table
) -> tuple[_Coded, list[str]]:
    kept, sizes, coded = [], [], []
    for name in names:
        columns = [table[name] for table in (synthetic, training, validation)]
        classes = _classes_of(columns[1])
        if classes is None:
            continue
        kept.append(name)
        sizes.append(classes.size)
        coded.append([classes.code(column) for column in columns])
    starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    stacked = [
        np.stack([codes[place] + start for codes, start in zip(coded, starts[:-1], strict=True)])
        if coded
        else np.empty((0, 0), np.int64)
        for place in range(3)
    ]
    return _Coded(kept, starts, *stacked), [name for name in names if name not in kept]


@dataclass(frozen=True)
class _Ranges:
    """Quantile ranges of something with an order; the last class is null."""

    edges: Floats

    @property
    def size(self) -> int:
        return len(self.edges) + 2

    def code(self, column: pa.ChunkedArray) -> Codes:
        numbers = _numbers(column)
        codes = np.searchsorted(self.edges, numbers, side="right").astype(np.int64)
        codes[np.isnan(numbers)] = self.size - 1
        return codes


@dataclass(frozen=True)
class _Categories:
    """The commonest categories; the last two classes are any other one, and null."""

    commonest: pa.Array

    @property
    def size(self) -> int:
        return len(self.commonest) + 2

    def code(self, column: pa.ChunkedArray) -> Codes:
        texts = _texts(column)
        codes: Codes = pc.index_in(texts, self.commonest).fill_null(self.size - 2).to_numpy().astype(np.int64)
        codes[texts.is_null().to_numpy()] = self.size - 1
        return codes


def _classes_of(column: pa.ChunkedArray) -> _Ranges | _Categories | None:
    """Classes that fit the column, or None where its values are nearly all different and have no order."""
    if _has_order(column.type):
        numbers = _numbers(column)
        numbers = numbers[~np.isnan(numbers)]
        inner = np.arange(1, N_CLASSES) / N_CLASSES
        return _Ranges(np.unique(np.quantile(numbers, inner)) if len(numbers) else np.empty(0))
    counts = _texts(column).drop_null().value_counts()
    order = np.argsort(-counts.field("counts").to_numpy(), kind="stable")[:N_CLASSES]
    common = pc.sum(counts.field("counts").take(pa.array(order))).as_py() or 0
    if common < MIN_COMMON_SHARE * (len(column) - column.null_count):
        return None
    return _Categories(counts.field("values").take(pa.array(order)))


def _has_order(dtype: pa.DataType) -> bool:
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_temporal)
    return any(is_kind(dtype) for is_kind in kinds)


def _numbers(column: pa.ChunkedArray) -> Floats:
    """Values as float64, null as NaN."""
    if pa.types.is_temporal(column.type):
        width = pa.int32() if column.type.bit_width == 32 else pa.int64()
        column = column.cast(width)
    numbers: Floats = column.cast(pa.float64(), safe=False).to_numpy().astype(np.float64, copy=False)
    return numbers


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.cast(pa.large_string())


def _univariate(coded: _Coded) -> dict[str, Accuracy]:
    one, trn, val = (_shares(codes, coded.starts[-1]) for codes in (coded.synthetic, coded.training, coded.validation))
    synthetic = _sums(np.abs(one - val), coded.starts[:-1])
    ceiling = _sums(np.abs(trn - val), coded.starts[:-1])
    return {
        name: Accuracy(synthetic=1 - synthetic[place] / 2, ceiling=1 - ceiling[place] / 2)
        for place, name in enumerate(coded.names)
    }


def _shares(codes: Codes, n_classes: int) -> Floats:
    shares: Floats = np.bincount(codes.ravel(), minlength=n_classes) / max(codes.shape[1], 1)
    return shares


def _bivariate(coded: _Coded) -> Accuracy | None:
    n_columns = min(len(coded.names), MAX_PAIRED_COLUMNS)
    if n_columns < 2:
        return None
    starts, n_classes = coded.starts[:n_columns], int(coded.starts[n_columns])
    one, trn, val = (
        _joint_shares(codes[:n_columns], n_classes) for codes in (coded.synthetic, coded.training, coded.validation)
    )
    pairs = np.triu_indices(n_columns, k=1)
    accuracy = [
        1 - float(_sums(_sums(np.abs(table - val), starts).T, starts)[pairs].mean()) / 2 for table in (one, trn)
    ]
    return Accuracy(synthetic=accuracy[0], ceiling=accuracy[1])


def _joint_shares(codes: Codes, n_classes: int) -> Floats:
    """Share of rows in each pair of classes of any two columns, of shape (classes, classes), by one matrix product."""
    total: Floats = np.zeros((n_classes, n_classes))
    for start in range(0, codes.shape[1], _CHUNK):
        chunk = codes[:, start : start + _CHUNK]
        indicators = np.zeros((chunk.shape[1], n_classes), np.float32)
        indicators[np.arange(chunk.shape[1]), chunk] = 1
        total += indicators.T @ indicators
    total /= codes.shape[1]
    return total


def _sums(values: Floats, starts: Codes) -> Floats:
    """Sums over the classes of each column, along the last axis."""
    sums: Floats = np.add.reduceat(values, starts, axis=-1) if len(starts) else np.empty(0)
    return sums


def _mean(accuracies: list[Accuracy]) -> Accuracy | None:
    if not accuracies:
        return None
    return Accuracy(
        synthetic=float(np.mean([accuracy.synthetic for accuracy in accuracies])),
        ceiling=float(np.mean([accuracy.ceiling for accuracy in accuracies])),
    )
