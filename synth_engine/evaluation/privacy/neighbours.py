"""Exact nearest neighbours among many points, in blocks of matrix products.

Belongs here: search in vectors. Does not belong here: what the vectors stand for. There is no index: in dozens of
dimensions trees look at nearly every point anyway, and a matrix product does so faster.

Shape legend: Q queries, R records, D dimensions, K neighbours.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
_BLOCK = 6_000_000  # products at a time: 24 MB


def nearest(
    queries_QD: Vectors, records_RD: Vectors, k: int = 1
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    """The `k` nearest records of each query, the nearest first.

    Candidates come from single-precision products, one more than asked for; their distances are then taken anew from
    differences in double precision, so that equal rows have distance 0 and ties are ties. Records that are nearer than
    a candidate by less than single precision (about 1e-5 in squared distance) may be missed.

    Args:
        queries_QD: Points of shape (Q, D).
        records_RD: Points of shape (R, D), at least `k`.
        k: Number of neighbours.

    Returns:
        Euclidean distances of shape (Q, K), and places of the neighbours in `records_RD`, of shape (Q, K).
    """
    n_queries, n_records = len(queries_QD), len(records_RD)
    # [q, 1] · [-2 r, |r|²] = |q - r|² - |q|², and |q|² is the same for all records
    squares_R1 = np.einsum("rd,rd->r", records_RD, records_RD)[:, None]
    flipped_DR = np.ascontiguousarray(np.hstack([-2 * records_RD, squares_R1]).T)
    distances_QK, places_QK = np.empty((n_queries, k)), np.empty((n_queries, k), np.intp)
    step = max(_BLOCK // max(n_records, 1), 1)
    for start in range(0, n_queries, step):
        block_BD = queries_QD[start : start + step]
        candidates = _smallest(np.hstack([block_BD, np.ones_like(block_BD[:, :1])]) @ flipped_DR, min(k + 1, n_records))
        gaps = block_BD[:, None, :].astype(np.float64) - records_RD[candidates]
        squared = np.einsum("bkd,bkd->bk", gaps, gaps)
        order = np.argsort(squared, axis=1, kind="stable")[:, :k]
        distances_QK[start : start + step] = np.sqrt(np.take_along_axis(squared, order, axis=1))
        places_QK[start : start + step] = np.take_along_axis(candidates, order, axis=1)
    return distances_QK, places_QK


def _smallest(values_BR: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.intp]:
    """Places of the smallest values of each row; overwrites them. Passes of argmin beat a partition for few."""
    rows = np.arange(len(values_BR))
    found: list[npt.NDArray[Any]] = []
    for _ in range(count):
        found.append(values_BR.argmin(axis=1))
        values_BR[rows, found[-1]] = np.inf
    return np.stack(found, axis=1)
