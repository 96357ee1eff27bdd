"""Being told to go: what a cluster does before it takes a machine away, and what people do by Ctrl-C or a click."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Termination:
    """Whether the process was asked to end, by SIGTERM or SIGINT.

    Attributes:
        requested: Whether it was.
        number: Of the signal.
    """

    def __init__(self) -> None:
        self.requested = False
        self.number: int | None = None

    def request(self, number: int, _frame: FrameType | None) -> None:
        """Take note; used as a signal handler."""
        self.requested, self.number = True, number


@contextmanager
def awaited() -> Iterator[Termination]:
    """While the block runs these signals are only noted; afterwards one is delivered to whoever handled it before.

    A second SIGINT is delivered at once: whoever presses Ctrl-C twice does not want to wait. One that is ignored, as by
    programs in the background of a shell, stays so. Signals reach the main thread only: in another one nothing is
    noted, and they work as ever.
    """
    termination = Termination()
    if threading.current_thread() is not threading.main_thread():
        yield termination
        return
    handlers = {number: signal.getsignal(number) or signal.SIG_DFL for number in _SIGNALS}
    heeded = [number for number in _SIGNALS if number == signal.SIGTERM or handlers[number] != signal.SIG_IGN]

    def note(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and termination.number == number:
            signal.signal(number, handlers[signal.SIGINT])
            os.kill(os.getpid(), number)
            return
        termination.request(number, frame)

    for number in heeded:
        signal.signal(number, note)
    try:
        yield termination
    finally:
        for number in heeded:
            signal.signal(number, handlers[number])
        if termination.number is not None:
            os.kill(os.getpid(), termination.number)
