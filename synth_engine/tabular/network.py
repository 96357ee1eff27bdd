"""Any-order autoregressive network over discrete sub-columns.

For every sub-column it gives the distribution of its code given the codes of the sub-columns that come earlier in a
column order. After TabularARGN (arXiv 2501.12012) and order-agnostic NADE (arXiv 1310.1757), all conditionals fused.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from synth_engine.nn import (
    BucketedHeads,
    CodeEmbedding,
    Listener,
    MaskedBlocks,
    Vectors,
    dropout,
    precedence,
    random_bytes,
)
from synth_engine.nn.heads import Raised
from synth_engine.nn.masked import SeenInputs
from synth_engine.nn.neighbours import N_NEIGHBOURS, Neighbours
from synth_engine.tabular.layout import Layout
from synth_engine.tabular.sizes import Sizes


class OrderGroup(NamedTuple):
    """Consecutive rows of a batch that share column orders: `n_rows` in equal parts, one per order (G, columns)."""

    n_rows: int
    order_GC: Tensor


class Surroundings(NamedTuple):
    """What the rows of a batch are given beside their own codes, where a network was made for that.

    Args:
        state_BS: A vector for each row.
        before_BK: Codes of the row before in its sequence, whose values may well be repeated; None for none at all.
        has_before_B: Whether there is one, 1 or 0.
    """

    state_BS: Tensor
    before_BK: Tensor | None = None
    has_before_B: Tensor | None = None


class TabularNetwork(nn.Module):
    """One block of hidden units per sub-column, residual layers, and a head.

    Args:
        layout: The sub-columns.
        sizes: Numbers of units.
        state: Size S of a vector that all blocks see beside the codes that come before; 0 for none.
        repeats: Whether rows follow each other: then the logits of the code of the row before, and of its neighbours,
            are raised or lowered. What stays or moves by small steps need not be learned value by value.

    Guarantees: the distribution of a sub-column depends on nothing that comes after it in the order.
    """

    column_of_K: Tensor

    def __init__(self, layout: Layout, sizes: Sizes, *, state: int = 0, repeats: bool = False) -> None:
        super().__init__()
        self.layout = layout
        self.sizes = sizes
        self.repeats = repeats
        cardinalities = layout.cardinalities
        n, hidden = len(cardinalities), sizes.hidden
        self.register_buffer("column_of_K", layout.column_of, persistent=False)
        self.embedding = CodeEmbedding(cardinalities, sizes.embedding, layout.ranks)
        self.heads = BucketedHeads(cardinalities, hidden)
        # Blocks and residual layers stand in head order.
        self.blocks = MaskedBlocks(n, sizes.embedding, hidden)
        self.residual_weights = nn.ParameterList()
        self.residual_biases = nn.ParameterList()
        for _ in range(sizes.n_residual):
            self.residual_weights.append(nn.Parameter(torch.randn(n, hidden, hidden) * math.sqrt(0.5 / hidden)))
            self.residual_biases.append(nn.Parameter(torch.zeros(n, 1, hidden)))
        self.has_state = bool(state)
        if state:
            self.state_weight = nn.Parameter(torch.randn(state, n * hidden) * math.sqrt(1 / state))
        if repeats:
            self.neighbours = Neighbours(cardinalities, layout.ranks)
            self.repeat_weight = nn.Parameter(torch.zeros(n, hidden, N_NEIGHBOURS))
            self.repeat_bias = nn.Parameter(torch.zeros(n, 1, N_NEIGHBOURS))

    def start_from_marginals(self, counts: Sequence[Tensor]) -> None:
        """Let the first predictions be these frequencies of each sub-column's codes: see `marginals`."""
        self.heads.start_from(counts)

    def draw_noise(self, n_rows: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """What decides over the units that are dropped for so many rows: `n_noise` tensors (K, n_rows, H)."""
        shape = len(self.layout.cardinalities), n_rows, self.sizes.hidden
        return tuple(random_bytes(shape, generator) for _ in range(self.n_noise))

    @property
    def n_noise(self) -> int:
        """Layers after which units are dropped."""
        return 1 + self.sizes.n_residual if self.sizes.dropout else 0

    def losses(
        self,
        codes_BK: Tensor,
        groups: Sequence[OrderGroup],
        noise: Sequence[Tensor] = (),
        taps: Listener | None = None,
        *,
        embedded_BKD: Tensor | None = None,
        around: Surroundings | None = None,
    ) -> Tensor:
        """Cross-entropy of every code given the codes before it, in nats.

        Args:
            codes_BK: Codes of the rows.
            groups: The column orders of the rows, in the rows' order.
            noise: Of `draw_noise`; without it no unit is dropped.
            taps: Told of every layer, for norms of the records' gradients.
            embedded_BKD: Embeddings of the codes, where they are known already.
            around: What the rows are given beside, if the network was made for it.

        Returns:
            Losses (K, B); the sub-columns stand in head order.
        """
        if embedded_BKD is None:
            embedded_BKD = self.embedding(codes_BK, taps)
        parts, seen = [], []
        for (_, order_GC), rows in zip(groups, embedded_BKD.split([group.n_rows for group in groups]), strict=True):
            sees = precedence(order_GC, self.column_of_K).index_select(2, self.heads.order_K)
            grouped = rows.unflatten(0, (len(order_GC), -1))
            parts.append(self.blocks(grouped, sees).flatten(0, 1))
            seen.append((len(rows), sees))
        # A clone, as it is changed in place: `contiguous` would make it a view where there is one row.
        first_KBH = torch.cat(parts).transpose(0, 1).clone(memory_format=torch.contiguous_format)
        if taps is not None:
            taps.add(first_KBH, SeenInputs(embedded_BKD, seen), *self.blocks.parameters())
        if around is not None and self.has_state:
            first_KBH += self.of_state(around.state_BS, taps).transpose(0, 1)
        hidden_KBH = self._refine(first_KBH, noise, taps)
        return self.heads.losses(hidden_KBH, codes_BK, taps, self._raised(hidden_KBH, around, taps))

    def of_state(self, state_BS: Tensor, taps: Listener | None = None) -> Tensor:
        """What the state adds to the first layer: (B, K, H), in head order."""
        if not self.has_state:
            return state_BS.new_zeros(len(state_BS), len(self.heads.order), self.sizes.hidden)
        added_BX = state_BS @ self.state_weight
        if taps is not None:
            taps.add(added_BX, Vectors(state_BS, has_bias=False), self.state_weight)
        added: Tensor = added_BX.unflatten(1, (-1, self.sizes.hidden))
        return added

    def _raised(self, hidden_KBH: Tensor, around: Surroundings | None, taps: Listener | None) -> Raised | None:
        if around is None or around.before_BK is None or around.has_before_B is None:
            return None
        before_KB = around.before_BK.t().index_select(0, self.heads.order_K)
        codes_KBN, is_there_KBN = self.neighbours(before_KB, self.heads.order_K)
        by_KBN = torch.baddbmm(self.repeat_bias, hidden_KBH, self.repeat_weight)
        if taps is not None:
            taps.add(by_KBN, Vectors(hidden_KBH), self.repeat_weight, self.repeat_bias)
        return Raised(codes_KBN, by_KBN * (is_there_KBN * around.has_before_B[:, None]))

    @torch.no_grad()
    def logits(self, first_BH: Tensor, k: int, before_B: Tensor | None = None) -> Tensor:
        """Logits (B, cardinality) of sub-column ``k`` from the first layer's output for its block, which is lost.

        Twin of `losses`, without a gradient: so it may overwrite what it no longer needs.

        Args:
            first_BH: The first layer's output.
            k: The sub-column.
            before_B: Its code in the row before, where all rows have one before them.
        """
        place = self.heads.place[k]
        hidden = first_BH.relu_()
        for weight, bias in zip(self.residual_weights, self.residual_biases, strict=True):
            hidden = torch.addmm(bias[place, 0], hidden, weight[place]).relu_().add_(hidden)
        logits = self.heads.logits(hidden, k)
        if before_B is not None:
            codes_BN, is_there_BN = self.neighbours.of(before_B, k)
            by_BN = torch.addmm(self.repeat_bias[place, 0], hidden, self.repeat_weight[place])
            logits.scatter_add_(1, codes_BN, by_BN * is_there_BN)
        return logits

    def _refine(self, first_KBH: Tensor, noise: Sequence[Tensor], taps: Listener | None) -> Tensor:
        drawn: Sequence[Tensor | None] = noise or [None] * (1 + self.sizes.n_residual)
        hidden = dropout(first_KBH.relu_(), self.sizes.dropout, drawn[0])
        for weight, bias, drops in zip(self.residual_weights, self.residual_biases, drawn[1:], strict=True):
            layer = torch.baddbmm(bias, hidden, weight)
            if taps is not None:
                taps.add(layer, Vectors(hidden), weight, bias)
            hidden = hidden + dropout(layer.relu_(), self.sizes.dropout, drops)
        return hidden
