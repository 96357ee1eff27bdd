"""The gate: limits applied to a report. Pure: the same report and limits give the same verdict.

Belongs here: the verdict, and checks of schema, constraints and fidelity. Does not belong here: checks of attacks
(`privacy_checks`), the limits themselves, publishing.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

from synth_engine.evaluation.privacy import NotMeasured, Result
from synth_engine.report.answers import Said, interval, unknown
from synth_engine.report.limits import CHECKS, Check, Limits, Severity
from synth_engine.report.privacy_checks import ATTACKS, about_attack, epsilon_bound, epsilon_budget
from synth_engine.report.results import Report


class Finding(Result):
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


class Verdict(Result):
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


def _schema(report: Report, limits: Limits) -> Said:
    problems = report.schema_problems
    says = "Names, order and types of the columns are those of the original." if not problems else "; ".join(problems)
    return Said(not problems, f"{len(problems)} differences", "none", says)


def _constraints(report: Report, limits: Limits) -> Said:
    limit = f"{limits.broken_constraints:.2%} of rows"
    if isinstance(report.fidelity, NotMeasured):
        return unknown(report.fidelity.not_measured, limit)
    asked = report.fidelity.constraints
    if not asked:
        return Said(True, "no constraint", limit, "No constraint was asked for.")
    worst = max(asked, key=lambda each: each.share)
    passed = worst.share <= limits.broken_constraints
    says = f"{worst.type} of {', '.join(worst.columns)} is broken by {worst.broken.synthetic:,} synthetic rows"
    return Said(
        passed,
        f"{worst.share:.2%} of rows",
        limit,
        "All rows keep all constraints." if not worst.broken.synthetic else f"{says}; generate them with it.",
    )


def _accuracy(report: Report, limits: Limits) -> Said:
    limit = f"up to {limits.accuracy_margin:g} below the ceiling"
    if isinstance(report.fidelity, NotMeasured) or report.fidelity.accuracy is None:
        found = report.fidelity
        return unknown(found.not_measured if isinstance(found, NotMeasured) else "; ".join(found.notes), limit)
    score = report.fidelity.accuracy
    passed = score.shortfall <= limits.accuracy_margin
    worst = ", ".join(report.fidelity.worst_columns[:3])
    says = f"Held-out rows reach {score.ceiling:.3f}"
    cure = "." if passed else f"; furthest below their ceilings are {worst}: look at their encodings, train longer."
    return Said(passed, f"{score.synthetic:.3f}", limit, says + cure)


def _discriminator(report: Report, limits: Limits) -> Said:
    limit = f"AUC up to {limits.discriminator_auc:g}"
    found = report.discriminator
    if isinstance(found, NotMeasured) or found.synthetic is None:
        return unknown(found.not_measured if isinstance(found, NotMeasured) else found.not_measured or "", limit)
    auc, (lower, upper) = found.synthetic.auc, found.synthetic.interval
    passed = lower <= limits.discriminator_auc
    says = (
        "A judge can hardly tell synthetic from real rows." if auc < 0.55 else "A judge tells many rows from real ones."
    )
    return Said(passed, interval(auc, lower, upper), limit, says)


def _utility(report: Report, limits: Limits) -> Said:
    limit = f"up to {limits.utility_margin:g} worse"
    found = report.utility
    if isinstance(found, NotMeasured):
        return unknown(found.not_measured, limit)
    if not found.targets:
        return Said(True, "no target", limit, "No column can be predicted from the others.")
    name, worst = max(found.targets.items(), key=lambda pair: pair[1].shortfall_interval[0])
    passed = worst.shortfall_interval[0] <= limits.utility_margin
    figures = f"{worst.metric} {worst.synthetic.value:.3f}, with real rows {worst.real.value:.3f}"
    says = f"Furthest behind is {name!r}: {figures}."
    return Said(passed, f"{worst.shortfall:.3f} worse", limit, says)


_ASKED: dict[Check, Callable[[Report, Limits], Said]] = {
    Check.SCHEMA: _schema,
    Check.CONSTRAINTS: _constraints,
    **{check: partial(about_attack, check) for check in ATTACKS},
    Check.EPSILON_BOUND: epsilon_bound,
    Check.EPSILON_BUDGET: epsilon_budget,
    Check.ACCURACY: _accuracy,
    Check.DISCRIMINATOR: _discriminator,
    Check.UTILITY: _utility,
}
