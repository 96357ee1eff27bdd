"""Recurrent layers whose state follows linearly from the state before."""

import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from synth_engine.nn.taps import Listener, linear


class LinearRecurrence(nn.Module):
    """``h[t] = a[t] * h[t - 1] + (1 - a[t]) * v[t]``, where ``a`` (0 to 1) and ``v`` follow from the input at t alone.

    A gated recurrent unit without the state in its gates: "minGRU" (Feng et al., arXiv 2410.01201). What is learned
    is one linear layer, and the states of all places are found in a logarithmic number of operations (Hillis and
    Steele, "Data parallel algorithms", 1986). Every state is a mean of values, so it stays bounded in sequences of any
    length.

    Args:
        inputs: Size D of an input.
        units: Size U of a state.

    Shape:
        Inputs (E, D) of several sequences, one after the other; states (E, U). Twin: `step`, one place after the other.
    """

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.units = units
        self.weight = nn.Parameter(torch.randn(inputs, 2 * units) / math.sqrt(inputs))
        # States remember from 1 place up to some hundreds to begin with.
        horizon = torch.logspace(0, 2.5, units)
        self.bias = nn.Parameter(torch.cat([torch.log(horizon), torch.zeros(units)]))

    def forward(self, inputs_ED: Tensor, is_first_E: Tensor, longest: int, taps: Listener | None = None) -> Tensor:
        """States at all places.

        Args:
            inputs_ED: Inputs, sequence by sequence.
            is_first_E: Which of them begin a sequence: there the state before is zero.
            longest: No sequence is longer than that.
            taps: Told of the layer.
        """
        keep_EU, value_EU = linear(inputs_ED, self.weight, self.bias, taps).split(self.units, dim=1)
        keep_EU = keep_EU.sigmoid()
        state_EU = (1 - keep_EU) * value_EU
        keep_EU = keep_EU * ~is_first_E[:, None]  # whatever crosses a beginning is multiplied by zero
        return scan(keep_EU, state_EU, longest)

    def step(self, inputs_BD: Tensor, state_BU: Tensor) -> Tensor:
        """The next state (B, U) of sequences with these states."""
        keep_BU, value_BU = torch.addmm(self.bias, inputs_BD, self.weight).split(self.units, dim=1)
        keep_BU = keep_BU.sigmoid()
        following: Tensor = keep_BU * state_BU + (1 - keep_BU) * value_BU
        return following


def scan(keep_EU: Tensor, added_EU: Tensor, longest: int) -> Tensor:
    """All ``h[t] = keep[t] * h[t - 1] + added[t]``, where at least every `longest`-th ``keep`` is zero.

    >>> scan(torch.tensor([[0.0], [0.5], [0.5]]), torch.tensor([[4.0], [1.0], [1.0]]), 3)[:, 0].tolist()
    [4.0, 3.0, 2.5]
    """
    distance = 1
    while distance < min(longest, len(added_EU)):
        before = nn.functional.pad(added_EU[:-distance], (0, 0, distance, 0))
        added_EU = torch.addcmul(added_EU, keep_EU, before)
        keep_EU = keep_EU * nn.functional.pad(keep_EU[:-distance], (0, 0, distance, 0))
        distance *= 2
    return added_EU


class Places:
    """Where the places of several sequences lie: one sequence after the other, and place after place.

    Args:
        lengths_B: Number of places of each sequence, which stand one after the other.

    Attributes:
        is_first_E: Which places begin a sequence.
        by_place_E: All first places, then all second ones, ...; each time those of longer sequences first.
        back_E: The inverse of that.
        counts: How many sequences have a first place, a second one, ...

    >>> places = Places(torch.tensor([1, 3, 2]))
    >>> places.by_place_E.tolist(), places.counts
    ([1, 4, 0, 2, 5, 3], [3, 2, 1])
    """

    def __init__(self, lengths_B: Tensor) -> None:
        sequence_E = torch.repeat_interleave(lengths_B)
        place_E = torch.arange(len(sequence_E), device=lengths_B.device) - (lengths_B.cumsum(0) - lengths_B)[sequence_E]
        self.is_first_E = place_E == 0
        rank_B = lengths_B.argsort(descending=True, stable=True).argsort()
        self.by_place_E = (place_E * len(lengths_B) + rank_B[sequence_E]).argsort()
        self.back_E = torch.empty_like(self.by_place_E)
        self.back_E[self.by_place_E] = torch.arange(len(self.by_place_E), device=lengths_B.device)
        self.counts: list[int] = torch.bincount(place_E).tolist()


def scan_in_steps(keep_EU: Tensor, added_EU: Tensor, places: Places) -> Tensor:
    """All ``h[t] = keep[t] * h[t - 1] + added[t]`` of several sequences, place after place, from zero.

    Where a sequence has some dozens of places, and there are many of them, this is several times faster on a CPU than
    `scan`, which goes over all numbers again for every doubling of the distance. Twin: `scan`.

    >>> keep, added = torch.tensor([[0.9], [0.5], [0.5], [0.9]]), torch.tensor([[4.0], [1.0], [1.0], [7.0]])
    >>> scan_in_steps(keep, added, Places(torch.tensor([3, 1])))[:, 0].tolist()
    [4.0, 3.0, 2.5, 7.0]
    """
    states: Tensor = _Steps.apply(keep_EU, added_EU, places)  # type: ignore[no-untyped-call]
    return states


class _Steps(torch.autograd.Function):
    """`scan_in_steps`; by itself, autograd would keep and copy all states at every step."""

    @staticmethod
    def forward(ctx: Any, keep_EU: Tensor, added_EU: Tensor, places: Places) -> Tensor:
        keep, states = keep_EU[places.by_place_E], added_EU[places.by_place_E]
        for before, now in _neighbours(places.counts):
            states[now].addcmul_(keep[now], states[before])
        ctx.save_for_backward(keep, states)
        ctx.places = places
        return states[places.back_E]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        keep, states = ctx.saved_tensors
        by_added = gradients[0][ctx.places.by_place_E]
        by_keep = torch.zeros_like(keep)
        for before, now in reversed(_neighbours(ctx.places.counts)):
            by_added[before].addcmul_(keep[now], by_added[now])
            torch.mul(by_added[now], states[before], out=by_keep[now])
        return by_keep[ctx.places.back_E], by_added[ctx.places.back_E], None


def _neighbours(counts: list[int]) -> list[tuple[slice, slice]]:
    """For each place but the first: where the sequences that have it stand one place before, and where they do now."""
    pairs, start = [], 0
    for count, following in pairwise(counts):
        pairs.append((slice(start, start + following), slice(start + count, start + count + following)))
        start += count
    return pairs
