"""The gate: limits applied to a report. Pure: the same report and limits give the same verdict.

Belongs here: what each check looks at, and what it says. Does not belong here: the limits themselves, publishing.
"""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from synth_engine.evaluation.privacy import Detection, MatchLevel, Membership, MembershipAttack, NotMeasured, Risk
from synth_engine.report.limits import CHECKS, Check, Limits, Severity
from synth_engine.report.results import NotDone, Part, Report


class Finding(Part):
    """What one check found.

    Args:
        check: Which.
        group: What it is about.
        passed: Whether what was found is tolerated.
        severity: What it means if not.
        measured: The figure, in words.
        limit: What is tolerated, in words.
        says: One sentence: what it means and, where it failed, what to do.
    """

    check: Check
    group: Literal["schema", "privacy", "fidelity"]
    passed: bool
    severity: Severity
    measured: str
    limit: str
    says: str

    @property
    def blocks(self) -> bool:
        """Whether nothing may be published because of it."""
        return not self.passed and self.severity == "block"


class Verdict(Part):
    """All findings. `passed` says that none of them blocks."""

    findings: list[Finding]

    @property
    def passed(self) -> bool:
        """Whether the synthetic rows may be published."""
        return not self.blocking

    @property
    def blocking(self) -> list[Finding]:
        """Why they may not."""
        return [finding for finding in self.findings if finding.blocks]

    @property
    def warnings(self) -> list[Finding]:
        """What is told, and does not block."""
        return [finding for finding in self.findings if not finding.passed and finding.severity == "warn"]


def judge(report: Report, limits: Limits | None = None) -> Verdict:
    """Apply limits to a report; None is the defaults. Checks whose severity is ``ignore`` are left out."""
    limits = limits or Limits()
    findings = []
    for check in CHECKS:
        severity = limits.severity(check)
        if severity != "ignore":
            said = _ASKED[check](report, limits)
            findings.append(Finding(check=check, group=check.group, severity=severity, **said._asdict()))
    return Verdict(findings=findings)


class _Said(NamedTuple):
    """What a check answers; see `Finding`."""

    passed: bool
    measured: str
    limit: str
    says: str


def _unknown(why: str, limit: str, *, what_to_do: str = "give the model and the check more rows") -> _Said:
    return _Said(False, "not measured", limit, f"{_sentence(why)} Unknown counts as failed; {what_to_do}.")


def _sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!")) else ".")


def _schema(report: Report, limits: Limits) -> _Said:
    problems = report.schema_problems
    says = "Names, order and types of the columns are those of the original." if not problems else "; ".join(problems)
    return _Said(not problems, f"{len(problems)} differences", "none", says)


def _constraints(report: Report, limits: Limits) -> _Said:
    limit = f"{limits.broken_constraints:.2%} of rows"
    if isinstance(report.fidelity, NotDone):
        return _unknown(report.fidelity.not_done, limit)
    asked = report.fidelity.constraints
    if not asked:
        return _Said(True, "no constraint", limit, "No constraint was asked for.")
    worst = max(asked, key=lambda each: each.share)
    passed = worst.share <= limits.broken_constraints
    says = f"{worst.type} of {', '.join(worst.columns)} is broken by {worst.broken.synthetic:,} synthetic rows"
    return _Said(
        passed,
        f"{worst.share:.2%} of rows",
        limit,
        "All rows keep all constraints." if not worst.broken.synthetic else f"{says}; generate them with it.",
    )


def _matches(report: Report, limits: Limits) -> _Said:
    limit = f"{limits.matches_excess:.0%} more than of held-out rows, or by chance (p above {limits.matches_p_value:g})"
    if isinstance(report.privacy, NotDone):
        return _unknown(report.privacy.not_done, limit)
    found = report.privacy.matches
    if isinstance(found, NotMeasured):
        return _unknown(found.not_measured, limit)
    kinds = {"exact": found.exact, "isolated": found.isolated, "all but one column": found.all_but_one}
    levels = {name: level for name, level in kinds.items() if not isinstance(level, NotMeasured)}
    name, worst = min(levels.items(), key=lambda pair: (_is_tolerated(pair[1], limits), pair[1].p_value))
    passed = _is_tolerated(worst, limits)
    unit = f"{report.privacy.unit}s"
    seen = f"{worst.training.value:.2%} of training {unit} are among the synthetic ones, of held-out ones"
    says = f"{seen} {worst.holdout.value:.2%} ({name} matches, p {worst.p_value:.2g})"
    cure = "" if passed else "; training rows were copied: protect values, train shorter or with differential privacy"
    return _Said(passed, f"{worst.training.hits:,} against {worst.holdout.hits:,}", limit, f"{says}{cure}.")


