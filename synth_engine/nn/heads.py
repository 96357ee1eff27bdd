"""Output heads, grouped into buckets of similar cardinality."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from synth_engine.nn.taps import Listener, Vectors

# A head is padded to the largest of its bucket; a bucket ends where padding would cost more than this factor.
MAX_PADDING = 1.6
# Small, so that the first predictions are close to the biases.
WEIGHT_SCALE = 0.1


class Raised(NamedTuple):
    """Codes whose logits are changed beside what the heads say.

    Args:
        codes_KBN: N codes of each sub-column, in head order.
        by_KBN: What is added to their logits.
    """

    codes_KBN: Tensor
    by_KBN: Tensor


class BucketedHeads(nn.Module):
    """A linear layer from H units to the codes of each sub-column, one batched product per bucket.

    Sub-columns stand in *head order*, by bucket: then a bucket's inputs are a slice, not a copy.

    Args:
        cardinalities: Number of codes of each sub-column, in natural order.
        hidden: Units H that each head sees.

    Attributes:
        order: The sub-column at each place of the head order.
        place: The place in head order of each sub-column.

    Shape:
        Hidden units (K, B, H) in head order. `losses` gives (K, B) cross-entropies in nats, in head order; `logits`
        gives (B, cardinality) of one sub-column. Twin of `losses`: `logits` of every sub-column in turn.
    """

    order_K: Tensor

    def __init__(self, cardinalities: Sequence[int], hidden: int) -> None:
        super().__init__()
        self.cardinalities = tuple(cardinalities)
        self.buckets = make_buckets(self.cardinalities)
        self.order = [k for bucket in self.buckets for k in bucket]
        self.place = {k: place for place, k in enumerate(self.order)}
        self._bucket_of = {k: (b, i) for b, bucket in enumerate(self.buckets) for i, k in enumerate(bucket)}
        self.register_buffer("order_K", torch.tensor(self.order, dtype=torch.long), persistent=False)
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for b, bucket in enumerate(self.buckets):
            width = max(self.cardinalities[k] for k in bucket)
            weight = torch.randn(len(bucket), hidden, width) * (WEIGHT_SCALE / math.sqrt(hidden))
            self.weights.append(nn.Parameter(weight))
            self.biases.append(nn.Parameter(torch.zeros(len(bucket), width)))
            self.register_buffer(f"padding_{b}", self._padding(bucket, width), persistent=False)

    def losses(
        self, hidden_KBH: Tensor, codes_BK: Tensor, taps: Listener | None = None, raised: Raised | None = None
    ) -> Tensor:
        """Cross-entropy of every code, in nats."""
        lengths = [len(bucket) for bucket in self.buckets]
        # `split`, not slices: its gradient is one concatenation, that of a slice is a copy of the whole.
        hidden = hidden_KBH.split(lengths)
        codes = self._in_buckets(codes_BK)
        if raised is not None:
            places, by = raised.codes_KBN.split(lengths), raised.by_KBN.split(lengths)
        parts = []
        for b, (inputs, target) in enumerate(zip(hidden, codes, strict=True)):
            bias = self.biases[b] + self.get_buffer(f"padding_{b}")
            logits = torch.baddbmm(bias[:, None], inputs, self.weights[b])
            if taps is not None:
                taps.add(logits, Vectors(inputs), self.weights[b], self.biases[b])
            if raised is not None:
                logits.scatter_add_(2, places[b], by[b])
            flat = nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="none")
            parts.append(flat.view(lengths[b], -1))
        return torch.cat(parts)

    def logits(self, hidden_BH: Tensor, k: int) -> Tensor:
        """Logits of sub-column ``k``."""
        bucket, i = self._bucket_of[k]
        size = self.cardinalities[k]
        return torch.addmm(self.biases[bucket][i, :size], hidden_BH, self.weights[bucket][i, :, :size])

    def _in_buckets(self, codes: Tensor) -> tuple[Tensor, ...]:
        in_order = codes.transpose(0, 1).index_select(0, self.order_K)
        parts: tuple[Tensor, ...] = in_order.split([len(bucket) for bucket in self.buckets])
        return parts

    def of(self, k: int) -> tuple[Tensor, Tensor]:
        """Weight (H, width) and bias (width,) of sub-column ``k``, not copied. Behind its codes there is padding."""
        bucket, i = self._bucket_of[k]
        return self.weights[bucket][i], self.biases[bucket][i]

    @torch.no_grad()
    def start_from(self, frequencies: Sequence[Tensor]) -> None:
        """Let the biases give these frequencies of each sub-column's codes: training starts from the marginals."""
        for k, counts in enumerate(frequencies):
            bucket, i = self._bucket_of[k]
            smoothed = counts.to(self.biases[bucket]) + 0.5
            self.biases[bucket][i, : self.cardinalities[k]] = (smoothed / smoothed.sum()).log()

    @torch.no_grad()
    def shift_bias(self, k: int, shift: Tensor) -> None:
        """Add to the biases of sub-column ``k``."""
        bucket, i = self._bucket_of[k]
        self.biases[bucket][i, : self.cardinalities[k]] += shift

    def _padding(self, bucket: list[int], width: int) -> Tensor:
        """Minus infinity for codes that a sub-column does not have."""
        sizes = torch.tensor([self.cardinalities[k] for k in bucket])
        return torch.zeros(len(bucket), width).masked_fill(torch.arange(width) >= sizes[:, None], -torch.inf)


def make_buckets(cardinalities: Sequence[int]) -> list[list[int]]:
    """Sub-columns grouped so that padding to the bucket's largest wastes little.

    >>> make_buckets([2, 100, 3, 90])
    [[0, 2], [3, 1]]
    """
    buckets: list[list[int]] = []
    for k in sorted(range(len(cardinalities)), key=lambda k: cardinalities[k]):
        if buckets and cardinalities[k] <= MAX_PADDING * cardinalities[buckets[-1][0]]:
            buckets[-1].append(k)
        else:
            buckets.append([k])
    return buckets
