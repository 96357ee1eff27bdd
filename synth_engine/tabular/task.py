"""What the training loop learns: rows of codes under a mix of column orders."""

from collections.abc import Sequence

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

    def draw(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Codes of training rows, the orders of each of their groups, and what decides over dropped units.

        Args:
            rows: Indices of training rows.
            generator: Source of all that is random.
        """
        codes = self.training.index_select(0, rows).long()
        orders = self._draw_orders(len(codes), generator)
        return codes, *orders, *self.network.draw_noise(len(codes), generator)

    def losses(self, network: nn.Module, drawn: Sequence[Tensor]) -> Tensor:
        """Negative log-likelihood of each of the rows, (B,), in nats: nothing but operations on tensors.

        Args:
            network: The network, or a copy of it.
            drawn: See `draw`.
        """
        assert isinstance(network, TabularNetwork)
        codes, *others = drawn
        n_groups = len(others) - network.n_noise
        groups = self._groups(len(codes), others[:n_groups])
        return network.losses(codes, groups, others[n_groups:]).sum(0)

    @torch.no_grad()
    def validation_loss(self, network: nn.Module) -> float | None:
        """Mean over the validation rows, without dropout and with the same orders every time; None without rows."""
        assert isinstance(network, TabularNetwork)
        if not self.n_validation:
            return None
        generator = torch.Generator(self._validation.device).manual_seed(self._validation_seed)
        total = torch.zeros((), dtype=torch.float64, device=self._validation.device)
        for codes in self._validation.split(MAX_VALIDATION_BATCH):
            orders = self._draw_orders(len(codes), generator)
            total += network.losses(codes.long(), self._groups(len(codes), orders)).sum(dtype=torch.float64)
        return total.item() / self.n_validation

    def _random_part(self, n_rows: int) -> tuple[int, int]:
        """How many rows see random orders, and how many orders these are. Follows from the number of rows alone."""
        wanted = int(n_rows * (1 - self._natural_share))
        n_orders = min(max(wanted // ROWS_PER_ORDER, 1), MAX_RANDOM_ORDERS)
        return wanted // n_orders * n_orders, n_orders

    def _draw_orders(self, n_rows: int, generator: torch.Generator) -> list[Tensor]:
        """The orders of each group of rows: the natural one for a share of the rows, random ones for the others."""
        n_columns, (n_random, n_orders) = self.network.layout.n_columns, self._random_part(n_rows)
        natural = natural_order(n_columns, generator.device)
        if n_random == 0 and self._natural_share < 1:  # in a batch of one row the orders take turns by chance
            is_natural = torch.rand((), generator=generator, device=generator.device) < self._natural_share
            return [torch.where(is_natural, natural, random_orders(1, n_columns, generator))]
        orders = [natural] if n_rows > n_random else []
        return orders + ([random_orders(n_orders, n_columns, generator)] if n_random else [])

    def _groups(self, n_rows: int, orders: Sequence[Tensor]) -> list[OrderGroup]:
        """The groups that these orders were drawn for."""
        n_random, _ = self._random_part(n_rows)
        sizes = [size for size in (n_rows - n_random, n_random) if size]
        return [OrderGroup(*group) for group in zip(sizes, orders, strict=True)]
