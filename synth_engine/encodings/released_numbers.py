"""Differentially private summaries of numbers and dates: popular ones, and the rest spread evenly over cells.

Cells are refined where many entities are, in rounds: noisy counts decide which cells are cut, and how finely (private
spatial decompositions: Cormode et al., "Differentially private spatial decompositions", 2012).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from synth_engine.encodings.number_line import ROOT_BITS, NumberLine, numbers_at
from synth_engine.encodings.occupancy import MAX_CUT_BITS, Cells, Occupancy, between_ends
from synth_engine.encodings.released_values import noisy_counts
from synth_engine.encodings.value_counts import Counts, Mask, ValueCounts
from synth_engine.privacy import Budget, NoisyHistogram

# Probability that any power of two is taken to be in use though nobody is near it, and that one of so many beside those
# in use is: that costs less, and in small tables many people are in powers of two that hardly rise above noise.
FALSE_ROOT, FALSE_NEIGHBOUR = 0.01, 0.2
NEIGHBOURS = 4
# The cell at an end of a range may hold only few people, all at its edge: it is cut into so many parts at least.
_PARTS_AT_ENDS = 4
# The cell beside an end must have this share of that end's people, in each round: the second corrects the first.
_BESIDE_ENDS = (0.1, 0.2)
# Numbers that stand for all cells together; enough for the finest bins at the tails.
_MOST_POINTS = 16_384


@dataclass(frozen=True)
class Shares:
    """What each question may spend of a column's budget; 1 in all. Without `popular` none is shown exactly.

    With `trims` ends of the range that look like noise are cut off: right where every part of a range costs codes, such
    as years and digits. Elsewhere an empty cell costs nothing, and cutting costs those who were there after all.

    A cell is cut into 2**`most_bits` parts at most. A part is to have `worth_noise` times the scale of its noise, and
    the share `worth_share` of all or more. To find ends of a range, parts are as small as may be while one of them
    alone is noticed as a rule: smaller ones are noticed only many together, that is, later.
    """

    steps: float
    popular: float
    roots: float
    cuts: tuple[float, ...]
    trims: bool = False
    worth_noise: float = 2.0
    worth_share: float = 1 / 128
    most_bits: int = MAX_CUT_BITS


# Found by trying on real tables: powers of two come first, since what they miss is cut off. See docs/log.md.
WITH_POPULAR = Shares(steps=0.08, popular=0.3, roots=0.3, cuts=(0.16, 0.16))
RANGES_ONLY = Shares(
    steps=0.1,
    popular=0.0,
    roots=0.4,
    cuts=(0.25, 0.25),
    trims=True,
    worth_noise=6.0,
    worth_share=0.0,
    most_bits=10,
)


def release_numbers(
    counts: ValueCounts, line: NumberLine, budget: Budget, shares: Shares = WITH_POPULAR
) -> ValueCounts:
    """Numbers whose distribution is about that of the column's: popular ones, and others that nobody need have.

    Guarantees: (ε, δ)-differential privacy with the budget's ε and δ, by sequential composition of the five questions:
    steps and nulls; popular numbers; the powers of two that are in use; two rounds of cutting these. In each an entity
    is counted once at most. A number that is shown exactly is held by as many entities as `StableHistogram` says; all
    others depend on noisy counts and the type alone.

    Args:
        counts: The exact summary, of values in the exact form that `line` takes.
        line: The numbers of the column's type.
        budget: The column's budget.
        shares: How to split it.
    """
    of_value, _ = counts.contributions
    step, nulls = _step_and_nulls(counts, line, budget, shares.steps)
    popular = np.zeros_like(of_value)
    if shares.popular:
        popular, _ = budget.stable_histogram(of_value, shares.popular, "popular numbers")
    keys = line.keys(counts.values)
    roots, unnoticed = _powers_of_two(Occupancy(keys, of_value), line, budget, shares.roots)
    of_others = roots.counts - Occupancy(keys, popular).inside(roots.starts, roots.bits)
    others = Occupancy(keys, np.where(popular > 0, 0, of_value))
    cells = _cut(others, Cells(roots.starts, roots.bits, of_others), budget, shares)
    shown = popular > 0
    summary = noisy_counts(counts.values.filter(pa.array(shown)), popular[shown], nulls, hidden_entities=unnoticed)
    return summary.merge(_spread(cells, line, step, counts.values.type))


def _step_and_nulls(counts: ValueCounts, line: NumberLine, budget: Budget, share: float) -> tuple[int, int]:
    """The finest step that noticeably many entities need, and the number of nulls if that is noticeable.

    Where too few are there to be as certain as usual, less will do; where that is not there either, it is the finest.
    """
    of_value, of_null = counts.contributions
    needed = np.bincount(line.steps(counts.values) + 1, weights=of_value, minlength=line.n_steps + 1)[1:]
    exact = np.append(needed.astype(np.int64), of_null)
    noisy, mechanism = budget.histogram(exact, share, "steps and nulls")
    needs = noisy[-2::-1]  # from the finest on
    for in_use in (mechanism.noticed(needs), needs > mechanism.noise_bound(line.n_steps)):
        if in_use.any():
            break
    step = line.n_steps - 1 - int(np.argmax(in_use))
    nulls = int(noisy[-1])
    return step, nulls if nulls > mechanism.noise_bound(1) else 0


def _powers_of_two(everyone: Occupancy, line: NumberLine, budget: Budget, share: float) -> tuple[Cells, int]:
    """Those that noticeably many are in, popular numbers or others; and how many entities go unnoticed in the rest."""
    bits = np.full(len(line.roots), ROOT_BITS)
    noisy, mechanism = budget.histogram(everyone.inside(line.roots, bits), share, "powers of two")
    noticeable = mechanism.noise_bound(NEIGHBOURS, FALSE_NEIGHBOUR)
    is_in_use = _connected(noisy > noticeable, noisy > mechanism.noise_bound(len(noisy), FALSE_ROOT))
    return Cells(line.roots, bits, noisy).where(is_in_use), noticeable


def _cut(occupancy: Occupancy, cells: Cells, budget: Budget, shares: Shares) -> Cells:
    """Cells cut in rounds where many are, and cut off at the ends where nobody is."""
    ends: list[slice] = []
    for share, beside in zip(shares.cuts, _BESIDE_ENDS, strict=True):
        worth = max(shares.worth_noise / (share * budget.epsilon), shares.worth_share * budget.records, 1.0)
        least = np.full(len(cells.counts), worth)
        for end in ends:
            least[end] = np.minimum(worth, np.maximum(cells.counts[end], 1) / _PARTS_AT_ENDS)
        cells, _, mechanism = occupancy.cut(cells, budget, share, least, shares.most_bits)
        if shares.trims:
            noticed = between_ends(cells.counts, mechanism)
            cells = cells.where(_with_neighbours(cells.counts, noticed, mechanism, beside))
            ends = [slice(1), slice(-1, None)]
    return cells


def _with_neighbours(counts: Counts, noticed: Mask, mechanism: NoisyHistogram, share: float) -> Mask:
    """What was noticed, and the cells in a row beside it without which it might not have been noticed there.

    People are noticed at a cell by those in the cells before it as well, or these are too few to be noticed alone.
    Noise passes for such a cell with probability `FALSE_NEIGHBOUR` at most, far less often beside many people: it
    must have that share of the noisy count of the cell at the end. Depends on noisy counts alone.
    """
    if not noticed.any():
        return noticed
    first, last = np.flatnonzero(noticed)[[0, -1]]
    at_end = np.where(np.arange(len(counts)) < first, counts[first], counts[last])
    least = np.maximum(mechanism.noise_bound(1, FALSE_NEIGHBOUR), share * at_end)
    return _connected(noticed | (counts > least), noticed)


def _connected(possible: Mask, certain: Mask) -> Mask:
    """Runs of what is possible that something certain is part of: noise alone rarely lies beside the real ends."""
    run = np.cumsum(np.diff(possible, prepend=False))
    return possible & np.isin(run, run[certain])


def _spread(cells: Cells, line: NumberLine, step: int, dtype: pa.DataType) -> ValueCounts:
    """Every cell's entities on numbers that lie evenly in it."""
    total = max(int(cells.counts.clip(0).sum()), 1)
    points: list[Any] = []
    counts: list[int] = []
    for start, bits, count in zip(cells.starts.tolist(), cells.bits.tolist(), cells.counts.tolist(), strict=True):
        if count <= 0:
            continue
        first, end = numbers_at(np.array([start, start + (1 << bits)], np.uint64)).tolist()
        some = line.points(first, end, step, min(count, -(-_MOST_POINTS * count // total)))
        points += some
        counts += [count * (place + 1) // len(some) - count * place // len(some) for place in range(len(some))]
    return noisy_counts(pa.array(points, dtype), np.array(counts, np.int64), 0)
