"""From several draws for each row to one value: `predict` and `impute`."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from synth_engine.domain import InputError
from synth_engine.encodings import Encoding

Aggregation: TypeAlias = str | Callable[["pd.Series[Any]"], Any]
NAMES = ("auto", "mode", "mean", "median", "list")


def check_aggregation(agg_fn: Aggregation) -> None:
    """Raise `InputError` unless it is a known name or a callable."""
    if not (callable(agg_fn) or agg_fn in NAMES):
        raise InputError(f"agg_fn: expected one of {', '.join(NAMES)}, or a callable; found {agg_fn!r}")


def automatic(encoding: Encoding) -> str:
    """``mean`` for whole numbers and floats, ``median`` for other ordered values, ``mode`` for categories and texts."""
    dtype = encoding.dtype
    if pa.types.is_dictionary(dtype) or not encoding.ranks() or not _has_distances(dtype):
        return "mode"
    return "mean" if pa.types.is_integer(dtype) or pa.types.is_floating(dtype) else "median"


def _has_distances(dtype: pa.DataType) -> bool:
    is_number = pa.types.is_integer(dtype) or pa.types.is_floating(dtype) or pa.types.is_decimal(dtype)
    return bool(is_number or pa.types.is_temporal(dtype))


def aggregated(draws: "pd.Series[Any]", n_draws: int, agg_fn: Aggregation, dtype: pa.DataType) -> "pd.Series[Any]":
    """One value for each run of `n_draws` draws.

    Args:
        draws: Those of a row lie next to each other.
        n_draws: How many there are of each row.
        agg_fn: ``mode``: the most frequent, of several the first drawn. ``mean`` leaves out nulls; of whole numbers it
            is rounded. ``median`` leaves out nulls; of an even number it is the lower one. ``list``: all of them. A
            callable is given a series with the draws of one row.
        dtype: Arrow type of the column.

    Returns:
        Values of the type of the draws, but for ``list`` and callables.
    """
    n_rows = len(draws) // n_draws
    if callable(agg_fn):
        return pd.Series([agg_fn(draws.iloc[row * n_draws : (row + 1) * n_draws]) for row in range(n_rows)])
    if agg_fn == "list":
        values = draws.tolist()
        return pd.Series([values[row * n_draws : (row + 1) * n_draws] for row in range(n_rows)], dtype=object)
    if agg_fn != "mode" and (pa.types.is_dictionary(dtype) or not _has_distances(dtype)):
        raise InputError(
            f"agg_fn: {agg_fn!r} is for numbers, dates and times, and column {draws.name!r} holds {dtype} values; "
            "use 'mode' or 'list'"
        )
    if agg_fn == "mean":
        return _means(draws, np.repeat(np.arange(n_rows), n_draws), dtype)
    places = (_modes if agg_fn == "mode" else _medians)(draws, n_draws)
    return draws.iloc[places + n_draws * np.arange(n_rows)].reset_index(drop=True)


def _modes(draws: "pd.Series[Any]", n_draws: int) -> npt.NDArray[np.int64]:
    """Which draw of each row is the first of the most frequent ones; null is a value like others."""
    codes = pd.factorize(draws)[0].astype(np.int64)
    rows = np.arange(len(codes)) // n_draws
    _, inverse, counts = np.unique(
        rows * (codes.max(initial=0) + 2) + codes + 1, return_inverse=True, return_counts=True
    )
    places: npt.NDArray[np.int64] = counts[inverse].reshape(-1, n_draws).argmax(axis=1)
    return places


def _medians(draws: "pd.Series[Any]", n_draws: int) -> npt.NDArray[np.int64]:
    """Which draw of each row is the lower median of those that are not null; the first where all are null."""
    codes = pd.factorize(draws, sort=True)[0].astype(np.int64).reshape(-1, n_draws)
    n_values = (codes >= 0).sum(axis=1)
    order = np.where(codes < 0, np.iinfo(np.int64).max, codes).argsort(axis=1, kind="stable")
    middle = np.maximum(n_values - 1, 0) // 2
    places: npt.NDArray[np.int64] = order[np.arange(len(order)), middle]
    return places


def _means(draws: "pd.Series[Any]", rows: npt.NDArray[np.int64], dtype: pa.DataType) -> "pd.Series[Any]":
    try:
        means = draws.groupby(rows).mean()
    except TypeError:
        raise InputError(
            f"agg_fn: 'mean' cannot be computed of column {draws.name!r}, which holds {dtype} values; use 'median'"
        ) from None
    if pa.types.is_integer(dtype):
        means = means.round()
    return means.astype(draws.dtype)
