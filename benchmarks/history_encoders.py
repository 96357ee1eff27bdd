"""Encoders of what went before an event that the product does not have, to compare its own with.

They stand in for `synth_engine.sequences.history.History`: the same features of each event go in, histories of the same
size come out, and of every layer taps are told, so that single subjects' gradients are clipped exactly. They learn and
are judged; drawing events one after the other is not implemented.

Belongs here: networks. Does not belong here: how they are trained and judged (`private_sequences`).
"""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, pad, rms_norm, scaled_dot_product_attention

from synth_engine.nn import Listener, Vectors, linear
from synth_engine.nn.recurrence import LinearRecurrence, Places


class _Encoder(nn.Module):
    """Features of each event, and what `_read` makes of them and of all before; both shifted by one event.

    Args:
        inputs: Size D of an embedded event.
        units: Size U of its features, and of what is made of them.
    """

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.units, self.size = units, 2 * units
        self.weight, self.bias = _layer(inputs, units)

    def forward(self, embedded_ED: Tensor, is_first_E: Tensor, longest: int, taps: Listener | None = None) -> Tensor:
        """Histories (E, size) of all events; see `History`."""
        features_EU = linear(embedded_ED, self.weight, self.bias, taps).relu()
        starts_B = is_first_E.nonzero()[:, 0]
        lengths_B = pad(starts_B, (0, 1), value=len(is_first_E)).diff()
        read_EU = self._read(features_EU, lengths_B, taps)
        return _shifted(torch.cat([features_EU, read_EU], 1), is_first_E)

    def _read(self, features_EU: Tensor, lengths_B: Tensor, taps: Listener | None) -> Tensor:
        raise NotImplementedError


class GatedHistory(_Encoder):
    """One layer of gated recurrent units (GRU, arXiv 1406.1078), as in `nn.GRU`: gates see the state before.

    As the layer is applied to each place after the one before, its outputs at all places do not come from one
    operation. Zeros are added to them that are one tensor: the gradient by it is that by all outputs.
    """

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__(inputs, units)
        self.input_weight, self.input_bias = _layer(units, 3 * units)
        self.state_weight, self.state_bias = _layer(units, 3 * units)
        for gate in self.state_weight.data.split(units, dim=1):
            nn.init.orthogonal_(gate)
        # States remember from 1 place up to some hundreds to begin with, as those of the linear recurrence do.
        self.input_bias.data[units : 2 * units] = torch.logspace(0, 2.5, units).log()

    def _read(self, features_EU: Tensor, lengths_B: Tensor, taps: Listener | None) -> Tensor:
        places = Places(lengths_B)
        of_inputs_EG = linear(features_EU, self.input_weight, self.input_bias, taps)
        zeros_EG = None if taps is None else torch.zeros_like(of_inputs_EG, requires_grad=True)
        read_EU = self._states(of_inputs_EG, zeros_EG, places)
        if taps is not None:
            # Detached, or the zeros and what is told of them would keep each other, and all of the graph, for ever.
            before_EU = _shifted(read_EU.detach(), places.is_first_E)
            taps.add(zeros_EG, Vectors(before_EU), self.state_weight, self.state_bias, begins=True)
        return read_EU

    def _states(self, of_inputs_EG: Tensor, zeros_EG: Tensor | None, places: Places) -> Tensor:
        by_place = of_inputs_EG[places.by_place_E].split(places.counts)
        if zeros_EG is not None:
            zeros_by_place = zeros_EG[places.by_place_E].split(places.counts)
        states, state_BU = [], of_inputs_EG.new_zeros(places.counts[0], self.units)
        for place, of_inputs_BG in enumerate(by_place):
            before_BU = state_BU[: len(of_inputs_BG)]
            of_state_BG = torch.addmm(self.state_bias, before_BU, self.state_weight)
            if zeros_EG is not None:
                of_state_BG = of_state_BG + zeros_by_place[place]
            reset, keep, value = of_inputs_BG.split(self.units, dim=1)
            state_reset, state_keep, state_value = of_state_BG.split(self.units, dim=1)
            candidate_BU = (value + (reset + state_reset).sigmoid() * state_value).tanh()
            state_BU = torch.lerp(candidate_BU, before_BU, (keep + state_keep).sigmoid())
            states.append(state_BU)
        return torch.cat(states)[places.back_E]


