"""Tables of three origins with the same types: numbers, or texts as bytes.

Belongs here: which Arrow types can be compared, and how. A generator may write as floats what were integers, or as a
dictionary what were texts; that must not hide a copy. Does not belong here: codes, distances.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.domain import InputError

NAMES = ("training rows", "held-out rows", "synthetic rows")
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_NUMBER, _TRUTH, _TEXT, _TIME, _DURATION, _CLOCK, _NESTED, _NOTHING = (
    "numbers", "truth values", "texts", "dates or times", "durations", "times of day", "lists or structures", "nothing",
)  # fmt: skip


def is_ordered(kind: pa.DataType) -> bool:
    """Whether a column of `harmonised` holds numbers; otherwise it holds bytes, of which only equality counts."""
    return not pa.types.is_large_binary(kind)


def harmonised(
    tables: Sequence[pa.Table], keys: Sequence[str], context_key: str | None
) -> tuple[list[pa.Table], tuple[str, ...]]:
    """The columns of all tables with the same types, in the order of the first; and the names of those left out.

    Args:
        tables: Training, held-out and synthetic rows.
        keys: Columns to ignore.
        context_key: A column that stays as it is, in first place.

    Returns:
        Tables of int64, float32 and float64 (numbers, truth values beside numbers; times and durations in seconds), and
        large_binary (texts, truth values). NaN is missing. Columns of lists, structures and maps are left out.

    Raises:
        InputError: If tables have different columns, or a column has kinds of values that cannot be compared.
    """
    names = _common_names(tables, keys, context_key)
    made: list[dict[str, Any]] = [{} for _ in tables]
    left_out = []
    for name in names:
        aligned = _aligned(name, [table[name].combine_chunks() for table in tables])
        if aligned is None:
            left_out.append(name)
            continue
        for columns, part in zip(made, aligned, strict=True):
            columns[name] = part
    if context_key is not None:
        made = [{context_key: table[context_key], **columns} for table, columns in zip(tables, made, strict=True)]
    return [pa.table(columns) for columns in made], tuple(left_out)


def _common_names(tables: Sequence[pa.Table], keys: Sequence[str], context_key: str | None) -> list[str]:
    for table, whose in zip(tables, NAMES, strict=True):
        twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
        if twice:
            raise InputError(f"{whose}: expected names of columns that differ, found more than one {twice[0]!r}")
        if context_key is not None and context_key not in table.column_names:
            raise InputError(f"context_key: expected a column of all tables, found no {context_key!r} in the {whose}")
    known = {name for table in tables for name in table.column_names}
    for key in keys:
        if key not in known:
            raise InputError(f"keys: expected columns of the tables, found no {key!r} in any of them")
    ignored = {*keys, context_key}
    names = [name for name in tables[0].column_names if name not in ignored]
    for table, whose in zip(tables[1:], NAMES[1:], strict=True):
        others = [name for name in table.column_names if name not in ignored]
        lacking, extra = [n for n in names if n not in others], [n for n in others if n not in names]
        if lacking or extra:
            found = ", ".join([f"no {n!r}" for n in lacking] + [f"{n!r} besides" for n in extra])
            raise InputError(f"{whose}: expected the columns of the training rows, found {found}; name keys in `keys`")
    return names


def _kind(arrow_type: pa.DataType) -> str:  # noqa: PLR0911 one return per family of types
    types = pa.types
    if types.is_null(arrow_type):
        return _NOTHING
    if types.is_boolean(arrow_type):
        return _TRUTH
    if types.is_integer(arrow_type) or types.is_floating(arrow_type) or types.is_decimal(arrow_type):
        return _NUMBER
    if types.is_date(arrow_type) or types.is_timestamp(arrow_type):
        return _TIME
    if types.is_duration(arrow_type):
        return _DURATION
    if types.is_time(arrow_type):
        return _CLOCK
    is_text = types.is_string(arrow_type) or types.is_large_string(arrow_type) or types.is_string_view(arrow_type)
    is_bytes = (
        types.is_binary(arrow_type) or types.is_large_binary(arrow_type) or types.is_fixed_size_binary(arrow_type)
    )
    return _TEXT if is_text or is_bytes or types.is_binary_view(arrow_type) else _NESTED


def _aligned(name: str, parts: list[Any]) -> list[Any] | None:
    plain = [_plain(part) for part in parts]
    kinds = [_kind(part.type) if part.null_count < len(part) else _NOTHING for part in plain]
    present = {kind for kind in kinds if kind != _NOTHING}
    if any(_kind(part.type) == _NESTED for part in plain):
        if present - {_NESTED}:
            raise _cannot(name, kinds)
        return None
    kind = _leading(name, kinds, present)
    # columns without a value are made anew: their type says nothing
    plain = [pa.nulls(len(part)) if found == _NOTHING else part for part, found in zip(plain, kinds, strict=True)]
    try:
        return _CONVERT[kind](plain)
    except pa.ArrowException:
        raise _cannot(name, kinds) from None


def _leading(name: str, kinds: list[str], present: set[str]) -> str:
    """The kind that all become: texts are parsed, truth values are 0 and 1 beside numbers."""
    others = present - {_TEXT}
    if others <= {_NUMBER, _TRUTH} and _NUMBER in others:
        return _NUMBER
    if len(others) > 1 or (_TEXT in present and others & {_CLOCK, _DURATION}):
        raise _cannot(name, kinds)
    return next(iter(others), _TEXT)


def _cannot(name: str, kinds: list[str]) -> InputError:
    found = ", ".join(f"{kind} in the {whose}" for kind, whose in zip(kinds, NAMES, strict=True) if kind != _NOTHING)
    return InputError(
        f"column {name!r}: expected values of one kind in all tables, found {found}; cast them to one type"
    )


def _plain(part: Any) -> Any:
    """Without dictionaries, run ends and extension types."""
    while True:
        if isinstance(part.type, pa.BaseExtensionType):
            part = part.storage
        elif pa.types.is_dictionary(part.type):
            part = part.dictionary_decode()
        elif pa.types.is_run_end_encoded(part.type):
            part = pc.run_end_decode(part)
        else:
            return part


def _numbers(parts: list[Any]) -> list[Any]:
    parts = [part.cast(pa.int64()) if pa.types.is_boolean(part.type) else part for part in parts]
    given = [part.type for part in parts if not pa.types.is_null(part.type)]
    if all(pa.types.is_integer(kind) and kind != pa.uint64() for kind in given):
        return [part.cast(pa.int64()) for part in parts]
    # the coarsest of the types, since 0.1 of single precision is no value of double precision
    coarse = any(pa.types.is_float16(kind) or pa.types.is_float32(kind) for kind in given)
    return [_without_nan(part, pa.float32() if coarse else pa.float64()) for part in parts]


def _without_nan(part: Any, wanted: pa.DataType) -> Any:
    doubles = part.cast(pa.float64(), safe=False) if not pa.types.is_float16(part.type) else part.cast(pa.float32())
    values = doubles.to_numpy(zero_copy_only=False).astype(wanted.to_pandas_dtype()) + 0.0  # -0.0 becomes 0.0
    return pa.array(values, type=wanted, from_pandas=True)


def _texts(parts: list[Any]) -> list[Any]:
    return [part.cast(pa.large_binary()) for part in parts]


def _truths(parts: list[Any]) -> list[Any]:
    return _texts([part.cast(pa.bool_()).cast(pa.string()) for part in parts])


def _seconds(parts: list[Any]) -> list[Any]:
    return [_in_seconds(part) for part in parts]


def _in_seconds(part: Any) -> Any:
    if pa.types.is_null(part.type):
        return part.cast(pa.float64())
    if _kind(part.type) == _TEXT:
        part = _parsed(part)
    if pa.types.is_date32(part.type):
        unit, counts = 86_400.0, part.cast(pa.int32())
    else:  # the moment, whatever the time zone
        unit = 1e-3 if pa.types.is_date64(part.type) else _SECONDS[part.type.unit]
        counts = part.cast(pa.int32()) if pa.types.is_time32(part.type) else part.cast(pa.int64())
    filled = counts.to_numpy(zero_copy_only=False)
    return pa.array(np.where(np.isnan(filled), np.nan, filled * unit), from_pandas=True)


def _parsed(texts: Any) -> Any:
    try:
        return texts.cast(pa.string()).cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        return texts.cast(pa.string()).cast(pa.timestamp("us", "UTC"))


_CONVERT = {
    _NUMBER: _numbers,
    _TRUTH: _truths,
    _TEXT: _texts,
    _TIME: _seconds,
    _DURATION: _seconds,
    _CLOCK: _seconds,
}