def _is_tolerated(level: MatchLevel, limits: Limits) -> bool:
    is_chance = level.p_value > limits.matches_p_value
    return is_chance or level.excess.lower <= limits.matches_excess * level.holdout.value


def _closeness(report: Report, limits: Limits) -> _Said:
    limit = f"share up to {limits.closeness:.3g}"
    if isinstance(report.privacy, NotDone):
        return _unknown(report.privacy.not_done, limit)
    found = report.privacy.closeness
    if isinstance(found, NotMeasured):
        return _unknown(found.not_measured, limit)
    share = found.share_closer_to_training
    passed = share.lower <= limits.closeness
    says = f"{share.value:.1%} of synthetic {report.privacy.unit}s are closer to a training than to a held-out one"
    return _Said(
        passed, _interval(share.value, share.lower, share.upper), limit, says + (_MEMORISED if not passed else ".")
    )


_MEMORISED = ": the model has memorised; train it shorter, smaller, or with differential privacy."


def _membership(report: Report, limits: Limits) -> _Said:
    limit = (
        f"AUC up to {limits.membership_auc:g}, {limits.membership_at_1_percent:.1%} found at 1 % false, "
        f"{limits.membership_at_01_percent:.1%} at 0.1 %"
    )
    if isinstance(report.privacy, NotDone):
        return _unknown(report.privacy.not_done, limit)
    found = report.privacy.membership
    if isinstance(found, NotMeasured):
        return _unknown(found.not_measured, limit)
    passed_limits = list(_passed_limits(found, limits))
    worst = max((found.distance, found.density_ratio, found.classifier), key=lambda attack: attack.auc.lower)
    measured = f"AUC {_interval(worst.auc.value, worst.auc.lower, worst.auc.upper)}"
    says = "Of three attacks none tells members from others by more than is tolerated."
    if passed_limits:
        says = f"Attackers can tell who was in the training data: {'; '.join(passed_limits)}{_MEMORISED}"
    return _Said(not passed_limits, measured, limit, says)


def _passed_limits(found: Membership, limits: Limits) -> Iterator[str]:
    attacks: dict[str, MembershipAttack] = {
        "by distance": found.distance,
        "by density": found.density_ratio,
        "by classifier": found.classifier,
    }
    for name, attack in attacks.items():
        if attack.auc.lower > limits.membership_auc:
            yield f"AUC {attack.auc.value:.3f} {name}"
        for rate, detection, most in (
            ("1 %", attack.at_1_percent, limits.membership_at_1_percent),
            ("0.1 %", attack.at_01_percent, limits.membership_at_01_percent),
        ):
            if isinstance(detection, Detection) and detection.members.lower > most:
                yield f"{detection.members.value:.1%} found at {rate} false accusations {name}"


def _attribute_inference(report: Report, limits: Limits) -> _Said:
    limit = f"risk up to {limits.attribute_inference:g}"
    if isinstance(report.privacy, NotDone):
        return _unknown(report.privacy.not_done, limit)
    found = report.privacy.attribute_inference
    if isinstance(found, NotMeasured):
        return _unknown(found.not_measured, limit)
    risk = found.highest_risk
    passed = risk.lower <= limits.attribute_inference
    says = f"Most at risk is {found.highest!r}"
    cure = "." if passed else f", whose values can be read off the synthetic rows{_MEMORISED}"
    return _Said(passed, _interval(risk.value, risk.lower, risk.upper), limit, says + cure)


def _singling_out(report: Report, limits: Limits) -> _Said:
    limit = f"risk up to {limits.singling_out:g}"
    if isinstance(report.privacy, NotDone):
        return _unknown(report.privacy.not_done, limit)
    found = report.privacy.singling_out
    if isinstance(found, NotMeasured):
        return _unknown(found.not_measured, limit)
    kinds = {"one column": found.univariate, "several columns": found.multivariate}
    return _of_risks(kinds, limit, limits.singling_out, "Descriptions taken from synthetic rows fit single people")


def _linkability(report: Report, limits: Limits) -> _Said:
    limit = f"risk up to {limits.linkability:g}"
    if isinstance(report.privacy, NotDone):
        return _unknown(report.privacy.not_done, limit)
    found = report.privacy.linkability
    if isinstance(found, NotMeasured):
        return _unknown(found.not_measured, limit)
    return _of_risks(
        {"two halves": found.link}, limit, limits.linkability, "Two files of the same people can be joined"
    )


def _of_risks(kinds: dict[str, Risk | NotMeasured], limit: str, most: float, leak: str) -> _Said:
    risks = {name: risk for name, risk in kinds.items() if not isinstance(risk, NotMeasured)}
    if not risks:
        return _unknown("; ".join(risk.not_measured for risk in kinds.values() if isinstance(risk, NotMeasured)), limit)
    name, worst = max(risks.items(), key=lambda pair: pair[1].risk.lower)
    passed = worst.risk.lower <= most
    weak = " The attack is weak here: it does no better than guessing." if worst.is_weak else ""
    says = f"{leak} ({name}){_MEMORISED}" if not passed else f"No more than for people who were not there.{weak}"
    return _Said(passed, _interval(worst.risk.value, worst.risk.lower, worst.risk.upper), limit, says)


