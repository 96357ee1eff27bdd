"""The first layer of all conditionals, as one matrix product."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synth_engine.nn.taps import products, squared_lengths


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


@dataclass(frozen=True, eq=False)
class SeenInputs:
    """For taps: what each block sees, its bias counting as 1.

    Args:
        embedded_NKD: Embedded codes of all rows.
        sees: For consecutive rows their number, and the masks (G, K, K) of equal parts of them. All rows of one record
            have the same mask, or `products` are meaningless.
    """

    embedded_NKD: Tensor
    sees: Sequence[tuple[int, Tensor]]

    def squared(self) -> Tensor:
        """Squared lengths (K, N)."""
        parts = []
        for (_, sees_GKK), rows in zip(self.sees, self.embedded_NKD.split([n for n, _ in self.sees]), strict=True):
            grouped = rows.unflatten(0, (len(sees_GKK), -1))
            parts.append((squared_lengths(grouped) @ sees_GKK.to(rows.dtype) + 1).flatten(0, 1))
        return torch.cat(parts).t()

    def products(self, left_PR: Tensor, right_PT: Tensor) -> Tensor:
        """Inner products (K, P, R, T) of pairs of rows: those of single codes, added up over those that are seen."""
        single_KPRT = products(self.embedded_NKD.detach().transpose(0, 1), left_PR, right_PT)
        masks = torch.cat([sees_GKK for _, sees_GKK in self.sees])
        rows_per_mask = torch.tensor([n // len(sees_GKK) for n, sees_GKK in self.sees for _ in sees_GKK])
        mask_N = torch.repeat_interleave(rows_per_mask.to(masks.device))
        sees_PKK = masks[mask_N[left_PR[:, 0]]].to(single_KPRT.dtype)
        seen_PKX = sees_PKK.mT @ single_KPRT.flatten(2).transpose(0, 1)
        seen_KPRT: Tensor = seen_PKX.transpose(0, 1).unflatten(2, single_KPRT.shape[2:])
        return seen_KPRT + 1
