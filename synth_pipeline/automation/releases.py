"""The sensor `releases`: datasets with a section ``release`` are measured, judged and published by themselves.

A run is requested once for each version of the synthetic rows and of what the file says of their release. What is
refused is not asked for again before one of them changes.

Belongs here: which datasets are due. Does not belong here: measuring, judging (`release`).
"""

import hashlib

from dagster import DefaultSensorStatus, RunRequest, SensorEvaluationContext, SensorResult, sensor

from synth_pipeline.automation.known import known_datasets
from synth_pipeline.automation.sensors import REASON_TAG, missing_partitions, twin_version, waits_for
from synth_pipeline.jobs import release
from synth_pipeline.resources import Storage

RELEASES = "releases"


@sensor(
    name=RELEASES,
    job=release,
    minimum_interval_seconds=15,
    default_status=DefaultSensorStatus.RUNNING,
    description="New synthetic rows of datasets with a section `release` are measured, judged and published.",
)
def releases(context: SensorEvaluationContext, storage: Storage) -> SensorResult:
    """One tick. Dagster remembers run keys, so each is requested once, also after a restart."""
    known = known_datasets(storage.catalog)
    requests, waiting = [], []
    for name, config in known.configs.items():
        if config.release is None or (version := twin_version(storage, name)) is None:
            continue
        if obstacle := waits_for(context.instance, name):
            waiting.append(f"{name}: waits, because {obstacle}")
            continue
        wanted = hashlib.sha256(config.release.model_dump_json().encode()).hexdigest()[:12]
        requests.append(
            RunRequest(
                run_key=f"release:{name}:{version}:{wanted}",
                partition_key=name,
                tags={REASON_TAG: "new synthetic rows, or other limits"},
            )
        )
    return SensorResult(
        run_requests=requests,
        skip_reason=None if requests else "; ".join(waiting) or "no dataset is to be released",
        dynamic_partitions_requests=missing_partitions(context.instance, known),
    )
