"""The exact text form of flat values, and the way back to their type."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.encodings.numeric import accepts_number, null_mask

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]


def is_text(dtype: pa.DataType) -> bool:
    """Whether values of the type are text themselves."""
    return bool(pa.types.is_string(dtype) or pa.types.is_large_string(dtype) or pa.types.is_string_view(dtype))


def has_text_form(dtype: pa.DataType) -> bool:
    """Text, booleans, numbers, dates, times, durations and bytes; nothing nested."""
    is_flat = is_text(dtype) or accepts_number(dtype) or _is_time(dtype) or _is_bytes(dtype)
    return bool(is_flat or pa.types.is_boolean(dtype) or pa.types.is_null(dtype))


def to_text(values: pa.Array) -> pa.Array:
    """Values as ``large_string``; NaN is null, and negative zero is zero. Equal values have equal texts.

    Bytes are written in hexadecimal digits.
    """
    dtype = values.type
    if _is_bytes(dtype):
        return _hexadecimal((values.storage if _is_uuid(dtype) else values).cast(pa.large_binary()))
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
    if _is_bytes(dtype):
        storage = dtype.storage_type if _is_uuid(dtype) else dtype
        plain = _from_hexadecimal(texts).cast(storage)
        return pa.ExtensionArray.from_storage(dtype, plain) if _is_uuid(dtype) else plain
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


def _is_bytes(dtype: pa.DataType) -> bool:
    is_plain = pa.types.is_binary(dtype) or pa.types.is_large_binary(dtype) or pa.types.is_fixed_size_binary(dtype)
    return bool(is_plain or _is_uuid(dtype))


def _is_uuid(dtype: pa.DataType) -> bool:
    return isinstance(dtype, pa.BaseExtensionType) and dtype.extension_name == "arrow.uuid"


_DIGITS = np.array([f"{byte:02x}".encode() for byte in range(256)]).view(np.uint16)
_VALUES = np.zeros(256, np.uint8)
_VALUES[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16)


def _hexadecimal(values: pa.Array) -> pa.Array:
    """``large_binary`` as text of two digits per byte."""
    content, offsets = _content(values)
    return _of_content(pa.large_string(), _DIGITS[content], offsets * 2, values)


def _from_hexadecimal(texts: pa.Array) -> pa.Array:
    """Inverse of `_hexadecimal`."""
    content, offsets = _content(texts)
    halves = _VALUES[content].reshape(-1, 2)
    return _of_content(pa.large_binary(), halves[:, 0] << 4 | halves[:, 1], offsets // 2, texts)


def _content(values: pa.Array) -> tuple[Bytes, Offsets]:
    """All bytes of an array of large texts or binaries, and where each value begins and the last one ends."""
    _, offsets, content = values.buffers()
    if len(values) == 0 or content is None:
        return np.zeros(0, np.uint8), np.zeros(len(values) + 1, np.int64)
    ends = np.frombuffer(offsets, np.int64)[values.offset : values.offset + len(values) + 1]
    return np.frombuffer(content, np.uint8)[ends[0] : ends[-1]], ends - ends[0]


def _of_content(dtype: pa.DataType, content: npt.NDArray[Any], offsets: Offsets, nulls_of: pa.Array) -> pa.Array:
    validity = nulls_of.is_valid().buffers()[1]
    buffers = [validity, pa.py_buffer(offsets.tobytes()), pa.py_buffer(content.tobytes())]
    return pa.Array.from_buffers(dtype, len(nulls_of), buffers)


def as_dictionary(texts: pa.Array, dtype: pa.DictionaryType) -> pa.DictionaryArray:
    """Texts as a dictionary in alphabetical order; those for which its index has no place become others."""
    encoded = texts.dictionary_encode()
    capacity = int(np.iinfo(dtype.index_type.to_pandas_dtype()).max) + 1
    order = pc.array_sort_indices(encoded.dictionary[:capacity])
    places = np.argsort(order.to_numpy())
    indices = encoded.indices.fill_null(0).to_numpy() % max(len(order), 1)
    places = places[indices] if len(order) else np.zeros_like(indices)
    return pa.DictionaryArray.from_arrays(
        pa.array(places, dtype.index_type, mask=null_mask(texts)),
        from_text(encoded.dictionary.take(order), dtype.value_type),
        ordered=dtype.ordered,
    )
