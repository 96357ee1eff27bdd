"""The layout of a code matrix: which sub-columns there are, how many codes each has, to which column it belongs."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Column:
    """One column of the table: its sub-columns in natural order, and the ranks of ordered codes (NaN elsewhere)."""

    name: str
    cardinalities: Mapping[str, int]
    ranks: Mapping[str, list[float]]


@dataclass(frozen=True)
class Layout:
    """Names and sizes of all sub-columns. Immutable; everything else about a network's shape is derived from it."""

    columns: tuple[Column, ...]

    @property
    def cardinalities(self) -> list[int]:
        """Number of codes of each sub-column."""
        return [size for column in self.columns for size in column.cardinalities.values()]

    @property
    def column_of(self) -> Tensor:
        """Index of the column that each sub-column belongs to."""
        return torch.tensor(
            [i for i, column in enumerate(self.columns) for _ in column.cardinalities], dtype=torch.long
        )

    @property
    def ranks(self) -> Tensor:
        """Ranks of all codes of all sub-columns."""
        values: list[float] = []
        for column in self.columns:
            for part, size in column.cardinalities.items():
                values += column.ranks.get(part, [float("nan")] * size)
        return torch.tensor(values)

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return len(self.columns)

    def places(self, name: str) -> list[int]:
        """Indices of a column's sub-columns in the code matrix."""
        start = 0
        for column in self.columns:
            if column.name == name:
                return list(range(start, start + len(column.cardinalities)))
            start += len(column.cardinalities)
        raise KeyError(name)
