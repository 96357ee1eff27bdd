"""From what users pass as a table to a checked Arrow table. Every refusal names the column and what to do."""

import collections
import datetime
import io
from typing import Any, TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from synth_engine.domain import InputError
from synth_engine.encodings.layouts import plain_type
from synth_engine.encodings.list_arrays import elements_of, is_list
from synth_engine.stages.layouts import plain_table
from synth_engine.stages.table_schema import as_dictionary, as_type, shareable

TableLike: TypeAlias = pd.DataFrame | pa.Table


def to_arrow(data: TableLike, argument: str, *, lists: bool = False) -> pa.Table:
    """The table without its pandas index, contiguous, and with usable column names.

    Numbers of different Python types in one column become floats; other mixtures are refused. The schema is stripped of
    whatever users or file formats attached to it: it travels with the model, and such notes may tell of the data.
    Unusual types become plain ones, with a note of what they were: see `synth_engine.stages.layouts`.

    Args:
        data: What the user passed.
        argument: As what, for errors.
        lists: Whether columns may hold lists of plain values, as those of a context table.

    Raises:
        InputError: not a table; no columns; names that repeat or are not text; a column that has no single flat type,
            or that holds infinities.
    """
    if not isinstance(data, pd.DataFrame | pa.Table):
        raise InputError(f"{argument}: expected a pandas.DataFrame or a pyarrow.Table, found {type(data).__name__}")
    names = list(data.columns) if isinstance(data, pd.DataFrame) else data.column_names
    _check_names(names, argument)
    table = _from_pandas(data, argument) if isinstance(data, pd.DataFrame) else _from_arrow(data, argument)
    table = pa.Table.from_arrays(table.columns, schema=shareable(table.schema))
    for field in table.schema:
        _check_flat(field, argument, lists)
    plain = _plain(table, argument)
    for field, column in zip(plain.schema, plain.columns, strict=True):
        _check_finite(field, column, argument)
    return plain.combine_chunks()


def fitted(values: pa.Array, field: pa.Field, argument: str, *, same_kind: bool = False) -> pa.Array:
    """Values of exactly the type that their column has in the original table; whole floats become integers, say.

    Args:
        values: A column of a table that `to_arrow` made.
        field: The column of the original table.
        argument: Name of the table for errors.
        same_kind: Refuse also what could be read as another kind, such as numbers written as text.

    Raises:
        InputError: values that do not fit, naming the column.
    """
    if values.type == field.type:
        return values
    if is_list(field.type):
        return _fitted_lists(values, field, argument)
    plain = values.dictionary_decode() if pa.types.is_dictionary(values.type) else values
    wanted = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    try:
        if same_kind and not pa.types.is_null(plain.type) and _kind(plain.type) != _kind(wanted):
            raise pa.ArrowInvalid("of another kind")
        found = plain.cast(wanted)
        return found if wanted == field.type else as_dictionary(found, field.type)
    except (pa.ArrowException, NotImplementedError):
        raise _unfit(values, field, argument) from None


def _fitted_lists(values: pa.Array, field: pa.Field, argument: str) -> pa.Array:
    try:
        if not is_list(values.type):
            raise pa.ArrowInvalid("no lists")
        return as_type(values, field.type)
    except (pa.ArrowException, NotImplementedError):
        raise _unfit(values, field, argument) from None


def _unfit(values: pa.Array, field: pa.Field, argument: str) -> InputError:
    return InputError(
        f"{argument}: column {field.name!r} holds {values.type} values that do not fit its type in the original "
        f"table, {field.type}; convert them first"
    )


def _kind(dtype: pa.DataType) -> str:
    """Types of one kind are converted into each other, if no value is changed by that."""
    if pa.types.is_integer(dtype) or pa.types.is_floating(dtype) or pa.types.is_decimal(dtype):
        return "number"
    if pa.types.is_string(dtype) or pa.types.is_large_string(dtype):
        return "text"
    if pa.types.is_date(dtype) or pa.types.is_timestamp(dtype):
        return "date"
    if pa.types.is_duration(dtype) or pa.types.is_time(dtype):
        return "duration" if pa.types.is_duration(dtype) else "time of day"
    is_bytes = pa.types.is_binary(dtype) or pa.types.is_large_binary(dtype) or pa.types.is_fixed_size_binary(dtype)
    return "bytes" if is_bytes else str(dtype)


def check_storable(table: pa.Table, argument: str) -> None:
    """Raise `InputError` naming the column that Parquet cannot hold, if there is one. Slow: for use after a failure."""
    for name in table.column_names:
        try:
            pq.write_table(table.select([name]), io.BytesIO())
        except (pa.ArrowException, OSError):
            raise InputError(
                f"{argument}: column {name!r} holds {table[name].type} values that Parquet cannot hold; "
                "convert it first, for example to text"
            ) from None


