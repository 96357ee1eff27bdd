"""referential_integrity: every synthetic event belongs to a synthetic subject that is there now."""

import warnings

from dagster import AssetCheckExecutionContext, AssetCheckResult, PreviewWarning, asset_check

from synth_engine.domain import InputError
from synth_pipeline.parents import parent_of
from synth_pipeline.partitions import datasets
from synth_pipeline.resources import Storage
from synth_pipeline.sequences import synthetic_subjects


def _referential_integrity(context: AssetCheckExecutionContext) -> AssetCheckResult:
    """Keys refer: of a dataset with a context, to rows of the context's twin; of others there is nothing to check."""
    storage: Storage = context.resources.storage
    dataset = context.partition_key
    config = storage.catalog.load(dataset)
    parent = parent_of(config, storage)
    if config.context_key is None or parent is None:
        return AssetCheckResult(passed=True, description="there is no context that keys could refer to")
    try:
        subjects = synthetic_subjects(storage.workspace(dataset), config.context_key, parent)
    except InputError as error:
        return AssetCheckResult(
            passed=False,
            description=f"the twin of {parent.name!r} is not the one that these events were made for; materialise "
            f"{dataset!r} again ({error})",
        )
    return AssetCheckResult(passed=True, metadata={"subjects": subjects.size, "events": len(subjects.places)})


with warnings.catch_warnings():  # checks of single partitions are in preview; no user of ours can do anything about it
    warnings.simplefilter("ignore", PreviewWarning)
    referential_integrity = asset_check(
        asset="synthetic_data",
        name="referential_integrity",
        partitions_def=datasets,
        required_resource_keys={"storage"},
    )(_referential_integrity)
