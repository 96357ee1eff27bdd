"""TABULAR_NUMERIC_BINNED: popular numbers as atoms, the rest as a bin and a position inside it.

Why atoms: people pay 1,000 and 2,000, and a bin that contains 2,000 must not blur it. Why positions: a number drawn
evenly inside its bin is told from a real one at once. A gradient-boosting judge separates decoded from real amounts
with AUC 0.99 for bins alone, and hardly (0.51) with both.
"""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from synth_engine.domain import ModelEncodingType, RareCategoryReplacementMethod
from synth_engine.encodings.base import Codes, Encoding, even_ranks, has_protected_nulls
from synth_engine.encodings.bins import MAX_BINS, TickCounts, bin_edges, every_tick, popular
from synth_engine.encodings.grid import Grid, grid
from synth_engine.encodings.meanings import NUMBER, Meanings, Reserved
from synth_engine.encodings.number_line import number_line
from synth_engine.encodings.numeric import (
    Number,
    accepts_number,
    as_numbers,
    exact_type,
    from_numbers,
    nanoseconds,
    null_mask,
)
from synth_engine.encodings.outcomes import Range, in_python
from synth_engine.encodings.released_numbers import release_numbers
from synth_engine.encodings.ticks import Scale, Ticks
from synth_engine.encodings.value_counts import Mask, ValueCounts
from synth_engine.privacy import Budget, ValueProtection

NULL_CODE = 0
N_RESERVED = 1
POSITION_STEPS = 16
# Below this share of rows in bins a position inside them is not worth a sub-column of its own.
MIN_BINNED_SHARE = 0.03


