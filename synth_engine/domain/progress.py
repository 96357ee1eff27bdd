"""The progress protocol: how a verb tells its caller how far it is, and how the caller stops it."""

from collections.abc import Mapping
from typing import Any, Protocol

from synth_engine.domain.errors import InputError


class ProgressCallback(Protocol):
    """Called by every verb while it works.

    Args:
        total: Size of the whole job in the verb's unit (columns, parts, epochs, rows), or None if it has not changed.
        completed: How much is done.
        advance: How much was done since the last call.
        message: Facts worth showing, such as ``{"stage": "train", "epoch": 3, "val_loss": 20.1}``.
        **kwargs: Room for later additions; ignore what you do not know.

    Returns:
        None, or a mapping. ``{"stopExecution": True}`` asks training to stop cleanly with the best model so far.
    """

    def __call__(
        self,
        total: float | None = None,
        completed: float | None = None,
        advance: float | None = None,
        message: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Mapping[str, Any] | None:
        """Take note of the progress."""
        ...


class Progress:
    """A verb's own handle on the caller's callback: counts, and remembers a wish to stop."""

    def __init__(self, callback: ProgressCallback | None, stage: str, total: float, unit: str) -> None:
        if callback is not None and not callable(callback):
            raise InputError(f"update_progress: expected a callable or None, found {type(callback).__name__}")
        self._callback = callback
        self._stage = stage
        self._unit = unit
        self._total = total
        self._completed = 0.0
        self.stop_requested = False
        self.report()

    def report(self, advance: float = 0, total: float | None = None, **facts: Any) -> None:
        """Tell the caller that `advance` more units are done, with facts worth showing."""
        self._total = self._total if total is None else total
        self._completed += advance
        if self._callback is None:
            return
        message = {"stage": self._stage, "unit": self._unit, **facts}
        answer = self._callback(total=self._total, completed=self._completed, advance=advance, message=message)
        if isinstance(answer, Mapping) and answer.get("stopExecution"):
            self.stop_requested = True
