"""Rare values and extremes, by number of distinct entities.

A value that only few people hold can point to one of them. So a value is kept only if enough distinct entities hold it,
and a range is cut so that enough entities lie beyond each end. The numbers are drawn anew for every column: who sees
the result cannot infer from the presence or absence of a value how many entities held it exactly.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from synth_engine.privacy.rounding import roundest

# Five is the usual minimum cell size of statistical disclosure control; the random part goes on top of it.
MINIMUM_ENTITIES = 5
RANDOM_EXTRA = 6
# Fewer entities than these say too little for a range: its two ends, each rounded among as many, could cross.
ENOUGH_ENTITIES = 2 * (MINIMUM_ENTITIES + RANDOM_EXTRA + MINIMUM_ENTITIES)

Round = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class ValueProtection:
    """How values are protected when encodings are fitted.

    Guarantees (with ``enabled``):
        - a kept value is held by at least `MINIMUM_ENTITIES` entities;
        - at least `MINIMUM_ENTITIES` entities have a value at or beyond each bound of a range, and the bound is either
          a value that as many hold, or the roundest number of an interval that holds values of as many;
        - where fewer than `ENOUGH_ENTITIES` entities hold any value at all, there is no range.
    """

    enabled: bool = True

    def threshold(self, rng: np.random.Generator) -> int:
        """Number of entities that must hold a value: fixed minimum plus a random part; 1 without protection."""
        if not self.enabled:
            return 1
        return MINIMUM_ENTITIES + int(rng.integers(0, RANDOM_EXTRA + 1))

    def bounds(
        self,
        values: pa.Array,
        lowest: npt.NDArray[np.int64],
        highest: npt.NDArray[np.int64],
        rng: np.random.Generator,
        rounded: Round = roundest,
    ) -> tuple[Any, Any] | None:
        """Range to which values are clipped, or None where there is too little to tell.

        Args:
            values: Numbers of any kind, ascending, without nulls.
            lowest: How many entities have each as their smallest value.
            highest: How many entities have each as their largest value.
            rng: Source of the random part.
            rounded: Gives the number to publish for an interval.

        Returns:
            Lower and upper bound as plain Python numbers, the lower one not above the upper one.
        """
        if len(values) == 0:
            return None
        if not self.enabled:
            return values[0].as_py(), values[-1].as_py()
        if lowest.sum() < ENOUGH_ENTITIES:
            return None
        low = _protected_end(lowest, self.threshold(rng))
        high = _protected_end(highest[::-1], self.threshold(rng))
        last = len(values) - 1
        return (
            rounded(values[low[0]].as_py(), values[low[1]].as_py()),
            rounded(values[last - high[1]].as_py(), values[last - high[0]].as_py()),
        )


def _protected_end(counts: npt.NDArray[np.int64], rank: int) -> tuple[int, int]:
    """Two places that an end may lie between: at least `rank` entities are at or before the first.

    Both are the same where enough entities are at that very place.
    """
    reached = np.cumsum(counts)
    first = int(np.searchsorted(reached, rank))
    if counts[first] >= rank:
        return first, first
    return first, int(np.searchsorted(reached, rank + MINIMUM_ENTITIES))
