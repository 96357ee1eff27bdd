"""The tabular task for differentially private training: no record's loss depends on which other ones are there."""

import torch
from torch import Tensor, nn

from synth_engine.nn import Taps
from synth_engine.nn.orders import natural_order, random_orders
from synth_engine.tabular.network import OrderGroup, TabularNetwork
from synth_engine.tabular.task import MAX_RANDOM_ORDERS, NATURAL_SHARE


class PrivateTabularTask:
    """Rows of codes, of which each chooses its column order by itself.

    The plain task gives the first half of a batch the natural order. Then one row more moves others to another order,
    and changes the sum of gradients by more than its own: the sensitivity would no longer be the clipping norm.

    Guarantees: the orders that there are depend on nothing but the generator; each row has one of them, and its units
    dropped, independently of all others and of their number.

    Args:
        training_NK: Codes of the training rows.
        flexible: Learn every column order; otherwise the natural one only.
        n_orders: Random orders in a batch.
        natural_share: Probability of the natural order.
    """

    def __init__(
        self,
        training_NK: Tensor,
        *,
        flexible: bool,
        n_orders: int = MAX_RANDOM_ORDERS,
        natural_share: float = NATURAL_SHARE,
    ) -> None:
        self.training = training_NK
        self._n_orders = n_orders if flexible else 0
        self._natural_share = natural_share

    def batch_losses(
        self, network: nn.Module, rows: Tensor, generator: torch.Generator, taps: Taps | None = None
    ) -> Tensor:
        """Negative log-likelihood of each of the rows, (B,), in nats; sorted by their orders.

        Args:
            network: The network.
            rows: Indices of training rows.
            generator: Source of their orders and of dropout.
            taps: For norms of their gradients.
        """
        assert isinstance(network, TabularNetwork)
        n_columns, device = network.layout.n_columns, generator.device
        orders = torch.cat([natural_order(n_columns, device), random_orders(self._n_orders, n_columns, generator)])
        chosen = self._choices(len(rows), generator)
        in_groups = chosen.argsort(stable=True)
        sizes = torch.bincount(chosen, minlength=len(orders)).tolist()
        groups = [OrderGroup(size, orders[i : i + 1]) for i, size in enumerate(sizes) if size]
        codes = self.training.index_select(0, rows[in_groups]).long()
        return network.losses(codes, groups, network.draw_noise(len(codes), generator), taps).sum(0)

    def _choices(self, n_rows: int, generator: torch.Generator) -> Tensor:
        """For each row the number of its order: 0, the natural one, with its probability, or else one of the others."""
        device = generator.device
        if self._n_orders == 0:
            return torch.zeros(n_rows, dtype=torch.long, device=device)
        is_random = torch.rand(n_rows, generator=generator, device=device) >= self._natural_share
        return is_random * torch.randint(1, self._n_orders + 1, (n_rows,), generator=generator, device=device)
