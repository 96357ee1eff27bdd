"""Cells whose codes are given: the others are drawn given these."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Given:
    """Codes that are known beforehand, cell by cell.

    Args:
        codes_NK: Codes, int32; those of cells that are not given do not matter.
        is_given_NC: Which columns of each row are given.
    """

    codes_NK: Tensor
    is_given_NC: Tensor

    @classmethod
    def nothing(cls, n_rows: int, n_codes: int, n_columns: int) -> Self:
        """Rows of which nothing is known."""
        return cls(torch.zeros(n_rows, n_codes, dtype=torch.int32), torch.zeros(n_rows, n_columns, dtype=torch.bool))

    def rows(self, some: Tensor | slice) -> "Given":
        """Some of the rows."""
        return Given(self.codes_NK[some], self.is_given_NC[some])
