"""Plain layouts: how values of every type are stored, encoded and compared.

Belongs here: types that differ in how values are laid out in memory or in what a name is given to them. Does not belong
here: what the values mean, which is the encodings' part; tables, and the way back to the user's types.
"""

import numpy as np
import pandas as pd
import pyarrow as pa

from synth_engine.encodings.list_arrays import elements_of, is_list, with_elements

# Makes pandas' own extension types known to Arrow, which otherwise reads a period as a mere number.
pa.array(pd.PeriodIndex([], freq="D"))


def plain_type(dtype: pa.DataType) -> pa.DataType:
    """The type that values of `dtype` are stored and encoded as.

    Lists of all layouts are large lists, of plain elements.

    >>> str(plain_type(pa.string_view())), str(plain_type(pa.bool8())), str(plain_type(pa.decimal128(5, -2)))
    ('large_string', 'bool', 'decimal256(7, 0)')
    >>> str(plain_type(pa.list_(pa.bool8(), 3)))
    'large_list<item: bool>'
    """
    if is_list(dtype):
        return pa.large_list(plain_type(dtype.value_type))
    if pa.types.is_dictionary(dtype):
        return pa.dictionary(dtype.index_type, plain_type(dtype.value_type), dtype.ordered)
    if pa.types.is_run_end_encoded(dtype):
        return plain_type(dtype.value_type)
    if pa.types.is_decimal(dtype) and dtype.scale < 0:
        return pa.decimal256(dtype.precision - dtype.scale, 0)
    return _plain_extension(dtype) if isinstance(dtype, pa.BaseExtensionType) else _PLAIN.get(dtype, dtype)


def _plain_extension(dtype: pa.BaseExtensionType) -> pa.DataType:
    if dtype.extension_name == "arrow.uuid":
        return dtype
    return _PLAIN_EXTENSIONS.get(dtype.extension_name) or plain_type(dtype.storage_type)


_PLAIN = {
    pa.string_view(): pa.large_string(),
    pa.binary_view(): pa.large_binary(),
    pa.month_day_nano_interval(): pa.binary(16),
}
# JSON is not text here: parts of documents, or a token for rare ones, would be no documents.
_PLAIN_EXTENSIONS = {"arrow.bool8": pa.bool_(), "arrow.json": pa.large_binary()}


def to_plain(values: pa.Array) -> pa.Array:
    """Values in the layout of `plain_type`."""
    dtype = values.type
    plain = plain_type(dtype)
    if plain == dtype:
        return values
    if is_list(dtype):
        return with_elements(values, to_plain(elements_of(values)))
    if pa.types.is_dictionary(dtype):
        return pa.DictionaryArray.from_arrays(values.indices, to_plain(values.dictionary), ordered=dtype.ordered)
    if pa.types.is_run_end_encoded(dtype):
        rows = np.arange(values.offset, values.offset + len(values))
        return to_plain(values.values).take(pa.array(np.searchsorted(values.run_ends.to_numpy(), rows, side="right")))
    if pa.types.is_interval(dtype):
        return pa.Array.from_buffers(plain, len(values), values.buffers(), offset=values.offset)
    return (to_plain(values.storage) if isinstance(dtype, pa.BaseExtensionType) else values).cast(plain)
