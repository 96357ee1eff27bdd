"""A judge of our own: gradient boosting that learns to tell two sets of rows apart.

Belongs here: how rows become features, and the judge's score. Does not belong here: where the rows come from.
Unlike the discriminator of `mostlyai-qa`, which sees text embeddings of rows, it sees exact values, and so popular
amounts that were blurred.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score

MAX_CATEGORIES = 255  # of HistGradientBoostingClassifier
DAY_SECONDS = 86_400


def judge_auc(real: pd.DataFrame, other: pd.DataFrame, seed: int = 0) -> float:
    """Mean AUC, over three folds, of gradient boosting that tells `other` from `real`; 0.5 where it cannot.

    Takes equal numbers of rows of each.
    """
    rows = min(len(real), len(other))
    both = pd.concat([real.sample(rows, random_state=seed), other.sample(rows, random_state=seed)], ignore_index=True)
    features, categorical = _encode(both, real.dtypes.to_dict())
    classifier = HistGradientBoostingClassifier(categorical_features=categorical, random_state=seed)
    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    labels = np.repeat([0, 1], rows)
    return float(cross_val_score(classifier, features, labels, cv=folds, scoring="roc_auc").mean())


def chance_deviation(n_rows: int) -> float:
    """Standard deviation of the AUC of a judge who guesses, for `n_rows` of each kind (Hanley and McNeil, 1982)."""
    return float(np.sqrt((2 * n_rows + 1) / (12 * n_rows**2)))


def _encode(table: pd.DataFrame, dtypes: Mapping[Any, Any]) -> tuple[np.ndarray, list[bool]]:
    """Float features, missing values as NaN, and which of them are categorical, by the real table's types."""
    features, categorical = [], []
    for name, dtype in dtypes.items():
        columns, is_categorical = _encode_column(table[name], dtype)
        features.extend(columns)
        categorical.extend([is_categorical] * len(columns))
    return np.column_stack(features), categorical


def _encode_column(values: pd.Series, dtype: Any) -> tuple[list[np.ndarray], bool]:
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
