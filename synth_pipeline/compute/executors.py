"""Executors: whether the steps of a run share its process, or are spread.

Belongs here: the choice that a deployment makes by ``SYNTH_EXECUTOR``. Does not belong here: Celery's workers
(`celery_app`), where runs start (`routing`), where steps leave values for each other (`handover`).
"""

import os
from collections.abc import Callable
from typing import Any

from dagster import (
    Executor,
    ExecutorDefinition,
    in_process_executor,
    multiprocess_executor,
)

from synth_pipeline.compute.classes import ComputeError

EXECUTOR_VARIABLE = "SYNTH_EXECUTOR"


def executor() -> ExecutorDefinition | Executor:
    """The executor named by ``SYNTH_EXECUTOR``.

    ``in_process`` (default): all steps of a run in its process. ``multiprocess``: a process for each step, on the run's
    machine. ``celery``: steps on the workers of a broker. ``k8s``: a pod for each step.

    Raises:
        ComputeError: There is no executor of this name, or its library is missing.
    """
    name = os.environ.get(EXECUTOR_VARIABLE) or "in_process"
    if name not in _MAKERS:
        raise ComputeError(f"expected one of {', '.join(_MAKERS)} in ${EXECUTOR_VARIABLE}, found {name!r}")
    try:
        return _MAKERS[name]()
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(("dagster_", "celery", "kubernetes", "redis")):
            raise
        extra = f"pip install 'synth-engine[{name}]'"
        raise ComputeError(f"${EXECUTOR_VARIABLE} is {name}, which needs {error.name}: {extra}") from error


def _in_process() -> ExecutorDefinition:
    # One process per run: five processes that each import torch would take longer than a small dataset.
    return in_process_executor


def _multiprocess() -> ExecutorDefinition:
    # A fork of a process that has loaded the pipeline but not yet used a GPU: less than half the time of a new one.
    return multiprocess_executor.configured({"start_method": {"forkserver": {}}})


def _celery() -> ExecutorDefinition:
    from dagster_celery import celery_executor

    from synth_pipeline.compute.celery_app import BROKER_VARIABLE, backend_variable, settings

    config: dict[str, Any] = {
        "broker": {"env": BROKER_VARIABLE},  # by name: Dagster shows the configuration, and URLs hold passwords
        "backend": {"env": backend_variable()},
        "config_source": settings(),
    }
    return celery_executor.configured(config, name="celery")


def _kubernetes() -> ExecutorDefinition:
    from dagster_k8s import k8s_job_executor

    return k8s_job_executor


_MAKERS: dict[str, Callable[[], ExecutorDefinition]] = {
    "in_process": _in_process,
    "multiprocess": _multiprocess,
    "celery": _celery,
    "k8s": _kubernetes,
}
