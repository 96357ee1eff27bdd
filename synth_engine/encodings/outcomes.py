"""What may come out where a column's value is asked for: values, or ranges of them.

Belongs here: how encodings tell what the codes of their first sub-column stand for. Does not belong here:
probabilities.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from synth_engine.encodings.base import Encoding


class Range(NamedTuple):
    """Numbers from `low` to `high`; the latter belongs to it only where `has_high` says so."""

    low: Any
    high: Any
    has_high: bool


def decoded(encoding: Encoding, codes: npt.NDArray[np.int32]) -> list[Any]:
    """Python values of codes of the first sub-column, the others being 0."""
    whole = np.zeros((len(codes), len(encoding.cardinalities)), np.int32)
    whole[:, 0] = codes
    values: list[Any] = encoding.decode(whole, np.random.default_rng(0)).to_pylist()
    return values
