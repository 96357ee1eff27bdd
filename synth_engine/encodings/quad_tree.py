"""Nested square cells of a plane of whole ticks: dense areas finer, each cell held by enough entities.

A place is one 64-bit number, the bits of its row and of its column in turn (Morton, 1966, "A computer oriented geodetic
data base"). So a cell of level k, a square of 2**k by 2**k ticks, is an interval of 4**k numbers, and where it ends
depends on no datum. Knows neither degrees nor texts nor codes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Morton = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# Each side of a cell is cut into so many steps; a cell with no more ticks than these is not divided further.
POSITION_LEVELS = 4
STEPS = 2**POSITION_LEVELS

_SPREAD = [(16, 0x0000FFFF0000FFFF), (8, 0x00FF00FF00FF00FF), (4, 0x0F0F0F0F0F0F0F0F)]
_SPREAD += [(2, 0x3333333333333333), (1, 0x5555555555555555)]
_LAST = np.array([4**level - 1 for level in range(33)], np.uint64)


def interleave(rows: Morton, columns: Morton) -> Morton:
    """The number of each place, for rows and columns below 2**32.

    >>> interleave(np.array([1, 2**32 - 1], np.uint64), np.array([2, 0], np.uint64)).tolist()
    [6, 12297829382473034410]
    """
    return _spread(rows) << np.uint64(1) | _spread(columns)


def separate(numbers: Morton) -> tuple[Morton, Morton]:
    """Rows and columns: the inverse of `interleave`."""
    return _gather(numbers >> np.uint64(1)), _gather(numbers)


def _spread(halves: Morton) -> Morton:
    for shift, mask in _SPREAD:
        halves = (halves | halves << np.uint64(shift)) & np.uint64(mask)
    return halves


def _gather(numbers: Morton) -> Morton:
    halves = numbers & np.uint64(_SPREAD[-1][1])
    masks = [mask for _, mask in _SPREAD[-2::-1]] + [0xFFFFFFFF]
    for (shift, _), mask in zip(_SPREAD[::-1], masks, strict=True):
        halves = (halves | halves >> np.uint64(shift)) & np.uint64(mask)
    return halves


class Cell(NamedTuple):
    """A square of 2**level by 2**level ticks; `row` and `column` count such squares."""

    level: int
    row: int
    column: int


@dataclass(frozen=True)
class QuadTree:
    """Cells that may lie inside each other: a place belongs to the smallest around it, or to none.

    Args:
        cells: In any order; an index of this list is the index of a cell.
        ends: Last row and last column of the plane. Cells may reach beyond.

    Guarantees: `draw` gives a place of the plane that belongs to the cell and the step asked for, where there is any.
    """

    cells: list[Cell]
    ends: tuple[int, int] = (2**32 - 1, 2**32 - 1)

    def place(self, numbers: Morton) -> tuple[Places, Morton, Morton]:
        """Index of the cell of each place, -1 for none, and the step in that cell by row and by column."""
        cells = self._owners[self._segment(numbers)]
        rows, columns = separate((numbers - self._starts[cells]) >> self._step_bits[cells])
        return cells, rows, columns

    def rest(self, numbers: Morton, cells: Places) -> tuple[Morton, Morton]:
        """Ticks from the beginning of the step that each place is in, by row and by column."""
        return separate((numbers - self._starts[cells]) & ((np.uint64(1) << self._step_bits[cells]) - np.uint64(1)))

    def at(self, cells: Places, steps: tuple[Morton, Morton], rest: tuple[Morton, Morton]) -> tuple[Morton, Mask]:
        """The inverse of `place` and `rest`, and whether that place belongs to the cell and is one of the plane."""
        numbers = self._first(cells, *steps) + interleave(*rest)
        on_plane = (np.stack(separate(numbers)) <= self._last_ticks).all(axis=0)
        return numbers, on_plane & (self._owners[self._segment(numbers)] == cells)

    def draw(self, cells: Places, rows: Morton, columns: Morton, rng: np.random.Generator) -> Morton:
        """A place in each cell, evenly from one step of it.

        Args:
            cells: Indices of cells.
            rows: Steps to the north, below `STEPS`; cells of fewer ticks have fewer and begin anew.
            columns: Steps to the east.
            rng: Source of randomness.
        """
        first = self._first(cells, rows, columns)
        last = first + _LAST[np.maximum(self._levels[cells] - POSITION_LEVELS, 0)]
        drawn: Morton = first + rng.integers(0, last - first, endpoint=True, dtype=np.uint64)
        mixed = self._segment(first) != self._segment(last)
        for cell in np.unique(cells[mixed]):
            rows_of_cell = np.flatnonzero(mixed & (cells == cell))
            drawn[rows_of_cell] = self._draw_free(cell, first[rows_of_cell], last[rows_of_cell], rng)
        beyond = np.flatnonzero((np.stack(separate(drawn)) > self._last_ticks).any(axis=0))
        drawn[beyond] = self._draw_within(cells[beyond], first[beyond], last[beyond], rng)
        return drawn

    def _first(self, cells: Places, rows: Morton, columns: Morton) -> Morton:
        """Where each step begins."""
        most = np.uint64(1) << np.minimum(self._levels[cells], POSITION_LEVELS).astype(np.uint64)
        first: Morton = self._starts[cells] + (interleave(rows % most, columns % most) << self._step_bits[cells])
        return first

    def _draw_within(self, cells: Places, first: Morton, last: Morton, rng: np.random.Generator) -> Morton:
        """A place of the plane, evenly, from each interval that reaches beyond its ends."""
        drawn = interleave(*np.minimum(np.stack(separate(first)), self._last_ticks))
        steps, step_of_row = np.unique(np.stack([cells.astype(np.uint64), first, last]), axis=1, return_inverse=True)
        for index, (cell, begin, end) in enumerate(steps.T.tolist()):
            rows = np.flatnonzero(step_of_row.ravel() == index)
            low, high = self._rectangles(cell, begin, end)
            if low.shape[1]:
                areas = (high - low + 1.0).prod(axis=0)
                chosen = rng.choice(len(areas), len(rows), p=areas / areas.sum())
                drawn[rows] = interleave(*rng.integers(low[:, chosen], high[:, chosen], endpoint=True, dtype=np.uint64))
        return drawn

    def _rectangles(self, cell: int, begin: int, end: int) -> tuple[Morton, Morton]:
        """Corners, of shape (2, rectangles), of what belongs to a cell in an interval of the plane."""
        lows = self._begins[self._owners == cell]
        highs = lows + (self._sizes[self._owners == cell] - np.uint64(1))
        pairs = zip(
            np.maximum(lows, np.uint64(begin)).tolist(), np.minimum(highs, np.uint64(end)).tolist(), strict=True
        )
        squares = [square for low, high in pairs for square in _squares(low, high)]
        starts, levels = np.array(squares, np.uint64).reshape(-1, 2).T
        low = np.stack(separate(starts))
        high = np.minimum(low + (np.uint64(1) << levels) - np.uint64(1), self._last_ticks)
        on_plane = (low <= high).all(axis=0)
        return low[:, on_plane], high[:, on_plane]

    def _draw_free(self, cell: int, first: Morton, last: Morton, rng: np.random.Generator) -> Morton:
        """Places of the cell itself, not of those inside it, from each interval; any place where it has none there."""
        is_own = self._owners == cell
        begins, sizes = self._begins[is_own], self._sizes[is_own]
        before = np.cumsum(sizes) - sizes
        low = _rank(first, begins, sizes, before)
        high = _rank(last, begins, sizes, before) + is_own[self._segment(last)].astype(np.uint64)
        rank = low + rng.integers(0, np.maximum(high - low, np.uint64(1)), dtype=np.uint64)
        segment = np.searchsorted(before, rank, side="right") - 1
        anywhere = first + rng.integers(0, last - first, endpoint=True, dtype=np.uint64)
        return np.where(high > low, begins[segment] + (rank - before[segment]), anywhere)

    def _segment(self, numbers: Morton) -> Places:
        return np.searchsorted(self._begins, numbers, side="right") - 1

    @cached_property
    def _last_ticks(self) -> Morton:
        return np.array(self.ends, np.uint64)[:, None]

    @cached_property
    def _levels(self) -> Places:
        return np.array([cell.level for cell in self.cells], np.int64)

    @cached_property
    def _starts(self) -> Morton:
        rows = np.array([cell.row for cell in self.cells], np.uint64)
        columns = np.array([cell.column for cell in self.cells], np.uint64)
        return interleave(rows, columns) << self._bits

    @cached_property
    def _bits(self) -> Morton:
        return np.array([2 * cell.level for cell in self.cells], np.uint64)

    @cached_property
    def _step_bits(self) -> Morton:
        return self._bits - np.minimum(self._bits, np.uint64(2 * POSITION_LEVELS))

    @cached_property
    def _begins(self) -> Morton:
        """Where the intervals begin that belong to one cell, or to none, each; they reach to the next."""
        lasts = self._starts + _LAST[[cell.level for cell in self.cells]]
        ends = lasts[lasts < np.iinfo(np.uint64).max] + np.uint64(1)
        return np.unique(np.concatenate([np.zeros(1, np.uint64), self._starts, ends]))

    @cached_property
    def _sizes(self) -> Morton:
        sizes: Morton = np.diff(self._begins, append=np.uint64(0))  # modulo 2**64: the last one reaches to the end
        return sizes

    @cached_property
    def _owners(self) -> Places:
        """Index of the cell that each interval belongs to, -1 for none."""
        levels = np.array([cell.level for cell in self.cells])
        is_inside = self._begins[:, None] - self._starts <= _LAST[levels]  # modulo 2**64, as above
        return np.where(is_inside.any(axis=1), np.where(is_inside, levels, 99).argmin(axis=1), -1)


def _squares(low: int, high: int) -> Iterator[tuple[int, int]]:
    """The largest squares that an interval of numbers, both ends included, is made of: where each begins, its level."""
    while low <= high:
        level = 0
        while low % 4 ** (level + 1) == 0 and low + 4 ** (level + 1) - 1 <= high:
            level += 1
        yield low, level
        low += 4**level


def _rank(numbers: Morton, begins: Morton, sizes: Morton, before: Morton) -> Morton:
    """How many places of the intervals are below each number."""
    segment = np.searchsorted(begins, numbers, side="right") - 1
    inside = np.minimum(numbers - begins[segment], sizes[segment])
    return np.where(segment >= 0, before[segment] + inside, np.uint64(0))
