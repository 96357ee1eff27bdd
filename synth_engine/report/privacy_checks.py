"""The gate's questions about attacks: each looks at the result of one attack, judged by the end nearer to chance.

Belongs here: what each check looks at, and what it says. Does not belong here: limits, attacks, other checks (`gate`).
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from synth_engine.evaluation.privacy import (
    AttributeInference,
    Closeness,
    Detection,
    Linkability,
    Matches,
    MatchLevel,
    Membership,
    NotMeasured,
    Risk,
    SinglingOut,
)
from synth_engine.report.answers import MEMORISED, Said, interval, unknown
from synth_engine.report.limits import Check, Limits
from synth_engine.report.results import Report


class _Answer(NamedTuple):
    """See `Said`."""

    passed: bool
    measured: str
    says: str


def about_attack(check: Check, report: Report, limits: Limits) -> Said:
    """What a check says of the attack that has its name."""
    question = _QUESTIONS[check]
    limit = question.limit(limits)
    privacy = report.privacy
    answer: _Answer | NotMeasured
    if isinstance(privacy, NotMeasured):
        answer = privacy
    elif isinstance(found := getattr(privacy, check.value), NotMeasured):
        answer = found
    else:
        answer = question.ask(found, limits, f"{privacy.unit}s")
    if isinstance(answer, NotMeasured):
        return unknown(answer.not_measured, limit)
    return Said(answer.passed, answer.measured, limit, answer.says)


def epsilon_bound(report: Report, limits: Limits) -> Said:
    """Whether attacks show more than is claimed."""
    claimed = report.protection.epsilon
    if claimed is None:
        return Said(True, "–", "none claimed", "No differential privacy is claimed, so nothing can be disproved.")
    limit = f"at most the claimed {claimed:.3g}"
    found = report.privacy if isinstance(report.privacy, NotMeasured) else report.privacy.least_epsilon
    if isinstance(found, NotMeasured):
        return unknown(found.not_measured, limit)
    passed = found.at_least <= claimed
    says = "Attacks show no more than the claim allows." if passed else "The claim is disproved: report this as a bug."
    return Said(passed, f"at least {found.at_least:.3g}", limit, says)


def epsilon_budget(report: Report, limits: Limits) -> Said:
    """Whether what was spent is within the budget."""
    spent = report.protection.epsilon
    measured = "no bound" if spent is None else f"{spent:.3g}"
    if limits.epsilon is None:
        return Said(True, measured, "no budget", "No budget is set.")
    passed = spent is not None and spent <= limits.epsilon
    cure = "; statistics and training both need differential privacy" if spent is None else "; spend less"
    says = "Within the budget." if passed else f"What was spent is not within the budget{cure}."
    return Said(passed, measured, f"up to {limits.epsilon:g}", says)


def _matches(found: Matches, limits: Limits, units: str) -> _Answer:
    kinds = {"exact": found.exact, "isolated": found.isolated, "all but one column": found.all_but_one}
    levels = {name: level for name, level in kinds.items() if not isinstance(level, NotMeasured)}
    name, worst = min(levels.items(), key=lambda pair: (_is_tolerated(pair[1], limits), pair[1].p_value))
    passed = _is_tolerated(worst, limits)
    seen = f"{worst.training.value:.2%} of training {units} are among the synthetic ones, of held-out ones"
    says = f"{seen} {worst.holdout.value:.2%} ({name} matches, p {worst.p_value:.2g})"
    cure = "" if passed else "; training rows were copied: protect values, train shorter or with differential privacy"
    return _Answer(passed, f"{worst.training.hits:,} against {worst.holdout.hits:,}", f"{says}{cure}.")


def _is_tolerated(level: MatchLevel, limits: Limits) -> bool:
    is_chance = level.p_value > limits.matches_p_value
    return is_chance or level.excess.lower <= limits.matches_excess * level.holdout.value


def _closeness(found: Closeness, limits: Limits, units: str) -> _Answer:
    share = found.share_closer_to_training
    passed = share.lower <= limits.closeness
    says = f"{share.value:.1%} of synthetic {units} are closer to a training than to a held-out one"
    return _Answer(passed, interval(share.value, share.lower, share.upper), says + ("." if passed else MEMORISED))


def _membership(found: Membership, limits: Limits, units: str) -> _Answer:
    attacks = {"by distance": found.distance, "by density": found.density_ratio, "by classifier": found.classifier}
    beyond = [leak for name, attack in attacks.items() for leak in _beyond(name, attack, limits)]
    auc = found.worst.auc
    says = "Of three attacks none tells members from others by more than is tolerated."
    if beyond:
        says = f"Attackers can tell who was in the training data: {'; '.join(beyond)}{MEMORISED}"
    return _Answer(not beyond, f"AUC {interval(auc.value, auc.lower, auc.upper)}", says)


def _beyond(name: str, attack: Any, limits: Limits) -> Iterator[str]:
    """Figures of a membership attack that are beyond their limits."""
    if attack.auc.lower > limits.membership_auc:
        yield f"AUC {attack.auc.value:.3f} {name}"
    for rate, detection, most in (
        ("1 %", attack.at_1_percent, limits.membership_at_1_percent),
        ("0.1 %", attack.at_01_percent, limits.membership_at_01_percent),
    ):
        if isinstance(detection, Detection) and detection.members.lower > most:
            yield f"{detection.members.value:.1%} found at {rate} false accusations {name}"


def _attribute_inference(found: AttributeInference, limits: Limits, units: str) -> _Answer:
    risk = found.highest_risk
    passed = risk.lower <= limits.attribute_inference
    cure = "." if passed else f", whose values can be read off the synthetic rows{MEMORISED}"
    return _Answer(passed, interval(risk.value, risk.lower, risk.upper), f"Most at risk is {found.highest!r}{cure}")


def _singling_out(found: SinglingOut, limits: Limits, units: str) -> _Answer | NotMeasured:
    kinds = {"one column": found.univariate, "several columns": found.multivariate}
    return _of_risks(kinds, limits.singling_out, "Descriptions taken from synthetic rows fit single people")


def _linkability(found: Linkability, limits: Limits, units: str) -> _Answer | NotMeasured:
    return _of_risks({"two halves": found.link}, limits.linkability, "Two files of the same people can be joined")


def _of_risks(kinds: dict[str, Any], most: float, leak: str) -> _Answer | NotMeasured:
    risks = {name: risk for name, risk in kinds.items() if isinstance(risk, Risk)}
    if not risks:
        return NotMeasured(not_measured="; ".join(risk.not_measured for risk in kinds.values()))
    name, worst = max(risks.items(), key=lambda pair: pair[1].risk.lower)
    passed = worst.risk.lower <= most
    weak = " The attack is weak here: it does no better than guessing." if worst.is_weak else ""
    says = f"No more than for people who were not there.{weak}" if passed else f"{leak} ({name}){MEMORISED}"
    return _Answer(passed, interval(worst.risk.value, worst.risk.lower, worst.risk.upper), says)


class _Question(NamedTuple):
    ask: Callable[[Any, Limits, str], _Answer | NotMeasured]
    limit: Callable[[Limits], str]


_QUESTIONS = {
    Check.MATCHES: _Question(
        _matches,
        lambda limits: (
            f"{limits.matches_excess:.0%} more than of held-out rows, or by chance (p above {limits.matches_p_value:g})"
        ),
    ),
    Check.CLOSENESS: _Question(_closeness, lambda limits: f"share up to {limits.closeness:.3g}"),
    Check.MEMBERSHIP: _Question(
        _membership,
        lambda limits: (
            f"AUC up to {limits.membership_auc:g}, {limits.membership_at_1_percent:.1%} found at 1 % false, "
            f"{limits.membership_at_01_percent:.1%} at 0.1 %"
        ),
    ),
    Check.ATTRIBUTE_INFERENCE: _Question(
        _attribute_inference, lambda limits: f"risk up to {limits.attribute_inference:g}"
    ),
    Check.SINGLING_OUT: _Question(_singling_out, lambda limits: f"risk up to {limits.singling_out:g}"),
    Check.LINKABILITY: _Question(_linkability, lambda limits: f"risk up to {limits.linkability:g}"),
}
ATTACKS = tuple(_QUESTIONS)
"""Checks that `about_attack` answers."""
