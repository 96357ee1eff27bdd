"""Value protection: which values of single people may leave the analysis, and which may not.

Belongs here: thresholds, protected bounds, noise mechanisms, spent-privacy events. Does not belong here: how columns
are coded.
"""

from synth_engine.privacy.protection import ENOUGH_ENTITIES, MINIMUM_ENTITIES, RANDOM_EXTRA, ValueProtection
from synth_engine.privacy.rounding import roundest

__all__ = ["ENOUGH_ENTITIES", "MINIMUM_ENTITIES", "RANDOM_EXTRA", "ValueProtection", "roundest"]
