"""Codes near a given one: itself, and where codes are ordered those just below and above it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

# Steps up and down from a code. With 3, what lies beyond is drawn by a law of all codes, which is too broad: a step of
# four years was drawn in a sixth of the cases, and one in 140 ran backwards (batting); with 8 it is as it should be.
REACH = 8
N_NEIGHBOURS = 2 * REACH + 1


class Neighbours(nn.Module):
    """Looks up the neighbours of codes of all sub-columns.

    Args:
        cardinalities: Number of codes of each sub-column.
        ranks_V: Rank of every code of all sub-columns, NaN where codes have no order. Codes with ranks stand in their
            order, one after the other.

    Shape:
        Codes (K, B), neighbours (K, B, N) and which of them there are, (K, B, N), 1 or 0. What is not there stands for
        some code all the same. A code without order is its own and only neighbour.

    >>> columns, codes = torch.tensor([0]), torch.tensor([[2]])
    >>> near, is_there = Neighbours([5], torch.tensor([torch.nan, 0.0, 0.3, 0.6, 1.0]))(codes, columns)
    >>> near[is_there == 1].tolist()
    [1, 2, 3, 4]
    """

    offsets_K: Tensor
    last_K: Tensor
    steps_N: Tensor
    is_there_VN: Tensor

    def __init__(self, cardinalities: Sequence[int], ranks_V: Tensor) -> None:
        super().__init__()
        sizes = torch.tensor(cardinalities, dtype=torch.long)
        column_V = torch.repeat_interleave(sizes)
        steps_N = torch.arange(-REACH, REACH + 1)
        places_VN = torch.arange(len(column_V))[:, None] + steps_N
        inside_VN = places_VN.clamp(0, max(len(column_V) - 1, 0))
        is_ordered = ~ranks_V.isnan()
        is_near = is_ordered[:, None] & is_ordered[inside_VN] & (column_V[inside_VN] == column_V[:, None])
        is_near &= inside_VN == places_VN
        is_near[:, REACH] = True
        self.register_buffer("offsets_K", sizes.cumsum(0) - sizes, persistent=False)
        self.register_buffer("last_K", sizes - 1, persistent=False)
        self.register_buffer("steps_N", steps_N, persistent=False)
        self.register_buffer("is_there_VN", is_near.float(), persistent=False)

    def forward(self, codes_KB: Tensor, columns_K: Tensor) -> tuple[Tensor, Tensor]:
        """Neighbours, and which of them there are.

        Args:
            codes_KB: Codes.
            columns_K: The sub-columns that they belong to.
        """
        near_KBN = codes_KB[:, :, None] + self.steps_N
        near_KBN = near_KBN.clamp(min=0).minimum(self.last_K[columns_K][:, None, None])
        return near_KBN, nn.functional.embedding(codes_KB + self.offsets_K[columns_K][:, None], self.is_there_VN)

    def of(self, codes_B: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """The same, (B, N), of codes of sub-column ``k``."""
        codes_B, last = codes_B.long(), int(self.last_K[k])
        near_BN = (codes_B[:, None] + self.steps_N).clamp_(0, last)
        return near_BN, nn.functional.embedding(codes_B + self.offsets_K[k], self.is_there_VN)
