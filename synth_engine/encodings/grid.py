"""Bins cut into parts: which part a tick lies in, and draws from a part. Ticks only; knows no codes and no columns."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from synth_engine.encodings.ticks import Ticks
from synth_engine.encodings.value_counts import Mask

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Grid(ABC):
    """Bins between edges, each cut into equally wide parts. Use `grid` to get one.

    Args:
        edges: First tick of each bin, and last tick of the last bin; ascending.
        atoms: Ticks that have a code of their own, ascending.
        n_parts: Parts of a bin; some are empty where a bin has fewer ticks.

    Guarantees: `draw` stays inside its part, or inside its bin where the part is empty; it gives an atom only where
    the whole bin holds nothing else.
    """

    edges: Ticks
    atoms: Ticks
    n_parts: int

    def place(self, ticks: Ticks) -> tuple[Places, Places]:
        """The bin of each tick and the part of that bin; ticks beyond the edges count as the nearest edge."""
        clipped = np.clip(ticks, self.edges[0], self.edges[-1])
        # Of parts that begin at the same tick all but the last are empty, hence "right".
        return np.divmod(np.searchsorted(self._starts, clipped, side="right") - 1, self.n_parts)

    def draw(self, bins: Places, parts: Places, rng: np.random.Generator) -> Ticks:
        """A tick in each bin; in its given part, or anywhere in it where the part is negative.

        Args:
            bins: Index of each bin.
            parts: Index of each part of it.
            rng: Source of randomness.
        """
        return self._draw(*self.ends(bins, parts), rng)

    def ends(self, bins: Places, parts: Places) -> tuple[Ticks, Ticks]:
        """The first and the last tick that `draw` chooses from, atoms not left out."""
        begin, end = bins * self.n_parts, bins * self.n_parts + self.n_parts - 1
        part = begin + np.maximum(parts, 0)
        whole = (parts < 0) | self._is_hollow[part]
        return self._starts[np.where(whole, begin, part)], self._stops[np.where(whole, end, part)]

    @cached_property
    def _is_hollow(self) -> Mask:
        """Which parts hold nothing, or nothing but atoms."""
        is_empty = np.append(self._starts[:-1] == self._starts[1:], False)
        return is_empty | ~self._has_others(self._starts, np.where(is_empty, self._starts, self._stops))

    @cached_property
    @abstractmethod
    def _starts(self) -> Ticks:
        """First tick of each part."""

    @cached_property
    @abstractmethod
    def _stops(self) -> Ticks:
        """Last tick of each part; anything where a part is empty."""

    @abstractmethod
    def _has_others(self, starts: Ticks, stops: Ticks) -> Mask:
        """Whether there is anything but atoms from a start to a stop, both included."""

    @abstractmethod
    def _draw(self, starts: Ticks, stops: Ticks, rng: np.random.Generator) -> Ticks:
        """A tick from a start to a stop, both included, and no atom where possible."""


class _WholeGrid(Grid):
    """Bins of whole ticks. Distances are taken modulo 2**64, so that any range of 64 bits will do."""

    @cached_property
    def _starts(self) -> Ticks:
        ends = [*self.edges[1:-1].tolist(), self.edges[-1].item() + 1]
        bins = zip(self.edges[:-1].tolist(), ends, strict=True)
        starts = [low + (high - low) * part // self.n_parts for low, high in bins for part in range(self.n_parts)]
        return np.array(starts, self.edges.dtype)

    @cached_property
    def _stops(self) -> Ticks:
        return np.append(self._starts[1:] - self.edges.dtype.type(1), self.edges[-1])

    def _has_others(self, starts: Ticks, stops: Ticks) -> Mask:
        return stops.view(np.uint64) - starts.view(np.uint64) >= self._n_atoms(starts, stops)

    def _n_atoms(self, starts: Ticks, stops: Ticks) -> npt.NDArray[np.uint64]:
        below = np.searchsorted(self.atoms, starts)
        return (np.searchsorted(self.atoms, stops, side="right") - below).astype(np.uint64)

    def _draw(self, starts: Ticks, stops: Ticks, rng: np.random.Generator) -> Ticks:
        has_others = self._has_others(starts, stops)
        span = stops.view(np.uint64) - starts.view(np.uint64) - self._n_atoms(starts, stops)
        drawn = rng.integers(0, np.where(has_others, span, 0), endpoint=True, dtype=np.uint64)
        # Count the ticks that are not atoms, go as many further, and leave out the atoms on the way.
        rank = starts.view(np.uint64) - np.searchsorted(self.atoms, starts).astype(np.uint64) + drawn
        others_below_atom = self.atoms - np.arange(len(self.atoms), dtype=self.atoms.dtype)
        passed = np.searchsorted(others_below_atom, rank.view(starts.dtype), side="right").astype(np.uint64)
        return np.where(has_others, (rank + passed).view(starts.dtype), starts)


class _FloatGrid(Grid):
    """Bins of a continuous column, in floats of the column's own width."""

    @cached_property
    def _starts(self) -> Ticks:
        low, high = self.edges[:-1, None].astype(np.float64), self.edges[1:, None].astype(np.float64)
        share = np.arange(self.n_parts) / self.n_parts
        starts = (low * (1 - share) + high * share).astype(self.edges.dtype).ravel()
        return np.maximum.accumulate(np.minimum(starts, np.repeat(self.edges[1:], self.n_parts)))

    @cached_property
    def _stops(self) -> Ticks:
        return np.append(np.nextafter(self._starts[1:], np.finfo(self.edges.dtype).min), self.edges[-1])

    def _has_others(self, starts: Ticks, stops: Ticks) -> Mask:
        return (starts < stops) | ~np.isin(starts, self.atoms)

    def _draw(self, starts: Ticks, stops: Ticks, rng: np.random.Generator) -> Ticks:
        share = rng.random(len(starts))
        drawn = (starts.astype(np.float64) * (1 - share) + stops.astype(np.float64) * share).astype(starts.dtype)
        drawn = np.clip(drawn, starts, stops)
        for _ in self.atoms:  # as good as never: step on to the next float, and from the last to the first
            hit = np.isin(drawn, self.atoms)
            if not hit.any():
                break
            following = np.where(drawn < stops, np.nextafter(drawn, stops), starts)
            drawn = np.where(hit, following, drawn)
        return drawn


def grid(edges: Ticks, atoms: Ticks, n_parts: int) -> Grid:
    """The grid for whole or for continuous ticks; at least one bin, hence two edges."""
    return (_FloatGrid if edges.dtype.kind == "f" else _WholeGrid)(edges, atoms, n_parts)
