"""The schema of the user's table: what of it may travel with the model, and how a table gets its types back.

Belongs here: names, types, what pandas needs to restore its own types. Does not belong here: values.
"""

import json
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.encodings.list_arrays import elements_of, is_list, with_elements

_PANDAS = b"pandas"
# What pandas says of a column beyond its type, and may be kept: nothing that counts or names values.
_TYPE_FACTS = {"timezone", "ordered", "precision", "scale", "unit"}


def shareable(schema: pa.Schema) -> pa.Schema:
    """Names and types, and what pandas needs to restore its own types.

    Guarantees: nothing else that users, libraries or file formats attached is kept, such as `DataFrame.attrs`, the
    bounding box of a GeoParquet file, the length of an index or the number of categories.
    """
    fields = [field.remove_metadata() for field in schema]
    notes = _pandas_notes((schema.metadata or {}).get(_PANDAS), set(schema.names))
    return pa.schema(fields, metadata=None if notes is None else {_PANDAS: json.dumps(notes).encode()})


def _pandas_notes(text: bytes | None, names: set[str]) -> dict[str, Any] | None:
    try:
        notes = json.loads(text or b"")
        columns = [_column_notes(column) for column in notes["columns"] if column["field_name"] in names]
        index = [name for name in notes["index_columns"] if isinstance(name, str) and name in names]
        return {"index_columns": index, "column_indexes": [], "columns": columns, "pandas_version": pd.__version__}
    except (ValueError, TypeError, KeyError, AttributeError):
        return None  # absent, or not by pandas


def _column_notes(column: dict[str, Any]) -> dict[str, Any]:
    facts = {name: value for name, value in (column["metadata"] or {}).items() if name in _TYPE_FACTS}
    return {
        "name": column["name"],
        "field_name": column["field_name"],
        "pandas_type": column["pandas_type"],
        "numpy_type": _restorable(column["numpy_type"]),
        "metadata": facts or None,
    }


def _restorable(dtype: str) -> str:
    """The name of a pandas type, or ``object`` where pandas cannot parse its own name (dictionaries, decimals)."""
    try:
        pd.api.types.pandas_dtype(dtype)
    except (TypeError, ValueError, NotImplementedError):
        return "object"
    return dtype


def restore_types(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with exactly the types of the schema; Parquet has no seconds, and no dictionaries but of text."""
    columns = [_restored(table[field.name], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _restored(column: pa.ChunkedArray, dtype: pa.DataType) -> pa.ChunkedArray:
    if column.type == dtype:
        return column
    return pa.chunked_array([as_type(chunk, dtype) for chunk in column.chunks], dtype)


def as_type(values: pa.Array, dtype: pa.DataType) -> pa.Array:
    """Values as this type, also inside lists and dictionaries; raises Arrow's errors where they do not fit."""
    if is_list(dtype):
        return with_elements(values, as_type(elements_of(values), dtype.value_type))
    if pa.types.is_dictionary(dtype):
        return as_dictionary(values, dtype)
    return values.cast(dtype)


def as_dictionary(values: pa.Array, dtype: pa.DictionaryType) -> pa.DictionaryArray:
    """Values as a dictionary of exactly this type; raises `pa.ArrowInvalid` where its index is too narrow for them.

    Where the order matters and is lost, as in Parquet for all dictionaries but those of text, it is that of the values.
    """
    encoded = values
    if not pa.types.is_dictionary(values.type):
        encoded = values.dictionary_encode()
        if dtype.ordered:
            encoded = _sorted(encoded)
    return pa.DictionaryArray.from_arrays(
        encoded.indices.cast(dtype.index_type), encoded.dictionary.cast(dtype.value_type), ordered=dtype.ordered
    )


def _sorted(values: pa.DictionaryArray) -> pa.DictionaryArray:
    order = pc.array_sort_indices(values.dictionary)
    place_of_index = pc.array_sort_indices(order)
    return pa.DictionaryArray.from_arrays(place_of_index.take(values.indices), values.dictionary.take(order))
