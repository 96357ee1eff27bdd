"""Work side by side: in threads, for functions that mostly spend time outside the interpreter's lock; in processes."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_threads(
    function: Callable[[Item], Result], items: Iterable[Item], n_threads: int | None = None
) -> Iterator[Result]:
    """The results for all items, in their order.

    Args:
        function: Must not change what another call reads.
        items: One result each.
        n_threads: None takes `usable_cores`.

    Raises:
        Exception: what `function` raised first, in the order of the items; those not yet begun are not.
    """
    queue = list(items)
    n_threads = min(n_threads or usable_cores(), len(queue))
    if n_threads <= 1:
        yield from map(function, queue)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        futures: list[Future[Result]] = [pool.submit(function, item) for item in queue]
        try:
            for place, future in enumerate(futures):
                yield future.result()
                futures[place] = Future()  # a result that was taken need not be kept until all are
        finally:
            for future in futures:
                future.cancel()


def usable_cores() -> int:
    """How many cores this process may use; fewer than there are where it is bound, or `OMP_NUM_THREADS` says so."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdigit() and int(told) > 0:
        return int(told)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def launched() -> tuple[int, int]:
    """Rank of this process, and number of those that ``torchrun`` or ``accelerate launch`` started together with it.

    (0, 1) where it runs alone: also where the scheduler of a cluster set some of their variables for other purposes.
    """
    if not {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys():
        return 0, 1
    return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
