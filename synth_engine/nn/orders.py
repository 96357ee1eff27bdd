"""Column orders as masks: who may look at whom."""

import torch
from torch import Tensor


def precedence(order_GC: Tensor, column_of_K: Tensor) -> Tensor:
    """Which sub-column may see which, for several orders of the columns.

    Args:
        order_GC: Place of every column in each order, shape (G, columns); the column with the smallest place is first.
        column_of_K: The column that every sub-column belongs to, shape (K,).

    Returns:
        Boolean (G, K, K); element ``[g, i, j]`` says that ``j`` may see ``i``. Within a column the natural order holds.

    >>> precedence(torch.tensor([[1, 0]]), torch.tensor([0, 0, 1]))[0].int().tolist()
    [[0, 1, 0], [0, 0, 0], [1, 1, 0]]
    """
    n = len(column_of_K)
    inside = torch.arange(n, device=order_GC.device)
    place_GK = order_GC.index_select(1, column_of_K) * n + inside
    return place_GK[:, :, None] < place_GK[:, None, :]


def natural_order(n_columns: int, device: torch.device | None = None) -> Tensor:
    """The columns as they stand, as an order of shape (1, columns)."""
    return torch.arange(n_columns, device=device)[None]


def random_orders(n_orders: int, n_columns: int, generator: torch.Generator) -> Tensor:
    """Independent uniformly random orders, shape (n_orders, columns), on the generator's device."""
    keys = torch.rand(n_orders, n_columns, generator=generator, device=generator.device)
    return keys.argsort(dim=1).argsort(dim=1)
