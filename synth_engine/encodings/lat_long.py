"""TABULAR_LAT_LONG: draws a place on earth, as a cell and a position inside it.

As with numbers, popular places are atoms of their own: many people share one shop, and a cell must not blur it. The
rest lies in the cells of a quad-tree, small where many people are (Finkel and Bentley, 1974, "Quad trees: a data
structure for retrieval on composite keys").
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from synth_engine.domain import ModelEncodingType, RareCategoryReplacementMethod
from synth_engine.encodings.base import Codes, Encoding, even_ranks, has_protected_nulls
from synth_engine.encodings.cells import PlaceCounts, choose_cells
from synth_engine.encodings.coordinates import (
    EAST_END,
    MAX_DECIMALS,
    NORTH_END,
    Coordinates,
    joined,
    to_texts,
    to_ticks,
)
from synth_engine.encodings.fine_steps import from_digits, n_digits, to_digits
from synth_engine.encodings.holders import surely_held
from synth_engine.encodings.meanings import Meanings, Reserved
from synth_engine.encodings.quad_tree import POSITION_LEVELS, Cell, Morton, QuadTree, interleave, separate
from synth_engine.encodings.released_places import release_places
from synth_engine.encodings.text_form import from_text, is_text
from synth_engine.encodings.value_counts import ValueCounts
from synth_engine.privacy import ENOUGH_ENTITIES, Budget, ValueProtection

RARE_CODE, NULL_CODE = 0, 1
N_RESERVED = 2
# The share of entities that may have more decimals than are kept, and that must have fewer for zeros to be left out.
_FEW = 0.01


class LatLongEncoding(Encoding):
    """Sub-columns ``cell`` (0 rare, 1 null, then `cells` as they are), ``lat`` and ``long``: the step inside the cell.

    Steps count from 1 at the south and at the west; they are 0 for null and rare, and for atoms, which are cells of a
    single place. Where all cells are that, there are no steps. What is no place (see `coordinates`) is null. A place
    outside all cells is rare: it is never drawn, and becomes null when it is decoded.

    Without protection, but not with differential privacy, `is_exact` is set: ``lat1``, ``long1``, ``lat2``, … follow,
    steps inside the step (see `fine_steps`), so that all places come back exactly. Texts that are written otherwise
    than most, or with more than 7 decimals, are codes of ``cell`` after the cells then, however many they are.

    A level-k cell is a square of ``2**k`` ticks of ``10**-decimals`` degrees, `row` and `column` counted from the south
    pole and from 180 degrees west. Places have `decimals` decimals, at most 7; of these, zeros at the end are shown up
    to `shown_decimals`. A hundredth of the entities may have had more decimals.

    Guarantees: at least as many entities as the protection asks for have a place in each cell that is in no smaller
    one; cells do not depend on anybody's place otherwise, except that an atom is one.
    """

    type: ClassVar[ModelEncodingType] = ModelEncodingType.TABULAR_LAT_LONG
    encoding_type: Literal[ModelEncodingType.TABULAR_LAT_LONG] = ModelEncodingType.TABULAR_LAT_LONG
    decimals: int = 0
    shown_decimals: int = 0
    space_after_comma: bool = False
    cells: list[Cell] = Field(default_factory=list)
    is_exact: bool = False
    texts: list[str] = Field(default_factory=list)

    @classmethod
    def accepts(cls, dtype: pa.DataType) -> bool:
        """Text."""
        return is_text(dtype)

    @classmethod
    def canonical(cls, values: pa.Array) -> pa.Array:
        """The texts that are places, as ``large_string``; the others become null."""
        texts = values.cast(pa.large_string())
        return pc.if_else(pa.array(Coordinates.of(texts).is_place), texts, pa.scalar(None, pa.large_string()))

    @classmethod
    def release(cls, counts: ValueCounts, dtype: pa.DataType, budget: Budget) -> ValueCounts:
        """Popular places, and squares that are finer where many entities are."""
        return release_places(counts, budget)

    @classmethod
    def fit(
        cls, counts: ValueCounts, dtype: pa.DataType, protection: ValueProtection, rng: np.random.Generator
    ) -> Self:
        """Find out how places are written, and which cells have enough entities."""
        counts, found = _places_only(counts)
        has_nulls = has_protected_nulls(counts, protection, rng)
        threshold = protection.threshold(rng)
        if len(counts.values) == 0 or (protection.enabled and counts.lowest.sum() < ENOUGH_ENTITIES):
            return cls(dtype=dtype, has_nulls=has_nulls)
        share = 1.0 if counts.is_noisy else 1 - _FEW
        decimals = min(_quantile(found.most, counts, share * counts.lowest.sum()), MAX_DECIMALS)
        shown = _quantile(found.fewest, counts, max(_FEW * counts.lowest.sum(), threshold))
        written = cls(
            dtype=dtype,
            has_nulls=has_nulls,
            decimals=decimals,
            shown_decimals=min(shown, decimals),
            space_after_comma=bool(2 * counts.lowest[found.has_space].sum() > counts.lowest.sum()),
            is_exact=not protection.enabled and not counts.is_noisy,
        )
        return written._with_cells(counts, _numbers(found, decimals), threshold)

    @property
    def cardinalities(self) -> dict[str, int]:
        """The cell first, then the steps inside it."""
        sizes = {"cell": N_RESERVED + len(self.cells) + len(self.texts)}
        if self._n_steps > 1:
            sizes |= dict.fromkeys(("lat", "long"), 1 + self._n_steps)
        for digit, size in enumerate(self._fine, 1):
            sizes |= dict.fromkeys((f"lat{digit}", f"long{digit}"), 1 + size)
        return sizes

    def encode(self, values: pa.Array) -> Codes:
        """Look up the smallest cell around each place, and the step inside it."""
        texts = values.cast(pa.large_string())
        found = Coordinates.of(texts)
        codes = np.zeros((len(values), len(self.cardinalities)), np.int32)
        codes[~found.is_place, 0] = NULL_CODE
        if self.cells:
            codes[found.is_place] = self._in_cells(_numbers(found, self.decimals))
        if self.texts:
            whole = pc.index_in(texts, pa.array(self.texts, texts.type)).fill_null(-1).to_numpy()
            codes[whole >= 0] = 0
            codes[whole >= 0, 0] = N_RESERVED + len(self.cells) + whole[whole >= 0]
        return codes

    def decode(self, codes: Codes, rng: np.random.Generator) -> pa.Array:
        """A place from the innermost step, evenly; from anywhere in the cell where a step is missing."""
        in_cell = (codes[:, 0] >= N_RESERVED) & (codes[:, 0] < N_RESERVED + len(self.cells))
        is_whole = codes[:, 0] >= N_RESERVED + len(self.cells)
        written = self._texts(self._draw(codes[in_cell], rng))
        texts = pa.concat_arrays([pa.array(self.texts, pa.large_string()), written])
        rows = np.zeros(len(codes), np.int64)
        rows[in_cell] = len(self.texts) + np.arange(len(written))
        rows[is_whole] = codes[is_whole, 0] - N_RESERVED - len(self.cells)
        return from_text(texts.take(pa.array(rows, mask=~in_cell & ~is_whole)), self.dtype)

    def never_drawn(self, method: RareCategoryReplacementMethod) -> Mapping[str, list[int]]:
        """Rare always; null where there was none."""
        if not self.cells and not self.texts:
            return {"cell": [RARE_CODE]}
        return {"cell": [RARE_CODE] if self.has_nulls else [RARE_CODE, NULL_CODE]}

    def meanings(self) -> Mapping[str, Meanings]:
        """Where cells are, in ticks of `MAX_DECIMALS` decimals; steps by their number, as cells count them."""
        lows, highs = [], []
        for level, row, column in self.cells:
            side = 10 ** (MAX_DECIMALS - self.decimals) << level
            lows.append((row * side, column * side))
            # A place of fewer decimals is none the less a place.
            highs.append(((row + 1) * side, (column + 1) * side) if level else lows[-1])
        cells = Meanings.of_ranges([Reserved.RARE, Reserved.NULL], list(zip(lows, highs, strict=True)), lows, highs)
        fine = {
            f"{axis}{digit}": _numbered(size) for digit, size in enumerate(self._fine, 1) for axis in ("lat", "long")
        }
        inside = dict.fromkeys(("lat", "long"), _numbered(self._n_steps)) if self._n_steps > 1 else {}
        return {"cell": cells.extended(self.texts)} | inside | fine

    def ranks(self) -> Mapping[str, list[float]]:
        """Steps are ordered, and so are cells: along a curve that mostly leads from neighbour to neighbour."""
        ranks = {part: even_ranks(1, size - 1) for part, size in self.cardinalities.items()}
        ranks["cell"] = even_ranks(N_RESERVED, len(self.cells)) + [float("nan")] * len(self.texts)
        return ranks

    @cached_property
    def _tree(self) -> QuadTree:
        return QuadTree(self.cells, (2 * NORTH_END * 10**self.decimals, 2 * EAST_END * 10**self.decimals))

    @cached_property
    def _levels(self) -> npt.NDArray[np.int64]:
        return np.array([cell.level for cell in self.cells], np.int64)

    @cached_property
    def _n_steps(self) -> int:
        return 1 << min(max((cell.level for cell in self.cells), default=0), POSITION_LEVELS)

    @cached_property
    def _fine(self) -> list[int]:
        """Sizes of the steps inside the step."""
        largest = max((cell.level for cell in self.cells), default=0) if self.is_exact else 0
        return [
            1 << min(largest - POSITION_LEVELS * digit, POSITION_LEVELS) for digit in range(1, 1 + n_digits(largest))
        ]

    def _with_cells(self, counts: ValueCounts, numbers: Morton, threshold: int) -> Self:
        """The encoding with cells for all places, and with the texts that come back exactly only if they are kept."""
        in_cells = np.ones(len(numbers), np.bool_)
        if self.is_exact:
            in_cells = pc.equal(self._texts(numbers), counts.values).to_numpy(zero_copy_only=False)
        places = PlaceCounts.of(counts.where(in_cells), numbers[in_cells])
        n_levels = (2 * EAST_END * 10**self.decimals).bit_length()
        texts = counts.values.filter(pa.array(~in_cells)).to_pylist()
        return self.model_copy(update={"cells": choose_cells(places, n_levels, threshold), "texts": texts})

    def _in_cells(self, numbers: Morton) -> Codes:
        """Codes of places."""
        cells, *steps = self._tree.place(numbers)
        codes = np.zeros((len(numbers), len(self.cardinalities)), np.int32)
        codes[:, 0] = np.where(cells < 0, RARE_CODE, N_RESERVED + cells)
        has_steps = np.flatnonzero((cells >= 0) & (self._levels[cells] > 0))
        if self._n_steps > 1:
            codes[has_steps, 1:3] = 1 + np.column_stack(steps).astype(np.int32)[has_steps]
        cells = cells[has_steps]
        for axis, rest in enumerate(self._tree.rest(numbers[has_steps], cells), 3):
            codes[has_steps, axis::2] = 1 + to_digits(rest, self._levels[cells], len(self._fine))
        return codes

    def _texts(self, numbers: Morton) -> pa.Array:
        """Places as they are written."""
        parts = [
            to_texts(ticks, self.decimals, self.shown_decimals, end)
            for ticks, end in zip(separate(numbers), (NORTH_END, EAST_END), strict=True)
        ]
        return joined(*parts, by=", " if self.space_after_comma else ",")

    def _draw(self, codes: Codes, rng: np.random.Generator) -> Morton:
        """A place on earth for each row."""
        if len(codes) == 0:
            return np.zeros(0, np.uint64)
        steps = codes[:, 1:3] - 1 if self._n_steps > 1 else np.zeros((len(codes), 2), np.int32)
        rows, columns = np.where(steps < 0, rng.integers(0, self._n_steps, steps.shape), steps).astype(np.uint64).T
        cells = codes[:, 0].astype(np.int64) - N_RESERVED
        drawn = self._tree.draw(cells, rows, columns, rng)
        if not self.is_exact:
            return drawn
        levels = self._levels[cells]
        (north, has_north), (east, has_east) = (from_digits(codes[:, axis::2] - 1, levels) for axis in (3, 4))
        exact, is_own = self._tree.at(cells, (rows, columns), (north, east))
        return np.where(has_north & has_east & is_own, exact, drawn)


def _numbered(n_steps: int) -> Meanings:
    """Steps by their number."""
    first = range(n_steps)
    return Meanings.of_ranges([Reserved.NULL], [f"step {step}" for step in first], first, [step + 1 for step in first])


def _numbers(found: Coordinates, decimals: int) -> Morton:
    """The number of each place, those left out that are none."""
    latitudes, longitudes = found.latitudes[found.is_place], found.longitudes[found.is_place]
    return interleave(to_ticks(latitudes, decimals, NORTH_END), to_ticks(longitudes, decimals, EAST_END))


def _quantile(decimals: npt.NDArray[np.int64], counts: ValueCounts, wanted: float) -> int:
    """The smallest number of decimals that at least `wanted` entities do with, each counted once."""
    order = np.argsort(decimals, kind="stable")
    reached = np.cumsum(counts.lowest[order])
    enough = np.flatnonzero(reached >= wanted)
    return int(decimals[order[enough[0] if len(enough) else -1]])


def _places_only(counts: ValueCounts) -> tuple[ValueCounts, Coordinates]:
    """The summary of the texts that are places, all others counted as null, and the places themselves."""
    is_place = Coordinates.of(counts.values).is_place
    if not is_place.all():
        # Those who have something else may have nulls as well.
        others = int(surely_held(counts, np.where(is_place, -1, 0), 1)[0])
        counts = replace(
            counts.where(is_place),
            null_rows=counts.null_rows + int(counts.rows[~is_place].sum()),
            null_entities=max(counts.null_entities, others),
        )
    return counts, Coordinates.of(counts.values)
