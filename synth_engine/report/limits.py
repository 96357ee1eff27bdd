"""What is tolerated: limits of every figure, and what follows where one is passed.

Belongs here: checks by name, their limits with defaults and reasons. Does not belong here: comparing (`gate`).
"""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Severity = Literal["block", "warn", "ignore"]
"""What a failed check means: nothing is published; it is told; nothing."""


class Check(StrEnum):
    """Questions that the gate asks."""

    SCHEMA = "schema"
    CONSTRAINTS = "constraints"
    MATCHES = "matches"
    CLOSENESS = "closeness"
    MEMBERSHIP = "membership"
    ATTRIBUTE_INFERENCE = "attribute_inference"
    SINGLING_OUT = "singling_out"
    LINKABILITY = "linkability"
    EPSILON_BOUND = "epsilon_bound"
    EPSILON_BUDGET = "epsilon_budget"
    ACCURACY = "accuracy"
    DISCRIMINATOR = "discriminator"
    UTILITY = "utility"

    @property
    def group(self) -> Literal["schema", "privacy", "fidelity"]:
        """What it is about."""
        return _GROUPS.get(self, "privacy")

    @property
    def about(self) -> str:
        """What is so where it passes, in one sentence."""
        return _ABOUT[self]


_GROUPS: dict[Check, Literal["schema", "fidelity"]] = {
    Check.SCHEMA: "schema",
    Check.CONSTRAINTS: "schema",
    Check.ACCURACY: "fidelity",
    Check.DISCRIMINATOR: "fidelity",
    Check.UTILITY: "fidelity",
}
_ABOUT = {
    Check.SCHEMA: "Names, order and types of the columns are those of the original.",
    Check.CONSTRAINTS: "All rows keep the constraints that they were made with.",
    Check.MATCHES: "No more training rows than held-out rows are among the synthetic ones.",
    Check.CLOSENESS: "Synthetic rows are not closer to training than to held-out rows.",
    Check.MEMBERSHIP: "Attackers cannot tell who was in the training data.",
    Check.ATTRIBUTE_INFERENCE: "Attackers cannot infer values of people because these were in the training data.",
    Check.SINGLING_OUT: "Descriptions taken from synthetic rows do not fit single people of the training data.",
    Check.LINKABILITY: "Synthetic rows do not help to join files about the same people.",
    Check.EPSILON_BOUND: "What attacks show does not disprove the differential privacy that is claimed.",
    Check.EPSILON_BUDGET: "What was spent of people's privacy is within the budget.",
    Check.ACCURACY: "Distributions are as near to the original's as those of held-out rows, but for a margin.",
    Check.DISCRIMINATOR: "A judge can hardly tell synthetic from real rows.",
    Check.UTILITY: "Models trained on synthetic rows are nearly as good as those trained on real ones.",
}
CHECKS = tuple(Check)
"""All checks, in the order in which they are told."""


class Limits(BaseModel):
    """Limits of the gate.

    Attacks are judged by the end of their 95 % interval that is nearer to "nothing leaks": a failure means that the
    data show a leak beyond what is tolerated, not that they cannot exclude one. So an honest sample of new people is
    refused by less than one check in forty, each; how small a leak could have been seen is the width of the interval,
    which the report shows. An attack for which there were too few rows counts as failed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    broken_constraints: float = Field(0.0, ge=0, le=1)
    """Share of rows that may break a constraint."""
    matches_p_value: float = Field(0.001, gt=0, lt=1)
    """Matches with training rows are refused if so many more of them than of held-out rows occur by chance as rarely as
    this; of three kinds of matches, each."""
    matches_excess: float = Field(0.1, ge=0)
    """How many more matches with training rows there may be, as a share of those with held-out rows, by the lower end
    of the interval of the difference. Where held-out rows have none, as rows are long, none are tolerated; where many
    match by chance, a hundred thousand rows would show differences that mean nothing."""
    closeness: float = Field(0.55, ge=0.5, le=1)
    """Share of synthetic rows closer to training than to held-out rows; 0.5 is chance."""
    membership_auc: float = Field(0.55, ge=0.5, le=1)
    """AUC of each membership attack; 0.5 is guessing."""
    membership_at_1_percent: float = Field(0.03, ge=0, le=1)
    """Members found with 1 % of others accused wrongly; 0.01 is guessing."""
    membership_at_01_percent: float = Field(0.01, ge=0, le=1)
    """Members found with 0.1 % of others accused wrongly; 0.001 is guessing."""
    attribute_inference: float = Field(0.1, ge=0, le=1)
    """Risk of the column that is at most risk: what an attacker gains, of what could be gained."""
    singling_out: float = Field(0.1, ge=0, le=1)
    """Risk of descriptions that fit one person; of one column, and of several."""
    linkability: float = Field(0.1, ge=0, le=1)
    """Risk of two files being joined."""
    epsilon: float | None = Field(None, gt=0)
    """Budget: what statistics and trainings may come to. None asks for no differential privacy."""
    accuracy_margin: float = Field(0.02, ge=0, le=1)
    """How far the accuracy may be below its ceiling, that of held-out rows."""
    discriminator_auc: float = Field(0.7, ge=0.5, le=1)
    """AUC of the judge who tells synthetic from held-out rows; lower end of its interval."""
    utility_margin: float = Field(0.1, ge=0, le=1)
    """How much worse models trained on synthetic rows may be at a target than those trained on real ones, by AUC,
    accuracy or R², whichever the target has; lower end of its interval."""
    severities: dict[Check, Severity] = Field(default_factory=dict)
    """What a failed check means, where it is not the default: schema and privacy block, fidelity warns."""

    def severity(self, check: Check) -> Severity:
        """What the failure of a check means."""
        return self.severities.get(check, "warn" if check.group == "fidelity" else "block")