def _epsilon_bound(report: Report, limits: Limits) -> _Said:
    claimed = report.protection.epsilon
    limit = "none claimed" if claimed is None else f"at most the claimed {claimed:.3g}"
    if claimed is None:
        return _Said(True, "–", limit, "No differential privacy is claimed, so nothing can be disproved.")
    if isinstance(report.privacy, NotDone):
        return _unknown(report.privacy.not_done, limit)
    found = report.privacy.least_epsilon
    if isinstance(found, NotMeasured):
        return _unknown(found.not_measured, limit)
    passed = found.at_least <= claimed
    says = "Attacks show no more than the claim allows." if passed else "The claim is disproved: report this as a bug."
    return _Said(passed, f"at least {found.at_least:.3g}", limit, says)


def _epsilon_budget(report: Report, limits: Limits) -> _Said:
    spent = report.protection.epsilon
    measured = "no bound" if spent is None else f"{spent:.3g}"
    if limits.epsilon is None:
        return _Said(True, measured, "no budget", "No budget is set.")
    passed = spent is not None and spent <= limits.epsilon
    cure = "; statistics and training both need differential privacy" if spent is None else "; spend less"
    says = "Within the budget." if passed else f"What was spent is not within the budget{cure}."
    return _Said(passed, measured, f"up to {limits.epsilon:g}", says)


def _accuracy(report: Report, limits: Limits) -> _Said:
    limit = f"up to {limits.accuracy_margin:g} below the ceiling"
    if isinstance(report.fidelity, NotDone) or report.fidelity.accuracy is None:
        found = report.fidelity
        return _unknown(found.not_done if isinstance(found, NotDone) else "; ".join(found.notes), limit)
    score = report.fidelity.accuracy
    passed = score.shortfall <= limits.accuracy_margin
    worst = ", ".join(report.fidelity.worst_columns[:3])
    says = f"Held-out rows reach {score.ceiling:.3f}"
    cure = "." if passed else f"; furthest below their ceilings are {worst}: look at their encodings, train longer."
    return _Said(passed, f"{score.synthetic:.3f}", limit, says + cure)


def _discriminator(report: Report, limits: Limits) -> _Said:
    limit = f"AUC up to {limits.discriminator_auc:g}"
    found = report.discriminator
    if isinstance(found, NotDone) or found.synthetic is None:
        return _unknown(found.not_done if isinstance(found, NotDone) else found.not_measured or "", limit)
    auc, (lower, upper) = found.synthetic.auc, found.synthetic.interval
    passed = lower <= limits.discriminator_auc
    says = (
        "A judge can hardly tell synthetic from real rows." if auc < 0.55 else "A judge tells many rows from real ones."
    )
    return _Said(passed, _interval(auc, lower, upper), limit, says)


def _utility(report: Report, limits: Limits) -> _Said:
    limit = f"up to {limits.utility_margin:g} worse"
    found = report.utility
    if isinstance(found, NotDone):
        return _unknown(found.not_done, limit)
    if not found.targets:
        return _Said(True, "no target", limit, "No column can be predicted from the others.")
    name, worst = max(found.targets.items(), key=lambda pair: pair[1].shortfall_interval[0])
    passed = worst.shortfall_interval[0] <= limits.utility_margin
    figures = f"{worst.metric} {worst.synthetic.value:.3f}, with real rows {worst.real.value:.3f}"
    says = f"Furthest behind is {name!r}: {figures}."
    return _Said(passed, f"{worst.shortfall:.3f} worse", limit, says)


def _interval(value: float, lower: float, upper: float) -> str:
    return f"{value:.3f} [{lower:.3f}, {upper:.3f}]"


_ASKED: dict[Check, Callable[[Report, Limits], _Said]] = {
    Check.SCHEMA: _schema,
    Check.CONSTRAINTS: _constraints,
    Check.MATCHES: _matches,
    Check.CLOSENESS: _closeness,
    Check.MEMBERSHIP: _membership,
    Check.ATTRIBUTE_INFERENCE: _attribute_inference,
    Check.SINGLING_OUT: _singling_out,
    Check.LINKABILITY: _linkability,
    Check.EPSILON_BOUND: _epsilon_bound,
    Check.EPSILON_BUDGET: _epsilon_budget,
    Check.ACCURACY: _accuracy,
    Check.DISCRIMINATOR: _discriminator,
    Check.UTILITY: _utility,
}
