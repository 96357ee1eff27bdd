"""Numbers between 0 and 1 that are spread evenly over all rows to come, though shards are drawn apart."""

import math

import numpy as np
import numpy.typing as npt

_GOLDEN = (math.sqrt(5) - 1) / 2


def even_numbers(start: int, n_rows: int, total: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Some of `total` equally spaced numbers, in random order; those of other rows are others.

    Args:
        start: Index of the first row.
        n_rows: How many rows.
        total: Number of all rows. Of the numbers of all of them, ``round(total * p)`` are below ``p``.
        rng: Decides the order within these rows.

    Guarantees: the numbers of any run of rows are nearly evenly spread as well, since steps by the golden section are
    (Knuth, The Art of Computer Programming, vol. 3, 6.4).

    >>> first, second = (even_numbers(start, 2, 4, np.random.default_rng(0)).tolist() for start in (0, 2))
    >>> sorted(first + second)
    [0.125, 0.375, 0.625, 0.875]
    """
    step = max(round(total * _GOLDEN), 1)
    while math.gcd(step, max(total, 1)) > 1:
        step += 1
    rows = np.arange(start, start + n_rows, dtype=np.int64)
    places = np.array([int(row) * step % total for row in rows]) if total > 2**31 else rows * step % max(total, 1)
    return (rng.permutation(places) + 0.5) / max(total, 1)
