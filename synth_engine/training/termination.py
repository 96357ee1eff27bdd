"""Being told to go: what a cluster does before it takes a machine away."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Termination:
    """Whether the process was asked to end by SIGTERM."""

    def __init__(self) -> None:
        self.requested = False

    def request(self, _number: int, _frame: FrameType | None) -> None:
        """Take note; used as a signal handler."""
        self.requested = True


@contextmanager
def awaited() -> Iterator[Termination]:
    """While the block runs SIGTERM is only noted; afterwards it is delivered to whoever handled it before.

    Signals reach the main thread only: in another one nothing is noted, and SIGTERM works as ever.
    """
    termination = Termination()
    if threading.current_thread() is not threading.main_thread():
        yield termination
        return
    before = signal.signal(signal.SIGTERM, termination.request)
    try:
        yield termination
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)
        if termination.requested:
            os.kill(os.getpid(), signal.SIGTERM)
