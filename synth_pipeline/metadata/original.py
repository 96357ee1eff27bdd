"""What the page of original_data shows."""

import pyarrow as pa

from synth_engine.domain import without_secrets
from synth_engine.workspace import Manifest
from synth_pipeline.metadata.common import Metadata, rows_of, table_schema
from synth_pipeline.sources import Fingerprint


def original_data(manifest: Manifest, schema: pa.Schema, source: str, fingerprint: Fingerprint) -> Metadata:
    """Rows, columns and source of a table that was split."""
    training, validation = rows_of(manifest, "trn"), rows_of(manifest, "val")
    return {
        "dagster/row_count": training + validation,
        "dagster/column_schema": table_schema(schema),
        "training_rows": training,
        "validation_rows": validation,
        "columns": len(schema),
        "source": without_secrets(source),
        "source_bytes": fingerprint.bytes,
    }
