"""The job with a process for each step, for tests that kill some of them."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagster import JobDefinition, multiprocess_executor

from synth_engine.domain import ProgressCallback
from synth_pipeline.definitions import build_definitions
from synth_pipeline.resources import Listener

VICTIMS_VARIABLE, MARKS_VARIABLE = "SYNTH_TEST_VICTIMS", "SYNTH_TEST_MARKS"


class Killer(Listener):
    """Kills the process of a step in the middle of its work, once for each stage that is to suffer it."""

    def started(self, stage: str) -> ProgressCallback | None:
        """A stage is about to run."""
        mark = Path(os.environ[MARKS_VARIABLE]) / stage
        if stage not in os.environ[VICTIMS_VARIABLE].split() or mark.exists():
            return None

        def kill(completed: float | None = None, **_: Any) -> Mapping[str, Any] | None:
            if completed:
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return None

        return kill


def job_in_processes() -> JobDefinition:
    """Found by its name in each of the processes."""
    executor = multiprocess_executor.configured({"start_method": {"forkserver": {}}, "max_concurrent": 2})
    return build_definitions(listener=Killer()).resolve_job_def("synthesize").with_executor_def(executor)
