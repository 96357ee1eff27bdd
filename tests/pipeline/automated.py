"""A storage whose sensors are made to tick by hand, and whose runs are made by the test."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagster import DagsterInstance, RunRequest, SensorEvaluationContext
from dagster._core.storage.tags import PARTITION_NAME_TAG, RUN_KEY_TAG, SENSOR_NAME_TAG

from synth_pipeline.definitions import build_definitions
from synth_pipeline.resources import Notice, Notifier, Storage


class Heard(Notifier):
    """A notifier that keeps what it is told."""

    def notify(self, notice: Notice, log: Any = None) -> None:
        HEARD.append(notice)


HEARD: list[Notice] = []


@dataclass
class Automated:
    """A sensor with its cursor."""

    root: str
    instance: DagsterInstance
    name: str = "arrivals"
    cursor: str | None = None
    said: str = ""
    keys: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        HEARD.clear()
        self.storage = Storage(root=self.root)
        self.definitions = build_definitions(storage=self.storage, notifier=Heard())

    @property
    def inbox(self) -> Path:
        folder = Path(self.root) / "inbox"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def tick(self) -> list[RunRequest]:
        """What the sensor requests, as the daemon takes it: a run key counts once."""
        repository = self.definitions.get_repository_def()
        with SensorEvaluationContext(
            self.instance.get_ref(),
            last_tick_completion_time=None,
            last_run_key=None,
            cursor=self.cursor,
            log_key=None,
            repository_name=repository.name,
            repository_def=repository,
            sensor_name=self.name,
            instance=self.instance,
            resources=repository.get_top_level_resources(),
        ) as context:
            data = repository.get_sensor_def(self.name).evaluate_tick(context)
        self.cursor, self.said = data.cursor, data.skip_message or ""
        for request in data.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
        new = [request for request in data.run_requests or [] if request.run_key not in self.keys]
        self.keys |= {request.run_key for request in new}
        return new

    def ticks(self, number: int = 2) -> list[str]:
        """Datasets that several ticks request, in order."""
        return [request.partition_key for _ in range(number) for request in self.tick()]

    def run(self, request: RunRequest) -> bool:
        """Make the run that was requested."""
        tags = {**request.tags, PARTITION_NAME_TAG: request.partition_key}
        tags |= {SENSOR_NAME_TAG: self.name, RUN_KEY_TAG: request.run_key}
        job = self.definitions.resolve_job_def(request.job_name)
        result = job.execute_in_process(
            instance=self.instance, partition_key=request.partition_key, tags=tags, raise_on_error=False
        )
        return result.success
