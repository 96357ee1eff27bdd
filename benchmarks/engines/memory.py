"""Peak memory of this process and its workers, one figure per stage. Linux only (`/proc`).

The main process is exact: the kernel's high-water mark, reset at the start of a stage. Workers are sampled: whenever
there are child processes, the proportional set sizes of the whole tree are added up, so that pages shared after a fork
count once.
"""

import threading
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.2


class PeakMemory:
    """Context manager: `peak_mib` afterwards holds the peak between entering and leaving.

    What an earlier stage left behind in the process counts too, as it does for whoever has to provide the memory.
    """

    def __init__(self) -> None:
        self.peak_mib = 0.0
        self._stop = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "PeakMemory":
        Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets VmHWM to the current resident set size
        self._sampler.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._sampler.join()
        self.peak_mib = max(self.peak_mib, high_water_mark_mib())

    def _sample(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            self.peak_mib = max(self.peak_mib, tree_mib())


def high_water_mark_mib() -> float:
    """Highest resident set size of this process since the last reset, in MiB."""
    status = Path("/proc/self/status").read_text().splitlines()
    kib = next(line.split()[1] for line in status if line.startswith("VmHWM:"))
    return int(kib) / 1024


def tree_mib() -> float:
    """Proportional set size of this process and all its descendants in MiB; 0 where there are none."""
    me = psutil.Process()
    children = me.children(recursive=True)
    return sum(map(_pss_mib, [me, *children])) if children else 0.0


def _pss_mib(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 2**20
    except psutil.Error:  # it ended between being listed and being read
        return 0.0
