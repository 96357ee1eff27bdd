"""The first layer of all conditionals, as one matrix product."""

import math

import torch
from torch import Tensor, nn

from synth_engine.nn.taps import squared_lengths


class MaskedBlocks(nn.Module):
    """K blocks of H units; block ``j`` sees the embeddings of those sub-columns that come before ``j``.

    The column order is a block mask on the weight, so a whole group of rows shares one masked weight and one product.
    After MADE (arXiv 1502.03509), with a block of units for every sub-column in place of masked shared units.

    Args:
        n_columns: Number K of sub-columns.
        dim: Size D of an embedding.
        hidden: Units H of each block.

    Shape:
        Input (G, R, K, D) and mask (G, K, K); output (G, R, K, H). Twin: `MaskedBlocks.looped`.
    """

    def __init__(self, n_columns: int, dim: int, hidden: int) -> None:
        super().__init__()
        self.shape = (n_columns, dim, hidden)
        # On average half of the inputs are visible.
        scale = math.sqrt(2.0 / max(1, n_columns * dim))
        self.weight = nn.Parameter(torch.randn(n_columns, dim, n_columns, hidden) * scale)
        self.bias = nn.Parameter(torch.zeros(n_columns, hidden))

    def forward(self, embedded: Tensor, sees_GKK: Tensor) -> Tensor:
        """All blocks for groups of rows with one order each."""
        n, dim, hidden = self.shape
        groups, rows = embedded.shape[:2]
        masked = self.weight * sees_GKK[:, :, None, :, None].to(self.weight.dtype)
        flat = embedded.reshape(groups, rows, n * dim)
        bias = self.bias.reshape(1, 1, n * hidden).expand(groups, 1, n * hidden)
        return torch.baddbmm(bias, flat, masked.reshape(groups, n * dim, n * hidden)).view(groups, rows, n, hidden)

    def squared_inputs(self, embedded: Tensor, sees_GKK: Tensor) -> Tensor:
        """For taps: squared length (G, R, K) of all that each block sees, its bias counting as 1."""
        return squared_lengths(embedded) @ sees_GKK.to(embedded.dtype) + 1

    def looped(self, embedded: Tensor, sees_GKK: Tensor) -> Tensor:
        """The same, block by block and group by group: slow, and plain to see."""
        groups = []
        for group_RKD, sees_KK in zip(embedded, sees_GKK, strict=True):
            blocks = []
            for j in range(self.shape[0]):
                earlier = sees_KK[:, j].nonzero()[:, 0]
                flat = group_RKD[:, earlier].flatten(1)
                blocks.append(torch.addmm(self.bias[j], flat, self.weight[earlier, :, j].flatten(0, 1)))
            groups.append(torch.stack(blocks, dim=1))
        return torch.stack(groups)
