"""Celery workers for steps: ``celery -A synth_pipeline.compute.celery_app worker --concurrency 1 -Q dagster``.

Belongs here: settings that executor and workers must share, and what makes a lost worker's step come back. Does not
belong here: the tasks themselves, which are dagster-celery's.
"""

import ctypes
import os
import signal
import sys
import time
from typing import Any

from celery import Celery, bootsteps
from celery.signals import worker_process_init
from dagster_celery.config import DEFAULT_CONFIG, dict_wrapper
from dagster_celery.defaults import broker_transport_options
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_execute_job_task, create_resume_job_task, create_task

from synth_pipeline.compute.classes import ComputeError

BROKER_VARIABLE = "SYNTH_CELERY_BROKER"
BACKEND_VARIABLE = "SYNTH_CELERY_BACKEND"
LOST_VARIABLE = "SYNTH_CELERY_LOST_SECONDS"
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def backend_variable() -> str:
    """Name of the variable that holds the URL of the results: the broker's own, unless another is set."""
    return BACKEND_VARIABLE if os.environ.get(BACKEND_VARIABLE) else BROKER_VARIABLE


def lost_seconds() -> int:
    """How long nothing may be heard of a worker before its step goes to another; 60 unless set otherwise.

    Raises:
        ComputeError: ``SYNTH_CELERY_LOST_SECONDS`` is not a whole number of at least 3.
    """
    text = os.environ.get(LOST_VARIABLE) or "60"
    if not text.isdecimal() or int(text) < 3:
        raise ComputeError(f"expected a whole number of seconds, at least 3, in ${LOST_VARIABLE}, found {text!r}")
    return int(text)


def settings() -> dict[str, Any]:
    """Celery's settings, for the executor and for the workers.

    A step is taken off the queue only when it has ended (``acks_late``): that of a lost machine comes back. A step
    whose process alone was killed (out of memory, say) fails the run instead, which Dagster retries, but not for ever.
    """
    transport = {
        **broker_transport_options,
        "visibility_timeout": lost_seconds(),
        # kombu itself looks for what was lost every 100 s only, and lets one that dies while looking bar others for 300
        "unacked_restore_interval": max(1, lost_seconds() // 4),
        "unacked_restore_throttle": 1,
        "unacked_mutex_expire": lost_seconds(),
    }
    return {
        "task_acks_late": True,
        "task_reject_on_worker_lost": False,
        "worker_prefetch_multiplier": 1,
        "worker_max_tasks_per_child": 1,  # memory, that of the GPU too, goes back with the process
        "broker_transport_options": transport,
        "broker_connection_retry_on_startup": True,
    }


class StayVisible(bootsteps.StartStopStep):  # type: ignore[misc]
    """Tells Redis that the steps taken by this worker are still being worked on.

    Redis itself cannot notice that a consumer is gone: what is not acknowledged within the visibility timeout is given
    to another. Without this the timeout would have to be longer than the longest training, and so would the wait for
    a lost machine's step.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self._timer: Any = None

    def start(self, parent: Any) -> None:
        """Begin, once the worker consumes tasks."""
        channel = parent.task_consumer.channel
        if hasattr(channel, "unacked_index_key"):  # only Redis: other brokers notice by the connection
            self._timer = parent.timer.call_repeatedly(lost_seconds() / 3, self._refresh, (channel,))

    def stop(self, parent: Any) -> None:
        """End, before a new connection or for good."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @staticmethod
    def _refresh(channel: Any) -> None:
        held = set(channel.qos._delivered) - channel.qos._dirty
        if held:
            with channel.conn_or_acquire() as client:
                # only those that are there: what was acknowledged in between must not come back
                client.zadd(channel.unacked_index_key, dict.fromkeys(held, time.time()), xx=True)


def _make() -> Celery:
    if BROKER_VARIABLE not in os.environ:
        raise ComputeError(f"expected the URL of the broker in ${BROKER_VARIABLE}, for example redis://host:6379/0")
    made: Celery = make_app(  # type: ignore[no-untyped-call]
        {
            "broker": os.environ[BROKER_VARIABLE],
            "backend": os.environ[backend_variable()],
            "config_source": dict_wrapper({**DEFAULT_CONFIG, **settings()}),  # type: ignore[no-untyped-call]
        }
    )
    made.steps["consumer"].add(StayVisible)
    for task in (create_task, create_execute_job_task, create_resume_job_task):
        task(made)
    return made


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _die_with_the_worker(**_: Any) -> None:
    """A step must not go on when its worker is gone, for then another worker is given it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def __getattr__(name: str) -> Any:
    """`app`, made when it is asked for: the executor imports this module for its settings alone."""
    if name == "app":
        globals()["app"] = _make()
        return globals()["app"]
    raise AttributeError(name)
