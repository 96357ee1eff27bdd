"""Places in sequences as vectors: how many events came before, how many are still to come, how many there are."""

import torch
from torch import Tensor

# Up to here every number has a knot of its own: to be the last event is not nearly the same as to be the last but one.
EXACT = 4
GROWTH = 1.3


def knots(longest: int) -> Tensor:
    """Numbers between which vectors are interpolated: all small ones, then in steps that grow by `GROWTH`.

    >>> knots(12).tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 11.0, 12.0]
    """
    found = list(range(min(EXACT, longest) + 1))
    while found[-1] < longest:
        found.append(min(longest, max(found[-1] + 1, int(found[-1] * GROWTH + 1))))
    return torch.tensor(found, dtype=torch.float32)


def hats(numbers_E: Tensor, knots_N: Tensor) -> Tensor:
    """Piecewise-linear basis (E, N): 1 at a knot and 0 at all others, numbers beyond the last one counting as that.

    >>> hats(torch.tensor([0, 5]), torch.tensor([0.0, 4.0, 8.0])).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.75, 0.25]]
    """
    if len(knots_N) == 1:
        return knots_N.new_ones(len(numbers_E), 1)
    values = numbers_E.to(knots_N).clamp(max=float(knots_N[-1]))
    right = torch.searchsorted(knots_N, values).clamp(min=1)
    low, high = knots_N[right - 1], knots_N[right]
    share = (values - low) / (high - low)
    basis = knots_N.new_zeros(len(values), len(knots_N))
    basis.scatter_(1, (right - 1)[:, None], (1 - share)[:, None])
    return basis.scatter_(1, right[:, None], share[:, None])
