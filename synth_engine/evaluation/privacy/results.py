"""What attacks report: figures with intervals, what they rest on, and what they mean in plain words.

Belongs here: what results have in common. Does not belong here: how figures are found; thresholds, which whoever
publishes sets. No result holds a value of a table: figures and names of columns only.
"""

from pydantic import BaseModel, ConfigDict

LEVEL = 0.95
"""Confidence level of all intervals: of twenty intervals where nothing leaks, one leaves out the truth by chance."""


class Result(BaseModel):
    """Base of all results: frozen, no unknown fields, no NaN, so that it survives JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class NotMeasured(Result):
    """In place of a result: why there is none. It is neither good news nor bad."""

    not_measured: str


class Estimate(Result):
    """A figure with its two-sided interval."""

    value: float
    lower: float
    upper: float
    level: float = LEVEL


class Share(Estimate):
    """A share of units (rows or subjects), with Clopper and Pearson's exact interval."""

    hits: int
    units: int


class Risk(Result):
    """What an attack gains from rows having been in training: ``(attack - control) / (1 - control)``.

    The same attack is made on units that were in training, and on held-out units, where it can only use what is true of
    the whole population (Giomi et al., "A unified framework for quantifying privacy risk in synthetic data", PoPETs
    2023). `is_weak` says that the attack does no better than the baseline, an attacker who guesses: then a low risk
    says nothing, for a better attack might do better.
    """

    attack: Share
    control: Share
    baseline: float
    risk: Estimate
    is_weak: bool
