"""Norms of the gradients of records of several rows, such as subjects with their events.

The gradient of a record is a sum over its rows of outer products: of a row's input and of the gradient at its output.
So its squared norm is a sum over all pairs of its rows: the inner product of their inputs times that of their gradients
(Li et al., "Large language models can be strong differentially private learners", arXiv 2110.05679). That costs the
square of the number of rows, and no memory for gradients.

Belongs here: pairs of rows. Does not belong here: layers, and what their inputs are (`taps`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synth_engine.nn.taps import Inputs, Taps, products, squared_lengths

# Longer records are looked at piece by piece, each with each.
LONGEST_PIECE = 64
# Numbers that are held at once, about.
MAX_NUMBERS = 2**23
# Single precision sums up inner products with an error of about this share of the lengths' products. It is added, so
# that rounding never makes a norm too small: not even where the rows of a record cancel each other.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Pairs:
    """Pairs of pieces of the same record, all pieces of the same width.

    Args:
        left_PW: Rows of one piece; places that a piece does not have hold one of its rows all the same.
        right_PW: Rows of the other; the same tensor where these are pairs of a piece with itself.
        has_left_PW: Which places there are, 1 or 0.
        has_right_PW: The same of the other piece.
        record_P: Whose they are.
    """

    left_PW: Tensor
    right_PW: Tensor
    has_left_PW: Tensor
    has_right_PW: Tensor
    record_P: Tensor

    def parts(self, numbers_per_row: int) -> Iterator["Pairs"]:
        """So many at once that memory does not grow."""
        n = max(1, MAX_NUMBERS // (self.left_PW.shape[1] * max(numbers_per_row, 1)))
        is_same = self.left_PW is self.right_PW
        for tensors in zip(*(each.split(n) for each in vars(self).values()), strict=True):
            left, right, *others = tensors
            yield Pairs(left, left if is_same else right, *others)


class RowTaps:
    """Taps for layers whose outputs have several rows for a record, which stand one after the other.

    Args:
        taps: Of the records.
        sizes_B: Number of rows of each.

    >>> from synth_engine.nn.taps import Vectors
    >>> layer, inputs = nn.Linear(2, 1, bias=False), torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 3.0]])
    >>> taps, sizes, output_E1 = Taps(), torch.tensor([2, 1]), layer(inputs)
    >>> RowTaps(taps, sizes).add(output_E1, Vectors(inputs, has_bias=False), layer.weight)
    >>> losses_B = torch.stack([output_E1[:2].sum(), output_E1[2:].sum()])
    >>> [round(norm, 3) for norm in taps.squared_norms(losses_B).tolist()]
    [4.0, 9.0]
    """

    def __init__(self, taps: Taps, sizes_B: Tensor) -> None:
        self._taps, self._n_records = taps, len(sizes_B)
        self._record_E = torch.repeat_interleave(sizes_B)
        self._pairs = list(pairs_of(sizes_B))

    def add(
        self, output: Tensor, inputs: Inputs, *parameters: nn.Parameter, record_dim: int = 1, begins: bool = False
    ) -> None:
        """See `Taps.add`; rows stand in place of records."""

        def rule(gradient: Tensor) -> Tensor:
            return self._squared_norms(gradient, inputs, record_dim)

        self._taps.listen(output, rule, *parameters, begins=begins)

    def _squared_norms(self, gradient: Tensor, inputs: Inputs, record_dim: int) -> Tensor:
        has_columns = gradient.dim() > 2
        gradient_KEH = gradient.transpose(0, 1) if has_columns and record_dim == 0 else gradient
        n_columns = gradient_KEH.shape[0] if has_columns else 1
        total = self._rounding(squared_lengths(gradient) * inputs.squared(), record_dim if has_columns else 0)
        for pairs in self._pairs:
            width = pairs.left_PW.shape[1]
            for part in pairs.parts(n_columns * max(gradient.shape[-1], width)):
                by_gradient = products(gradient_KEH, part.left_PW, part.right_PW)
                found = (by_gradient * inputs.products(part.left_PW, part.right_PW)).sum(0)
                is_there = part.has_left_PW[:, :, None] * part.has_right_PW[:, None]
                total.index_add_(0, part.record_P, (found * is_there).sum((1, 2)))
        return total.clamp_(min=0)

    def _rounding(self, squared: Tensor, row_dim: int) -> Tensor:
        """What rounding may come to: a share of what the square would be if all rows pointed the same way."""
        shape = [*squared.shape]
        shape[row_dim] = self._n_records
        longest = squared.new_zeros(shape).index_add_(row_dim, self._record_E, squared.sqrt()).square()
        return _ROUNDING * (longest if longest.dim() == 1 else longest.sum(1 - row_dim))


def pairs_of(sizes_B: Tensor) -> Iterator[Pairs]:
    """All pairs of pieces of each record, in groups of the same width.

    Widths are powers of two, so that a record is never padded to the length of another one. A pair of two different
    pieces stands for both of its orders: it comes twice.

    >>> [(each.left_PW.tolist(), each.has_left_PW.tolist()) for each in pairs_of(torch.tensor([1, 3]))]
    [([[0]], [[1.0]]), ([[1, 2, 3, 1]], [[1.0, 1.0, 1.0, 0.0]])]
    """
    n_pieces = (sizes_B + LONGEST_PIECE - 1) // LONGEST_PIECE
    record_Q = torch.repeat_interleave(n_pieces)
    number_Q = torch.arange(len(record_Q), device=sizes_B.device) - (n_pieces.cumsum(0) - n_pieces)[record_Q]
    start_Q = (sizes_B.cumsum(0) - sizes_B)[record_Q] + number_Q * LONGEST_PIECE
    size_Q = (sizes_B[record_Q] - number_Q * LONGEST_PIECE).clamp(max=LONGEST_PIECE)
    width_Q = 2 ** size_Q.double().log2().ceil().long()
    for width in width_Q.unique().tolist():
        chosen = (width_Q == width).nonzero()[:, 0]
        rows, is_there = _places(start_Q[chosen], size_Q[chosen], width)
        yield Pairs(rows, rows, is_there, is_there, record_Q[chosen])
    others = n_pieces[record_Q]
    left = torch.repeat_interleave(others)
    right = (torch.arange(len(left), device=left.device) - (others.cumsum(0) - others)[left]) + (left - number_Q[left])
    left, right = left[left != right], right[left != right]
    if len(left):
        sides = [_places(start_Q[side], size_Q[side], LONGEST_PIECE) for side in (left, right)]
        (left_PW, has_left_PW), (right_PW, has_right_PW) = sides
        yield Pairs(left_PW, right_PW, has_left_PW, has_right_PW, record_Q[left])


def _places(start_P: Tensor, size_P: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Rows (P, width) of pieces, the first one where a piece has no more; and which there are."""
    places = torch.arange(width, device=start_P.device)
    is_there = places < size_P[:, None]
    return start_P[:, None] + places * is_there, is_there.float()
