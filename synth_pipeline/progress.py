"""Live progress: the engine's callback as observations of an asset while it is being made.

Belongs here: which reports become events, and how often. Does not belong here: metadata of finished artefacts.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from synth_engine.domain import ProgressCallback

Report = Callable[[Mapping[str, Any]], None]
_FACTS = (
    "epoch",
    "steps",
    "samples",
    "trn_loss",
    "val_loss",
    "learn_rate",
    "samples_per_second",
    "is_checkpoint",
    "dp_eps",
)


class EpochReports:
    """An engine callback that passes on one report per epoch, and not more than one per `seconds`."""

    def __init__(self, report: Report, seconds: float = 2.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._report = report
        self._seconds = seconds
        self._clock = clock
        self._last_epoch: float | None = None
        self._last_time = float("-inf")

    def __call__(
        self,
        total: float | None = None,
        completed: float | None = None,
        advance: float | None = None,
        message: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Called by the engine."""
        facts = message or {}
        epoch = facts.get("epoch")
        if epoch is None or epoch == self._last_epoch or facts.get("total_time") is None:
            return
        if self._clock() - self._last_time < self._seconds:
            return
        self._last_epoch, self._last_time = epoch, self._clock()
        self._report({name: facts[name] for name in _FACTS if facts.get(name) is not None})


def both(one: ProgressCallback | None, other: ProgressCallback | None) -> ProgressCallback | None:
    """A callback that calls two, and passes on a wish of either to stop."""
    if one is None or other is None:
        return one or other

    def call(*args: Any, **kwargs: Any) -> dict[str, Any]:
        answers = [one(*args, **kwargs), other(*args, **kwargs)]
        return {"stopExecution": any((answer or {}).get("stopExecution") for answer in answers)}

    return call
