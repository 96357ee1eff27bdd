"""Fixed combinations of values: which codes a row may still have, given those it has already.

Belongs here: rows of identifiers and how they match. Does not belong here: values, and what the user said.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from synth_engine.encodings.patterns import patterns
from synth_engine.tabular.interventions import UNKNOWN, Seen

Ids = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

NO_SUCH = -2
"""Identifier of a value that no combination has."""


@dataclass(frozen=True, eq=False)
class Combinations:
    """Which values may occur together.

    A value is identified by its code; one without a code by a number beyond all codes.

    Args:
        sub_columns: Of each column, which has one.
        rows: Identifiers (combinations, columns).
        is_drawn: For each column, which codes may be drawn.
    """

    sub_columns: Sequence[int]
    rows: Ids
    is_drawn: Sequence[Mask]

    def matches(self, known: Ids) -> Mask:
        """Which combinations (rows, combinations) go with what is known, and can be completed by drawing.

        Args:
            known: Identifiers (rows, columns), `UNKNOWN` for what is to be drawn.
        """
        found = np.ones((len(known), len(self.rows)), np.bool_)
        for place, is_drawn in enumerate(self.is_drawn):
            wanted = self.rows[:, place]
            can_be_drawn = np.append(is_drawn, False)[np.minimum(wanted, len(is_drawn))]
            of_row = known[:, place, None]
            found &= np.where(of_row == UNKNOWN, can_be_drawn, of_row == wanted)
        return found


class CombinationMask:
    """Keeps codes to those of some combination. See `interventions.Mask`.

    Guarantees: if every row goes with a combination to begin with, then in every row a code is left that may be drawn.

    Args:
        combinations: What may occur together.
        fixed: Given values, by column: their identifiers in the rows that are drawn, `UNKNOWN` where none is given.
    """

    def __init__(self, combinations: Combinations, fixed: Sequence[Ids | None]) -> None:
        self._combinations, self._fixed = combinations, fixed

    def allowed(self, k: int, seen: Seen) -> Tensor | None:
        """Boolean (B, codes of ``k``); None where all are allowed."""
        if k not in self._combinations.sub_columns:
            return None
        place = list(self._combinations.sub_columns).index(k)
        known, of_row = patterns(self._known(seen))
        pattern, combination = self._combinations.matches(known).nonzero()
        fits = np.zeros((len(known), len(self._combinations.is_drawn[place])), np.bool_)
        fits[pattern, self._combinations.rows[combination, place]] = True
        return torch.from_numpy(fits[of_row]).to(seen.index.device)

    def _known(self, seen: Seen) -> Ids:
        index = seen.index.cpu().numpy()
        columns = []
        for k, given in zip(self._combinations.sub_columns, self._fixed, strict=True):
            codes = seen.codes(k).cpu().numpy().astype(np.int64)
            if given is not None:
                codes = np.where(given[index] == UNKNOWN, codes, given[index])
            columns.append(codes)
        return np.stack(columns, 1)
