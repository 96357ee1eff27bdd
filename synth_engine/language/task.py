"""What the training loop learns: records as tokens, each in a column order of its own."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from synth_engine.language.network import LanguageNetwork
from synth_engine.language.records import Batch, Records
from synth_engine.language.scoring import log_prob

# Share of records seen in the natural order, the one that unconditional generation uses; as for flat tables.
NATURAL_SHARE = 0.5
_N_BATCH = len(Batch._fields)


class LanguageTask:
    """Records, and the network that learns them.

    Shapes vary from batch to batch: it is trained by `EagerGradients`.

    Args:
        network: The network.
        training: Records to learn from.
        validation: Records to judge by.
        flexible: Learn every column order; otherwise the natural one only.
        natural_share: Probability of the natural order.
        validation_seed: Orders in validation are the same every time, so that losses can be compared.
    """

    def __init__(
        self,
        network: LanguageNetwork,
        training: Records,
        validation: Records,
        *,
        flexible: bool,
        natural_share: float = NATURAL_SHARE,
        validation_seed: int = 0,
    ) -> None:
        self.network = network
        self.training, self.validation = training, validation
        self.n_training, self.n_validation = len(training), len(validation)
        # With a single column there is but one order.
        self._natural_share = natural_share if flexible and training.n_columns > 1 else 1.0
        self._validation_seed = validation_seed

    def draw(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Tokens of training records, and what decides over dropped units.

        Args:
            rows: Indices of training records.
            generator: Source of all that is random.
        """
        orders_BC = draw_orders(len(rows), self.training.n_columns, self._natural_share, generator)
        batch = self.training.batch(rows, orders_BC)
        return *batch, *self.network.draw_noise(int(batch.lengths_B.sum()), generator)

    def losses(self, network: nn.Module, drawn: Sequence[Tensor]) -> Tensor:
        """Negative log-likelihood of the values of each of the records, (B,), in nats.

        Args:
            network: The network, or a copy of it.
            drawn: See `draw`.
        """
        assert isinstance(network, LanguageNetwork)
        return network.losses(Batch(*drawn[:_N_BATCH]), tuple(drawn[_N_BATCH:]))

    def validation_loss(self, network: nn.Module) -> float | None:
        """Mean over the validation records, without dropout, the same orders every time; None without records."""
        assert isinstance(network, LanguageNetwork)
        if not self.n_validation:
            return None
        records = self.validation
        generator = torch.Generator(records.device).manual_seed(self._validation_seed)
        orders_NC = draw_orders(len(records), records.n_columns, self._natural_share, generator)
        return -log_prob(network, records, orders_NC).mean().item()


def draw_orders(n: int, n_columns: int, natural_share: float, generator: torch.Generator) -> Tensor:
    """Places (n, columns) of columns: the natural ones with a probability, or else uniformly random ones."""
    device = generator.device
    is_random = torch.rand(n, generator=generator, device=device) >= natural_share
    keys = torch.rand(n, n_columns, generator=generator, device=device)
    return orders_of(is_random, keys)


def orders_of(is_random_B: Tensor, keys_BC: Tensor) -> Tensor:
    """Places of columns: those of the keys by size, or the natural ones.

    >>> orders_of(torch.tensor([True, False]), torch.tensor([[0.9, 0.1, 0.5], [0.9, 0.1, 0.5]])).tolist()
    [[2, 0, 1], [0, 1, 2]]
    """
    natural_C = torch.arange(keys_BC.shape[1], device=keys_BC.device)
    return torch.where(is_random_B[:, None], keys_BC.argsort(dim=1).argsort(dim=1), natural_C)
