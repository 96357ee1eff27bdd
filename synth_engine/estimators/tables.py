"""What users pass as `X`, `y` and `target`: to a table with the columns and types of the one that was fitted."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from synth_engine.domain import InputError
from synth_engine.stages.table_input import TableLike, fitted, to_arrow

Features: TypeAlias = TableLike | npt.NDArray[Any]
"""A frame, an Arrow table, or an array of shape (rows, columns), whose columns are called ``x0``, ``x1`` and so on."""
Target: TypeAlias = str | Sequence[str] | None

DEFAULT_TARGET = "target"


def as_frame_or_table(X: Features) -> TableLike:
    """The same, arrays as frames; raises `InputError` for anything else."""
    if not isinstance(X, np.ndarray):
        if not isinstance(X, pd.DataFrame | pa.Table):
            raise InputError(
                f"X: expected a pandas.DataFrame, a pyarrow.Table or a numpy array, found {type(X).__name__}"
            )
        return X
    if X.ndim != 2:
        raise InputError(f"X: expected an array of shape (rows, columns), found {X.shape}; reshape it")
    return pd.DataFrame(X, columns=[f"x{place}" for place in range(X.shape[1])]).infer_objects()


def with_target(X: Features, y: Any) -> tuple[TableLike, str | None]:
    """`X` with `y` as its last column, and what that is called: the series' name, or ``target``."""
    table = as_frame_or_table(X)
    if y is None:
        return table, None
    values = y if isinstance(y, pd.Series) else pd.Series(_flat(y))
    name = DEFAULT_TARGET if values.name is None else values.name
    n_rows = table.num_rows if isinstance(table, pa.Table) else len(table)
    if len(values) != n_rows:
        raise InputError(f"y: expected one value for each of the {n_rows} rows of X, found {len(values)}")
    if name in (table.column_names if isinstance(table, pa.Table) else table.columns):
        raise InputError(f"y: X has a column {name!r} already; rename y, or drop the column")
    if isinstance(table, pa.Table):
        column = to_arrow(pd.DataFrame({name: values}), "y")[0]
        return table.append_column(str(name), column), str(name)
    joined = table.reset_index(drop=True)
    joined[name] = values.reset_index(drop=True)
    return joined, str(name)


def _flat(y: Any) -> Any:
    values = y if isinstance(y, pa.Array | pa.ChunkedArray) else np.asarray(y)
    if isinstance(values, np.ndarray) and values.ndim != 1:
        raise InputError(
            f"y: expected a Series or an array of one dimension, found {type(y).__name__} of shape {values.shape}; "
            "put several targets into X, and name them in predict"
        )
    return values.to_pandas() if isinstance(values, pa.Array | pa.ChunkedArray) else values


def index_of(X: Features) -> pd.Index:
    """The index that answers about `X` have: its own."""
    if isinstance(X, pd.DataFrame):
        return X.index
    return pd.RangeIndex(X.num_rows if isinstance(X, pa.Table) else len(X))


def fitted_columns(X: Features, schema: pa.Schema, without: Sequence[str] = ()) -> pa.Table:
    """The columns of `X` with exactly the types that they had in `fit`, in the order that they had there.

    Args:
        X: Rows with some of the columns.
        schema: Of the table that was fitted.
        without: Columns that are left out, whatever is in them.

    Raises:
        InputError: a column that was not there in `fit`, or whose values are of another kind.
    """
    given = as_frame_or_table(X)
    names = list(given.columns) if isinstance(given, pd.DataFrame) else given.column_names
    kept = [name for name in names if name not in without]
    if not kept and names:
        return pa.table({"": pa.nulls(len(given))}).select([])  # which has rows all the same
    table = to_arrow(given[kept] if isinstance(given, pd.DataFrame) else given.select(kept), "X")
    unknown = [name for name in table.column_names if name not in schema.names]
    if unknown:
        raise InputError(f"X: column {unknown[0]!r} was not there when the model was fitted; drop or rename it")
    fields = [schema.field(name).with_nullable(True) for name in schema.names if name in table.column_names]
    columns = [fitted(table[field.name].combine_chunks(), field, "X", same_kind=True) for field in fields]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))
