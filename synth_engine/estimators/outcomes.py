"""The outcomes of a column that `predict_proba` tells the probabilities of, and their labels."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from synth_engine.domain import InputError, RareCategoryReplacementMethod
from synth_engine.encodings import Encoding
from synth_engine.encodings.meanings import Reserved
from synth_engine.encodings.outcomes import Range

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What may come out for one column.

    Args:
        labels: All different: values, `pd.Interval`, and at the end the rare token and None for null.
        allowed: The codes of each sub-column that generation may draw.
        outcome_of_code: Index of the label of each allowed code of the first sub-column.
    """

    labels: list[Any]
    allowed: list[Indices]
    outcome_of_code: Indices

    @classmethod
    def of(cls, name: str, encoding: Encoding, method: RareCategoryReplacementMethod) -> Self:
        """The outcomes of a column; raises `InputError` naming it where its encoding tells none."""
        told = encoding.outcomes()
        if told is None:
            raise InputError(
                f"target: column {name!r} has encoding {encoding.type}, whose values are told piece by piece, so that "
                "there is no list of outcomes; use predict or sample for it"
            )
        never = encoding.never_drawn(method)
        allowed = [np.setdiff1d(np.arange(n), never.get(part, [])) for part, n in encoding.cardinalities.items()]
        first = next(iter(encoding.cardinalities))
        is_reserved = [isinstance(label, Reserved) for label in encoding.meanings()[first].labels]
        order = sorted(allowed[0].tolist(), key=lambda code: (is_reserved[code], code))
        place: dict[Any, int] = {}  # codes of one label are one outcome: a category may be called like the rare token
        for code in order:
            place.setdefault(_label(told[code]), len(place))
        codes = [place[_label(told[code])] for code in allowed[0].tolist()]
        return cls(list(place), allowed, np.array(codes, np.int64))


def as_columns(outcomes: Sequence[Outcomes], names: Sequence[str]) -> pd.Index:
    """Labels as columns of a frame: of several targets, all their combinations."""
    levels = [pd.Index(told.labels, dtype=object, name=name) for told, name in zip(outcomes, names, strict=True)]
    columns: pd.Index = levels[0] if len(levels) == 1 else pd.MultiIndex.from_product(levels)
    return columns


def _label(outcome: Any) -> Any:
    if not isinstance(outcome, Range):
        return outcome
    low, high = _endpoint(outcome.low), _endpoint(outcome.high)
    return pd.Interval(low, high, closed="both" if outcome.has_high else "left")


def _endpoint(value: Any) -> Any:
    """What pandas takes for the end of an interval; a time of day as what has passed since midnight."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime.time):
        return pd.Timedelta(
            hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond
        )
    return pd.Timedelta(value) if isinstance(value, datetime.timedelta) else value
