"""Nulls of a frame replaced by values that were drawn for them; everything else stays as it is."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Mask = npt.NDArray[np.bool_]


def filled(column: "pd.Series[Any]", is_null: Mask, values: "pd.Series[Any]") -> "pd.Series[Any]":
    """The column with values in place of its nulls.

    Args:
        column: Any index, any dtype; it keeps both, unless there is nothing but nulls in it, or the values do not fit.
        is_null: Where to fill in.
        values: One for each row to be filled, in the dtype that the column had when the model was fitted.
    """
    plain: pd.Series[Any] = values.set_axis(column.index[is_null])
    if is_null.all():
        plain.name = column.name
        return plain
    if isinstance(column.dtype, pd.CategoricalDtype):
        new = [value for value in plain.dropna().unique() if value not in column.cat.categories]
        column = column.cat.add_categories(new)
    places, filling = np.flatnonzero(is_null), plain.tolist()
    result = column.copy()
    try:
        result.iloc[places] = filling
    except (TypeError, ValueError, OverflowError):
        result = result.astype(object)
        result.iloc[places] = filling
    return result
