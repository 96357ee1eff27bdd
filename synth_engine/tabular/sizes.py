"""Sizes of the network, computed in this one place from the identifier, the columns and the number of rows."""

import math
from dataclasses import dataclass

from synth_engine.domain import InputError

IDENTIFIERS = {"MOSTLY_AI/Small": 32, "MOSTLY_AI/Medium": 64, "MOSTLY_AI/Large": 128}
DEFAULT = "MOSTLY_AI/Medium"


@dataclass(frozen=True)
class Sizes:
    """Embedding size, hidden units and residual layers per sub-column, and the share of units dropped in training."""

    embedding: int
    hidden: int
    n_residual: int = 1
    dropout: float = 0.1


# Weights of the first layer at most: they grow with the square of the number of sub-columns.
MAX_FIRST_LAYER = 16_000_000
EMBEDDING = 16


def check_identifier(identifier: str | None) -> str:
    """The identifier of a model, None being the default; raises `InputError` for unknown ones."""
    name = DEFAULT if identifier is None else identifier
    if name not in IDENTIFIERS:
        raise InputError(f"model: expected one of {', '.join(IDENTIFIERS)}, found {name!r}")
    return name


def sizes_for(identifier: str | None, n_sub_columns: int) -> Sizes:
    """Sizes for a model identifier and a table; the wider the table, the narrower its blocks.

    >>> sizes_for(None, 16)
    Sizes(embedding=16, hidden=64, n_residual=1, dropout=0.1)
    >>> sizes_for(None, 500)
    Sizes(embedding=4, hidden=16, n_residual=1, dropout=0.1)
    """
    hidden = IDENTIFIERS[check_identifier(identifier)]
    affordable = MAX_FIRST_LAYER / max(n_sub_columns, 1) ** 2
    shrink = min(1.0, math.sqrt(affordable / (EMBEDDING * hidden)))
    return Sizes(embedding=max(4, round(EMBEDDING * shrink)), hidden=max(8, round(hidden * shrink)))
