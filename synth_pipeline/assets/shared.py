"""What all assets have in common: partitions, group, and how they are ordered."""

from typing import Any

from dagster import AssetIn, In, Nothing

from synth_engine import __version__
from synth_engine.workspace import Artefact
from synth_pipeline.partitions import datasets
from synth_pipeline.stages import Stage

SENSITIVE = {"contents": "sensitive"}
SHAREABLE = {"contents": "shareable"}

ASSET: dict[str, Any] = {
    "partitions_def": datasets,
    "group_name": "synthesis",
    "owners": ["team:synthetic-data"],
    "code_version": __version__,
}
"""Arguments of every asset."""

SPLIT = Stage("split", "original_data", (Artefact.TGT_DATA, Artefact.TGT_META), (Artefact.CTX_DATA, Artefact.CTX_META))
ANALYZE = Stage("analyze", "column_stats", (Artefact.TGT_STATS,), (Artefact.CTX_STATS,))
ENCODE = Stage("encode", "encoded_data", (Artefact.ENCODED_DATA,))
TRAIN = Stage("train", "model_store", (Artefact.MODEL_DATA,))
GENERATE = Stage("generate", "synthetic_data", (Artefact.SYNTHETIC_DATA,))


def after(*assets: str) -> dict[str, AssetIn]:
    """Inputs of an asset that must wait for others and reads what they made from the workspace."""
    return {asset: AssetIn(dagster_type=Nothing) for asset in assets}


def waiting_for(*assets: str) -> dict[str, In]:
    """The same, for the op inside the asset."""
    return {asset: In(Nothing) for asset in assets}
