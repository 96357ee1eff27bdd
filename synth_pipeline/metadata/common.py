"""What assets have in common: provenance, protection of people, tables and pictures.

Belongs here: how facts of any asset look. Does not belong here: facts of one asset.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from dagster import MetadataValue, TableColumn, TableColumnConstraints, TableSchema
from upath import UPath

from synth_engine.domain import without_secrets
from synth_engine.privacy import MINIMUM_ENTITIES
from synth_engine.workspace import Manifest, Workspace
from synth_pipeline.catalog import DatasetConfig

Metadata = dict[str, Any]
MANIFEST, LEDGER = "_manifest.json", "ModelStore/privacy-ledger.jsonl"
_MAX_CELL = 40


def provenance(
    manifests: Sequence[Manifest], workspace: Workspace, reason: str | None, seconds: float | None, made_by: str | None
) -> Metadata:
    """What every asset shows: whether and why it was made, by which run, how long that took, sizes, hashes, places.

    Args:
        manifests: Of its artefacts, the most important one first.
        workspace: Where they are.
        reason: Why they were made now; None if they were not.
        seconds: How long that took, where it is known.
        made_by: Id of the run that did it, where it is known.
    """
    folder = manifests[0].artefact
    ledger = workspace.root / LEDGER
    shown = {
        "rebuilt": reason is not None,
        "decision": f"made, because {reason}" if reason else "kept, because inputs, settings and engine are the same",
        "made_by_run": None if made_by is None else MetadataValue.dagster_run(made_by),
        "seconds": None if seconds is None else round(seconds, 3),
        "size_bytes": sum(manifest.total_bytes for manifest in manifests),
        "engine_version": manifests[0].engine_version,
        "workspace": place(workspace.root),
        "manifest": place(workspace.root / folder / MANIFEST),
        "privacy_ledger": place(ledger) if ledger.exists() else None,
        **{f"digest of {manifest.artefact}": manifest.digest for manifest in manifests},
    }
    return without_none(shown)


def place(path: UPath) -> MetadataValue:
    """Where something is."""
    return MetadataValue.path(without_secrets(str(path)))


def speed(rows: int, seconds: float | None) -> Metadata:
    """Rows per second of the stage that made an asset, where it is known how long that took."""
    return {"rows_per_second": round(rows / seconds, 1)} if seconds else {}


def value_privacy(config: DatasetConfig) -> Metadata:
    """How single people's values are protected in what is published."""
    protected, of_values = config.analyze.value_protection, config.analyze.differential_privacy
    shown: Metadata = {
        "value_protection": protected,
        "minimum_entities_per_value": MINIMUM_ENTITIES if protected else 1,
        "epsilon_of_values": None if of_values is None else of_values.value_protection_epsilon,
    }
    return without_none(shown)


def privacy(config: DatasetConfig, model: Manifest) -> Metadata:
    """The same, and what is known of a model and of all that is drawn from it."""
    bound = model.facts.get("privacy")
    shown: Metadata = {
        "differential_privacy": f"epsilon {bound['epsilon']:.3g}, delta {bound['delta']:g}" if bound else "none",
        "epsilon_of_training": bound["epsilon"] if bound else None,
    }
    return value_privacy(config) | without_none(shown)


def table_schema(schema: pa.Schema, descriptions: Mapping[str, str] | None = None) -> TableSchema:
    """Column names and types, with what there is to say about each."""
    told = descriptions or {}
    return TableSchema(
        columns=[
            TableColumn(
                field.name,
                str(field.type),
                description=told.get(field.name),
                constraints=TableColumnConstraints(nullable=field.nullable),
            )
            for field in schema
        ]
    )


def markdown_table(table: pa.Table) -> str:
    """A table as markdown, for a handful of synthetic rows."""
    head = [f"| {' | '.join(cell(name) for name in table.column_names)} |", "|---" * table.num_columns + "|"]
    rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
    return "\n".join(head + [f"| {' | '.join(cell(value) for value in row)} |" for row in rows])


def markdown_picture(png: bytes, title: str) -> MetadataValue:
    """A picture inside the metadata itself, so that it needs no file server."""
    return MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(png).decode()})")


def cell(value: Any) -> str:
    """A value as a cell of a markdown table."""
    text = "" if value is None else f"{value:,.10g}" if isinstance(value, float) else str(value)
    text = " ".join(text.replace("|", "\\|").split())
    return text if len(text) <= _MAX_CELL else text[: _MAX_CELL - 1] + "…"


def rows_of(manifest: Manifest, role: str) -> int:
    """Number of rows for training (``trn``), or for validation (``val``)."""
    return sum(count for name, count in manifest.row_counts.items() if name.endswith(f"-{role}.parquet"))


def without_none(shown: Metadata) -> Metadata:
    """What there is to show."""
    return {name: value for name, value in shown.items() if value is not None}
