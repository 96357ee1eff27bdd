"""Value protection: which values of single people may leave the analysis, and which may not.

Belongs here: thresholds, protected bounds, noise mechanisms, budgets, spent-privacy events. Does not belong here: how
columns are coded.
"""

from synth_engine.privacy.budget import Budget, Spend, TableBudget
from synth_engine.privacy.mechanisms import RARELY, UNLIKELY, NoisyHistogram, OpenHistogram, StableHistogram
from synth_engine.privacy.noise import NoiseSource, discrete_laplace, secure_source, seeded_source, standard_deviation
from synth_engine.privacy.protection import ENOUGH_ENTITIES, MINIMUM_ENTITIES, RANDOM_EXTRA, ValueProtection
from synth_engine.privacy.rounding import roundest

__all__ = [
    "ENOUGH_ENTITIES",
    "MINIMUM_ENTITIES",
    "RANDOM_EXTRA",
    "RARELY",
    "UNLIKELY",
    "Budget",
    "NoiseSource",
    "NoisyHistogram",
    "OpenHistogram",
    "Spend",
    "StableHistogram",
    "TableBudget",
    "ValueProtection",
    "discrete_laplace",
    "roundest",
    "secure_source",
    "seeded_source",
    "standard_deviation",
]
