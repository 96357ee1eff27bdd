"""Distributions of synthetic columns beside those of the real rows, as far as these may be seen.

Belongs here: into which classes values are divided, and how many rows each has. Does not belong here: figures of
likeness (`fidelity`), drawing (`charts`).

Guarantees: classes and their names come from the synthetic rows alone, which are shown anyway. Of the real rows only
shares of classes are told, and of no class that fewer than `MINIMUM_ENTITIES` people have; classes that hold nobody,
too few, and all values without a class look the same. With differential privacy nothing of the real rows is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from synth_engine.privacy import MINIMUM_ENTITIES

MAX_COLUMNS = 12
N_BINS, N_CATEGORIES = 16, 8
# A column of which the commonest texts are fewer rows than this is free text.
_MIN_COMMON_SHARE = 0.1
_RARE = "_RARE_"

Counts = npt.NDArray[np.int64]


class Distribution(BaseModel):
    """Shares of the classes of one column.

    Attributes:
        column: Its name.
        labels: What each class is called: a category, or where a range begins.
        is_range: Whether classes are ranges of something with an order.
        synthetic: Share of the synthetic rows in each class.
        real: The same of the real rows; of a class None where too few people have it, and altogether where nothing of
            them may be told.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    labels: list[str]
    is_range: bool
    synthetic: list[float]
    real: list[float | None] | None


@dataclass(frozen=True)
class _Ranges:
    edges: npt.NDArray[np.float64]
    labels: list[str]

    def code(self, column: pa.ChunkedArray) -> Counts:
        numbers = _numbers(column)
        codes = np.searchsorted(self.edges, numbers, side="right").astype(np.int64) - 1
        codes[numbers == self.edges[-1]] = len(self.labels) - 1
        codes[np.isnan(numbers) | (codes >= len(self.labels))] = -1
        return codes


@dataclass(frozen=True)
class _Categories:
    labels: list[str]

    def code(self, column: pa.ChunkedArray) -> Counts:
        places = pc.index_in(_texts(column), pa.array(self.labels, pa.large_string()))
        codes: Counts = places.fill_null(-1).to_numpy().astype(np.int64)
        return codes


def measure_distributions(
    synthetic: pa.Table, real: pa.Table | None, columns: Sequence[str], *, entity_key: str | None = None
) -> list[Distribution]:
    """Distributions of some columns; of columns of which nothing can be compared there is none.

    Args:
        synthetic: Synthetic rows.
        real: Real rows; None where nothing of them may be told.
        columns: Names of the columns, at most `MAX_COLUMNS` of which are taken.
        entity_key: Column of `real` that says whom a row belongs to; None where every row is a person of its own.
    """
    owners = None
    if real is not None and entity_key is not None:
        owners = real[entity_key].combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy()
    found: list[Distribution] = []
    for name in columns:
        classes = _classes(synthetic[name]) if len(found) < MAX_COLUMNS else None
        if classes is not None:
            told = None if real is None else _told(classes.code(real[name]), len(classes.labels), owners)
            found.append(
                Distribution(
                    column=name,
                    labels=classes.labels,
                    is_range=isinstance(classes, _Ranges),
                    synthetic=_shares(
                        np.bincount(_valid(classes.code(synthetic[name])), minlength=len(classes.labels))
                    ),
                    real=told,
                )
            )
    return found


def _told(codes: Counts, n_classes: int, owners: Counts | None) -> list[float | None]:
    rows = np.bincount(_valid(codes), minlength=n_classes)
    people = rows
    if owners is not None:
        pairs = np.unique(np.stack([codes, owners])[:, codes >= 0], axis=1)
        people = np.bincount(pairs[0], minlength=n_classes)
    enough = people >= MINIMUM_ENTITIES
    shares = _shares(np.where(enough, rows, 0))  # of what is shown: the rest must not follow from the sum
    return [share if is_told else None for share, is_told in zip(shares, enough, strict=True)]


def _valid(codes: Counts) -> Counts:
    return codes[codes >= 0]


def _shares(counts: Counts) -> list[float]:
    shares: list[float] = (counts / max(int(counts.sum()), 1)).round(4).tolist()
    return shares


def _classes(column: pa.ChunkedArray) -> _Ranges | _Categories | None:
    if pa.types.is_nested(column.type) or pa.types.is_null(column.type):
        return None
    return _ranges(column) if _has_order(column.type) else _categories(column)


def _has_order(dtype: pa.DataType) -> bool:
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_temporal)
    return any(is_kind(dtype) for is_kind in kinds)


def _ranges(column: pa.ChunkedArray) -> _Ranges | None:
    """Ranges of the same width, from about the hundredth to about the 99th part of the synthetic values."""
    numbers = _numbers(column)
    numbers = numbers[np.isfinite(numbers)]
    if len(numbers) == 0:
        return None
    low, high = np.quantile(numbers, [0.01, 0.99])
    is_whole = bool((numbers == np.round(numbers)).all())
    if is_whole:  # so that no range holds more whole numbers than another
        low, width = np.floor(low), np.ceil((np.floor(high) - np.floor(low) + 1) / N_BINS)
        edges = low + width * np.arange(np.ceil((np.floor(high) - low + 1) / width) + 1)
    else:
        edges = np.linspace(low, high if high > low else low + 1, N_BINS + 1)
    return _Ranges(edges, [_label(edge, column.type) for edge in edges[:-1]])


def _categories(column: pa.ChunkedArray) -> _Categories | None:
    texts = _texts(column).drop_null()
    counts = texts.value_counts()
    order = np.argsort(-counts.field("counts").to_numpy(), kind="stable")
    labels = [
        each for each in counts.field("values").take(pa.array(order[: N_CATEGORIES + 1])).to_pylist() if each != _RARE
    ]
    common = sum(counts.field("counts").to_numpy()[order[:N_CATEGORIES]].tolist())
    return _Categories(labels[:N_CATEGORIES]) if labels and common >= _MIN_COMMON_SHARE * len(texts) else None


def _label(edge: float, dtype: pa.DataType) -> str:
    if pa.types.is_temporal(dtype):
        return _moment(edge, dtype)
    for size, sign in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size <= abs(edge) < 1e15:
            return f"{edge / (1e3 if sign == 'k' else size):.3g}{sign}"
    return f"{edge:.4g}"


def _moment(edge: float, dtype: pa.DataType) -> str:
    """Days of dates and timestamps, minutes of times, and numbers of durations."""
    if pa.types.is_duration(dtype):
        return f"{edge:,.4g} {dtype.unit}"
    unit = "D" if pa.types.is_date32(dtype) else "ms" if pa.types.is_date64(dtype) else dtype.unit
    moment = np.array([int(edge)]).astype(f"datetime64[{unit}]")
    if pa.types.is_time(dtype):
        return str(moment.astype("datetime64[m]")[0])[-5:]
    return str(moment.astype("datetime64[D]")[0])


def _numbers(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Values as float64, null as NaN."""
    if pa.types.is_temporal(column.type):
        column = column.cast(pa.int32() if column.type.bit_width == 32 else pa.int64())
    numbers: npt.NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy().astype(np.float64, copy=False)
    return numbers


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return pa.chunked_array([pa.nulls(len(column), pa.large_string())])
    return column.cast(pa.large_string())
