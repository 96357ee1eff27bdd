"""Dropout by given random bytes, several times faster than PyTorch's on a CPU.

Drawing is apart from dropping: what is computed follows from its inputs alone, and can be compiled or recorded.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def random_bytes(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Uniformly random bytes of this shape, on the generator's device.

    >>> random_bytes((2, 3), torch.Generator()).dtype
    torch.uint8
    """
    n = math.prod(shape)
    words = torch.empty(-(-n // 8), dtype=torch.int64, device=generator.device)
    # All 64 bits are wanted; without a range `random_` fills only 63 of them.
    words.random_(-(2**63), None, generator=generator)
    return words.view(torch.uint8)[:n].view(tuple(shape))


def dropout(values: Tensor, rate: float, noise: Tensor | None) -> Tensor:
    """Set each value to zero with probability `rate` and scale the others up; does nothing without noise.

    One random byte decides over one value, so `rate` is taken to the nearest 1/256. On a CPU this is five times faster
    than `torch.nn.functional.dropout`, which took a quarter of a training step.

    Args:
        values: Of any shape.
        rate: From 0 to below 1.
        noise: `random_bytes` of the shape of `values`; None switches dropout off.

    >>> dropout(torch.ones(2, 8), 0.5, None).sum().item()
    16.0
    """
    threshold = round(rate * 256)
    if noise is None or threshold == 0:
        return values
    kept = (noise >= threshold).to(values.dtype)
    return values * kept.mul_(256 / (256 - threshold))
