"""The language model that starts from nothing: an embedding, a few linear recurrences, one head.

Belongs here: the network. Does not belong here: what the recurrence is made of (`synth_engine.nn`), how it is trained.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, repeat

import torch
from torch import Tensor, nn

from synth_engine.language.network import LanguageNetwork, State
from synth_engine.language.records import Batch
from synth_engine.nn import CodeEmbedding, Listener, RowTaps, Taps, dropout, linear, random_bytes
from synth_engine.nn.recurrence import Places, scan_in_steps

# So that the first predictions are close to the biases.
_HEAD_SCALE = 0.1


@dataclass(frozen=True)
class RecurrentSizes:
    """Numbers of units.

    Args:
        embedding: Size D of what is handed from layer to layer.
        units: Size U of each layer's state.
        n_layers: Recurrent layers.
        dropout: Share of units that are dropped in training.
    """

    embedding: int = 192
    units: int = 256
    n_layers: int = 2
    dropout: float = 0.2


@dataclass(frozen=True)
class RecurrentState:
    """State of each layer, (B, U), and what went into it last, (B, D)."""

    states: tuple[Tensor, ...]
    inputs: tuple[Tensor, ...]

    def select(self, rows: Tensor) -> "RecurrentState":
        """That of some texts."""
        return RecurrentState(tuple(each[rows] for each in self.states), tuple(each[rows] for each in self.inputs))


class RecurrentNetwork(LanguageNetwork):
    """Layers of gated linear recurrences around a residual stream.

    Every layer is linear in what it learns, so that norms of single records' gradients are exact and cheap (`Taps`).

    Args:
        size: Number V of ids.
        sizes: Numbers of units.
    """

    def __init__(self, size: int, sizes: RecurrentSizes) -> None:
        super().__init__()
        self.size, self.sizes = size, sizes
        self.embedding = CodeEmbedding([size], sizes.embedding)
        layers = [RecurrentLayer(sizes.embedding, sizes.units, sizes.n_layers) for _ in range(sizes.n_layers)]
        self.layers = nn.ModuleList(layers)
        self.head_weight = nn.Parameter(torch.randn(sizes.embedding, size) * _HEAD_SCALE / math.sqrt(sizes.embedding))
        self.head_bias = nn.Parameter(torch.zeros(size))

    @torch.no_grad()
    def start_from(self, counts_V: Tensor) -> None:
        """Let the first predictions be these frequencies of ids. They must be public or not sensitive."""
        smoothed = counts_V.to(self.head_bias) + 0.5
        self.head_bias.copy_((smoothed / smoothed.sum()).log())

    def draw_noise(self, n_tokens: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """One tensor for the embedding and one for what comes out of each layer."""
        if not self.sizes.dropout:
            return ()
        shape = (n_tokens, self.sizes.embedding)
        return tuple(random_bytes(shape, generator) for _ in range(1 + len(self.layers)))

    def logits(self, tokens_BT: Tensor, lengths_B: Tensor, taps: Taps | None = None) -> Tensor:
        """Logits (B, T, V); zero at padding."""
        is_there_BT = torch.arange(tokens_BT.shape[1], device=tokens_BT.device) < lengths_B[:, None]
        row_taps = None if taps is None else RowTaps(taps, lengths_B)
        hidden_ED = self._hidden(tokens_BT[is_there_BT], lengths_B, (), row_taps)
        logits_EV = linear(hidden_ED, self.head_weight, self.head_bias, row_taps)
        logits_BTV = logits_EV.new_zeros(*tokens_BT.shape, self.size)
        return logits_BTV.index_put((is_there_BT,), logits_EV)

    def losses(self, batch: Batch, noise: tuple[Tensor, ...] = (), taps: Taps | None = None) -> Tensor:
        """Sums of losses (B,). Logits are computed of judged tokens only: they are most of the work."""
        tokens_BT, is_judged_BT, lengths_B = batch
        is_there_BT = torch.arange(tokens_BT.shape[1], device=tokens_BT.device) < lengths_B[:, None]
        tokens_E = tokens_BT[is_there_BT]
        sizes_B = is_judged_BT.sum(1)
        of_tokens, of_judged = (None, None) if taps is None else (RowTaps(taps, lengths_B), RowTaps(taps, sizes_B))
        hidden_ED = self._hidden(tokens_E, lengths_B, noise, of_tokens)
        place_J = is_judged_BT[is_there_BT].nonzero()[:, 0]
        # The first token of a record is never judged, so the place before is in the same record.
        logits_JV = linear(hidden_ED[place_J - 1], self.head_weight, self.head_bias, of_judged)
        losses_J = nn.functional.cross_entropy(logits_JV, tokens_E[place_J], reduction="none")
        return losses_J.new_zeros(len(lengths_B)).index_add(0, torch.repeat_interleave(sizes_B), losses_J)

    def _hidden(self, tokens_E: Tensor, lengths_B: Tensor, noise: Sequence[Tensor], taps: Listener | None) -> Tensor:
        """What the head sees at every token of all records, one after the other."""
        rate, drops = self.sizes.dropout, chain(noise, repeat(None))
        stream_ED = dropout(self.embedding(tokens_E[:, None], taps)[:, 0], rate, next(drops))
        places = Places(lengths_B)
        for layer in self.layers:
            stream_ED = stream_ED + dropout(layer(normalised(stream_ED), places, taps), rate, next(drops))
        return normalised(stream_ED)

    def start(self, n: int, device: torch.device) -> RecurrentState:
        """All zero."""
        layers = range(len(self.layers))
        return RecurrentState(
            tuple(torch.zeros(n, self.sizes.units, device=device) for _ in layers),
            tuple(torch.zeros(n, self.sizes.embedding, device=device) for _ in layers),
        )

    def step(self, tokens_BL: Tensor, state: State) -> tuple[Tensor, RecurrentState]:
        """Token after token, and logits after the last one."""
        assert isinstance(state, RecurrentState)
        for tokens_B in tokens_BL.unbind(1):
            stream_BD, state = self._read(tokens_B, state)
        return torch.addmm(self.head_bias, normalised(stream_BD), self.head_weight), state

    def _read(self, tokens_B: Tensor, state: RecurrentState) -> tuple[Tensor, RecurrentState]:
        stream_BD = nn.functional.embedding(tokens_B, self.embedding.vectors())
        states, inputs = [], []
        for layer, state_BU, before_BD in zip(self.layers, state.states, state.inputs, strict=True):
            inputs.append(normalised(stream_BD))
            assert isinstance(layer, RecurrentLayer)
            added_BD, following_BU = layer.step(inputs[-1], before_BD, state_BU)
            stream_BD = stream_BD + added_BD
            states.append(following_BU)
        return stream_BD, RecurrentState(tuple(states), tuple(inputs))


class RecurrentLayer(nn.Module):
    """A linear recurrence that sees each token and the one before, and a gate on what is taken out of its state.

    The recurrence is that of `nn.LinearRecurrence` (minGRU, arXiv 2410.01201). Its gates cannot see the state; that
    they see the token before makes up for it (as "token shift" does in RWKV, arXiv 2305.13048).

    Args:
        inputs: Size D of what goes in and comes out.
        units: Size U of the state.
        n_layers: How many layers add to one stream.
    """

    def __init__(self, inputs: int, units: int, n_layers: int) -> None:
        super().__init__()
        self.units = units
        self.in_weight = nn.Parameter(torch.randn(2 * inputs, 3 * units) / math.sqrt(2 * inputs))
        # States remember from 1 token up to about a hundred to begin with.
        horizon = torch.logspace(0, 2, units)
        self.in_bias = nn.Parameter(torch.cat([horizon.log(), torch.zeros(2 * units)]))
        self.out_weight = nn.Parameter(torch.randn(units, inputs) / math.sqrt(units * n_layers))
        self.out_bias = nn.Parameter(torch.zeros(inputs))

    def forward(self, inputs_ED: Tensor, places: Places, taps: Listener | None = None) -> Tensor:
        """What is added to the stream at every token, (E, D)."""
        before_ED = nn.functional.pad(inputs_ED[:-1], (0, 0, 1, 0)) * ~places.is_first_E[:, None]
        mixed = linear(torch.cat([inputs_ED, before_ED], 1), self.in_weight, self.in_bias, taps)
        keep_EU, added_EU, gate_EU = self._parts(mixed)
        states_EU = scan_in_steps(keep_EU, added_EU, places)
        return linear(states_EU * gate_EU, self.out_weight, self.out_bias, taps)

    def step(self, inputs_BD: Tensor, before_BD: Tensor, state_BU: Tensor) -> tuple[Tensor, Tensor]:
        """The same for one token of each text: what is added, and the next state (B, U)."""
        mixed = torch.addmm(self.in_bias, torch.cat([inputs_BD, before_BD], 1), self.in_weight)
        keep_BU, added_BU, gate_BU = self._parts(mixed)
        following_BU = torch.addcmul(added_BU, keep_BU, state_BU)
        return torch.addmm(self.out_bias, following_BU * gate_BU, self.out_weight), following_BU

    def _parts(self, mixed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        keep, value, gate = mixed.split(self.units, dim=1)
        keep = keep.sigmoid()
        return keep, (1 - keep) * value, nn.functional.silu(gate)


def normalised(values_ED: Tensor) -> Tensor:
    """Of length one per unit, without anything learned (RMSNorm, arXiv 1910.07467)."""
    return nn.functional.rms_norm(values_ED, values_ED.shape[-1:], eps=1e-6)
