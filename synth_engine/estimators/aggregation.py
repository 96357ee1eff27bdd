"""From several draws for each row to one value: `predict` and `impute`.

Values stay in Arrow's plain layout until the end, so that every type comes out as exactly as it went in.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.domain import InputError
from synth_engine.encodings import Encoding
from synth_engine.encodings.numeric import accepts_number, as_numbers, from_numbers

Aggregation: TypeAlias = str | Callable[["pd.Series[Any]"], Any]
Integers: TypeAlias = npt.NDArray[np.int64]
NAMES = ("auto", "mode", "mean", "median", "list")


def check_aggregation(agg_fn: Aggregation) -> None:
    """Raise `InputError` unless it is a known name or a callable."""
    if not (callable(agg_fn) or agg_fn in NAMES):
        raise InputError(f"agg_fn: expected one of {', '.join(NAMES)}, or a callable; found {agg_fn!r}")


def automatic(encoding: Encoding) -> str:
    """``mean`` for whole numbers and floats, ``median`` for other ordered values, ``mode`` for categories and texts."""
    dtype = encoding.dtype
    if not (encoding.ranks() and _is_ordered(dtype)):
        return "mode"
    return "mean" if pa.types.is_integer(dtype) or pa.types.is_floating(dtype) else "median"


def _is_ordered(dtype: pa.DataType) -> bool:
    return accepts_number(dtype) or bool(pa.types.is_date(dtype) or pa.types.is_timestamp(dtype))


def aggregated(name: str, draws: pa.Array, n_draws: int, agg_fn: str, encoding: Encoding) -> pa.Array:
    """One value for each run of `n_draws` draws.

    Args:
        name: Column, for errors.
        draws: Those of a row lie next to each other; of the encoding's type, as is the result.
        n_draws: How many there are of each row.
        agg_fn: ``mode``: the most frequent, of several the first drawn. ``mean`` leaves out nulls; of whole numbers it
            is rounded. ``median`` leaves out nulls; of an even number it is the lower one. ``auto``: see `automatic`.
        encoding: Of the column.

    Raises:
        InputError: an aggregation that is not for this type.
    """
    chosen, dtype = automatic(encoding) if agg_fn == "auto" else agg_fn, encoding.dtype
    if chosen == "mean":
        if not accepts_number(dtype) or pa.types.is_decimal(dtype):
            raise InputError(_refusal(name, dtype, "mean", "whole numbers, floats, durations and times of day"))
        return _means(draws, n_draws)
    if chosen == "median" and not _is_ordered(dtype):
        raise InputError(_refusal(name, dtype, "median", "numbers, dates and times"))
    codes = _codes(encoding.canonical(draws)).reshape(-1, n_draws)
    places = _modes(codes) if chosen == "mode" else _medians(codes)
    return draws.take(pa.array(places + n_draws * np.arange(len(codes))))


def collected(draws: "pd.Series[Any]", n_draws: int, agg_fn: Aggregation) -> "pd.Series[Any]":
    """All draws of each row as a list or, with a callable, what that makes of them."""
    starts = range(0, len(draws), n_draws)
    if callable(agg_fn):
        return pd.Series([agg_fn(draws.iloc[start : start + n_draws]) for start in starts], name=draws.name)
    values = draws.tolist()
    return pd.Series([values[start : start + n_draws] for start in starts], name=draws.name, dtype=object)


def _refusal(name: str, dtype: pa.DataType, agg_fn: str, suited: str) -> str:
    return f"agg_fn: {agg_fn!r} is for {suited}, and column {name!r} holds {dtype} values; use 'mode' or 'list'"


def _codes(values: pa.Array) -> Integers:
    """A number for each different value, ascending with it; -1 for null."""
    encoded = values.dictionary_encode()
    rank = pc.array_sort_indices(pc.array_sort_indices(encoded.dictionary))
    codes: Integers = rank.take(encoded.indices).cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    return codes


def _modes(codes: Integers) -> Integers:
    """Which draw of each row is the first of the most frequent ones; null is a value like others."""
    keys = codes + 1 + np.arange(len(codes))[:, None] * (codes.max(initial=0) + 2)
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    places: Integers = counts[inverse].reshape(codes.shape).argmax(axis=1)
    return places


def _medians(codes: Integers) -> Integers:
    """Which draw of each row is the lower median of those that are not null; the first where all are null."""
    order = np.where(codes < 0, np.iinfo(np.int64).max, codes).argsort(axis=1, kind="stable")
    middle = np.maximum((codes >= 0).sum(axis=1) - 1, 0) // 2
    places: Integers = order[np.arange(len(order)), middle]
    return places


def _means(draws: pa.Array, n_draws: int) -> pa.Array:
    numbers = as_numbers(draws)
    if pa.types.is_integer(numbers.type):
        return from_numbers(_whole_means(numbers, n_draws), draws.type)
    values = numbers.to_numpy(zero_copy_only=False).reshape(-1, n_draws)
    n_valid = (~np.isnan(values)).sum(axis=1)
    means = np.nansum(values, axis=1) / np.maximum(n_valid, 1)
    return from_numbers(pa.array(means, mask=n_valid == 0), draws.type)


def _whole_means(numbers: pa.Array, n_draws: int) -> pa.Array:
    """Rounded, halves upwards. In Python's numbers, since sums of large ones, and their means as floats, overflow."""
    n_valid = numbers.is_valid().to_numpy(zero_copy_only=False).reshape(-1, n_draws).sum(axis=1)
    totals = numbers.fill_null(0).to_numpy().reshape(-1, n_draws).astype(object).sum(axis=1)
    n = np.maximum(n_valid, 1).astype(object)
    return pa.array((2 * totals + n) // (2 * n), numbers.type, mask=n_valid == 0)
