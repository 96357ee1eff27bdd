"""Rows as features of gradient boosting: what a learner sees of a table.

Belongs here: from columns to floats and categories. Does not belong here: what is learned.
Categories are numbers; scikit-learn takes 255 of them at most, so a column with more is taken as an ordered one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synth_engine.evaluation.columns import Comparable, Floats, PlainTable, entries_of, numbers_of

MAX_CATEGORIES = 255  # of HistGradientBoostingClassifier
DAY_SECONDS = 86_400


@dataclass(frozen=True, eq=False)
class Features:
    """Features of rows.

    Args:
        values: Shape (rows, features); missing ones are NaN.
        is_categorical: Which features are categories.
    """

    values: Floats
    is_categorical: Sequence[bool]


def as_frame(table: PlainTable, values: Mapping[str, str]) -> pd.DataFrame:
    """A table whose columns have the types that `encode` tells apart: floats, dates and text.

    Args:
        table: The rows.
        values: What the values of each column are, as `columns.values_of` tells.
    """
    return pd.DataFrame(
        {name: _series(table.columns[name], what) for name, what in values.items()}, index=range(table.n_rows)
    )


def _series(column: Any, what: str) -> Any:
    if what in ("numbers", "times of day", "durations", "dates"):
        numbers = numbers_of(column)
        if what != "dates":
            return numbers
        is_there = np.abs(numbers) < 2**62 / 1e3  # milliseconds that NumPy can hold
        return np.where(is_there, numbers * 1e3, np.iinfo(np.int64).min).astype(np.int64).view("datetime64[ms]")
    entries, of_row = entries_of(column)
    texts = np.array([str(entry) for entry in entries.to_pylist()] + [None], object)
    return pd.array(texts[of_row], dtype="string")


def encode(table: pd.DataFrame, dtypes: Mapping[Any, Any]) -> Features:
    """Features of all columns; what is compared has to be encoded together, since categories are numbered by all rows.

    Args:
        table: The rows.
        dtypes: Types by column, those of the real table; a column of the other types is converted.
    """
    features: list[Floats] = []
    categorical: list[bool] = []
    for name, dtype in dtypes.items():
        columns, is_categorical = _encode_column(table[name], dtype)
        features.extend(columns)
        categorical.extend([is_categorical] * len(columns))
    stacked = np.column_stack(features) if features else np.empty((len(table), 0))
    return Features(stacked, categorical)


def encode_together(tables: Comparable) -> dict[str, Features]:
    """Features of several tables of the same columns, by table."""
    frames = {called: as_frame(table, tables.values) for called, table in tables.tables.items()}
    joined = pd.concat(frames.values(), ignore_index=True)
    features = encode(joined, joined.dtypes.to_dict())
    ends = np.cumsum([0, *map(len, frames.values())])
    return {
        called: Features(features.values[ends[place] : ends[place + 1]], features.is_categorical)
        for place, called in enumerate(frames)
    }


def _encode_column(values: Any, dtype: Any) -> tuple[list[npt.NDArray[Any]], bool]:
    """The features of one column; a time also by its time of day, day of the month and day of the week."""
    if pd.api.types.is_datetime64_any_dtype(dtype):
        times = pd.to_datetime(values)
        seconds = (times - pd.Timestamp(0, tz=times.dt.tz)).dt.total_seconds()
        parts = [seconds, seconds % DAY_SECONDS, times.dt.day, times.dt.day_of_week]
        return [part.to_numpy(dtype=float, na_value=np.nan) for part in parts], False
    if pd.api.types.is_timedelta64_dtype(dtype):
        return [values.dt.total_seconds().to_numpy(dtype=float)], False
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype):
        return [pd.to_numeric(values).to_numpy(dtype=float, na_value=np.nan)], False
    codes, categories = pd.factorize(values.astype("string"), sort=True)
    return [np.where(codes < 0, np.nan, codes)], len(categories) <= MAX_CATEGORIES
