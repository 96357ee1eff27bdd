"""Norms of every record's gradient, without the gradients themselves.

A layer that is linear in its parameters has, for one record, a gradient that is an outer product: of what went into the
layer and of the gradient at what came out. So its squared norm is a product of two squared norms, which cost next to
nothing. After Goodfellow, "Efficient per-example gradient computations" (arXiv 1510.01799); in differentially private
training known as ghost norms (Li et al., arXiv 2110.05679). Here every output has one input vector per record and
sub-column, so the product is exact.

Belongs here: how norms are collected. Does not belong here: which layers there are, clipping, noise.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Taps:
    """Listens at the outputs of layers while the losses of records are computed.

    A layer calls `add` for each of its outputs, with the parameters that the output is linear in.

    Guarantees: the norms are those of the gradients by all `covered` parameters. Whoever clips by them has to see that
    no parameter of the network is missing there.

    Attributes:
        covered: Parameters whose gradients are counted.

    Twin: a backward pass for each record alone.

    >>> layer, inputs = nn.Linear(3, 1), torch.tensor([[1.0, 2.0, 2.0], [0.0, 0.0, 0.0]])
    >>> taps = Taps()
    >>> output_1B1 = layer(inputs)[None]
    >>> taps.add(output_1B1, squared_lengths(inputs)[None] + 1, layer.weight, layer.bias)
    >>> taps.squared_norms(output_1B1[0, :, 0]).tolist()
    [10.0, 1.0]
    """

    def __init__(self) -> None:
        self.covered: list[nn.Parameter] = []
        self._outputs: list[Tensor] = []
        self._parts: dict[int, Tensor] = {}

    def add(self, output: Tensor, squared_inputs: Tensor, *parameters: nn.Parameter, record_dim: int = 1) -> None:
        """Listen at one output. It may be changed in place afterwards, unless it is a view.

        Args:
            output: Output (K, B, H), or (B, K, H) with a `record_dim` of 0.
            squared_inputs: For each record and sub-column the squared length of what the parameters are multiplied
                with, a bias counting as 1; the shape of `output` without its last dimension.
            parameters: What the output is linear in. The outputs of all layers depend on that of the first one added.
            record_dim: The dimension of the output that counts records.
        """
        output.register_hook(self._listener(len(self._outputs), squared_inputs.detach(), 1 - record_dim))
        self._outputs.append(output)
        self.covered.extend(parameters)

    def squared_norms(self, losses_B: Tensor) -> Tensor:
        """Squared norms (B,) of the gradients of these losses. The graph is kept, the taps are closed."""
        # Hooks at later outputs are called on the way to the first one.
        torch.autograd.grad(losses_B.sum(), self._outputs[0], retain_graph=True)
        assert len(self._parts) == len(self._outputs), "the gradient did not come by every tap"
        total = torch.stack(list(self._parts.values())).sum(0)
        self._outputs, self._parts = [], {}
        return total

    def _listener(self, tap: int, squared_inputs: Tensor, column_dim: int) -> Callable[[Tensor], None]:
        def listen(gradient: Tensor) -> None:
            if self._outputs:  # not in the backward pass that follows
                self._parts[tap] = (squared_lengths(gradient) * squared_inputs).sum(column_dim)

        return listen


def squared_lengths(vectors: Tensor) -> Tensor:
    """Squared Euclidean length along the last dimension, detached.

    >>> squared_lengths(torch.tensor([[3.0, 4.0]])).tolist()
    [25.0]
    """
    lengths: Tensor = torch.linalg.vector_norm(vectors.detach(), dim=-1)
    return lengths.square()
