"""Vectorised draws and column builders shared by customers and orders. Nothing here knows about the shop."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
TimeArray = npt.NDArray[np.datetime64]

_UNIFORM_STEPS = 2**40
"""Uniform numbers of 40 bits, so that adding a row number below 4096 to one is exact."""


def categorical(rng: np.random.Generator, table: FloatArray, rows: IntArray) -> IntArray:
    """One code per row: P(code = k) = table[row, k].

    All rows of the table are laid end to end as one rising curve (row number + cumulative probability), so that a
    single binary search serves every row.
    """
    cumulative = table.cumsum(axis=1)
    curve = cumulative / cumulative[:, -1:] + np.arange(len(table))[:, None]
    uniform = rng.integers(0, _UNIFORM_STEPS, len(rows)) / _UNIFORM_STEPS
    codes: IntArray = np.searchsorted(curve.ravel(), rows + uniform, side="right") - rows * table.shape[1]
    return codes


def chance(rng: np.random.Generator, probability: float | FloatArray, size: int) -> BoolArray:
    """True with the given probability (one for all, or one each)."""
    return rng.random(size) < probability


def labels(words: Sequence[str], codes: IntArray) -> "pd.Series[str]":
    """The words at these positions, as pandas' string type."""
    return pd.Series(pd.Index(words).take(codes))


def as_text(numbers: FloatArray) -> "pd.Series[str]":
    """Each number with four decimals; it may have up to five digits before them."""
    decimals = pa.array(numbers.round(4)).cast(pa.decimal128(9, 4))
    return pd.Series(decimals.cast(pa.string()), dtype="str")


def numbered(prefix: str, size: int) -> "pd.Series[str]":
    """Unique keys: the prefix and 1, 2, … in eight digits."""
    return prefix + pd.Series(np.arange(1, size + 1), dtype="int64").astype("str").str.zfill(8)


def seconds_after(start: np.datetime64 | TimeArray, seconds: FloatArray | IntArray) -> TimeArray:
    """Whole seconds after `start` (one time or many), in the microsecond unit that survives Parquet."""
    times: TimeArray = (start + np.floor(seconds).astype("timedelta64[s]")).astype("datetime64[us]")
    return times
