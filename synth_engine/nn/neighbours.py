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
        Codes (B, K); neighbours (B, K, N) and which of them there are, (B, K, N), 1 or 0. A code without order is its
        own and only neighbour.

    >>> near, is_there = Neighbours([5], torch.tensor([torch.nan, 0.0, 0.3, 0.6, 1.0]))(torch.tensor([[2]]))
    >>> near[is_there == 1].tolist()
    [1, 2, 3, 4]
    """

    offsets_K: Tensor
    codes_VN: Tensor
    is_there_VN: Tensor

    def __init__(self, cardinalities: Sequence[int], ranks_V: Tensor) -> None:
        super().__init__()
        sizes = torch.tensor(cardinalities, dtype=torch.long)
        offsets = sizes.cumsum(0) - sizes
        column_V = torch.repeat_interleave(sizes)
        places_VN = torch.arange(len(column_V))[:, None] + torch.arange(-REACH, REACH + 1)
        inside_VN = places_VN.clamp(0, max(len(column_V) - 1, 0))
        is_ordered = ~ranks_V.isnan()
        is_near = is_ordered[:, None] & is_ordered[inside_VN] & (column_V[inside_VN] == column_V[:, None])
        is_near &= inside_VN == places_VN
        is_near[:, REACH] = True
        self.register_buffer("offsets_K", offsets, persistent=False)
        codes = (
            inside_VN - offsets[column_V][:, None]
        ) * is_near  # what is not there stands for no other column's code
        self.register_buffer("codes_VN", codes, persistent=False)
        self.register_buffer("is_there_VN", is_near.float(), persistent=False)

    def forward(self, codes_BK: Tensor) -> tuple[Tensor, Tensor]:
        """Neighbours, and which of them there are."""
        places = codes_BK + self.offsets_K
        return self.codes_VN[places], self.is_there_VN[places]

    def of(self, codes_B: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """The same, (B, N), of codes of sub-column ``k``."""
        places = codes_B.long() + self.offsets_K[k]
        return self.codes_VN[places], self.is_there_VN[places]
