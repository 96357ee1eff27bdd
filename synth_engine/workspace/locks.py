"""Locks on local folders, so that processes do not get into each other's way.

The kernel lets go of a lock when the process that holds it ends, however it ends. So a lock never outlives its owner,
and a folder that nobody locks has no living owner.
"""

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

if sys.platform != "win32":
    import fcntl


class FolderLock:
    """The lock on a folder, from construction until `release`. Other holders are threads or processes alike.

    Args:
        folder: A folder that exists. Nothing is written into it.
        wait: Wait until the holder lets go; otherwise raise `BlockingIOError`.
        shared: Others may hold it at the same time, if theirs is shared as well.

    Attributes:
        works: False where the file system knows no locks (some network disks); the lock is then none.
    """

    def __init__(self, folder: Path, *, wait: bool = True, shared: bool = False) -> None:
        self.works = False
        self._descriptor = -1 if sys.platform == "win32" else os.open(folder, os.O_RDONLY)
        try:
            self.works = _lock(self._descriptor, wait, shared)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let go; does nothing the second time."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _lock(descriptor: int, wait: bool, shared: bool) -> bool:
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        raise
    except OSError:
        return False
    return True
