"""A few honest figures on how like the original a synthetic table is, in about a second, for the asset's page.

The counting is the engine's, see `synth_engine.evaluation.fidelity`. The synthetic rows are compared with validation
rows, which no model has seen; how near the training rows themselves come to these is the ceiling, since samples of one
distribution differ too.
Belongs here: which figures are shown, and the shape in which records keep them. Does not belong here: counting.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from synth_engine.evaluation.classes import CodedColumns, Kind, code_columns
from synth_engine.evaluation.columns import comparable
from synth_engine.evaluation.fidelity import distances

# More rows than this do not change the figures, more columns than this make too many pairs.
MAX_ROWS = 50_000
MAX_PAIRED_COLUMNS = 100


class Accuracy(BaseModel):
    """One minus the total variation distance, from 0 to 1: of the synthetic rows, and the ceiling."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    synthetic: float
    ceiling: float


class Fidelity(BaseModel):
    """Mean accuracy over columns (`univariate`) and pairs of columns (`bivariate`, None if there is no pair)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    univariate: Accuracy | None
    bivariate: Accuracy | None
    columns: dict[str, Accuracy]
    left_out: list[str]
    compared_rows: int
    validation_rows: int


def measure_fidelity(
    synthetic: pa.Table, training: pa.Table, validation: pa.Table, *, keys: Iterable[str] = ()
) -> Fidelity | None:
    """Compare tables of the same columns; None where one of them has no row.

    As many synthetic as training rows are compared, so that neither has an advantage by its size.

    Args:
        synthetic: Synthetic rows, in random order.
        training: Rows that the model was trained on, in random order.
        validation: Rows held out, in random order.
        keys: Columns to leave out.

    Raises:
        InputError: columns that do not fit each other.
    """
    n_rows = min(synthetic.num_rows, training.num_rows, MAX_ROWS)
    if n_rows == 0 or validation.num_rows == 0:
        return None
    tables = {
        "training": training.slice(0, n_rows),
        "synthetic": synthetic.slice(0, n_rows),
        "validation": validation.slice(0, MAX_ROWS),
    }
    coded = code_columns(comparable(tables, keys), "training")
    kept = [place for place, kind in enumerate(coded.kinds) if kind is not Kind.TEXT]
    columns = {coded.names[place]: _accuracy(coded, [(place,)]) for place in kept}
    pairs = list(combinations(kept[:MAX_PAIRED_COLUMNS], 2))
    return Fidelity(
        univariate=_mean(list(columns.values())) if columns else None,
        bivariate=_accuracy(coded, pairs) if pairs else None,
        columns=columns,
        left_out=[name for name in training.column_names if name not in columns and name not in set(keys)],
        compared_rows=n_rows,
        validation_rows=tables["validation"].num_rows,
    )


def _accuracy(coded: CodedColumns, choices: Sequence[Sequence[int]]) -> Accuracy:
    """Mean over choices of columns."""
    return Accuracy(
        synthetic=1 - float(distances(coded, "synthetic", "validation", choices).mean()),
        ceiling=1 - float(distances(coded, "training", "validation", choices).mean()),
    )


def _mean(accuracies: list[Accuracy]) -> Accuracy:
    return Accuracy(
        synthetic=float(np.mean([accuracy.synthetic for accuracy in accuracies])),
        ceiling=float(np.mean([accuracy.ceiling for accuracy in accuracies])),
    )
