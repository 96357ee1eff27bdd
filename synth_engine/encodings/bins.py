"""Which values are atoms, and where bins end. Ticks only; knows no codes and no columns."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from synth_engine.encodings.ticks import Scale, Ticks
from synth_engine.encodings.value_counts import Counts, Mask, ValueCounts
from synth_engine.privacy import MINIMUM_ENTITIES, ValueProtection, roundest

MAX_ATOMS = 200
MAX_BINS = 64
# A value is an atom when its rows exceed those of a typical neighbour by at least this share of all rows: what is left
# in bins is off by less than that for any single value.
MIN_ATOM_SHARE = 0.001
# In a small table chance alone does that; the excess must be as many standard deviations of a neighbour's count.
MIN_ATOM_DEVIATIONS = 3
# A range of so few whole numbers has a code for each, in place of positions inside bins: in a training step a second
# sub-column costs as much as several hundred codes. The most that fit into a byte beside null, but for few rows fewer:
# what is seen a few times only is learned better as a position in a bin.
MAX_SINGLE = 255
MAX_SINGLE_OF_FEW_ROWS = 100
ROWS_PER_SINGLE = 50
# How far to either side neighbours are looked for, in ticks.
NEIGHBOURHOOD = 10
# How often the outermost bins are halved, so that heavy tails are not drawn evenly from a range of many magnitudes.
TAIL_BINS = 8


@dataclass(frozen=True, eq=False)
class TickCounts:
    """How often the ticks of a column occur; ascending.

    Args:
        ticks: Distinct ticks.
        rows: Number of rows of each.
        entities: Number of entities of each; never more than there are.
        one_each: Number of entities that stand for each, where each stands for one of its rows only; adds up to no more
            than there are.
    """

    ticks: Ticks
    rows: Counts
    entities: Counts
    one_each: Counts

    @classmethod
    def of(cls, counts: ValueCounts, scale: Scale, bounds: tuple[Any, Any]) -> Self:
        """Count ticks; those beyond the bounds count as the bound."""
        ticks = np.clip(scale.ticks(counts.values), *np.array(scale.within(*bounds), scale.tick_type))
        starts = np.flatnonzero(np.concatenate([[True], ticks[1:] != ticks[:-1]]))
        # Values of one tick may have holders in common; each of these numbers counts nobody twice.
        surely = [np.add.reduceat(ends, starts) for ends in (counts.lowest, counts.highest)]
        entities = np.maximum.reduce([*surely, np.maximum.reduceat(counts.entities, starts)])
        added = [np.add.reduceat(each, starts) for each in (counts.rows, counts.contributions[0])]
        return cls(ticks[starts], added[0], entities, added[1])

    def where(self, keep: Mask) -> Self:
        """Some of the ticks."""
        return type(self)(self.ticks[keep], self.rows[keep], self.entities[keep], self.one_each[keep])


def popular(counts: TickCounts, threshold: int) -> Mask:
    """Which ticks deserve a code of their own: held by enough entities, and by many more rows than their neighbours.

    Args:
        counts: All ticks of the column.
        threshold: Number of entities that must hold an atom; one is never enough.
    """
    wanted = MIN_ATOM_SHARE * counts.rows.sum()
    candidates = np.flatnonzero((counts.entities >= max(threshold, 2)) & (counts.rows >= wanted))
    neighbours = _typical_neighbour(counts, candidates)
    excess = counts.rows[candidates] - neighbours
    stands_out = excess >= MIN_ATOM_DEVIATIONS * np.sqrt(neighbours)
    candidates, excess = candidates[stands_out], excess[stands_out]
    if (excess >= wanted).sum() > MAX_ATOMS:
        wanted = np.partition(excess, -MAX_ATOMS - 1)[-MAX_ATOMS - 1] + 1
    chosen = np.zeros(len(counts.ticks), np.bool_)
    chosen[candidates[excess >= wanted]] = True
    return chosen


def _typical_neighbour(counts: TickCounts, places: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Median of the rows that the ticks around each place hold; zero for continuous values."""
    if counts.ticks.dtype.kind == "f" or len(places) == 0:
        return np.zeros(len(places))
    offsets = np.array([offset for offset in range(-NEIGHBOURHOOD, NEIGHBOURHOOD + 1) if offset])
    wanted = counts.ticks[places, None] + offsets.astype(counts.ticks.dtype)
    found = np.minimum(np.searchsorted(counts.ticks, wanted), len(counts.ticks) - 1)
    median: npt.NDArray[np.float64] = np.median(np.where(counts.ticks[found] == wanted, counts.rows[found], 0), axis=1)
    return median


def bin_edges(counts: TickCounts, n_bins: int, protection: ValueProtection, rng: np.random.Generator) -> Ticks:
    """Edges of bins with about equally many entities, finer at both ends; empty where there are too few entities.

    A bin reaches from its edge up to, not including, the next; the last edge belongs to the last bin. With protection
    an edge is the roundest number of an interval with the values of at least `MINIMUM_ENTITIES` different entities:
    those of one entity, however many, count once.

    Args:
        counts: The ticks that are not atoms.
        n_bins: How many bins there may be, the finer ones at the ends not counted.
        protection: Decides how many entities a bin needs.
        rng: Source of the random part of that number.
    """
    threshold, spread = protection.threshold(rng), MINIMUM_ENTITIES if protection.enabled else 0
    weights = counts.one_each if protection.enabled else counts.entities
    total, n_different = int(counts.entities.sum()), int(weights.sum())
    if n_different < threshold + spread:
        return counts.ticks[:0]
    per_bin = 2 * threshold * total / n_different if protection.enabled else 1
    ranks = _among(weights, counts.entities, _ranks(total, n_bins, per_bin))
    # The interval lies around a rank in the middle, and beside a rank at an end.
    around = np.clip([ranks - spread, ranks + spread], 1, n_different)
    first, last = counts.ticks[np.searchsorted(np.cumsum(weights), around)]
    edges = sorted({roundest(*ends) for ends in zip(first.tolist(), last.tolist(), strict=True)})
    return np.array(edges if len(edges) > 1 else edges * 2, counts.ticks.dtype)


def every_tick(bounds: tuple[Any, Any], tick_type: Any, n_rows: int) -> Ticks | None:
    """Edges that give each tick of the range a bin of its own; None where these are too many, or not whole.

    Depends on the range and on the number of rows alone, hence needs no protection of its own.
    """
    low, high = bounds
    affordable = max(MAX_SINGLE_OF_FEW_ROWS, min(MAX_SINGLE, n_rows // ROWS_PER_SINGLE))
    if isinstance(low, float) or high - low >= affordable:
        return None
    # The last bin includes its upper edge.
    return np.array([*range(low, high + 1), high], tick_type)


def _among(weights: Counts, entities: Counts, ranks: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Ranks by the number of entities as ranks by weight; the same where these are the same."""
    reached = np.concatenate([[0], np.cumsum(entities)])
    among: npt.NDArray[np.float64] = np.interp(ranks, reached, np.concatenate([[0], np.cumsum(weights)]))
    return among


def _ranks(total: int, n_bins: int, per_bin: float) -> npt.NDArray[np.float64]:
    """Ranks of the values at which bins begin, and of the last value; ranks count from 1."""
    n_bins = int(np.clip(total // per_bin, 1, max(n_bins, 1)))
    even = total * np.arange(n_bins + 1) / n_bins
    tail = total / n_bins / 2.0 ** np.arange(1, TAIL_BINS + 1)
    tail = tail[tail >= per_bin]
    return np.unique(np.concatenate([even, tail, total - tail]))
