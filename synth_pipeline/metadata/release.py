"""What the pages of quality_report and published_data show."""

from dagster import MetadataValue
from upath import UPath

from synth_engine.audit import ShadowAudit
from synth_engine.evaluation.privacy import NotMeasured
from synth_engine.report import Report, Verdict
from synth_pipeline.metadata.common import Metadata, cell, markdown_picture, place, without_none
from synth_pipeline.release import Evidence


def quality_report(report: Report, verdict_: Verdict, folder: UPath, drawn: str | None) -> Metadata:
    """Headline figures, the verdict, a picture, and where the page is.

    Args:
        report: What was measured.
        verdict_: By the dataset's limits.
        folder: Where the page is.
        drawn: The picture, if it is known already.
    """
    shown: Metadata = {"figures": MetadataValue.md(_drawn(report) if drawn is None else drawn)}
    fidelity, privacy = report.fidelity, report.privacy
    if not isinstance(fidelity, NotMeasured) and fidelity.accuracy is not None:
        shown |= {
            "accuracy": round(fidelity.accuracy.synthetic, 4),
            "accuracy_ceiling": round(fidelity.accuracy.ceiling, 4),
        }
    if not isinstance(report.discriminator, NotMeasured) and report.discriminator.synthetic is not None:
        shown["discriminator_auc"] = round(report.discriminator.synthetic.auc, 4)
    if not isinstance(privacy, NotMeasured):
        if not isinstance(privacy.membership, NotMeasured):
            shown["membership_auc"] = round(privacy.membership.worst.auc.value, 4)
        exact = getattr(privacy.matches, "exact", None)
        shown["copied_rows"] = None if exact is None else exact.training.hits
        shown["copied_rows_by_chance"] = None if exact is None else exact.holdout.hits
    return (
        verdict(verdict_)
        | without_none(shown)
        | {
            "page": place(folder / "report.html"),
            "json": place(folder / "report.json"),
        }
    )


def verdict(found: Verdict) -> Metadata:
    """What the gate says, in a word and in a table."""
    told = "not to be published" if not found.passed else "with care" if found.warnings else "may be published"
    lines = ["| check | found | tolerated | |", "|---|---|---|---|"]
    for finding in found.findings:
        mark = "✓" if finding.passed else {"block": "✗ forbids", "warn": "! warns"}.get(finding.severity, "")
        name = finding.check.replace("_", " ")
        lines.append(f"| {name} | {cell(finding.measured)} | {_cell(finding.limit)} | {mark} |")
    told_why = [f"* **{each.check.replace('_', ' ')}**: {_cell(each.says)}" for each in found.blocking + found.warnings]
    return {"verdict": told, "checks": MetadataValue.md("\n".join([*lines, "", *told_why]))}


def published_data(evidence: Evidence, folder: UPath, is_new: bool) -> Metadata:
    """Where it is, under which version, and who overrode what."""
    shown: Metadata = {
        "version": evidence.version,
        "decision": "published now" if is_new else "was published already, nothing has changed",
        "folder": place(folder),
        "evidence": place(folder / "evidence.json"),
        "files": len(evidence.files),
        "published": evidence.published.isoformat(),
    }
    if evidence.override is not None:
        shown |= {"override_by": evidence.override.by, "override_reason": evidence.override.reason}
    return shown | verdict(evidence.verdict)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _drawn(report: Report) -> str:
    from synth_pipeline.charts_of_report import report_figures  # drawing takes a second to import

    png = report_figures(report)
    return "" if png is None else str(markdown_picture(png, "fidelity of columns, and attacks").value)


def shadow_audit(found: ShadowAudit) -> Metadata:
    """Figures of an audit with their intervals, and what they mean."""
    both = {"by who has the model": found.by_likelihood, "by who has the rows": found.by_nearness}
    titles = ("", "AUC", "found at 1 % false", "found at 0.1 %", "AUC of the most exposed", "ε at least")
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for title, each in both.items():
        figures = (each.auc, each.at_1_percent, each.at_01_percent, each.most_exposed_auc)
        told = ["–" if one is None else f"{one.value:.3f} [{one.lower:.3f}, {one.upper:.3f}]" for one in figures]
        lines.append(f"| {title} | {' | '.join(told)} | {each.least_epsilon:.3g} |")
    return without_none(
        {
            "figures": MetadataValue.md("\n".join(lines)),
            "auc_by_likelihood": round(found.by_likelihood.auc.value, 4),
            "auc_by_nearness": round(found.by_nearness.auc.value, 4),
            "models": found.n_shadows,
            "people_asked_about": found.n_targets,
            "epsilon_guaranteed": found.epsilon,
            "guarantee_disproved": found.is_disproved,
            "means": found.means,
            "does_not_mean": found.does_not_mean,
        }
    )
