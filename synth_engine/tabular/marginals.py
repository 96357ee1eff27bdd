"""How often each code of each sub-column occurs: exactly, or with differential privacy.

Training starts from these counts, and ends with a calibration to them. Both only process what is released here.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Counts = npt.NDArray[np.float64]


def count_codes(codes_NK: Tensor, cardinalities: Sequence[int], weights_N: Tensor | None = None) -> list[Tensor]:
    """Number of rows with each code, for every sub-column; or with weights their sum.

    >>> [counts.tolist() for counts in count_codes(torch.tensor([[0, 1], [0, 0], [1, 1]]), [2, 3])]
    [[2, 1], [1, 2, 0]]
    """
    return [torch.bincount(codes_NK[:, k], weights_N, minlength=size) for k, size in enumerate(cardinalities)]


def release_counts(counts: Sequence[Tensor], noise_multiplier: float, rng: np.random.Generator) -> list[Tensor]:
    """Counts with Gaussian noise, made consistent.

    Guarantees: a Gaussian mechanism with this noise multiplier, all sub-columns together. Proof: a record adds 1 at
    most to the counts of each of the K sub-columns, so it moves the vector of all counts by ``sqrt(K)`` at most, and
    the noise on each count has the standard deviation ``noise_multiplier * sqrt(K)``. What follows looks at noisy
    counts alone.

    If counts that noise took below zero were just cut off, every rare code would gain. All sub-columns are of the same
    rows: so their noisy totals are averaged, and the counts of each are moved to the nearest ones that are not negative
    and have that total.

    Args:
        counts: Exact counts. Sensitive.
        noise_multiplier: Standard deviation of the noise in units of the sensitivity.
        rng: Source of the noise, from a secret key.

    Returns:
        Counts of each sub-column; none is negative.
    """
    deviation = noise_multiplier * math.sqrt(len(counts))
    noisy = [count.cpu().numpy() + deviation * rng.standard_normal(len(count)) for count in counts]
    total = _total(noisy)
    return [
        torch.from_numpy(_nearest(count, total)).to(exact.device) for count, exact in zip(noisy, counts, strict=True)
    ]


def _total(noisy: Sequence[Counts]) -> float:
    """Number of rows: the fewer codes a sub-column has, the less noise is in its total."""
    weights = [1 / len(count) for count in noisy]
    return max(0.0, float(np.average([count.sum() for count in noisy], weights=weights)))


def _nearest(count: Counts, total: float) -> Counts:
    """The nearest vector without negative numbers that has this total: the same is taken from all that stay positive.

    After Duchi et al., "Efficient projections onto the l1-ball for learning in high dimensions" (2008).

    >>> _nearest(np.array([5.0, -1.0, 0.5]), 4.0).tolist()
    [4.0, 0.0, 0.0]
    """
    falling = np.sort(count)[::-1]
    excess = (falling.cumsum() - total) / np.arange(1, len(count) + 1)
    last = max(int(np.flatnonzero(falling > excess)[-1]), 0) if (falling > excess).any() else 0
    nearest: Counts = np.maximum(count - excess[last], 0.0)
    return nearest
