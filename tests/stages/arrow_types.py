"""A column of every Arrow type there is: what `AUTO` makes of it, and what Parquet makes of the type."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

N = 60
ZONES = (None, "UTC", "Europe/Vienna", "+02:00")
UNITS = ("s", "ms", "us", "ns")
INDEXES = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]


def repeated(values: Sequence[Any], dtype: pa.DataType) -> pa.Array:
    """`N` rows in which every value occurs often enough to be kept."""
    return pa.array([values[i % len(values)] for i in range(N)], dtype)


def extension(dtype: pa.DataType, values: Sequence[Any]) -> pa.Array:
    return pa.ExtensionArray.from_storage(dtype, repeated(values, dtype.storage_type))


def dictionary(index: pa.DataType, values: pa.Array, *, ordered: bool = False) -> pa.Array:
    places = pa.array([i % len(values) for i in range(N)], index)
    return pa.DictionaryArray.from_arrays(places, values, ordered=ordered)


def runs(index: pa.DataType, values: pa.Array) -> pa.Array:
    ends = [N * (place + 1) // len(values) for place in range(len(values))]
    return pa.RunEndEncodedArray.from_arrays(pa.array(ends, index), values)


DAY = dt.date(2020, 1, 1)
NUMBERS = [*INDEXES, pa.float32(), pa.float64()]
DECIMALS = [
    *(pa.decimal32(7, 2), pa.decimal64(18, 6), pa.decimal128(38, 0), pa.decimal128(9, 2)),
    *(pa.decimal256(50, 3), pa.decimal256(76, 0)),
]
TEXT = pa.array(["x", "y", "z"])
COLUMNS: list[pa.Array] = [
    *(repeated([1, 2, 3], dtype) for dtype in NUMBERS),
    repeated([np.float16(0.5), np.float16(1.5)], pa.float16()),
    *(repeated([1, 2, 3], pa.decimal128(30, 0)).cast(pa.decimal256(76, 3)).cast(dtype) for dtype in DECIMALS),
    repeated([Decimal("12300"), Decimal("45600")], pa.decimal128(5, -2)),
    repeated([True, False], pa.bool_()),
    *(repeated([DAY, DAY + dt.timedelta(1)], dtype) for dtype in (pa.date32(), pa.date64())),
    *(repeated([0, 10**9], pa.timestamp(unit, zone)) for unit in UNITS for zone in ZONES),
    *(repeated([3_600, 7_200], dtype) for dtype in (pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"))),
    *(repeated([0, 60, 10**6], pa.duration(unit)) for unit in UNITS),
    repeated([(1, 0, 0), (0, 7, 10**9)], pa.month_day_nano_interval()),
    *(repeated(["x", "y"], dtype) for dtype in (pa.string(), pa.large_string(), pa.string_view())),
    *(repeated([b"\0x", b"\xff"], dtype) for dtype in (pa.binary(), pa.large_binary(), pa.binary_view())),
    repeated([b"ab", b"\0\0"], pa.binary(2)),
    pa.nulls(N),
    *(dictionary(index, TEXT) for index in INDEXES),
    dictionary(pa.int8(), TEXT.cast(pa.large_string()), ordered=True),
    dictionary(pa.int8(), TEXT.cast(pa.string_view())),
    dictionary(pa.int16(), pa.array([3, 1, 2])),
    dictionary(pa.int32(), pa.array([1.5, 2.5])),
    dictionary(pa.int32(), pa.array([b"a", b"b"])),
    dictionary(pa.int8(), pa.array([0, 1], pa.timestamp("us", "UTC")), ordered=True),
    dictionary(pa.int8(), pa.array(pd.period_range("2020", periods=3, freq="M"))),
    runs(pa.int16(), pa.array([1, 2])),
    runs(pa.int32(), TEXT.cast(pa.string_view())),
    runs(pa.int64(), pa.array([None, 1.5])),
    extension(pa.uuid(), [b"0123456789abcdef", b"\0" * 16]),
    extension(pa.json_(), ['{"a": 1}', "[]"]),
    extension(pa.json_(pa.large_string()), ['{"a": 1}', "[]"]),
    extension(pa.bool8(), [0, 1]),
    extension(pa.opaque(pa.int32(), "money", "a database"), [5, 10]),
    pa.array(pd.period_range("2020", periods=N, freq="M")),
]
REFUSED: list[pa.Array] = [
    pa.array([[1]] * N),
    pa.array([[1]] * N, pa.large_list(pa.int32())),
    pa.array([[1]] * N, pa.list_(pa.int32(), 1)),
    pa.array([[1]] * N, pa.list_view(pa.int32())),
    pa.array([[1]] * N, pa.large_list_view(pa.int32())),
    pa.array([{"a": 1}] * N),
    pa.array([[("a", 1)]] * N, pa.map_(pa.string(), pa.int32())),
    pa.UnionArray.from_sparse(pa.array([0] * N, pa.int8()), [pa.array([1] * N)]),
    pa.UnionArray.from_dense(pa.array([0] * N, pa.int8()), pa.array([0] * N, pa.int32()), [pa.array([1])]),
    dictionary(pa.int8(), pa.array([[1], [2]])),
    runs(pa.int32(), pa.array([[1], [2]])),
    pa.ExtensionArray.from_storage(
        pa.fixed_shape_tensor(pa.int32(), [1]), pa.array([[1]] * N, pa.list_(pa.int32(), 1))
    ),
    pa.array(pd.interval_range(0, N)),
]


def with_nulls(column: pa.Array) -> pa.Array:
    """Every fourth row null."""
    if pa.types.is_run_end_encoded(column.type):
        return column
    places = pa.array([None if i % 4 == 0 else i for i in range(N)])
    if isinstance(column.type, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(column.type, column.storage.take(places))
    if pa.types.is_dictionary(column.type):
        return pa.DictionaryArray.from_arrays(
            column.indices.take(places), column.dictionary, ordered=column.type.ordered
        )
    values = column.to_pylist()
    return pa.array([None if i % 4 == 0 else values[i] for i in range(N)], column.type)
