"""Datasets that are made by the clock: the cron of each, asked twice a minute.

Dagster's own schedules are part of the code location, which is loaded once; a dataset whose file is written afterwards
would have none before a reload. So this is a sensor that remembers until when it has looked at the clock, and asks
which crons came due since. However long it was down, each dataset is due once.

Belongs here: which datasets are due. Does not belong here: what changed (`arrivals`).
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from dagster import DefaultSensorStatus, RunRequest, SensorEvaluationContext, SensorResult, sensor
from dagster._utils.schedules import get_latest_completed_cron_tick
from pydantic import BaseModel, ConfigDict, ValidationError

from synth_pipeline.automation.arrivals import Twin
from synth_pipeline.automation.known import Known, known_datasets
from synth_pipeline.automation.reports import Report, joined
from synth_pipeline.automation.sensors import REASON_TAG, missing_partitions, twin_version, waits_for
from synth_pipeline.jobs import synthesize
from synth_pipeline.resources import Storage

SCHEDULES = "schedules"
_NEVER = float("-inf")


@dataclass(frozen=True)
class Cron:
    """When a dataset is made.

    Args:
        text: Five fields.
        timezone: IANA name. Times that a change of clocks leaves out come due at the change; those that it repeats, at
            the first of the two, unless the cron is one of every hour.
    """

    text: str
    timezone: str = "UTC"

    def latest(self, now: float) -> float:
        """The last time it came due until `now`, both in seconds of the epoch."""
        return get_latest_completed_cron_tick(self.text, datetime.fromtimestamp(now, UTC), self.timezone).timestamp()


class SchedulesCursor(BaseModel):
    """Memory of the sensor.

    Args:
        version: Of this format.
        since: Until when the clock was looked at.
        waiting: Datasets that came due and wait for a parent, and when.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    since: float
    waiting: dict[str, float] = {}

    @classmethod
    def read(cls, text: str | None, now: float) -> "SchedulesCursor":
        """Of the text that Dagster kept; begins with `now` where there is none that can be read."""
        try:
            return cls.model_validate_json(text or "")
        except ValidationError:
            return cls(since=now)


def due(crons: Mapping[str, Cron], memory: SchedulesCursor, now: float) -> tuple[dict[str, float], list[Report]]:
    """When datasets came due that were not made since; and crons that cannot be read."""
    found, reports = {}, []
    for name, cron in crons.items():
        try:
            latest = cron.latest(now)
        except Exception as error:  # the catalogue refuses such a cron; whatever gets past it must not stop the others
            reports.append(Report(f"{name}: cron {cron.text!r} cannot be read: {type(error).__name__}"))
            continue
        if latest > memory.since:
            found[name] = latest
        elif name in memory.waiting:
            found[name] = memory.waiting[name]
    return found, reports


def ready(
    came_due: Mapping[str, float], parents: Mapping[str, str | None], twins: Mapping[str, Twin]
) -> tuple[dict[str, float], dict[str, str]]:
    """Those of the datasets that can be made now, and why the others have to wait.

    Args:
        came_due: Datasets and times.
        parents: Parent of each dataset.
        twins: What is known of parents.
    """
    obstacles = {name: next(_obstacles(name, came_due, parents, twins), "") for name in came_due}
    now = {name: came_due[name] for name, obstacle in obstacles.items() if not obstacle}
    return now, {name: obstacle for name, obstacle in obstacles.items() if obstacle}


def _obstacles(
    name: str, came_due: Mapping[str, float], parents: Mapping[str, str | None], twins: Mapping[str, Twin]
) -> Iterator[str]:
    parent = parents.get(name)
    if parent is not None and twins[parent].version is None:
        yield f"there is no synthetic data of {parent} yet"
    while parent is not None:
        if parent in came_due:
            yield f"{parent} is about to be made"
        if twins[parent].waits_for:
            yield twins[parent].waits_for
        parent = parents.get(parent)


@sensor(
    name=SCHEDULES,
    job=synthesize,
    minimum_interval_seconds=30,
    default_status=DefaultSensorStatus.RUNNING,
    description="Datasets with a cron are made when it comes due, whatever changed.",
)
def schedules(context: SensorEvaluationContext, storage: Storage) -> SensorResult:
    """One look at the clock. After a break each dataset is due once; a child after its parent."""
    now = time.time()
    memory = SchedulesCursor.read(context.cursor, now)
    known = known_datasets(storage.catalog)
    came_due, reports = due(_crons(known), memory, now)
    parents = {name: config.parent for name, config in known.configs.items()}
    above = {ancestor for name in came_due for ancestor in _line(name, parents)}
    twins = {name: Twin(twin_version(storage, name), waits_for(context.instance, name)) for name in above}
    made, obstacles = ready(came_due, parents, twins)
    told = [f"{name}: waits, because {obstacle}" for name, obstacle in obstacles.items()]
    for report in reports:
        context.log.warning(report.text)
    return SensorResult(
        run_requests=[_run_request(name, moment) for name, moment in made.items()],
        skip_reason=None if made else joined([*(report.text for report in reports), *told]) or "nothing is due",
        cursor=SchedulesCursor(since=now, waiting={name: came_due[name] for name in obstacles}).model_dump_json(),
        dynamic_partitions_requests=missing_partitions(context.instance, known),
    )


def _crons(known: Known) -> dict[str, Cron]:
    return {name: Cron(config.cron, config.timezone) for name, config in known.configs.items() if config.cron}


def _line(name: str, parents: Mapping[str, str | None]) -> Iterator[str]:
    parent = parents.get(name)
    while parent is not None:
        yield parent
        parent = parents.get(parent)


def _run_request(name: str, moment: float) -> RunRequest:
    when = datetime.fromtimestamp(moment, UTC).isoformat(timespec="minutes")
    return RunRequest(run_key=f"{name}:cron:{int(moment)}", partition_key=name, tags={REASON_TAG: f"due at {when}"})
