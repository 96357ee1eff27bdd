"""Functions on probabilities between the network and the draw, which know nothing of columns or values.

They are applied in this order, each to the outcome of the one before: codes that must not be drawn, in any row or in
this one; temperature; top-p; shares that are given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

# Beyond these bounds nothing would change, but single precision would overflow.
COLDEST, HOTTEST = 1e-30, 1e30


# What is not known yet.
UNKNOWN = -1


class Seen(Protocol):
    """What is known of some rows while they are drawn."""

    @property
    def index(self) -> Tensor:
        """Which of all rows that are drawn these are, (B,)."""
        ...

    def codes(self, k: int) -> Tensor:
        """Code of sub-column ``k`` in each row, (B,); `UNKNOWN` where there is none yet."""
        ...


class Mask(Protocol):
    """Which codes a row may have, given the codes it has already: how constraints are kept."""

    def allowed(self, k: int, seen: Seen) -> Tensor | None:
        """Boolean (B, codes of ``k``) with a True in every row; None where all are allowed."""
        ...


@dataclass(frozen=True)
class Shares:
    """Probabilities of some codes of a sub-column, whatever the network says. The others share out what is left.

    Args:
        probabilities: By code; they add up to no more than 1.
    """

    probabilities: Mapping[int, float]

    @property
    def codes(self) -> list[int]:
        """The codes whose probabilities are given."""
        return list(self.probabilities)

    def without(self, logits_BC: Tensor) -> Tensor:
        """Logits of the other codes alone."""
        return logits_BC.index_fill(1, torch.tensor(self.codes, device=logits_BC.device), -torch.inf)

    def among(self, others_BC: Tensor, logits_BC: Tensor) -> Tensor:
        """Probabilities of all codes: the given ones, and those of the others scaled to what is left.

        Args:
            others_BC: Probabilities of the other codes, 0 for the given ones.
            logits_BC: Minus infinity for codes that a row must not have, given ones too.
        """
        given = others_BC.new_tensor(list(self.probabilities.values()))
        rest = (1 - given.sum()).clamp(min=0.0) / others_BC.sum(1, keepdim=True).clamp(min=1e-30)
        codes = torch.tensor(self.codes, device=others_BC.device)
        mixed = (others_BC * rest).index_copy(1, codes, given.expand(len(others_BC), -1))
        return mixed.masked_fill(logits_BC == -torch.inf, 0.0)


@dataclass(frozen=True)
class Interventions:
    """What is done to the probabilities of every sub-column before a code is drawn.

    Args:
        temperature: 1 leaves them as they are; towards 0 the most likely code is drawn, at 0 always.
        top_p: Only the most likely codes that together reach this probability may be drawn.
        forbidden: Codes that must not be drawn, by sub-column.
        shares: Probabilities that are given, by sub-column. Temperature and `top_p` change the other codes only.
        masks: What a row must not have beside what it has already.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    forbidden: Mapping[int, Sequence[int]] = field(default_factory=dict)
    shares: Mapping[int, Shares] = field(default_factory=dict)
    masks: Sequence[Mask] = ()

    def apply(self, logits_BC: Tensor, k: int, seen: Seen | None = None) -> Tensor:
        """Probabilities (B, codes) from which the code of sub-column ``k`` is drawn."""
        logits_BC = self.restricted(logits_BC, k, seen)
        shares = self.shares.get(k)
        if shares is None:
            return self.sharpened(logits_BC)
        others = shares.without(logits_BC)
        # where no code is left there is no probability, not even that of the likeliest
        mixed = shares.among(self.sharpened(others).masked_fill(others == -torch.inf, 0.0), logits_BC)
        # masks may leave a row nothing but codes whose shares are zero
        return torch.where(mixed.sum(1, keepdim=True) > 0, mixed, self.sharpened(logits_BC)) if self.masks else mixed

    def weights(self, logits_BC: Tensor, k: int, seen: Seen | None = None) -> Tensor:
        """The same up to a factor for each row, computed in place of the logits where nothing else is asked for."""
        if self.temperature != 1 or self.top_p < 1 or k in self.shares:
            return self.apply(logits_BC, k, seen)
        if self.masks:
            logits_BC = self.restricted(logits_BC, k, seen)
        elif self.forbidden.get(k):
            logits_BC.index_fill_(1, torch.tensor(self.forbidden[k], device=logits_BC.device), -torch.inf)
        return logits_BC.sub_(logits_BC.amax(1, keepdim=True)).exp_()

    def restricted(self, logits_BC: Tensor, k: int, seen: Seen | None = None) -> Tensor:
        """Logits with minus infinity for codes that must not be drawn."""
        if self.forbidden.get(k):
            assert len(set(self.forbidden[k])) < logits_BC.shape[1], "a code must be left to draw"
            codes = torch.tensor(self.forbidden[k], device=logits_BC.device)
            logits_BC = logits_BC.index_fill(1, codes, -torch.inf)
        if seen is not None:
            for mask in self.masks:
                allowed_BC = mask.allowed(k, seen)
                if allowed_BC is not None:
                    logits_BC = logits_BC.masked_fill(~allowed_BC, -torch.inf)
        return logits_BC

    def sharpened(self, logits_BC: Tensor) -> Tensor:
        """Probabilities after temperature and top-p."""
        if self.temperature == 0:
            return torch.nn.functional.one_hot(logits_BC.argmax(1), logits_BC.shape[1]).to(logits_BC.dtype)
        if self.temperature != 1:
            below_top_BC = logits_BC - logits_BC.amax(1, keepdim=True)
            logits_BC = below_top_BC / min(max(self.temperature, COLDEST), HOTTEST)
        probabilities = logits_BC.softmax(1)
        return nucleus(probabilities, self.top_p) if self.top_p < 1 else probabilities

    def first(self, k: int) -> list[int]:
        """Codes that numbers from 0 on stand for: so that evenly spread numbers give them exact shares."""
        return self.shares[k].codes if k in self.shares else []


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
