"""Norms of every record's gradient, without the gradients themselves.

A layer that is linear in its parameters has, for one row, a gradient that is an outer product: of what went into the
layer and of the gradient at what came out. So its squared norm is a product of two squared norms, which cost next to
nothing. After Goodfellow, "Efficient per-example gradient computations" (arXiv 1510.01799); in differentially private
training known as ghost norms (Li et al., arXiv 2110.05679). Here every output has one input vector per row and
sub-column, so the product is exact. Records of several rows: see `pairs`.

Belongs here: how norms are collected. Does not belong here: which layers there are, clipping, noise.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

Rule = Callable[[Tensor], Tensor]
"""From the gradient at an output to the squared norm (B,) of each record's gradient by the output's parameters."""


class Inputs(Protocol):
    """What the parameters of a layer are multiplied with: for each row and sub-column a vector."""

    def squared(self) -> Tensor:
        """Squared length of each: the shape of the layer's output without its last dimension."""
        ...

    def products(self, left_PR: Tensor, right_PT: Tensor) -> Tensor:
        """Inner products (K, P, R, T) of the vectors of two rows, for P lists of rows and P others.

        The rows of one list, and of the other beside it, belong to one record. K is 1 where an output has no
        sub-columns.
        """
        ...


class Listener(Protocol):
    """Is told of every layer."""

    def add(
        self, output: Tensor, inputs: Inputs, *parameters: nn.Parameter, record_dim: int = 1, begins: bool = False
    ) -> None:
        """See `Taps.add`."""
        ...


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
    >>> output_B1 = layer(inputs)
    >>> taps.add(output_B1, Vectors(inputs), layer.weight, layer.bias)
    >>> taps.squared_norms(output_B1[:, 0]).tolist()
    [10.0, 1.0]
    """

    def __init__(self) -> None:
        self.covered: list[nn.Parameter] = []
        self._n_listening = 0
        self._first: list[Tensor] = []
        self._parts: dict[int, Tensor] = {}

    def add(
        self, output: Tensor, inputs: Inputs, *parameters: nn.Parameter, record_dim: int = 1, begins: bool = False
    ) -> None:
        """Listen at one output. It may be changed in place afterwards, unless it is a view.

        Args:
            output: Output (K, B, H), or (B, H) of a layer without sub-columns, or (B, K, H) with a `record_dim` of 0.
            inputs: What the parameters are multiplied with.
            parameters: What the output is linear in.
            record_dim: The dimension of the output that counts records, where there are sub-columns.
            begins: Whether the output depends on none that was added before. That of the first one is understood; it
                and these are never changed in place.
        """
        squared_inputs = inputs.squared().detach()

        def rule(gradient: Tensor) -> Tensor:
            products = squared_lengths(gradient) * squared_inputs
            return products if products.dim() == 1 else products.sum(1 - record_dim)

        self.listen(output, rule, *parameters, begins=begins)

    def listen(self, output: Tensor, rule: Rule, *parameters: nn.Parameter, begins: bool = False) -> None:
        """Listen at one output by another rule; see `add`."""
        if begins or not self._first:
            self._first.append(output)
        output.register_hook(self._hook(self._n_listening, rule))
        self._n_listening += 1
        self.covered.extend(parameters)

    def leave_out(self, parameters: Iterable[nn.Parameter]) -> None:
        """Cover parameters that no loss depends on this time."""
        self.covered.extend(parameters)

    def squared_norms(self, losses_B: Tensor) -> Tensor:
        """Squared norms (B,) of the gradients of these losses. The graph is kept, the taps are closed."""
        if not self._first:  # no loss depends on any parameter
            return torch.zeros_like(losses_B)
        # Hooks at later outputs are called on the way to the first ones.
        torch.autograd.grad(losses_B.sum(), self._first, retain_graph=True)
        assert len(self._parts) == self._n_listening, "the gradient did not come by every tap"
        total = torch.stack(list(self._parts.values())).sum(0)
        self._n_listening, self._first, self._parts = 0, [], {}
        return total

    def _hook(self, tap: int, rule: Rule) -> Callable[[Tensor], None]:
        def listen(gradient: Tensor) -> None:
            if self._first:  # not in the backward pass that follows
                self._parts[tap] = rule(gradient.detach())

        return listen


@dataclass(frozen=True, eq=False)
class Vectors:
    """Inputs of an ordinary layer.

    Args:
        values: Vectors (K, N, D), or (N, D) where there are no sub-columns.
        has_bias: Whether there is a bias, as a further input of 1.
    """

    values: Tensor
    has_bias: bool = True

    def squared(self) -> Tensor:
        """Squared length of each."""
        return squared_lengths(self.values) + self.has_bias

    def products(self, left_PR: Tensor, right_PT: Tensor) -> Tensor:
        """Inner products of pairs of rows."""
        return products(self.values.detach(), left_PR, right_PT) + self.has_bias


def linear(inputs_BD: Tensor, weight: nn.Parameter, bias: nn.Parameter, taps: Listener | None = None) -> Tensor:
    """An ordinary layer of which taps are told."""
    output = torch.addmm(bias, inputs_BD, weight)
    if taps is not None:
        taps.add(output, Vectors(inputs_BD), weight, bias)
    return output


def products(vectors: Tensor, left_PR: Tensor, right_PT: Tensor) -> Tensor:
    """Inner products (K, P, R, T) of pairs of rows of (K, N, D), or of (N, D).

    >>> products(torch.tensor([[1.0, 0.0], [3.0, 4.0]]), torch.tensor([[1]]), torch.tensor([[0, 1]])).tolist()
    [[[[3.0, 25.0]]]]
    """
    vectors_KND = vectors[None] if vectors.dim() == 2 else vectors
    left = vectors_KND[:, left_PR]
    right = left if right_PT is left_PR else vectors_KND[:, right_PT]
    return left @ right.mT


def squared_lengths(vectors: Tensor) -> Tensor:
    """Squared Euclidean length along the last dimension, detached.

    >>> squared_lengths(torch.tensor([[3.0, 4.0]])).tolist()
    [25.0]
    """
    lengths: Tensor = torch.linalg.vector_norm(vectors.detach(), dim=-1)
    return lengths.square()
