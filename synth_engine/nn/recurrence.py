"""A recurrent layer whose state follows linearly from the state before: all places of a sequence at once."""

import math

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
