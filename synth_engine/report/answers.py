"""What checks have in common: the shape of an answer, and how unknown and intervals are told.

Belongs here: words that checks of several groups use. Does not belong here: checks.
"""

from typing import NamedTuple

MEMORISED = ": the model has memorised; train it shorter, smaller, or with differential privacy."


class Said(NamedTuple):
    """What a check answers; see `Finding`."""

    passed: bool
    measured: str
    limit: str
    says: str


def unknown(why: str, limit: str) -> Said:
    """The answer where nothing was measured: the more private reading of not knowing."""
    text = why.strip()
    sentence = text[:1].upper() + text[1:] + ("" if text.endswith((".", "!")) else ".")
    return Said(
        False, "not measured", limit, f"{sentence} Unknown counts as failed; give the model and the check more rows."
    )


def interval(value: float, lower: float, upper: float) -> str:
    """A figure with its interval.

    >>> interval(0.5, 0.4567, 0.6)
    '0.500 [0.457, 0.600]'
    """
    return f"{value:.3f} [{lower:.3f}, {upper:.3f}]"
