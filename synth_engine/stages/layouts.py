"""From plain layouts back to the types of the user's table, by notes in the schema.

Belongs here: tables and columns of the way back. Does not belong here: the way to plain layouts, which is in
`synth_engine.encodings.layouts`; what the values mean.
"""

import io
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from synth_engine.domain.arrow_types import schema_from_text, schema_to_text
from synth_engine.encodings.layouts import plain_type, to_plain
from synth_engine.stages.table_schema import as_dictionary

_NOTE = b"synth_engine:type"


def from_plain(values: pa.Array, dtype: pa.DataType) -> pa.Array:
    """Values of exactly this type again: the inverse of `to_plain`, but for lists, which nothing makes again."""
    if values.type == dtype:
        return values
    if pa.types.is_dictionary(dtype):
        encoded = values if pa.types.is_dictionary(values.type) else as_dictionary(values, plain_type(dtype))
        dictionary = from_plain(encoded.dictionary, dtype.value_type)
        return pa.DictionaryArray.from_arrays(encoded.indices.cast(dtype.index_type), dictionary, ordered=dtype.ordered)
    if pa.types.is_run_end_encoded(dtype):
        return _with_runs(values, dtype)
    if pa.types.is_interval(dtype):
        return pa.Array.from_buffers(dtype, len(values), values.buffers(), offset=values.offset)
    if isinstance(dtype, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(dtype, from_plain(values, dtype.storage_type))
    if pa.types.is_string_view(dtype):  # Arrow has no way from other types to views of text than through text
        values = values.cast(pa.large_string())
    return values.cast(dtype, safe=False)  # what a scale or a unit cannot show is cut off


def _with_runs(values: pa.Array, dtype: pa.RunEndEncodedType) -> pa.RunEndEncodedArray:
    # Arrow finds runs in plain values only.
    storage = values.storage if isinstance(values.type, pa.BaseExtensionType) else values
    ends = pc.run_end_encode(storage, run_end_type=dtype.run_end_type).run_ends
    starts = pa.array(np.concatenate([[0], ends.to_numpy()[:-1]]) if len(ends) else [], pa.int64())
    return pa.RunEndEncodedArray.from_arrays(ends, from_plain(values.take(starts), dtype.value_type))


def noted(field: pa.Field, dtype: pa.DataType) -> pa.Field:
    """The field with a note of the type that its values really have."""
    # Arrow's own format takes a dictionary of an extension type for that extension type.
    is_dictionary = pa.types.is_dictionary(dtype)
    parts = {"index": dtype.index_type, "value": dtype.value_type} if is_dictionary else {"plain": dtype}
    facts = {"ordered": str(is_dictionary and dtype.ordered)}
    return field.with_metadata({_NOTE: schema_to_text(pa.schema(parts, metadata=facts)).encode()})


def original_field(field: pa.Field) -> pa.Field:
    """The field with the type that its note tells of; the same without note where there is none.

    An extension type that this process does not know is its storage type, with the name that makes it known elsewhere.
    """
    note = (field.metadata or {}).get(_NOTE)
    if note is None:
        return field.remove_metadata()
    parts = schema_from_text(note.decode())
    if parts.names == ["plain"]:
        return parts.field(0).with_name(field.name).with_nullable(field.nullable)
    ordered = parts.metadata[b"ordered"] == b"True"
    return pa.field(field.name, pa.dictionary(*parts.types, ordered=ordered), field.nullable)


def plain_table(table: pa.Table) -> pa.Table:
    """The table in plain layouts; fields whose type that changes have a note of it."""
    fields, columns = [], []
    for field, column in zip(table.schema, table.columns, strict=True):
        plain = plain_type(field.type)
        fields.append(field if plain == field.type else noted(field.with_type(plain), field.type))
        columns.append(_as_plain(column))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields, metadata=table.schema.metadata))


def original_table(table: pa.Table) -> pa.Table:
    """The table with the types that its notes tell of."""
    fields = [original_field(field) for field in table.schema]
    columns = [_as_original(column, field.type) for field, column in zip(fields, table.columns, strict=True)]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields, metadata=table.schema.metadata))


def parquet_table(table: pa.Table) -> pa.Table:
    """What to write of a table with notes: original types as far as Parquet has them, notes where it has not."""
    fields, columns = [], []
    for field, column in zip(table.schema, table.columns, strict=True):
        original = original_field(field)
        read_back = type_in_parquet(original.type)
        kept = field.remove_metadata() if read_back is None else original
        fields.append(kept if read_back == original.type else noted(kept, original.type))
        columns.append(column if read_back is None else _as_original(column, original.type))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields, metadata=table.schema.metadata))


@lru_cache(maxsize=1_000)
def type_in_parquet(dtype: pa.DataType) -> pa.DataType | None:
    """The type that a column has after it was written to Parquet; None where it cannot be written.

    >>> str(type_in_parquet(pa.timestamp("s"))), type_in_parquet(pa.month_day_nano_interval())
    ('timestamp[ms]', None)
    """
    if pa.types.is_dictionary(dtype) and plain_type(dtype) != dtype:
        return None  # what is written without rows, as here, cannot be written with any
    file = io.BytesIO()
    try:
        pq.write_table(pa.schema([pa.field("", dtype)]).empty_table(), file)
    except (pa.ArrowException, OSError):
        return None
    return pq.read_schema(file).field(0).type


def _as_plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.chunked_array([to_plain(chunk) for chunk in column.chunks], plain_type(column.type))


def _as_original(column: pa.ChunkedArray, dtype: pa.DataType) -> pa.ChunkedArray:
    chunks = column.chunks
    if pa.types.is_run_end_encoded(dtype):  # a short index counts the rows of short chunks only
        most = np.iinfo(dtype.run_end_type.to_pandas_dtype()).max
        chunks = [chunk.slice(start, most) for chunk in chunks for start in range(0, len(chunk), most)]
    return pa.chunked_array([from_plain(chunk, dtype) for chunk in chunks], dtype)
