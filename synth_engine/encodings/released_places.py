"""Differentially private summaries of places: popular ones, and the rest spread evenly over squares.

The squares are those of a quad-tree that is there before any data. They are cut where many entities are, in rounds:
noisy counts decide which, and how finely (Cormode et al., "Differentially private spatial decompositions", 2012).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa

from synth_engine.encodings.coordinates import (
    EAST_END,
    MAX_DECIMALS,
    NORTH_END,
    Coordinates,
    joined,
    to_texts,
    to_ticks,
)
from synth_engine.encodings.holders import added_up
from synth_engine.encodings.occupancy import NOTICEABLE, Cells, Occupancy
from synth_engine.encodings.quad_tree import Morton, interleave, separate
from synth_engine.encodings.released_values import noisy_counts
from synth_engine.encodings.value_counts import Counts, ValueCounts
from synth_engine.privacy import Budget, standard_deviation

# Shares of the column's budget; 1 in all.
_WRITING, _POPULAR, _ROOTS, _CUTS = 0.1, 0.2, 0.22, (0.16, 0.16, 0.16)
# The world is first looked at in squares of a 32nd of its width: in smaller ones far more go unnoticed (docs/log.md).
_ROOT_LEVELS = 5
# A part of a square is to have so many times the standard deviation of its noise if all had as many.
_WORTH_NOISE = 2.0
# Share of the entities that may have more decimals than are kept, or zeros at the end left out.
_FEW = 0.01
# Zeros are left out by a tenth of the places at the last decimal, by a hundredth at the last but one.
_LEFT_OUT = 2
# Number of places that stand for all squares together.
_MOST_PLACES = 16_384
# Places in a square begin there in Morton order, so that a single one lies inside: at a third of both sides.
_FIRST, _UNIT = 1, 5


@dataclass(frozen=True)
class Writing:
    """How the places of a column are written.

    Args:
        decimals: How many there are at most.
        shown: How many there are at least, zeros included.
        by: What is between the two numbers.
    """

    decimals: int
    shown: int
    by: str

    @property
    def ends(self) -> tuple[int, int]:
        """Last row and last column of the earth."""
        return 2 * NORTH_END * 10**self.decimals, 2 * EAST_END * 10**self.decimals

    @property
    def n_levels(self) -> int:
        """The earth lies in a square of 2**n_levels by 2**n_levels ticks."""
        return self.ends[1].bit_length()

    def numbers(self, found: Coordinates) -> Morton:
        """The number of each text, whatever it is."""
        latitudes, longitudes = (
            np.where(found.is_place, degrees, 0.0) for degrees in (found.latitudes, found.longitudes)
        )
        return interleave(to_ticks(latitudes, self.decimals, NORTH_END), to_ticks(longitudes, self.decimals, EAST_END))

    def texts(self, numbers: Morton) -> pa.Array:
        """The text of each number."""
        rows, columns = separate(numbers)
        parts = (
            to_texts(ticks, self.decimals, self.shown, end) for ticks, end in ((rows, NORTH_END), (columns, EAST_END))
        )
        return joined(*parts, by=self.by)

    @classmethod
    def of(cls, of_most: Counts, of_shorter: int, of_space: int, noise: float) -> Self | None:
        """What noisy counts say; None where they say nothing.

        Args:
            of_most: Entities by number of decimals.
            of_shorter: Entities with fewer decimals in one number than in the other.
            of_space: Entities with a space behind the comma.
            noise: What noise may add up to in any of these.
        """
        total = int(of_most.sum())
        if total <= noise:
            return None
        more = total - np.cumsum(of_most)
        decimals = int(np.argmax(more <= max(_FEW * total, noise)))
        leaves_out = of_shorter > max(_FEW * total, noise)
        shown = max(decimals - _LEFT_OUT, min(decimals, 1)) if leaves_out else decimals
        return cls(decimals, shown, ", " if 2 * of_space > total else ",")


def release_places(counts: ValueCounts, budget: Budget) -> ValueCounts:
    """Texts of places that lie about as the column's do: popular ones, and others that nobody need have.

    What is no place counts as null.

    Guarantees: (ε, δ)-differential privacy with the budget's ε and δ, by sequential composition of the questions: how
    places are written and nulls; popular places; the squares that are in use; three rounds of cutting these. In each
    an entity is counted once at most. A popular place is that of as many entities as `StableHistogram` says; all
    others depend on noisy counts alone.

    Args:
        counts: The exact summary, of texts as ``large_string``.
        budget: The column's budget.
    """
    of_value, of_null = counts.contributions
    found = Coordinates.of(counts.values)
    nulls = of_null + int(of_value[~found.is_place].sum())
    of_text = np.where(found.is_place, of_value, 0)
    writing, noisy_nulls = _writing_and_nulls(found, of_text, nulls, budget)
    numbers, groups = np.unique(writing.numbers(found), return_inverse=True)
    of_place = added_up(of_text, groups, len(numbers))
    popular, _ = budget.stable_histogram(of_place, _POPULAR, "popular places")
    rest = Occupancy(numbers, np.where(popular > 0, 0, of_place))
    spread, of_spread = _spread(_squares(rest, writing, budget), writing)
    shown = popular > 0
    texts = writing.texts(np.concatenate([numbers[shown], spread]))
    nothing = noisy_counts(counts.values[:0], np.zeros(0, np.int64), noisy_nulls)
    return nothing.merge(noisy_counts(texts, np.concatenate([popular[shown], of_spread]), 0))


def _writing_and_nulls(found: Coordinates, of_text: Counts, nulls: int, budget: Budget) -> tuple[Writing, int]:
    """How places are written, and the number of nulls if that is noticeable."""
    most = np.minimum(found.most, MAX_DECIMALS)
    kind = (most * 2 + (found.fewest < most)) * 2 + found.has_space
    n_kinds = 4 * (MAX_DECIMALS + 1)
    exact = np.append(added_up(of_text, kind, n_kinds), nulls)
    noisy, mechanism = budget.histogram(exact, _WRITING, "decimals, spaces and nulls")
    by_kind = noisy[:-1].reshape(-1, 2, 2)
    noise = NOTICEABLE * standard_deviation(mechanism.epsilon) * np.sqrt(n_kinds)
    writing = Writing.of(by_kind.sum((1, 2)), int(by_kind[:, 1].sum()), int(by_kind[..., 1].sum()), noise)
    noisy_nulls = int(noisy[-1])
    return writing or Writing(MAX_DECIMALS, 0, ","), noisy_nulls if noisy_nulls > mechanism.noise_bound(1) else 0


def _squares(occupancy: Occupancy, writing: Writing, budget: Budget) -> Cells:
    """Squares, and halves of these, that noticeably many entities are in; they may lie inside each other."""
    level = writing.n_levels - min(_ROOT_LEVELS, writing.n_levels)
    n_rows, n_columns = ((end >> level) + 1 for end in writing.ends)
    rows, columns = np.divmod(np.arange(n_rows * n_columns, dtype=np.uint64), np.uint64(n_columns))
    starts = np.sort(interleave(rows, columns) << np.uint64(2 * level))
    bits = np.full(len(starts), 2 * level)
    noisy, mechanism = budget.histogram(occupancy.inside(starts, bits), _ROOTS, "squares of the earth")
    squares = Cells(starts, bits, noisy).where(noisy > mechanism.noise_bound(len(noisy)))
    left_over = []
    for share in _CUTS:
        least = max(_WORTH_NOISE * standard_deviation(share * budget.epsilon), 1.0)
        parts, of_square, mechanism = occupancy.cut(squares, budget, share, least)
        keep = parts.counts > max(mechanism.noise_bound(1), NOTICEABLE * standard_deviation(mechanism.epsilon))
        others = squares.counts - added_up(np.where(keep, parts.counts, 0), of_square, len(squares.counts))
        left_over.append(Cells(squares.starts, squares.bits, others))
        squares = parts.where(keep)
    all_cells = [squares, *left_over]
    return Cells(
        np.concatenate([each.starts for each in all_cells]),
        np.concatenate([each.bits for each in all_cells]),
        np.concatenate([each.counts for each in all_cells]),
    )


def _spread(cells: Cells, writing: Writing) -> tuple[Morton, Counts]:
    """Every cell's entities on places that lie evenly in it: their numbers, ascending, and how many are at each."""
    total = max(int(cells.counts.clip(0).sum()), 1)
    places: list[int] = []
    counts: list[int] = []
    for start, bits, count in zip(cells.starts.tolist(), cells.bits.tolist(), cells.counts.tolist(), strict=True):
        n_places = min(max(count, 0), 1 << bits, -(-_MOST_PLACES * max(count, 0) // total))
        places += [start + ((_UNIT * place + _FIRST << bits) // (_UNIT * n_places)) for place in range(n_places)]
        counts += [count * (place + 1) // n_places - count * place // n_places for place in range(n_places)]
    rows, columns = (
        np.minimum(ticks, np.uint64(end))
        for ticks, end in zip(separate(np.array(places, np.uint64)), writing.ends, strict=True)
    )
    numbers, groups = np.unique(interleave(rows, columns), return_inverse=True)
    return numbers, added_up(np.array(counts, np.int64), groups, len(numbers))
