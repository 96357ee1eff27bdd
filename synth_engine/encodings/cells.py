"""Which cells a column of places needs: popular places of their own, and a quad-tree for the rest."""

import heapq
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from synth_engine.encodings.holders import added_up, surely_held
from synth_engine.encodings.quad_tree import POSITION_LEVELS, Cell, Morton, separate
from synth_engine.encodings.value_counts import Counts, Mask, ValueCounts

MAX_ATOMS = 100
# A place is an atom when its rows exceed those of a typical neighbour by at least this share of all rows.
MIN_ATOM_SHARE = 0.001
# The tree is divided until it has so many ends.
MAX_ENDS = 128
# A cell is not divided if that would blur a larger share of its entities.
MAX_BLURRED_SHARE = 0.2


@dataclass(frozen=True, eq=False)
class PlaceCounts:
    """How often the places of a column occur; ascending by number.

    Args:
        numbers: Distinct places, see `quad_tree.interleave`.
        rows: Number of rows of each.
        entities: Number of entities that surely hold each.
        lowest: Number of entities that have their first text there; adds up to no more than there are.
        highest: Number of entities that have their last text there.
    """

    numbers: Morton
    rows: Counts
    entities: Counts
    lowest: Counts
    highest: Counts

    @classmethod
    def of(cls, counts: ValueCounts, numbers: Morton) -> Self:
        """Count places; several texts may stand for the same."""
        distinct, groups = np.unique(numbers, return_inverse=True)
        return cls(
            distinct,
            rows=added_up(counts.rows, groups, len(distinct)),
            entities=surely_held(counts, groups, len(distinct)),
            lowest=added_up(counts.lowest, groups, len(distinct)),
            highest=added_up(counts.highest, groups, len(distinct)),
        )

    def where(self, keep: Mask) -> Self:
        """Some of the places."""
        counts = (self.rows, self.entities, self.lowest, self.highest)
        return type(self)(self.numbers[keep], *(each[keep] for each in counts))

    def held(self, first: int, last: int) -> "Held":
        """Who holds the places from one index up to, not including, another."""
        some = slice(first, last)
        most = self.entities[some].max(initial=0)
        return Held(int(self.lowest[some].sum()), int(self.highest[some].sum()), int(most))


@dataclass(frozen=True)
class Held:
    """Three lower bounds of the number of entities that hold any of some places, see `surely_held`."""

    lowest: int = 0
    highest: int = 0
    most: int = 0

    def __add__(self, other: "Held") -> "Held":
        return Held(self.lowest + other.lowest, self.highest + other.highest, max(self.most, other.most))

    @property
    def surely(self) -> int:
        """Number of entities, never more than there are."""
        return max(self.lowest, self.highest, self.most)


@dataclass
class _Node:
    """A cell of the tree while it is built: the places from index `first` up to `last`, and who holds them."""

    level: int
    start: int
    first: int
    last: int
    held: Held
    children: list["_Node"] = field(default_factory=list)


def choose_cells(places: PlaceCounts, n_levels: int, threshold: int) -> list[Cell]:
    """Cells in ascending order of their first place, outer ones first.

    Guarantees: at least `threshold` entities have a place in each cell that is in no smaller one of them; all but fewer
    than `threshold` have a place in some cell.

    Args:
        places: All places of the column.
        n_levels: The plane has 2**n_levels by 2**n_levels ticks.
        threshold: Number of entities that each cell must have.
    """
    is_atom = popular(places, threshold)
    cells = [(0, number) for number in places.numbers[is_atom].tolist()]
    others = places.where(~is_atom)
    root = _Node(n_levels, 0, 0, len(others.numbers), others.held(0, len(others.numbers)))
    _divide(root, others, threshold)
    _keep(root, others, threshold, cells)
    levels, starts = np.array(sorted(cells, key=_outer_first), np.uint64).reshape(-1, 2).T
    rows, columns = separate(starts >> np.uint64(2) * levels)
    return [Cell(*parts) for parts in zip(levels.tolist(), rows.tolist(), columns.tolist(), strict=True)]


def _outer_first(cell: tuple[int, int]) -> tuple[int, int]:
    level, start = cell
    return start, -level


def popular(places: PlaceCounts, threshold: int) -> Mask:
    """Which places deserve a cell of their own: held by enough entities, and by many more rows than those around."""
    wanted = MIN_ATOM_SHARE * places.rows.sum()
    _, groups = np.unique(places.numbers >> np.uint64(2 * POSITION_LEVELS), return_inverse=True)
    around = added_up(places.rows, groups, len(places.rows))[groups] - places.rows
    excess = places.rows - around / (4**POSITION_LEVELS - 1)
    candidates: Mask = (places.entities >= max(threshold, 2)) & (excess >= wanted)
    if candidates.sum() > MAX_ATOMS:
        candidates &= excess > np.partition(excess[candidates], -MAX_ATOMS - 1)[-MAX_ATOMS - 1]
    return candidates


def _divide(root: _Node, places: PlaceCounts, threshold: int) -> None:
    """Divide again and again the cell that blurs the most: the number of entities times the length of its side."""
    heap, n_ends, n_seen = [(0, 0, root)], 1, 0
    while heap and n_ends < MAX_ENDS:
        _, _, node = heapq.heappop(heap)
        if node.level <= POSITION_LEVELS:
            continue
        node.children = _divided(node, places, threshold)
        n_ends += max(len(node.children) - 1, 0)
        for child in node.children:
            n_seen += 1
            heapq.heappush(heap, (-child.held.surely << child.level, n_seen, child))


def _divided(node: _Node, places: PlaceCounts, threshold: int) -> list[_Node]:
    """The quarters with enough entities; none where that would leave over some for whom only a larger cell is left."""
    quarters = _quarters(node, places)
    left_over = sum((quarter.held for quarter in quarters if quarter.held.surely < threshold), Held())
    if MAX_BLURRED_SHARE * node.held.surely < left_over.surely < threshold:
        return []
    return [quarter for quarter in quarters if quarter.held.surely >= threshold]


def _quarters(node: _Node, places: PlaceCounts) -> list[_Node]:
    level = node.level - 1
    starts = [node.start + (quarter << 2 * level) for quarter in range(4)]
    inside = places.numbers[node.first : node.last]
    bounds = [*(node.first + np.searchsorted(inside, np.array(starts, np.uint64))).tolist(), node.last]
    ranges = zip(starts, bounds[:-1], bounds[1:], strict=True)
    return [_Node(level, start, first, last, places.held(first, last)) for start, first, last in ranges]


def _keep(node: _Node, places: PlaceCounts, threshold: int, cells: list[tuple[int, int]]) -> Held:
    """Add the cells of a node and below that enough entities belong to; gives those who belong to none."""
    left_over = Held()
    first = node.first
    for child in node.children:
        left_over += places.held(first, child.first) + _keep(child, places, threshold, cells)
        first = child.last
    left_over += places.held(first, node.last)
    if left_over.surely < threshold:
        return left_over
    cells.append((node.level, node.start))
    return Held()
