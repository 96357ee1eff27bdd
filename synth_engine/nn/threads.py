"""Whole pieces of work side by side, in place of every operation spread over the cores.

The operations of a small network take a tenth of a millisecond. Spread over two cores each of them waits for both: that
eats up half of what the second core brings on an idle machine, and everything and more on a busy one.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch

from synth_engine import parallel

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_threads(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """The results for all items, in their order, computed in as many threads as torch may use.

    Args:
        function: Must not change what another call reads. Gradient modes such as `torch.no_grad` belong to a thread,
            so it has to enter them itself.
        items: One result each.
    """
    n_threads = min(torch.get_num_threads(), len(items))
    if n_threads <= 1:
        return [function(item) for item in items]
    with _single_threaded_operations():
        return list(parallel.map_in_threads(function, items, n_threads))


@contextmanager
def _single_threaded_operations() -> Iterator[None]:
    # New threads take over the number that was set last.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
