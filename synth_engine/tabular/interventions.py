"""Functions on probabilities between the network and the draw: temperature, nucleus, codes that must not be drawn.

They are applied in this order, each to the outcome of the one before: forbid, temperature, top-p.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

# Beyond these bounds nothing would change, but single precision would overflow.
COLDEST, HOTTEST = 1e-30, 1e30


@dataclass(frozen=True)
class Interventions:
    """What is done to the probabilities of every sub-column before a code is drawn.

    Args:
        temperature: 1 leaves them as they are; towards 0 the most likely code is drawn, at 0 always.
        top_p: Only the most likely codes that together reach this probability may be drawn.
        forbidden: Codes that must not be drawn, by sub-column.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    forbidden: Mapping[int, Sequence[int]] = field(default_factory=dict)

    def apply(self, logits_BC: Tensor, k: int) -> Tensor:
        """Probabilities (B, codes) from which the code of sub-column ``k`` is drawn."""
        if self.forbidden.get(k):
            assert len(set(self.forbidden[k])) < logits_BC.shape[1], "a code must be left to draw"
            codes = torch.tensor(self.forbidden[k], device=logits_BC.device)
            logits_BC = logits_BC.index_fill(1, codes, -torch.inf)
        if self.temperature == 0:
            return torch.nn.functional.one_hot(logits_BC.argmax(1), logits_BC.shape[1]).to(logits_BC.dtype)
        if self.temperature != 1:
            below_top_BC = logits_BC - logits_BC.amax(1, keepdim=True)
            logits_BC = below_top_BC / min(max(self.temperature, COLDEST), HOTTEST)
        probabilities = logits_BC.softmax(1)
        return nucleus(probabilities, self.top_p) if self.top_p < 1 else probabilities


def nucleus(probabilities: Tensor, top_p: float) -> Tensor:
    """Keep the smallest set of most likely codes whose probabilities reach `top_p`, scaled to add up to 1.

    Holtzman et al., "The curious case of neural text degeneration" (arXiv 1904.09751).

    >>> nucleus(torch.tensor([[0.5, 0.3, 0.2]]), 0.6).tolist()
    [[0.625, 0.375, 0.0]]
    """
    ordered, index = probabilities.sort(dim=1, descending=True, stable=True)
    is_reached = ordered.cumsum(1) - ordered >= top_p
    is_reached[:, 0] = False  # one code is kept, however small `top_p`
    kept = torch.zeros_like(probabilities).scatter(1, index, ordered.masked_fill(is_reached, 0.0))
    return kept / kept.sum(1, keepdim=True)
