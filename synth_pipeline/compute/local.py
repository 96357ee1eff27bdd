"""Runs as processes beside the code server, whose death is noticed.

Belongs here: asking the code server whether it still has a run. Does not belong here: how it starts one, which is
Dagster's.
"""

import json
from collections import Counter
from typing import Any

from dagster import DagsterRun, DefaultRunLauncher
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value
from dagster._serdes.config_class import ConfigurableClassData

N_UNREACHABLE = 3
"""How often in a row a code server must be out of reach before its runs count as lost."""


class LocalRunLauncher(DefaultRunLauncher):
    """Dagster's own launcher, which can also tell whether a run's process is there.

    A process that dies under a living code server is reported by that. One that dies with it (machine switched off,
    container replaced) would otherwise be in progress for ever, and with a limit on runs keep all others waiting.
    """

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(inst_data)
        self._unreachable: Counter[str] = Counter()

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Ask the code server that started the run's process."""
        if GRPC_INFO_TAG not in run.tags:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "it says not where")
        try:
            has_run = _ask(json.loads(run.tags[GRPC_INFO_TAG]), run.run_id)
        except DagsterUserCodeUnreachableError:
            return self._out_of_reach(run.run_id)
        self._unreachable.pop(run.run_id, None)
        if has_run:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "the code server does not have its process")

    def _out_of_reach(self, run_id: str) -> CheckRunHealthResult:
        self._unreachable[run_id] += 1
        if self._unreachable[run_id] < N_UNREACHABLE:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "the code server did not answer this time")
        del self._unreachable[run_id]
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "the code server that started its process is gone")


def _ask(place: dict[str, Any], run_id: str) -> bool:
    client = DagsterGrpcClient(
        host=place.get("host", "localhost"),
        port=place.get("port"),
        socket=place.get("socket"),
        use_ssl=bool(place.get("use_ssl")),
    )
    answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run_id), timeout=10)
    return bool(deserialize_value(answer, CanCancelExecutionResult).can_cancel)
