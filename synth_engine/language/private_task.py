"""The task of language models for private training: no record's loss depends on which others are there."""

import torch
from torch import Tensor, nn

from synth_engine.language.network import LanguageNetwork
from synth_engine.language.records import Records
from synth_engine.language.task import NATURAL_SHARE, orders_of
from synth_engine.nn import Taps


class PrivateLanguageTask:
    """Records as tokens, of which each chooses its column order by itself.

    Guarantees:
        - the order of a record depends on its number and the generator alone: neither on other records nor on how many
          of them are in the batch;
        - the loss of a record depends on its own tokens and on that order. No unit is dropped.

    Args:
        records: Training records.
        flexible: Learn every column order; otherwise the natural one only.
        natural_share: Probability of the natural order.
    """

    def __init__(self, records: Records, *, flexible: bool, natural_share: float = NATURAL_SHARE) -> None:
        self._records = records
        self._natural_share = natural_share if flexible and records.n_columns > 1 else 1.0

    def batch_losses(
        self, network: nn.Module, rows: Tensor, generator: torch.Generator, taps: Taps | None = None
    ) -> Tensor:
        """Negative log-likelihood of the values of each of the records, (B,), in nats.

        Args:
            network: The network.
            rows: Indices of training records.
            generator: Source of their orders.
            taps: For norms of their gradients.
        """
        assert isinstance(network, LanguageNetwork)
        n_columns, device = self._records.n_columns, generator.device
        # All records draw, so that nobody's place in a batch matters.
        uniforms = torch.rand(len(self._records), 1 + n_columns, generator=generator, device=device)[rows]
        orders_BC = orders_of(uniforms[:, 0] >= self._natural_share, uniforms[:, 1:])
        return network.losses(self._records.batch(rows, orders_BC), taps=taps)
