"""What the engine made, as metadata that the Dagster UI shows. Pure: facts in, metadata out.

Belongs here: how facts look on an asset's page. Does not belong here: finding the facts. No value of a real row may
ever be shown; what comes from the statistics is shown only as far as value protection covers it.
"""

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from dagster import MetadataValue, TableColumn, TableColumnConstraints, TableRecord, TableSchema
from upath import UPath

from synth_engine.encodings import Encoding, LanguageEncoding
from synth_engine.privacy import MINIMUM_ENTITIES
from synth_engine.workspace import Manifest
from synth_pipeline.catalog import DatasetConfig
from synth_pipeline.charts import loss_curve
from synth_pipeline.fidelity import Fidelity
from synth_pipeline.sources import Fingerprint
from synth_pipeline.written import unbroken, written_record

Metadata = dict[str, Any]
N_PREVIEW_ROWS = 10
_MAX_CELL = 40
_MAX_SIZES = 10


def provenance(manifests: Sequence[Manifest], reason: str | None, seconds: float | None, root: UPath) -> Metadata:
    """What every asset shows: whether and why it was made, how long that took, sizes, hashes, place."""
    shown = {
        "rebuilt": reason is not None,
        "decision": f"made, because {reason}" if reason else "kept, because inputs, settings and engine are the same",
        "seconds": None if seconds is None else round(seconds, 3),
        "size_bytes": sum(manifest.total_bytes for manifest in manifests),
        "engine_version": manifests[0].engine_version,
        "workspace": MetadataValue.path(str(root)),
        **{f"digest of {manifest.artefact}": manifest.digest for manifest in manifests},
    }
    return _without_none(shown)


def original_data(manifest: Manifest, schema: pa.Schema, source: str, fingerprint: Fingerprint) -> Metadata:
    """Rows, columns and source of a table that was split."""
    training, validation = _rows(manifest, "trn"), _rows(manifest, "val")
    return {
        "dagster/row_count": training + validation,
        "dagster/column_schema": table_schema(schema),
        "training_rows": training,
        "validation_rows": validation,
        "columns": len(schema),
        "source": source,
        "source_bytes": fingerprint.bytes,
    }


def value_privacy(config: DatasetConfig) -> Metadata:
    """How single people's values are protected in what is published."""
    protected, of_values = config.analyze.value_protection, config.analyze.differential_privacy
    shown: Metadata = {
        "value_protection": protected,
        "minimum_entities_per_value": MINIMUM_ENTITIES if protected else 1,
        "epsilon_of_values": None if of_values is None else of_values.value_protection_epsilon,
    }
    return _without_none(shown)


def privacy(config: DatasetConfig, model: Manifest) -> Metadata:
    """The same, and what is known of a model and of all that is drawn from it."""
    bound = model.facts.get("privacy")
    shown: Metadata = {
        "differential_privacy": f"epsilon {bound['epsilon']:.3g}, delta {bound['delta']:g}" if bound else "none",
        "epsilon_of_training": bound["epsilon"] if bound else None,
    }
    return value_privacy(config) | _without_none(shown)


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
    training, validation = _rows(manifest, "trn"), _rows(manifest, "val")
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


def model_store(history: Sequence[Mapping[str, Any]], facts: Mapping[str, Any], name: str) -> Metadata:
    """Losses, duration and throughput of a training.

    Args:
        history: Rows of ``progress-messages.csv``.
        facts: Facts in the manifest of the model.
        name: Identifier of the model.
    """
    outcome = facts.get("outcome") or {}
    shown: Metadata = {
        "model": name,
        "parameters": facts.get("parameters"),
        "ended_because": outcome.get("reason", "there was nothing to train"),
    }
    return _without_none(shown | (_training(history) if history else {"epochs": 0.0}))


