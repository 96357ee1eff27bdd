"""One embedding table for the codes of all sub-columns."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synth_engine.nn.taps import Listener, products, squared_lengths

N_BASIS = 12


class CodeEmbedding(nn.Module):
    """Embeds every sub-column's code by one gather.

    Ordered codes (bins, years) get, beside a vector of their own, a piecewise-linear function of their rank: a sum of
    triangular basis functions with weights per sub-column, so that neighbouring codes start out nearly the same.
    After Gorishniy et al., "On embeddings for numerical features" (arXiv 2203.05556).

    Args:
        cardinalities: Number of codes of each sub-column.
        dim: Size D of an embedding.
        ranks_V: Rank on 0 to 1 of every code of all sub-columns, NaN where codes have no order.

    Shape:
        Input (..., K) integer codes; output (..., K, D).

    >>> CodeEmbedding([3, 2], 4)(torch.tensor([[2, 1], [0, 0]])).shape
    torch.Size([2, 2, 4])
    """

    offsets_K: Tensor
    knots_V2: Tensor
    shares_V2: Tensor

    def __init__(self, cardinalities: Sequence[int], dim: int, ranks_V: Tensor | None = None) -> None:
        super().__init__()
        sizes = torch.tensor(cardinalities, dtype=torch.long)
        total = int(sizes.sum())
        self.table = nn.Parameter(torch.randn(total, dim) / math.sqrt(dim))
        ranks = torch.full((total,), torch.nan) if ranks_V is None else ranks_V
        self.has_ranks = bool((~ranks.isnan()).any())
        self.register_buffer("offsets_K", sizes.cumsum(0) - sizes, persistent=False)
        if self.has_ranks:
            knots, shares = triangular_basis(ranks)
            column_V = torch.repeat_interleave(sizes)
            self.register_buffer("knots_V2", knots + column_V[:, None] * N_BASIS, persistent=False)
            self.register_buffer("shares_V2", shares, persistent=False)
            self.rank_weight = nn.Parameter(torch.randn(len(cardinalities) * N_BASIS, dim) / math.sqrt(dim))

    def vectors(self) -> Tensor:
        """Embedding of every code, (V, D). Computed once a step, then gathered: it costs nothing per row."""
        if not self.has_ranks:
            return self.table
        knots_2VD: Tensor = nn.functional.embedding(self.knots_V2.t(), self.rank_weight)
        return self.table + knots_2VD[0] * self.shares_V2[:, :1] + knots_2VD[1] * self.shares_V2[:, 1:]

    def rank_vectors(self) -> Tensor:
        """What the ranks alone say of every code, (V, D); zero for codes without order."""
        if not self.has_ranks:
            return torch.zeros_like(self.table)
        return (self.rank_weight[self.knots_V2] * self.shares_V2[:, :, None]).sum(1)

    def forward(self, codes: Tensor, taps: Listener | None = None) -> Tensor:
        """Embed codes of shape (..., K); with taps (B, K)."""
        places = codes + self.offsets_K
        embedded: Tensor = nn.functional.embedding(places, self.vectors())
        if taps is not None:
            taps.add(embedded, self._inputs(places), *self.parameters(), record_dim=0, begins=True)
        return embedded

    def _inputs(self, places: Tensor) -> "CodeInputs":
        if not self.has_ranks:
            return CodeInputs(places, self.table.dtype)
        return CodeInputs(places, self.table.dtype, self.knots_V2 % N_BASIS, self.shares_V2)


@dataclass(frozen=True, eq=False)
class CodeInputs:
    """For taps: a code takes its own vector once, and those of two knots by their shares.

    Args:
        places_NK: Codes with their offsets, so that no two sub-columns share any.
        dtype: Of the embedding.
        knots_V2: The two knots of each code; None where no code has a rank.
        shares_V2: What it takes of them.
    """

    places_NK: Tensor
    dtype: torch.dtype
    knots_V2: Tensor | None = None
    shares_V2: Tensor | None = None

    def squared(self) -> Tensor:
        """Squared lengths (N, K)."""
        if self.shares_V2 is None:
            return torch.ones_like(self.places_NK, dtype=self.dtype)
        return (1 + squared_lengths(self.shares_V2))[self.places_NK]

    def products(self, left_PR: Tensor, right_PT: Tensor) -> Tensor:
        """Inner products (K, P, R, T) of pairs of rows: 1 for equal codes, and what their ranks share."""
        places_KN = self.places_NK.t()
        left, right = places_KN[:, left_PR], places_KN[:, right_PT]
        is_equal = (left[..., :, None] == right[..., None, :]).to(self.dtype)
        if self.knots_V2 is None or self.shares_V2 is None:
            return is_equal
        hats_VN = self.shares_V2.new_zeros(len(self.shares_V2), N_BASIS).scatter_(1, self.knots_V2, self.shares_V2)
        return is_equal + products(hats_VN[places_KN], left_PR, right_PT)


def triangular_basis(ranks: Tensor) -> tuple[Tensor, Tensor]:
    """Values of `N_BASIS` triangular functions, evenly spaced on 0 to 1, at every rank.

    At any rank only two neighbours differ from zero: returns their indices and values, (V, 2) each; zeros for NaN.

    >>> knots, shares = triangular_basis(torch.tensor([0.0, 0.5, 1.0]))
    >>> knots.tolist(), shares.tolist()
    ([[0, 1], [5, 6], [10, 11]], [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    """
    place = ranks.nan_to_num(0.0) * (N_BASIS - 1)
    left = place.floor().clamp(max=N_BASIS - 2)
    shares = torch.stack([1 - (place - left), place - left], dim=1)
    return torch.stack([left, left + 1], dim=1).long(), shares.masked_fill(ranks.isnan()[:, None], 0.0)
