"""What every language model offers: to training the losses of records, to drawing one token after the other.

Shape legend: B records of a batch, T tokens of the longest, E tokens of all, V ids of the vocabulary.
"""

from abc import ABC, abstractmethod
from typing import Any, Protocol, Self

import torch
from torch import Tensor, nn

from synth_engine.language.records import Batch
from synth_engine.nn import Taps


class State(Protocol):
    """What a network remembers of the beginnings of texts that it has read."""

    def select(self, rows: Tensor) -> Self:
        """That of these texts only, in this order. The original stays as it is."""
        ...


class LanguageNetwork(nn.Module, ABC):
    """Distributions of the next token, given all tokens before.

    Attributes:
        sizes: What it was built from.

    Guarantees: logits depend on no other record of a batch, on no later token, and not on padding.
    """

    sizes: Any

    @abstractmethod
    def logits(self, tokens_BT: Tensor, lengths_B: Tensor, taps: Taps | None = None) -> Tensor:
        """Logits (B, T, V): those at place ``t`` are of the token at ``t + 1``.

        Args:
            tokens_BT: Ids; of each row only the first so many are looked at.
            lengths_B: How many, at least one each. Logits at later places mean nothing.
            taps: Told of every layer, for norms of the records' gradients.
        """

    def losses(self, batch: Batch, noise: tuple[Tensor, ...] = (), taps: Taps | None = None) -> Tensor:
        """Sum over the judged tokens of each record of their negative log-likelihoods in nats, (B,).

        Args:
            batch: Records.
            noise: Of `draw_noise`; without it no unit is dropped.
            taps: As of `logits`.
        """
        assert not noise, "expected no noise: this network drops no units"
        logits_BTV = self.logits(batch.tokens_BT, batch.lengths_B, taps)
        is_judged_BT = batch.is_judged_BT[:, 1:]
        losses_J = nn.functional.cross_entropy(
            logits_BTV[:, :-1][is_judged_BT].float(), batch.tokens_BT[:, 1:][is_judged_BT], reduction="none"
        )
        record_J = is_judged_BT.nonzero()[:, 0]
        return losses_J.new_zeros(len(batch.lengths_B)).index_add(0, record_J, losses_J)

    def draw_noise(self, n_tokens: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """What decides over the units that are dropped, for so many tokens of a batch; see `losses`."""
        del n_tokens, generator
        return ()

    @abstractmethod
    def start(self, n: int, device: torch.device) -> State:
        """The state of so many texts of which nothing was read."""

    @abstractmethod
    def step(self, tokens_BL: Tensor, state: State) -> tuple[Tensor, State]:
        """Read on.

        Args:
            tokens_BL: The next L tokens of each text, at least one, without padding.
            state: What was read before; stays as it is.

        Returns:
            Logits (B, V) of the token after those, and the new state. Twin: `logits`.
        """