def _training(history: Sequence[Mapping[str, Any]]) -> Metadata:
    last = history[-1]
    best = next((row for row in reversed(history) if row["is_checkpoint"]), last)
    return {
        "loss_curve": _loss_curve(history, history.index(best)),
        "best_validation_loss": best["val_loss"],
        "best_epoch": best["epoch"],
        "epochs": round(last["epoch"], 2),
        "training_seconds": round(last["total_time"], 2),
        "training_rows_per_second": round(last["samples"] / last["total_time"], 1) if last["total_time"] else None,
        "learning_rate_at_the_end": last["learn_rate"],
    }


def _loss_curve(history: Sequence[Mapping[str, Any]], best: int) -> MetadataValue | None:
    """None under differential privacy, where losses are not told."""
    if all(row["trn_loss"] is None for row in history):
        return None
    epochs, training, validation = (_series(history, name) for name in ("epoch", "trn_loss", "val_loss"))
    return markdown_picture(loss_curve(epochs, training, validation, best), "training and validation loss by epoch")


def _series(history: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    return [math.nan if row[name] is None else row[name] for row in history]


def synthetic_data(
    rows: int, preview: pa.Table, folder: UPath, seconds: float | None, figures: Fidelity | None
) -> Metadata:
    """Quality figures, size, schema and a sample of the synthetic table."""
    told = {
        name: f"distribution agrees to {each.synthetic:.3f}, that of real rows to {each.ceiling:.3f}"
        for name, each in (figures.columns.items() if figures else ())
    }
    shown = quality(figures) | {
        "sample": MetadataValue.md(markdown_table(preview.slice(0, N_PREVIEW_ROWS))),
        "files": MetadataValue.path(str(folder)),
        "rows_per_second": round(rows / seconds, 1) if seconds else None,
        "dagster/row_count": rows,
        "dagster/column_schema": table_schema(preview.schema, told),
    }
    return _without_none(shown)


def quality(figures: Fidelity | None) -> Metadata:
    """Each figure beside its ceiling, and a table of columns with the worst first."""
    if figures is None:
        return {"quality": "not measured: needs synthetic, training and validation rows"}
    shown: Metadata = {}
    for name, accuracy in (("univariate", figures.univariate), ("bivariate", figures.bivariate)):
        if accuracy is not None:
            shown[f"{name}_accuracy"] = round(accuracy.synthetic, 4)
            shown[f"{name}_accuracy_ceiling"] = round(accuracy.ceiling, 4)
    columns = sorted(figures.columns.items(), key=lambda item: item[1].synthetic - item[1].ceiling)
    lines = [f"| {_cell(name)} | {each.synthetic:.3f} | {each.ceiling:.3f} |" for name, each in columns]
    left_out = f"\n\nNot compared (nearly all values differ): {', '.join(figures.left_out)}" if figures.left_out else ""
    note = (
        f"Share of rows that agree in distribution with {figures.validation_rows:,} validation rows, for "
        f"{figures.compared_rows:,} synthetic rows and, as the ceiling, as many training rows.\n\n"
    )
    table = "\n".join(["| column | synthetic | ceiling |", "|---|---|---|", *lines])
    return shown | {"accuracy_by_column": MetadataValue.md(note + table + left_out)}


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


def markdown_table(table: pa.Table) -> str:
    """A table as markdown, for a handful of synthetic rows."""
    head = [f"| {' | '.join(_cell(name) for name in table.column_names)} |", "|---" * table.num_columns + "|"]
    rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
    return "\n".join(head + [f"| {' | '.join(_cell(value) for value in row)} |" for row in rows])


def markdown_picture(png: bytes, title: str) -> MetadataValue:
    """A picture inside the metadata itself, so that it needs no file server."""
    return MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(png).decode()})")


def _cell(value: Any) -> str:
    text = "" if value is None else f"{value:,.10g}" if isinstance(value, float) else str(value)
    text = " ".join(text.replace("|", "\\|").split())
    return text if len(text) <= _MAX_CELL else text[: _MAX_CELL - 1] + "…"


def _rows(manifest: Manifest, role: str) -> int:
    return sum(count for name, count in manifest.row_counts.items() if name.endswith(f"-{role}.parquet"))


def _without_none(shown: Metadata) -> Metadata:
    return {name: value for name, value in shown.items() if value is not None}
