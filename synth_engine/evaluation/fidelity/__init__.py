"""How like the training rows synthetic rows are, in seconds, and how like them other real rows are.

Belongs here: figures that are counted, without a model. Does not belong here: figures that need one, which are in
`synth_engine.evaluation.utility` and `synth_engine.evaluation.discriminator`; privacy; how a report looks.
"""

from synth_engine.evaluation.fidelity.counts import distances
from synth_engine.evaluation.fidelity.measure import measure_fidelity
from synth_engine.evaluation.fidelity.results import (
    ColumnFidelity,
    ConstraintFidelity,
    Correlations,
    Difference,
    Fidelity,
    MissingValues,
    PairFidelity,
    Rows,
    Score,
    SequenceFidelity,
    Shares,
)

__all__ = [
    "ColumnFidelity",
    "ConstraintFidelity",
    "Correlations",
    "Difference",
    "Fidelity",
    "MissingValues",
    "PairFidelity",
    "Rows",
    "Score",
    "SequenceFidelity",
    "Shares",
    "distances",
    "measure_fidelity",
]
