"""What may come out where a column's value is asked for: values, or ranges of them.

Belongs here: how encodings tell what the codes of their first sub-column stand for. Does not belong here:
probabilities.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

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
    return in_python(encoding.decode(whole, np.random.default_rng(0)))


def in_python(values: pa.Array) -> list[Any]:
    """Values as Python has them; of times of day that have nanoseconds these are cut off, as Python has none."""
    if values.type == pa.time64("ns"):
        values = values.cast(pa.time64("us"), safe=False)
    found: list[Any] = values.to_pylist()
    return found
