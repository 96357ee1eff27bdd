"""What the pages of column_stats and encoded_data show: columns and their encodings.

What comes from the statistics is shown only as far as value protection covers it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from dagster import MetadataValue, TableColumn, TableRecord, TableSchema

from synth_engine.encodings import Encoding, LanguageEncoding
from synth_engine.workspace import Manifest
from synth_pipeline.metadata.common import Metadata, rows_of
from synth_pipeline.written import unbroken, written_record

_MAX_SIZES = 10
Columns = Mapping[str, Encoding | LanguageEncoding]
"""Encodings by column."""


def column_stats(columns: Columns, protected: bool) -> Metadata:
    """The encodings table, once more as descriptions of the columns."""
    records = [_encoding_record(name, encoding, protected) for name, encoding in columns.items()]
    schema = [TableColumn(record["column"], str(columns[record["column"]].dtype), _told(record)) for record in records]
    return {
        "columns": len(columns),
        "encodings": _table(records),
        "dagster/column_schema": TableSchema(columns=schema),
    }


def encoded_data(manifest: Manifest, columns: Columns) -> Metadata:
    """Size of the codes; of records that are written only their number."""
    training, validation = rows_of(manifest, "trn"), rows_of(manifest, "val")
    rows = {"dagster/row_count": training + validation, "training_rows": training, "validation_rows": validation}
    if any(isinstance(encoding, LanguageEncoding) for encoding in columns.values()):
        return rows | {"written_columns": len(columns)}
    coded = [encoding for encoding in columns.values() if isinstance(encoding, Encoding)]
    sizes = [size for encoding in coded for size in encoding.cardinalities.values()]
    return rows | {
        "sub_columns": len(sizes),
        "codes": sum(sizes),
        "largest_cardinality": max(sizes, default=0),
    }


def _table(records: Sequence[Mapping[str, str]]) -> MetadataValue:
    names = list(records[0]) if records else []
    schema = TableSchema(columns=[TableColumn(name, "string") for name in names])
    return MetadataValue.table([TableRecord(record) for record in records], schema)


def _told(record: Mapping[str, str]) -> str:
    rare = {"none": "no rare values", "kept": "not protected"}.get(record["rare"], f"rare values {record['rare']}")
    nulls = "nulls" if record["nulls"] == "yes" else ""
    return "; ".join(part for part in (record["encoding"], record["kept"], rare, nulls) if part)


def _encoding_record(name: str, encoding: Encoding | LanguageEncoding, protected: bool) -> dict[str, str]:
    """What is known of a column. Ranges are left out where they are not protected: they would be somebody's values."""
    if isinstance(encoding, LanguageEncoding):
        return written_record(name, encoding, protected)
    facts = encoding.model_dump()
    bounds = _range(encoding, facts) if protected else ""
    listed = ("categories", "numbers", "atoms", "cells", "positions")
    values = [f"{len(facts[part]):,} {part}" for part in listed if facts.get(part)]
    bins = [f"{len(facts['edges']) - 1:,} bins"] if facts.get("edges") else []
    return {
        "column": name,
        "encoding": str(encoding.type).removeprefix("TABULAR_"),
        "kept": "; ".join(part for part in (unbroken(bounds), ", ".join(values + bins)) if part),
        "rare": _rare_values(facts, protected),
        "nulls": "yes" if encoding.has_nulls else "no",
        "cardinalities": _sizes(list(encoding.cardinalities.values())),
    }


def _sizes(sizes: Sequence[int]) -> str:
    """Sizes of all sub-columns, or of text only their number and sum."""
    if len(sizes) > _MAX_SIZES:
        return f"{len(sizes)} sub-columns, {sum(sizes):,} codes"
    return " × ".join(f"{size:,}" for size in sizes)


def _rare_values(facts: Mapping[str, Any], protected: bool) -> str:
    if not protected:
        return "kept"
    if "positions" in facts:
        return "spelled" if facts["positions"] else "left out"
    if "has_rare" not in facts:
        return "left out" if "numbers" in facts or "cells" in facts else "cut off"
    return "left out" if facts["has_rare"] else "none"


def _range(encoding: Encoding, facts: Mapping[str, Any]) -> str:
    values = [facts["low"], facts["high"]] if "low" in facts else []
    values = values or [*facts.get("edges", ()), *facts.get("atoms", ()), *facts.get("numbers", ())]
    if not values or isinstance(values[0], str):  # popular texts have no range
        return ""
    low, high = min(values), max(values)
    if pa.types.is_temporal(encoding.dtype):
        return " to ".join(str(np.datetime64(int(bound), "ms").astype("datetime64[D]")) for bound in (low, high))
    return " to ".join(f"{bound:,}" if isinstance(bound, int) else f"{bound:,.10g}" for bound in (low, high))
