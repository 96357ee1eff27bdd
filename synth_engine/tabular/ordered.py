"""Columns whose values must keep an order, or a range: which codes a row may still have, given all it has already.

Each column of a row has a span, from the smallest to the largest value that its codes leave open. Bounds go along the
inequalities from span to span, each rounded to what the next column can hold. Whatever code keeps a value inside these
bounds leaves a value to every other column: inequalities in one direction have a solution wherever all bounds are
consistent, such as that in which every column is at its lower one (Schulte and Stuckey, "When do bounds and domain
propagation lead to the same search space?", 2005). So no row ends where nothing may be drawn.

Belongs here: spans and bounds of rows. Does not belong here: values, which axes know; what the user said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from synth_engine.encodings.axes import BELOW, BEYOND, Axis, Places
from synth_engine.encodings.base import Codes
from synth_engine.encodings.patterns import patterns
from synth_engine.tabular.interventions import UNKNOWN, Seen

Mask = npt.NDArray[np.bool_]
Bounds = Mapping[str, tuple[Places, Places]]


@dataclass(frozen=True, eq=False)
class Span:
    """What a column may be in each row.

    Args:
        low: Place of the smallest value that the codes leave open.
        high: Place of the largest.
        is_open: Nothing is known so far.
        is_value: It is certain that there is a value, not null.
    """

    low: Places
    high: Places
    is_open: Mask
    is_value: Mask


@dataclass(frozen=True, eq=False)
class Fixed:
    """Given values of a column, as places: not only the codes are known of them."""

    places: Places
    is_given: Mask
    is_null: Mask

    def rows(self, some: npt.NDArray[np.int64]) -> "Fixed":
        """Some of the rows."""
        return Fixed(self.places[some], self.is_given[some], self.is_null[some])


@dataclass(frozen=True, eq=False)
class OrderedColumn:
    """A column on its axis.

    Args:
        axis: Its values as places.
        sub_columns: Its places in the code matrix.
        forbidden: Codes of the first sub-column that are never drawn.
        lowest: The place below which it must not be.
        highest: The place above which it must not be.
    """

    axis: Axis
    sub_columns: Sequence[int]
    forbidden: Sequence[int] = ()
    lowest: int = BELOW
    highest: int = BEYOND

    @cached_property
    def firsts(self) -> tuple[Places, Places, Mask]:
        """Extents of the codes of the first sub-column, and which of them are null."""
        n_codes = next(iter(self.axis.encoding.cardinalities.values()))
        return self.axis.extent(np.arange(n_codes, dtype=np.int32)[:, None])

    @cached_property
    def may_be_null(self) -> bool:
        """Whether null may be drawn."""
        return bool(self.firsts[2][self._is_drawn].any())

    @property
    def is_empty(self) -> bool:
        """Whether no value may be drawn, so that all are null."""
        return len(self._cells[0]) == 0

    def span(self, codes_BN: Codes, fixed: Fixed | None) -> Span:
        """What the codes of its sub-columns leave open, `UNKNOWN` where there is none, and what is given."""
        n_rows = len(codes_BN)
        low, high = np.full(n_rows, BELOW), np.full(n_rows, BEYOND)
        is_given = np.zeros(n_rows, np.bool_) if fixed is None else fixed.is_given
        is_open = (codes_BN[:, 0] == UNKNOWN) & ~is_given
        is_value = np.full(n_rows, not self.may_be_null)
        is_begun = ~is_open & ~is_given
        if is_begun.any():
            begun = codes_BN[is_begun]
            depth = int((begun != UNKNOWN).all(0).sum())
            low[is_begun], high[is_begun], is_null = self.axis.extent(begun[:, :depth])
            is_value[is_begun] = ~is_null
        if fixed is not None:
            low[is_given] = high[is_given] = fixed.places[is_given]
            is_value[is_given] = ~fixed.is_null[is_given]
        return Span(low, high, is_open, is_value)

    def up(self, places: Places, span: Span) -> Places:
        """The smallest place, not below these, that each row can have; `BEYOND` where there is none."""
        inside = np.clip(places, span.low, span.high)
        # what is given may lie between two steps, and stays there
        nearest = np.clip(self.axis.up(np.clip(inside, *self._ends)), span.low, span.high)
        nearest = np.where(places > span.high, BEYOND, nearest)
        if span.is_open.any():
            nearest[span.is_open] = self._up_from_start(places[span.is_open])
        return nearest

    def down(self, places: Places, span: Span) -> Places:
        """The largest place, not above these, that each row can have; `BELOW` where there is none."""
        inside = np.clip(places, span.low, span.high)
        nearest = np.clip(self.axis.down(np.clip(inside, *self._ends)), span.low, span.high)
        nearest = np.where(places < span.low, BELOW, nearest)
        if span.is_open.any():
            nearest[span.is_open] = self._down_from_start(places[span.is_open])
        return nearest

    def fitting(self, codes_BN: Codes, span: Span, low: Places, high: Places) -> Mask | None:
        """Which codes (B, C) of the next sub-column leave something from `low` to `high`; None stands for all.

        Args:
            codes_BN: Codes of the sub-columns before it; none of a null.
            span: What they leave open.
            low: Place of the smallest value that each row may have.
            high: Place of the largest.
        """
        depth = codes_BN.shape[1]
        n_codes = list(self.axis.encoding.cardinalities.values())[depth]
        if depth == 0:
            lows, highs, is_null = self.firsts
            has_values = (low <= high)[:, None]
            return is_null | (has_values & (highs >= low[:, None]) & (lows <= high[:, None]))
        is_cut = span.is_value & ((span.low < low) | (span.high > high))
        if not is_cut.any():
            return None
        begun, of_row = patterns(codes_BN[is_cut])
        following = np.tile(np.arange(n_codes, dtype=np.int32), len(begun))[:, None]
        lows, highs, _ = self.axis.extent(np.hstack([begun.repeat(n_codes, axis=0), following]))
        lows, highs = (ends.reshape(len(begun), n_codes)[of_row] for ends in (lows, highs))
        fits = np.ones((len(codes_BN), n_codes), np.bool_)
        fits[is_cut] = (highs >= low[is_cut, None]) & (lows <= high[is_cut, None])
        return fits

    @cached_property
    def _is_drawn(self) -> Mask:
        drawn = np.ones(len(self.firsts[0]), np.bool_)
        drawn[list(self.forbidden)] = False
        return drawn

    @cached_property
    def _cells(self) -> tuple[Places, Places]:
        """Extents of the codes of the first sub-column that may be drawn, but for null; they may overlap."""
        lows, highs, is_null = self.firsts
        kept = self._is_drawn & ~is_null
        return lows[kept], highs[kept]

    @cached_property
    def _ends(self) -> tuple[int, int]:
        lows, highs = self._cells
        return (int(lows.min()), int(highs.max())) if len(lows) else (0, 0)

    def _up_from_start(self, places: Places) -> Places:
        order = self._cells[0].argsort(kind="stable")
        lows, highs = (ends[order] for ends in self._cells)
        # the first of the cells, by where they begin, that reaches so far
        cell = np.searchsorted(np.maximum.accumulate(highs), places)
        found = np.full(len(places), BEYOND)
        is_in = cell < len(lows)
        ends = lows[cell[is_in]], highs[cell[is_in]]
        found[is_in] = np.clip(self.axis.up(np.clip(places[is_in], *ends)), *ends)
        return found

    def _down_from_start(self, places: Places) -> Places:
        order = self._cells[1].argsort(kind="stable")
        lows, highs = (ends[order] for ends in self._cells)
        cell = np.searchsorted(np.minimum.accumulate(lows[::-1])[::-1], places, side="right") - 1
        found = np.full(len(places), BELOW)
        is_in = cell >= 0
        ends = lows[cell[is_in]], highs[cell[is_in]]
        found[is_in] = np.clip(self.axis.down(np.clip(places[is_in], *ends)), *ends)
        return found


@dataclass(frozen=True)
class Pair:
    """Two columns of which one must not be above the other."""

    low: str
    high: str
    strict: bool


@dataclass(frozen=True, eq=False)
class Order:
    """Columns on one line, and which of them must not be above which.

    Args:
        columns: By name, each after all that it must not be below.
        pairs: Without circles.
    """

    columns: Mapping[str, OrderedColumn]
    pairs: Sequence[Pair]

    def bounds(self, spans: Mapping[str, Span]) -> Bounds:
        """The smallest and the largest place of each column in each row that leaves a place to all others.

        The smallest is larger where there is none. A column that may still be null does not bind the others.
        """
        lows: dict[str, Places] = {}
        highs: dict[str, Places] = {}
        for name, column in self.columns.items():
            least = self._least(name, lows, spans)
            lows[name] = column.up(least, spans[name])
        for name, column in reversed(list(self.columns.items())):
            most = np.full(len(spans[name].low), column.highest)
            for pair in self.pairs:
                if pair.low == name:
                    tighter = np.minimum(most, highs[pair.high] - pair.strict)
                    most = np.where(spans[pair.high].is_value, tighter, most)
            highs[name] = column.down(most, spans[name])
        return {name: (lows[name], highs[name]) for name in self.columns}

    def broken(self, places: Mapping[str, Places], spans: Mapping[str, Span]) -> Mask:
        """Rows that break an inequality or a range."""
        broken = np.zeros(len(next(iter(places.values()))), np.bool_)
        for name, column in self.columns.items():
            is_beyond = (places[name] < column.lowest) | (places[name] > column.highest)
            broken |= spans[name].is_value & is_beyond
        for pair in self.pairs:
            is_above = places[pair.low] + pair.strict > places[pair.high]
            broken |= spans[pair.low].is_value & spans[pair.high].is_value & is_above
        return broken

    def settled(self, places: Mapping[str, Places], spans: Mapping[str, Span]) -> dict[str, Places]:
        """Places that keep all inequalities and ranges, near the given ones and inside the spans of rows."""
        bounds = self.bounds(spans)
        settled: dict[str, Places] = {}
        for name, column in self.columns.items():
            low, high = bounds[name]
            least = np.maximum(low, self._least(name, settled, spans))
            settled[name] = np.clip(places[name], column.up(least, spans[name]), high)
        return settled

    def _least(self, name: str, lows: Mapping[str, Places], spans: Mapping[str, Span]) -> Places:
        least = np.full(len(spans[name].low), self.columns[name].lowest)
        for pair in self.pairs:
            if pair.high == name:
                least = np.where(spans[pair.low].is_value, np.maximum(least, lows[pair.low] + pair.strict), least)
        return least


class OrderMask:
    """Keeps codes to what an order allows, in whatever order columns are drawn or given. See `interventions.Mask`.

    Guarantees: if every row has bounds to begin with, then in every row a code is left that may be drawn.

    Args:
        order: Of columns.
        fixed: Given values, for the rows that are drawn.
    """

    def __init__(self, order: Order, fixed: Mapping[str, Fixed]) -> None:
        self._order, self._fixed = order, fixed
        self._name = {k: name for name, column in order.columns.items() for k in column.sub_columns}

    def allowed(self, k: int, seen: Seen) -> Tensor | None:
        """Boolean (B, codes of ``k``); None where all are allowed."""
        if k not in self._name:
            return None
        name = self._name[k]
        column = self._order.columns[name]
        codes = {other: self._codes(item, seen) for other, item in self._order.columns.items()}
        spans = self.spans(codes, seen.index.cpu().numpy())
        begun = codes[name][:, : column.sub_columns.index(k)]
        fits = column.fitting(begun, spans[name], *self._order.bounds(spans)[name])
        return None if fits is None else torch.from_numpy(fits).to(seen.index.device)

    def spans(self, codes: Mapping[str, Codes], index: npt.NDArray[np.int64]) -> dict[str, Span]:
        """What rows leave open, given the codes of their sub-columns and which rows they are."""
        fixed = {name: given.rows(index) for name, given in self._fixed.items()}
        return {name: column.span(codes[name], fixed.get(name)) for name, column in self._order.columns.items()}

    @staticmethod
    def _codes(column: OrderedColumn, seen: Seen) -> Codes:
        return torch.stack([seen.codes(k) for k in column.sub_columns], 1).cpu().numpy()