class NumericBinnedEncoding(Encoding):
    """Sub-column ``bin``: 0 is null, then atoms and bins in ascending order of value; ``pos``: the place in the bin.

    The latter is 0 for atoms and null, and missing where few rows lie in bins or every bin is a single number.
    Numbers are rounded to the column's own step, ``multiple / 10**decimals``, unless it is continuous (`decimals` is
    None); a hundredth of the entities may have had finer ones. A number beyond the range goes to the nearest end.

    Guarantees: every atom stands for values of at least as many entities as the protection asks for; every edge is the
    roundest number of an interval with several entities' values, or any number where all of the range are; decoded
    numbers are multiples of the step inside the range.
    """

    type: ClassVar[ModelEncodingType] = ModelEncodingType.TABULAR_NUMERIC_BINNED
    encoding_type: Literal[ModelEncodingType.TABULAR_NUMERIC_BINNED] = ModelEncodingType.TABULAR_NUMERIC_BINNED
    decimals: int | None = 0
    multiple: int = 1
    atoms: list[Number] = Field(default_factory=list)
    edges: list[Number] = Field(default_factory=list)
    steps: int = 0

    @classmethod
    def accepts(cls, dtype: pa.DataType) -> bool:
        """Numbers."""
        return accepts_number(dtype)

    @classmethod
    def canonical(cls, values: pa.Array) -> pa.Array:
        """Values as exact numbers."""
        return as_numbers(values)

    @classmethod
    def release(cls, counts: ValueCounts, dtype: pa.DataType, budget: Budget) -> ValueCounts:
        """Popular numbers, and cells that are finer where many entities are."""
        return release_numbers(counts, number_line(dtype), budget)

    @classmethod
    def fit(
        cls, counts: ValueCounts, dtype: pa.DataType, protection: ValueProtection, rng: np.random.Generator
    ) -> Self:
        """Choose atoms, then quantile bins for what is left."""
        has_nulls = has_protected_nulls(counts, protection, rng)
        bounds = protection.bounds(counts.values, counts.lowest, counts.highest, rng)
        if bounds is None:
            return cls(dtype=dtype, has_nulls=has_nulls)
        scale = Scale.within_bounds(dtype, counts, bounds, protection)
        ticks = TickCounts.of(counts, scale, bounds)
        is_atom = popular(ticks, protection.threshold(rng))
        share = float(ticks.rows[~is_atom].sum() / ticks.rows.sum())
        edges = bin_edges(ticks.where(~is_atom), int(np.ceil(MAX_BINS * share)), protection, rng)
        steps = _steps(edges) if share >= MIN_BINNED_SHARE else 0
        every = every_tick(scale.within(*bounds), scale.tick_type, int(ticks.rows.sum())) if steps else None
        if every is not None:
            is_atom, edges, steps = np.zeros_like(is_atom), every, 0
        return cls(
            dtype=dtype,
            has_nulls=has_nulls,
            decimals=scale.decimals,
            multiple=scale.multiple,
            atoms=scale.numbers(ticks.ticks[is_atom]).to_pylist(),
            edges=scale.numbers(edges).to_pylist(),
            steps=steps,
        )

    @property
    def cardinalities(self) -> dict[str, int]:
        """The bin first, then the position inside it."""
        n_bins = max(len(self.edges) - 1, 0)
        bins = {"bin": N_RESERVED + len(self.atoms) + n_bins}
        return bins | ({"pos": self.steps + 1} if self.steps else {})

    def encode(self, values: pa.Array) -> Codes:
        """Clip, look up the atom, or else the bin and the position inside it."""
        numbers = self.canonical(values)
        codes = np.zeros((len(numbers), len(self.cardinalities)), np.int32)
        if not self.atoms and not self.edges:
            return codes
        null = null_mask(numbers)
        ticks = self._scale.ticks(numbers.drop_null())
        part = np.zeros((len(ticks), codes.shape[1]), np.int32)
        nearest, is_atom = self._nearest_atom(ticks)
        if self.edges:
            bins, positions = self._grid.place(ticks)
            part[:, 0] = self._bin_codes[bins]
            part[:, 1:] = 1 + positions[:, None]
        part[is_atom, 0] = self._atom_codes[nearest[is_atom]]
        part[is_atom, 1:] = 0
        codes[~null] = part
        return codes

    def decode(self, codes: Codes, rng: np.random.Generator) -> pa.Array:
        """Atoms as they are; otherwise a draw inside the step of the bin, at the column's precision."""
        ticks, in_bin, bins, parts = self._places(codes)
        if in_bin.any():
            ticks[in_bin] = self._grid.draw(bins, parts, rng)
        return self._values(codes, ticks)

    def never_drawn(self, method: RareCategoryReplacementMethod) -> Mapping[str, list[int]]:
        """Null where there was none."""
        empty = not self.atoms and not self.edges
        return {"bin": [] if self.has_nulls or empty else [NULL_CODE]}

    def meanings(self) -> Mapping[str, Meanings]:
        """The numbers of atoms, and of bins that are a single number; the edges of other bins; parts of a bin."""
        known = [self._ranges[place] for place in np.argsort(self._codes).tolist()]
        labels, lows, highs = zip(*known, strict=True) if known else ((), (), ())
        bins = Meanings.of_ranges([Reserved.NULL], labels, lows, highs).scaled(nanoseconds(self.dtype))
        return {"bin": replace(bins, tells=NUMBER)} | ({"pos": Meanings.of_steps(self.steps)} if self.steps else {})

    def extent(self, codes: Codes) -> tuple[pa.Array, pa.Array]:
        """Atoms as they are; otherwise the ends of the bin, or of the step of it."""
        low, in_bin, bins, parts = self._places(codes)
        high = low.copy()
        if in_bin.any():
            low[in_bin], high[in_bin] = self._grid.ends(bins, parts)
        return self._values(codes, low), self._values(codes, high)

    def step(self) -> Fraction | None:
        """The column's own step; none if it is continuous."""
        return None if self.decimals is None else self.multiple / Fraction(10) ** self.decimals

    def outcomes(self) -> list[Any] | None:
        """The numbers of atoms, and of bins that are a single number; the ranges of other bins."""
        told: list[Any] = [None] * self.cardinalities["bin"]
        if not self._ranges:
            return told
        exact = exact_type(self.dtype)
        ends = [from_numbers(pa.array([each[i] for each in self._ranges], exact), self.dtype) for i in (1, 2)]
        last = len(self.edges) - 2
        for place, (code, low, high) in enumerate(zip(self._codes, *map(in_python, ends), strict=True)):
            is_one = self._ranges[place][1] == self._ranges[place][2]
            told[code] = low if is_one else Range(low, high, has_high=place == last)
        return told

    def ranks(self) -> Mapping[str, list[float]]:
        """Atoms and bins are ordered together, and so are positions."""
        ranks = {"bin": even_ranks(N_RESERVED, self.cardinalities["bin"] - N_RESERVED)}
        return ranks | ({"pos": even_ranks(1, self.steps)} if self.steps else {})

    @cached_property
    def _scale(self) -> Scale:
        return Scale(self.dtype, self.decimals, self.multiple)

    @cached_property
    def _atom_ticks(self) -> Ticks:
        return self._scale.ticks_of(self.atoms)

    @cached_property
    def _grid(self) -> Grid:
        return grid(self._scale.ticks_of(self.edges), self._atom_ticks, max(self.steps, 1))

    def _places(self, codes: Codes) -> tuple[Ticks, Mask, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Ticks of atoms, which rows lie in bins instead, in which ones, and in which parts; -1 for any part."""
        ticks = np.zeros(self.cardinalities["bin"], self._scale.tick_type)
        ticks[self._atom_codes] = self._atom_ticks
        in_bin = np.isin(codes[:, 0], self._bin_codes)
        bins = np.searchsorted(self._bin_codes, codes[in_bin, 0])
        parts = codes[in_bin, 1].astype(np.int64) - 1 if codes.shape[1] > 1 else np.full(len(bins), -1)
        return ticks[codes[:, 0]], in_bin, bins, parts

    def _values(self, codes: Codes, ticks: Ticks) -> pa.Array:
        numbers = self._scale.numbers(ticks)
        null = pa.scalar(None, numbers.type)
        return from_numbers(pc.if_else(pa.array(codes[:, 0] == NULL_CODE), null, numbers), self.dtype)

    @cached_property
    def _atom_codes(self) -> npt.NDArray[np.int64]:
        return self._codes[len(self.edges[:-1]) :]

    @cached_property
    def _bin_codes(self) -> npt.NDArray[np.int64]:
        return self._codes[: len(self.edges[:-1])]

    @cached_property
    def _codes(self) -> npt.NDArray[np.int64]:
        """Codes of bins, then of atoms: ascending by value, a bin before the atoms inside it."""
        starts = self._scale.ticks_of(self.edges[:-1])
        keys = np.concatenate([starts, self._atom_ticks])
        codes = np.empty(len(keys), np.int64)
        codes[np.lexsort((np.arange(len(keys)) >= len(starts), keys))] = N_RESERVED + np.arange(len(keys))
        return codes

    @property
    def _ranges(self) -> list[tuple[Any, Any, Any]]:
        """Of each bin, then of each atom: what tells it from the others, where it begins, where it ends."""
        ticks = self._scale.ticks_of(self.edges).tolist()
        atoms = set(self.atoms)
        ranges = []
        for place, (low, high) in enumerate(pairwise(self.edges)):
            # The last bin includes its upper edge.
            is_one_tick = self.decimals is not None and ticks[place + 1] - ticks[place] == 1 and place < len(ticks) - 2
            is_one = is_one_tick or low == high
            ranges.append((low, low, low) if is_one and low not in atoms else ((low, high), low, high))
        return [*ranges, *((atom, atom, atom) for atom in self.atoms)]

    def _nearest_atom(self, ticks: Ticks) -> tuple[npt.NDArray[np.int64], Mask]:
        """Index of the nearest atom, and whether it stands for the tick: the same, or beyond all bins and nearer."""
        atoms = self._atom_ticks
        if len(atoms) == 0:
            return np.zeros(len(ticks), np.int64), np.zeros(len(ticks), np.bool_)
        right = np.minimum(np.searchsorted(atoms, ticks), len(atoms) - 1)
        left = np.maximum(right - 1, 0)
        nearest = np.where(_distance(atoms[left], ticks) < _distance(atoms[right], ticks), left, right)
        if not self.edges:
            return nearest, np.ones(len(ticks), np.bool_)
        ends = self._grid.edges
        to_bins = _distance(np.clip(ticks, ends[0], ends[-1]), ticks)
        return nearest, (atoms[nearest] == ticks) | (_distance(atoms[nearest], ticks) < to_bins)


def _distance(one: Ticks, other: Ticks) -> npt.NDArray[np.float64]:
    distance: npt.NDArray[np.float64] = np.abs(one.astype(np.float64) - other.astype(np.float64))
    return distance


def _steps(edges: Ticks) -> int:
    """Parts of a bin: no more than its ticks, and none where every bin is a single tick."""
    if len(edges) == 0:
        return 0
    widest = POSITION_STEPS
    if edges.dtype.kind != "f":
        widest = max(high - low for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
    return min(POSITION_STEPS, widest) if widest > 1 else 0
