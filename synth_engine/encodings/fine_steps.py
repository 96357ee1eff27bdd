"""Steps inside steps, down to the single place: digits of what is left of a row or a column of a cell. Knows no cells.

A cell is cut into `STEPS` steps by row and by column. Where places must come back exactly, each step is cut into as
many again, and so on; the last time into as many parts as are left. Belongs here: numbers as digits, and back.
"""

import numpy as np
import numpy.typing as npt

from synth_engine.encodings.quad_tree import POSITION_LEVELS, Morton

Digits = npt.NDArray[np.int32]
Levels = npt.NDArray[np.int64]


def n_digits(level: int) -> int:
    """How many digits behind the step a cell of 2**level by 2**level ticks needs.

    >>> [n_digits(level) for level in (0, 4, 5, 8, 9)]
    [0, 0, 1, 1, 2]
    """
    return -(-max(level - POSITION_LEVELS, 0) // POSITION_LEVELS)


def to_digits(rests: Morton, levels: Levels, width: int) -> Digits:
    """The digits of each number, the first one first, of shape (numbers, width); -1 behind the last one.

    Args:
        rests: Ticks from the beginning of the step, below ``2**level / STEPS``.
        levels: Level of the cell of each.
        width: Number of digits of the largest cell.
    """
    shifts, sizes = _places(levels, width)
    digits = (rests[:, None] >> shifts) % sizes
    return np.where(sizes > 1, digits.astype(np.int32), -1)


def from_digits(digits: Digits, levels: Levels) -> tuple[Morton, npt.NDArray[np.bool_]]:
    """The inverse of `to_digits`, and which numbers have all their digits. Digits too large begin anew."""
    shifts, sizes = _places(levels, digits.shape[1])
    known = np.where(digits < 0, 0, digits).astype(np.uint64)
    return ((known % sizes) << shifts).sum(axis=1, dtype=np.uint64), ((digits >= 0) | (sizes == 1)).all(axis=1)


def _places(levels: Levels, width: int) -> tuple[Morton, Morton]:
    """By how many bits each digit is shifted, and how many values it has: one where a cell has no such digit."""
    left = levels[:, None] - POSITION_LEVELS * np.arange(1, width + 1)
    sizes = np.uint64(1) << np.clip(left, 0, POSITION_LEVELS).astype(np.uint64)
    return np.maximum(left - POSITION_LEVELS, 0).astype(np.uint64), sizes