class NormalisedGatedHistory(GatedHistory):
    """The same with inputs and states normalised, as those of attention are."""

    def _read(self, features_EU: Tensor, lengths_B: Tensor, taps: Listener | None) -> Tensor:
        return _normalised(super()._read(_normalised(features_EU), lengths_B, taps))


class NormalisedHistory(_Encoder):
    """The product's linear recurrence with inputs and states normalised."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__(inputs, units)
        self.recurrence = LinearRecurrence(units, units)

    def _read(self, features_EU: Tensor, lengths_B: Tensor, taps: Listener | None) -> Tensor:
        is_first_E, longest = Places(lengths_B).is_first_E, int(lengths_B.max())
        return _normalised(self.recurrence(_normalised(features_EU), is_first_E, longest, taps))


class AttentiveHistory(_Encoder):
    """One block of a transformer: attention over all events so far, and a layer of twice as many units.

    How far back an event lies is subtracted from its scores, more or less in each head (ALiBi, arXiv 2108.12409); where
    it stands in the sequence, the network around the encoder knows. Inputs of layers are normalised, without anything
    learned.
    """

    N_HEADS: ClassVar[int] = 4

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__(inputs, units)
        self.heads_weight, self.heads_bias = _layer(units, 3 * units)
        self.out_weight, self.out_bias = _layer(units, units)
        self.hidden_weight, self.hidden_bias = _layer(units, 2 * units)
        self.back_weight, self.back_bias = _layer(2 * units, units)

    def _read(self, features_EU: Tensor, lengths_B: Tensor, taps: Listener | None) -> Tensor:
        heads_EG = linear(_normalised(features_EU), self.heads_weight, self.heads_bias, taps)
        attended_EU = attend(heads_EG, lengths_B, self.N_HEADS)
        stream_EU = features_EU + linear(attended_EU, self.out_weight, self.out_bias, taps)
        hidden_EU = linear(_normalised(stream_EU), self.hidden_weight, self.hidden_bias, taps).relu()
        return _normalised(stream_EU + linear(hidden_EU, self.back_weight, self.back_bias, taps))


def attend(heads_EG: Tensor, lengths_B: Tensor, n_heads: int) -> Tensor:
    """Attention of each place to itself and all before it in its sequence, (E, U).

    Sequences are padded to powers of two: that costs less than padding them to the longest one, and no subject's
    gradient depends on who else is there.

    Args:
        heads_EG: Queries, keys and values of all heads, sequence by sequence.
        lengths_B: Places of each sequence.
        n_heads: Number of heads.
    """
    starts_B, width_B = lengths_B.cumsum(0) - lengths_B, 2 ** lengths_B.double().log2().ceil().long()
    slopes = 2.0 ** (-8.0 / n_heads * torch.arange(1, n_heads + 1, dtype=torch.float64))
    parts, rows = [], []
    for width in width_B.unique().tolist():
        chosen, places = (width_B == width).nonzero()[:, 0], torch.arange(width)
        is_there_PW = places < lengths_B[chosen, None]
        rows_PW = starts_B[chosen, None] + places * is_there_PW
        # An embedding, as its gradient is found the fastest.
        queries, keys, values = embedding(rows_PW, heads_EG).unflatten(2, (3, n_heads, -1)).permute(2, 0, 3, 1, 4)
        back_WW = places[:, None] - places
        scores = (-slopes[:, None, None] * back_WW).masked_fill(back_WW < 0, -math.inf).to(heads_EG)
        attended = scaled_dot_product_attention(queries, keys, values, attn_mask=scores)
        parts.append(attended.transpose(1, 2).flatten(2)[is_there_PW])
        rows.append(rows_PW[is_there_PW])
    return torch.cat(parts)[torch.cat(rows).argsort()]


def _layer(inputs: int, units: int) -> tuple[nn.Parameter, nn.Parameter]:
    """Weight and bias."""
    return nn.Parameter(torch.randn(inputs, units) / math.sqrt(inputs)), nn.Parameter(torch.zeros(units))


def _shifted(vectors_EU: Tensor, is_first_E: Tensor) -> Tensor:
    """What the event before had, and zeros where there is none."""
    return pad(vectors_EU, (0, 0, 1, 0))[:-1] * ~is_first_E[:, None]


def _normalised(vectors_EU: Tensor) -> Tensor:
    return rms_norm(vectors_EU, vectors_EU.shape[-1:], eps=1e-6)
