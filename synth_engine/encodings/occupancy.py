"""How many entities are in cells of a line of 64-bit keys, asked with differential privacy.

Keys may be those of numbers in their order, or of places along a curve. Belongs here: cells, cutting them, what noise
adds up to. Does not belong here: what keys stand for.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from synth_engine.encodings.value_counts import Counts, Mask
from synth_engine.privacy import UNLIKELY, Budget, NoisyHistogram

Keys = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]

# Into how many parts a cell is cut at most in a round, as a power of two, unless said otherwise.
MAX_CUT_BITS = 6
# Standard deviations of noise that a sum must exceed to be people.
NOTICEABLE = 3


@dataclass(frozen=True, eq=False)
class Cells:
    """Ranges of keys and the noisy number of entities in each; ascending.

    Args:
        starts: First key of each.
        bits: Each has 2**bits keys.
        counts: Noisy numbers, which may be negative.
    """

    starts: Keys
    bits: Counts
    counts: Counts

    def where(self, keep: Any) -> "Cells":
        """Some of the cells."""
        return Cells(self.starts[keep], self.bits[keep], self.counts[keep])


class Occupancy:
    """How many entities are in ranges of keys; exact, hence sensitive.

    Args:
        keys: Ascending.
        counts: Number of entities at each; an entity is at one of them only.
    """

    def __init__(self, keys: Keys, counts: Counts) -> None:
        self._keys = keys
        self._below = np.concatenate([[0], np.cumsum(counts)])

    def cut(
        self, cells: Cells, budget: Budget, share: float, least: float | Floats, most_bits: int = MAX_CUT_BITS
    ) -> tuple[Cells, npt.NDArray[np.int64], NoisyHistogram]:
        """Cut cells into as many equal parts as their noisy counts are worth, and count again.

        Args:
            cells: What was found so far; they do not overlap.
            budget: Pays for the new counts.
            share: How much of it.
            least: Number of entities that a part should have; one for all cells, or for each.
            most_bits: Into how many parts a cell may be cut, as a power of two.

        Returns:
            The parts, the index of the cell that each is of, and the mechanism that counted them.
        """
        worth = np.log2(np.maximum(cells.counts / least, 1)).astype(np.int64)
        cut = np.minimum(np.minimum(worth, most_bits), cells.bits)
        parts = 1 << cut
        bits = np.repeat(cells.bits - cut, parts)
        place = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
        starts = np.repeat(cells.starts, parts) + (place << bits).astype(np.uint64)
        noisy, mechanism = budget.histogram(self.inside(starts, bits), share, "parts of these")
        return Cells(starts, bits, noisy), np.repeat(np.arange(len(parts)), parts), mechanism

    def inside(self, starts: Keys, bits: Counts) -> Counts:
        """Exact number of entities in each cell. Sensitive."""
        ends = starts + (np.uint64(1) << bits.astype(np.uint64))
        inside: Counts = (
            self._below[np.searchsorted(self._keys, ends)] - self._below[np.searchsorted(self._keys, starts)]
        )
        return inside


def between_ends(counts: Counts, mechanism: NoisyHistogram, failure: float = UNLIKELY) -> Mask:
    """What lies between the places where people are first noticed from either end.

    Args:
        counts: Noisy counts, in order.
        mechanism: What gave them.
        failure: Probability that cells at an end in which nobody is are kept, for each end.
    """
    kept = np.ones(len(counts), np.bool_)
    for order in (slice(None), slice(None, None, -1)):
        kept[order] &= np.maximum.accumulate(mechanism.noticed(counts[order], failure))
    return kept
