"""What the training loop learns: rows of codes under a mix of column orders."""

import torch
from torch import Tensor, nn

from synth_engine.nn.orders import natural_order, random_orders
from synth_engine.tabular.network import OrderGroup, TabularNetwork

# Rows per random order. Each order costs a masked copy of the first layer's weights, which fewer rows would not repay;
# more orders a batch learn no faster (census: the same epochs to the same loss with 2 as with 4 in a batch of 256).
ROWS_PER_ORDER = 64
MAX_RANDOM_ORDERS = 8
# Share of rows seen in the natural order, the one that unconditional generation uses. With random orders only, samples
# carry small systematic biases (census: univariate accuracy 0.989 where held-out rows reach 0.993).
NATURAL_SHARE = 0.5
MAX_VALIDATION_BATCH = 4096


class TabularTask:
    """Rows of codes, and the network that learns them.

    Args:
        network: The network.
        training_NK: Codes of the training rows.
        validation_NK: Codes of the validation rows.
        flexible: Learn every column order; otherwise the natural one only.
        validation_seed: Orders in validation are the same every time, so that losses can be compared.
    """

    def __init__(
        self,
        network: TabularNetwork,
        training_NK: Tensor,
        validation_NK: Tensor,
        *,
        flexible: bool,
        natural_share: float = NATURAL_SHARE,
        validation_seed: int = 0,
    ) -> None:
        self.network = network
        self.n_training, self.n_validation = len(training_NK), len(validation_NK)
        self.training, self._validation = training_NK, validation_NK
        # With a single column there is but one order.
        self._natural_share = natural_share if flexible and network.layout.n_columns > 1 else 1.0
        self._validation_seed = validation_seed

    def batch_losses(self, network: nn.Module, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Negative log-likelihood of each of the rows, (B,), in nats.

        Args:
            network: The network, or a copy of it.
            rows: Indices of training rows.
            generator: Source of their orders and of dropout.
        """
        assert isinstance(network, TabularNetwork)
        codes = self.training.index_select(0, rows).long()
        groups = self._groups(len(codes), generator)
        return network.losses(codes, groups, generator).sum(0)

    @torch.no_grad()
    def validation_loss(self, network: nn.Module) -> float | None:
        """Mean over the validation rows, without dropout and with the same orders every time; None without rows."""
        assert isinstance(network, TabularNetwork)
        if not self.n_validation:
            return None
        generator = torch.Generator(self._validation.device).manual_seed(self._validation_seed)
        total = torch.zeros((), dtype=torch.float64, device=self._validation.device)
        for codes in self._validation.split(MAX_VALIDATION_BATCH):
            total += network.losses(codes.long(), self._groups(len(codes), generator)).sum(dtype=torch.float64)
        return total.item() / self.n_validation

    def _groups(self, n_rows: int, generator: torch.Generator) -> list[OrderGroup]:
        """Natural order for a share of the rows, random orders for the others."""
        n_columns = self.network.layout.n_columns
        wanted = int(n_rows * (1 - self._natural_share))
        if wanted == 0 and self._natural_share < 1:  # in a batch of one row the orders take turns by chance
            is_natural = torch.rand((), generator=generator, device=generator.device) < self._natural_share
            orders = natural_order(n_columns, generator.device), random_orders(1, n_columns, generator)
            return [OrderGroup(n_rows, torch.where(is_natural, *orders))]
        n_orders = min(max(wanted // ROWS_PER_ORDER, 1), MAX_RANDOM_ORDERS)
        n_random = wanted // n_orders * n_orders
        groups = []
        if n_rows > n_random:
            groups.append(OrderGroup(n_rows - n_random, natural_order(n_columns, generator.device)))
        if n_random:
            groups.append(OrderGroup(n_random, random_orders(n_orders, n_columns, generator)))
        return groups
