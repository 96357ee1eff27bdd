"""The exact text form of flat values, and the way back to their type."""

import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.encodings.numeric import accepts_number


def is_text(dtype: pa.DataType) -> bool:
    """Whether values of the type are text themselves."""
    return bool(pa.types.is_string(dtype) or pa.types.is_large_string(dtype) or pa.types.is_string_view(dtype))


def has_text_form(dtype: pa.DataType) -> bool:
    """Text, booleans, numbers, dates, times and durations; not binary values, and nothing nested."""
    is_flat = is_text(dtype) or accepts_number(dtype) or _is_time(dtype)
    return bool(is_flat or pa.types.is_boolean(dtype) or pa.types.is_null(dtype))


def to_text(values: pa.Array) -> pa.Array:
    """Values as ``large_string``; NaN is null, and negative zero is zero. Equal values have equal texts."""
    dtype = values.type
    if _is_time(dtype):
        values = values.cast(_storage(dtype))
    elif pa.types.is_floating(dtype):
        values = values.cast(_writable(dtype))
        values = pc.add(pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values), pa.scalar(0, values.type))
    elif pa.types.is_decimal(dtype):
        values = values.cast(_writable(dtype))
    return values.cast(pa.large_string())


def from_text(texts: pa.Array, dtype: pa.DataType) -> pa.Array:
    """Inverse of `to_text`."""
    if pa.types.is_null(dtype):
        return pa.nulls(len(texts))
    if _is_time(dtype):
        return texts.cast(_storage(dtype)).cast(dtype)
    return texts.cast(_writable(dtype)).cast(dtype)


def _is_time(dtype: pa.DataType) -> bool:
    is_point = pa.types.is_date(dtype) or pa.types.is_timestamp(dtype)
    return bool(is_point or pa.types.is_time(dtype) or pa.types.is_duration(dtype))


def _storage(dtype: pa.DataType) -> pa.DataType:
    return pa.int32() if pa.types.is_date32(dtype) or pa.types.is_time32(dtype) else pa.int64()


def _writable(dtype: pa.DataType) -> pa.DataType:
    """The type, or the wider one through which Arrow can write and read it."""
    if pa.types.is_float16(dtype):
        return pa.float32()
    is_narrow = pa.types.is_decimal(dtype) and dtype.bit_width < 128
    return pa.decimal128(38, dtype.scale) if is_narrow else dtype
