"""Different rows of whole numbers, found faster than by comparing row with row."""

from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[Any]
Places = npt.NDArray[np.int64]

_MOST = 2**62


def patterns(rows: Rows) -> tuple[Rows, Places]:
    """The different rows, and for each row its place among them.

    Args:
        rows: Whole numbers of 63 bits at most, shape (rows, columns).

    >>> patterns(np.array([[2, 0], [0, 1], [2, 0]]))
    (array([[0, 1],
           [2, 0]]), array([1, 0, 1]))
    """
    key, size = np.zeros(len(rows), np.int64), 1
    for column in rows.T if len(rows) else ():
        values, n_values = column - column.min(), int(column.max()) - int(column.min()) + 1
        if size * n_values > _MOST:
            (key, size), (values, n_values) = _ranked(key), _ranked(column)
        key = key * n_values + values
        size *= n_values
    _, first, of_row = np.unique(key, return_index=True, return_inverse=True)
    return rows[first], of_row.reshape(-1)


def _ranked(numbers: Rows) -> tuple[Places, int]:
    different, of_number = np.unique(numbers, return_inverse=True)
    return of_number.reshape(-1), len(different)
