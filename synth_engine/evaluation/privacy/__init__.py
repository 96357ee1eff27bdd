"""Attacks on synthetic rows: what they tell of people because these were in the training data.

Every attack is made on training rows and, as its control, on held-out rows. Each is callable alone, on what `prepare`
makes of the three tables; `attack` makes them all. Results hold figures with intervals, and say in words what they mean
and do not mean. No result holds a value of a table.

Belongs here: attacks on what comes out. Does not belong here: mechanisms that protect (`synth_engine.privacy`),
thresholds, reports.
"""

from synth_engine.evaluation.privacy.closeness import Closeness, closeness
from synth_engine.evaluation.privacy.exposure import isolation_of, nearness_to
from synth_engine.evaluation.privacy.features import MAX_ROWS, Prepared, prepare
from synth_engine.evaluation.privacy.inference import AttributeInference, attribute_inference
from synth_engine.evaluation.privacy.least_epsilon import LeastEpsilon, least_epsilon, least_epsilon_of_guesses
from synth_engine.evaluation.privacy.linkability import Linkability, linkability
from synth_engine.evaluation.privacy.matches import Matches, MatchLevel, matches
from synth_engine.evaluation.privacy.membership import (
    Audit,
    Detection,
    Membership,
    MembershipAttack,
    all_scores,
    audit_of,
    classifier_scores,
    density_ratio_scores,
    distance_scores,
    membership,
)
from synth_engine.evaluation.privacy.results import LEVEL, Estimate, NotMeasured, Result, Risk, Share
from synth_engine.evaluation.privacy.singling_out import SinglingOut, singling_out
from synth_engine.evaluation.privacy.suite import PrivacyAttacks, attack

__all__ = [
    "LEVEL",
    "MAX_ROWS",
    "AttributeInference",
    "Audit",
    "Closeness",
    "Detection",
    "Estimate",
    "LeastEpsilon",
    "Linkability",
    "MatchLevel",
    "Matches",
    "Membership",
    "MembershipAttack",
    "NotMeasured",
    "Prepared",
    "PrivacyAttacks",
    "Result",
    "Risk",
    "Share",
    "SinglingOut",
    "all_scores",
    "attack",
    "attribute_inference",
    "audit_of",
    "classifier_scores",
    "closeness",
    "density_ratio_scores",
    "distance_scores",
    "isolation_of",
    "least_epsilon",
    "least_epsilon_of_guesses",
    "linkability",
    "matches",
    "membership",
    "nearness_to",
    "prepare",
    "singling_out",
]