def _check_names(names: list[object], argument: str) -> None:
    if not names:
        raise InputError(f"{argument}: expected at least one column, found none")
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise InputError(
            f"{argument}: column names must be text, found {wrong[0]!r} ({type(wrong[0]).__name__}); "
            "rename them, for example by df.columns = df.columns.map(str)"
        )
    broken = [name for name in names if not _is_unicode(str(name))]
    if broken:
        raise InputError(f"{argument}: column names must be valid Unicode, found {broken[0]!r}; rename it")
    repeated = [name for name, count in collections.Counter(names).items() if count > 1]
    if repeated:
        raise InputError(
            f"{argument}: column names must be different, {repeated[0]!r} occurs more than once; rename one of them"
        )


def _check_flat(field: pa.Field, argument: str, lists: bool) -> None:
    plain = plain_type(field.type.value_type if lists and is_list(field.type) else field.type)
    if not pa.types.is_nested(plain.value_type if pa.types.is_dictionary(plain) else plain):
        return
    expected, advice = "one plain value per row", "take them apart into columns of their own first"
    if lists:
        expected += ", or one list of plain values"
    elif is_list(field.type):
        advice = "make events of them: a table with a row per element, whose context key refers to this one"
    raise InputError(f"{argument}: column {field.name!r} holds {field.type} values; expected {expected}, {advice}")


def _check_finite(field: pa.Field, column: pa.ChunkedArray, argument: str) -> None:
    if is_list(field.type):
        column = elements_of(column)
        field = field.with_type(column.type)
    infinite = pc.sum(pc.is_inf(column)).as_py() if pa.types.is_floating(field.type) else 0
    if infinite:
        raise InputError(
            f"{argument}: column {field.name!r} must hold finite numbers or nulls, found {infinite} infinite value(s); "
            "replace them by null or by a bound"
        )


def _from_arrow(table: pa.Table, argument: str) -> pa.Table:
    for name, column in zip(table.column_names, table.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            raise InputError(
                f"{argument}: column {name!r} is damaged: its values do not fit its type {column.type}; "
                "make the table anew from its source"
            ) from None
    return table


def _plain(table: pa.Table, argument: str) -> pa.Table:
    try:
        return plain_table(table)
    except pa.ArrowException:
        pass
    for name in table.column_names:
        try:
            plain_table(table.select([name]))
        except pa.ArrowException:
            raise InputError(
                f"{argument}: column {name!r} holds {table[name].type} values that pyarrow cannot lay out plainly; "
                "convert it first, for example to text"
            ) from None
    raise AssertionError("some column must have failed")


def _from_pandas(frame: pd.DataFrame, argument: str) -> pa.Table:
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (ValueError, TypeError, NotImplementedError, OverflowError) as error:
        # Arrow's own words may quote values, so they are not passed on.
        for name in frame.columns:
            _check_column(frame[name], f"{argument}: column {name!r}")
        raise InputError(f"{argument}: pyarrow cannot take it ({type(error).__name__}); convert it yourself") from None
    for name in frame.columns:
        if _loses_time_of_day(frame[name], table.schema.field(name).type):
            raise InputError(
                f"{argument}: column {name!r} has no single type, found date, datetime; "
                f"convert it first, for example by pd.to_datetime(df[{name!r}])"
            )
    return table


def _check_column(column: "pd.Series[Any]", where: str) -> None:
    try:
        pa.array(column, from_pandas=True)
    except (ValueError, TypeError, NotImplementedError, OverflowError) as error:
        raise InputError(f"{where} {_refusal(column, error)}") from None


def _refusal(column: "pd.Series[Any]", error: Exception) -> str:
    if isinstance(column.dtype, pd.SparseDtype):
        return f"is sparse; expected a dense one, make it by df[{column.name!r}].sparse.to_dense()"
    if isinstance(error, UnicodeEncodeError):
        return "holds text that is not valid Unicode (lone surrogates); read it again with the right encoding"
    kinds = sorted({type(value).__name__ for value in column[column.notna()]})
    advice = f"convert it first, for example by df[{column.name!r}].astype(str)"
    if len(kinds) > 1:
        return f"has no single type, found {', '.join(kinds)}; {advice}"
    return f"holds {kinds[0] if kinds else column.dtype} values that no plain column type can hold; {advice}"


def _loses_time_of_day(column: "pd.Series[Any]", arrow_type: pa.DataType) -> bool:
    """Arrow makes dates of a column of dates and datetimes, if it begins with a date; so it does inside lists."""
    if not pd.api.types.is_object_dtype(column.dtype):
        return False
    if is_list(arrow_type):
        column, arrow_type = column.explode(), arrow_type.value_type
    return pa.types.is_date(arrow_type) and any(isinstance(v, datetime.datetime) for v in column)


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
