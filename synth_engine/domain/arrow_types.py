"""Arrow types and schemas as text, so that JSON files can restore a table's exact types."""

import base64
from typing import Annotated, Any

import pyarrow as pa
from pydantic import BeforeValidator, PlainSerializer

_OPAQUE = "ipc:"


def schema_to_text(schema: pa.Schema) -> str:
    """The schema in Arrow's IPC format, as base64: exact, including extension types and pandas' own metadata."""
    return base64.b64encode(schema.serialize().to_pybytes()).decode("ascii")


def schema_from_text(text: str) -> pa.Schema:
    """Inverse of `schema_to_text`."""
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text)))


def type_to_text(arrow_type: pa.DataType) -> str:
    """A readable name such as ``int32`` where Arrow can parse it back, an opaque but exact text elsewhere."""
    name = str(arrow_type)
    try:
        if pa.type_for_alias(name) == arrow_type:
            return name
    except ValueError:
        pass
    return _OPAQUE + schema_to_text(pa.schema([pa.field("", arrow_type)]))


def type_from_text(text: str) -> pa.DataType:
    """Inverse of `type_to_text`."""
    if text.startswith(_OPAQUE):
        return schema_from_text(text.removeprefix(_OPAQUE)).field(0).type
    return pa.type_for_alias(text)


def _parse(value: Any) -> Any:
    return type_from_text(value) if isinstance(value, str) else value


ArrowType = Annotated[Any, BeforeValidator(_parse), PlainSerializer(type_to_text, return_type=str)]
"""A pydantic field that holds a `pyarrow.DataType` and is text in JSON."""
