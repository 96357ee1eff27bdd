"""The gate's questions as asset checks of quality_report: one for each, so that the page of the asset lists them.

They show what `published_data` decides by; it judges again by itself. Belongs here: how a finding becomes a check's
result. Does not belong here: limits and findings (`synth_engine.report`).
"""

import warnings
from typing import Any

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    PreviewWarning,
    asset_check,
)

from synth_engine.domain import UserError
from synth_engine.report import CHECKS, Check, current_report, judge
from synth_pipeline.partitions import datasets
from synth_pipeline.release import release_of
from synth_pipeline.resources import Storage


def _answer(context: AssetCheckExecutionContext, check: Check) -> AssetCheckResult:
    storage: Storage = context.resources.storage
    dataset = context.partition_key
    try:
        report = current_report(storage.workspace(dataset).root)
        if report is None:
            raise UserError("there is no report about the rows that are there now; materialise quality_report again")
        limits = release_of(storage.catalog.load(dataset)).limits
    except UserError as error:
        return AssetCheckResult(passed=False, description=str(error))
    found = [finding for finding in judge(report, limits).findings if finding.check is check]
    if not found:
        return AssetCheckResult(passed=True, description="It is ignored, as the dataset's file says.")
    [finding] = found
    return AssetCheckResult(
        passed=finding.passed,
        severity=AssetCheckSeverity.ERROR if finding.severity == "block" else AssetCheckSeverity.WARN,
        description=finding.says,
        metadata={"measured": finding.measured, "tolerated": finding.limit},
    )


def _check(check: Check) -> AssetChecksDefinition:
    def answer(context: AssetCheckExecutionContext) -> AssetCheckResult:
        return _answer(context, check)

    arguments: dict[str, Any] = {"partitions_def": datasets, "required_resource_keys": {"storage"}}
    return asset_check(asset="quality_report", name=check.value, description=check.about, **arguments)(answer)


with warnings.catch_warnings():  # checks of single partitions are in preview; no user of ours can do anything about it
    warnings.simplefilter("ignore", PreviewWarning)
    gate = [_check(check) for check in CHECKS]
