"""What subjects are given by: flat columns, and columns of lists; as codes, and as one vector.

Belongs here: codes of contexts, their encoder. Does not belong here: events and what the vector is used for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synth_engine.nn import CodeEmbedding, RowTaps, Taps, dropout, linear
from synth_engine.nn.recurrence import LinearRecurrence
from synth_engine.sequences.layout import ListLayout
from synth_engine.tabular.layout import Layout


@dataclass(frozen=True, eq=False)
class Lists:
    """Codes of a column of lists, one list for each subject.

    Args:
        codes_MK: Codes of the elements, list by list: shape (elements, sub-columns).
        offsets: Where the elements of each list begin, and where the last ones end: int64, (S + 1,).
    """

    codes_MK: Tensor
    offsets: Tensor

    def to(self, device: torch.device) -> "Lists":
        """The same on another device."""
        return Lists(self.codes_MK.to(device), self.offsets.to(device))

    @classmethod
    def joined(cls, parts: Sequence["Lists"]) -> "Lists":
        """Those of some subjects, then those of others."""
        sizes = torch.cat([each.offsets.diff() for each in parts])
        return cls(torch.cat([each.codes_MK for each in parts]), nn.functional.pad(sizes.cumsum(0), (1, 0)))

    def of(self, rows: Tensor) -> "Lists":
        """The lists of some subjects; one may be there several times.

        >>> lists = Lists(torch.tensor([[5], [6], [7]]), torch.tensor([0, 2, 2, 3]))
        >>> some = lists.of(torch.tensor([2, 1, 0, 0]))
        >>> some.codes_MK[:, 0].tolist(), some.offsets.tolist()
        ([7, 5, 6, 5, 6], [0, 1, 1, 3, 5])
        """
        sizes = self.offsets.diff()[rows]
        offsets = nn.functional.pad(sizes.cumsum(0), (1, 0))
        list_M = torch.repeat_interleave(sizes)
        place_M = torch.arange(len(list_M), device=rows.device) - offsets[list_M]
        return Lists(self.codes_MK[self.offsets[rows][list_M] + place_M], offsets)


@dataclass(frozen=True, eq=False)
class Context:
    """Codes of the contexts of subjects.

    Args:
        codes_SC: Codes of the flat columns.
        lists: Columns of lists, in the order of the layout.
    """

    codes_SC: Tensor
    lists: tuple[Lists, ...] = ()

    def __len__(self) -> int:
        return len(self.codes_SC)

    @property
    def device(self) -> torch.device:
        """Where the codes lie."""
        return self.codes_SC.device

    def to(self, device: torch.device) -> "Context":
        """The same on another device."""
        return Context(self.codes_SC.to(device), tuple(each.to(device) for each in self.lists))

    @classmethod
    def joined(cls, parts: Sequence["Context"]) -> "Context":
        """That of some subjects, then that of others."""
        lists = zip(*(each.lists for each in parts), strict=True)
        return cls(torch.cat([each.codes_SC for each in parts]), tuple(map(Lists.joined, lists)))

    def of(self, rows: Tensor) -> "Context":
        """That of some subjects."""
        return Context(self.codes_SC[rows], tuple(each.of(rows) for each in self.lists))

    def split(self, size: int) -> list["Context"]:
        """That of `size` subjects after the other; one part at least."""
        return [self.of(rows) for rows in torch.arange(len(self), device=self.device).split(size)]


class ListEncoder(nn.Module):
    """A list as one vector: what a linear recurrence has kept of its elements at their end; zeros of an empty one.

    Args:
        layout: Of the elements.
        dim: Size of an embedding.
        units: Size U of the vector.

    Shape:
        Codes (M, K) of all elements, and offsets (B + 1,); vectors (B, U).
    """

    def __init__(self, layout: ListLayout, dim: int, units: int) -> None:
        super().__init__()
        inputs = len(layout.elements.cardinalities) * dim
        self._longest = layout.longest
        self.embedding = CodeEmbedding(layout.elements.cardinalities, dim, layout.elements.ranks)
        self.weight = nn.Parameter(torch.randn(inputs, units) * math.sqrt(1 / inputs))
        self.bias = nn.Parameter(torch.zeros(units))
        self.recurrence = LinearRecurrence(units, units)

    def forward(self, lists: Lists, taps: Taps | None = None) -> Tensor:
        """Vectors (B, U)."""
        n_elements, starts, ends = len(lists.codes_MK), lists.offsets[:-1], lists.offsets[1:]
        row_taps = None if taps is None else RowTaps(taps, lists.offsets.diff())
        embedded_MD = self.embedding(lists.codes_MK.long(), row_taps).flatten(1)
        features_MU = linear(embedded_MD, self.weight, self.bias, row_taps).relu()
        # An empty list begins where the next one does, or behind the last element.
        is_first = torch.zeros(n_elements + 1, dtype=torch.bool, device=starts.device).index_fill(0, starts, True)
        state_MU = self.recurrence(features_MU, is_first[:-1], self._longest, row_taps)
        last_BU: Tensor = nn.functional.pad(state_MU, (0, 0, 1, 0))[ends]
        return last_BU * (ends > starts)[:, None]


class ContextEncoder(nn.Module):
    """The codes of a context as one vector.

    Args:
        layout: Of the flat columns.
        lists: Of the columns of lists; without a column of either kind the vector is empty.
        dim: Size of an embedding.
        units: Size U of the vector.
    """

    def __init__(self, layout: Layout, lists: Sequence[ListLayout], dim: int, units: int) -> None:
        super().__init__()
        inputs = len(layout.cardinalities) * dim + len(lists) * units
        self.units = units if inputs else 0
        self._is_flat = bool(layout.columns)
        if self._is_flat:
            self.embedding = CodeEmbedding(layout.cardinalities, dim, layout.ranks)
        self.lists = nn.ModuleList(ListEncoder(each, dim, units) for each in lists)
        if inputs:
            self.weight = nn.Parameter(torch.randn(inputs, units) * math.sqrt(1 / inputs))
            self.bias = nn.Parameter(torch.zeros(units))

    def forward(
        self, context: Context, rate: float = 0.0, noise: Tensor | None = None, taps: Taps | None = None
    ) -> Tensor:
        """Vectors (B, U)."""
        assert len(context.lists) == len(self.lists), "the layout has other columns of lists"
        if not self.units:
            return torch.zeros(len(context), 0, device=context.device)
        flat = [self.embedding(context.codes_SC.long(), taps).flatten(1)] if self._is_flat else []
        parts = [*flat, *(encoder(each, taps) for encoder, each in zip(self.lists, context.lists, strict=True))]
        return dropout(linear(torch.cat(parts, 1), self.weight, self.bias, taps).relu(), rate, noise)
