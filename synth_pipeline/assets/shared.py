"""What all assets have in common: partitions, group, and how they are ordered."""

from typing import Any

from dagster import AssetIn, DynamicOut, In, Nothing, Out, RetryPolicy

from synth_engine import __version__
from synth_engine.workspace import Artefact
from synth_pipeline import compute
from synth_pipeline.compute import compute_tags, pool
from synth_pipeline.fan_out import PLAN, WORK
from synth_pipeline.partitions import datasets
from synth_pipeline.stages import RESOURCES, Stage

SENSITIVE = {"contents": "sensitive"}
SHAREABLE = {"contents": "shareable"}

ASSET: dict[str, Any] = {
    "partitions_def": datasets,
    "group_name": "synthesis",
    "owners": ["team:synthetic-data"],
    "code_version": __version__,
}
"""Arguments of every asset."""


def _on(compute_class: str) -> dict[str, Any]:
    tags, in_pool = compute_tags(compute_class), pool(compute_class)
    return {"tags": tags, "pool": in_pool, "required_resource_keys": RESOURCES}


CPU, GPU = _on(compute.CPU), _on(compute.GPU)
"""Arguments of every op: where it runs."""

PLANS: dict[str, Any] = {"out": {PLAN: Out(dict), WORK: DynamicOut(dict)}}
"""Arguments of an op that plans a stage: for the op that ends it, and for each of those that do the work."""

# A process that was killed, or lost its machine, is replaced; what a user can mend fails at once.
WORKS: dict[str, Any] = {"ins": {WORK: In(dict)}, "retry_policy": RetryPolicy(max_retries=2)}
"""Arguments of an op that does a part of the work, and puts out how many seconds it took."""

SPLIT = Stage("split", "original_data", (Artefact.TGT_DATA, Artefact.TGT_META), (Artefact.CTX_DATA, Artefact.CTX_META))
ANALYZE = Stage("analyze", "column_stats", (Artefact.TGT_STATS,), (Artefact.CTX_STATS,))
ENCODE = Stage("encode", "encoded_data", (Artefact.ENCODED_DATA,))
TRAIN = Stage("train", "model_store", (Artefact.MODEL_DATA,))
GENERATE = Stage("generate", "synthetic_data", (Artefact.SYNTHETIC_DATA,))
REPORT = Stage("report", "quality_report", (Artefact.REPORT,))
PUBLISH = Stage("publish", "published_data", ())


def after(*assets: str) -> dict[str, AssetIn]:
    """Inputs of an asset that must wait for others and reads what they made from the workspace."""
    return {asset: AssetIn(dagster_type=Nothing) for asset in assets}


def waiting_for(*assets: str) -> dict[str, In]:
    """The same, for the op inside the asset."""
    return {asset: In(Nothing) for asset in assets}


def ending(*assets: str) -> dict[str, In]:
    """Inputs of an op that ends a stage; all those of the asset: Dagster notes versions of the last op's only."""
    return {PLAN: In(dict), "done": In(list), **waiting_for(*assets)}
