"""Dropout that draws from a given generator, several times faster than PyTorch's on a CPU."""

import torch
from torch import Tensor


def dropout(values: Tensor, rate: float, generator: torch.Generator | None) -> Tensor:
    """Set each value to zero with probability `rate` and scale the others up; does nothing without a generator.

    One random byte decides over one value, so `rate` is taken to the nearest 1/256. On a CPU this is five times faster
    than `torch.nn.functional.dropout`, which took a quarter of a training step.

    >>> dropout(torch.ones(2, 8), 0.5, None).sum().item()
    16.0
    """
    threshold = round(rate * 256)
    if generator is None or threshold == 0:
        return values
    words = torch.empty(-(-values.numel() // 8), dtype=torch.int64, device=values.device)
    # All 64 bits are wanted; without a range `random_` fills only 63 of them.
    words.random_(-(2**63), None, generator=generator)
    kept = words.view(torch.uint8)[: values.numel()].view(values.shape) >= threshold
    return values * kept.to(values.dtype).mul_(256 / (256 - threshold))
