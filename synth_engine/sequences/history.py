"""What went before an event, as a vector: an encoder over the events so far, shifted by one."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from synth_engine.nn import Listener, linear
from synth_engine.nn.recurrence import LinearRecurrence

N_LAYERS = 1


class Memory(NamedTuple):
    """The history of sequences that are being drawn.

    Args:
        seen_BU: What the last event of each said.
        states: State of each layer, (B, U).
    """

    seen_BU: Tensor
    states: tuple[Tensor, ...]

    def first(self, n: int) -> "Memory":
        """The first ones of the sequences."""
        return Memory(self.seen_BU[:n], tuple(state[:n] for state in self.states))


class History(nn.Module):
    """Reads events one after the other.

    The features of each event go through layers of a linear recurrence with a nonlinear layer after each. The history
    of an event is the features of the event before it, and what all layers made of all events before it; zeros where
    there are none.

    Args:
        inputs: Size D of an embedded event.
        units: Size U of its features and of every layer.

    Shape:
        Embedded events (E, D), sequence by sequence; histories (E, size). Twin: `step`, one event after the other.
    """

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.units, self.size = units, units * (1 + N_LAYERS)
        self.weight = nn.Parameter(torch.randn(inputs, units) * math.sqrt(1 / inputs))
        self.bias = nn.Parameter(torch.zeros(units))
        self.recurrences = nn.ModuleList(LinearRecurrence(units, units) for _ in range(N_LAYERS))
        self.mixing_weights = nn.ParameterList(
            nn.Parameter(torch.randn(2 * units, units) * math.sqrt(1 / units)) for _ in range(N_LAYERS - 1)
        )
        self.mixing_biases = nn.ParameterList(nn.Parameter(torch.zeros(units)) for _ in range(N_LAYERS - 1))

    def forward(self, embedded_ED: Tensor, is_first_E: Tensor, longest: int, taps: Listener | None = None) -> Tensor:
        """Histories of all events.

        Args:
            embedded_ED: Embedded events, sequence by sequence.
            is_first_E: Which of them begin a sequence.
            longest: The most events of a sequence.
            taps: Told of every layer.
        """
        inputs_EU = linear(embedded_ED, self.weight, self.bias, taps).relu()
        known = [inputs_EU]
        for layer, recurrence in enumerate(self.recurrences):
            state_EU = recurrence(inputs_EU, is_first_E, longest, taps)
            known.append(state_EU)
            if layer < len(self.mixing_weights):
                both = torch.cat([inputs_EU, state_EU], 1)
                inputs_EU = linear(both, self.mixing_weights[layer], self.mixing_biases[layer], taps).relu()
        history = nn.functional.pad(torch.cat(known, 1), (0, 0, 1, 0))[:-1]
        return history * ~is_first_E[:, None]

    def start(self, n_sequences: int) -> Memory:
        """The memory of sequences without events."""
        zeros = self.bias.new_zeros(n_sequences, self.units)
        return Memory(zeros, (zeros,) * len(self.recurrences))

    def table(self, vectors: Sequence[Tensor]) -> Tensor:
        """What each code adds to the features of an event, (V, U).

        Args:
            vectors: Embeddings (codes, D) of the codes of each sub-column.
        """
        weights = self.weight.split([self.weight.shape[0] // len(vectors)] * len(vectors))
        return torch.cat([part @ weight for part, weight in zip(vectors, weights, strict=True)])

    def step(self, table_VU: Tensor, places_BK: Tensor, memory: Memory) -> Memory:
        """The memory after one event more of each sequence.

        Args:
            table_VU: See `table`.
            places_BK: Places in it of the codes of the events.
            memory: That before.
        """
        features_BU = nn.functional.embedding_bag(places_BK, table_VU, mode="sum").add_(self.bias)
        inputs_BU = seen_BU = features_BU.relu_()
        states = []
        for layer, (recurrence, before) in enumerate(zip(self.recurrences, memory.states, strict=True)):
            assert isinstance(recurrence, LinearRecurrence)
            states.append(recurrence.step(inputs_BU, before))
            if layer < len(self.mixing_weights):
                both = torch.cat([inputs_BU, states[-1]], 1)
                inputs_BU = torch.addmm(self.mixing_biases[layer], both, self.mixing_weights[layer]).relu()
        return Memory(seen_BU, tuple(states))

    @staticmethod
    def read(memory: Memory) -> Tensor:
        """The history (B, size) of the next event of each sequence."""
        return torch.cat([memory.seen_BU, *memory.states], 1)
