"""From a report to its page: which figures are shown in which order; the template says in which words."""

from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from synth_engine.evaluation.fidelity import Fidelity, Score
from synth_engine.evaluation.privacy import NotMeasured
from synth_engine.report.gate import Verdict
from synth_engine.report.limits import Check, Limits
from synth_engine.report.page.attacks import attacks_of
from synth_engine.report.page.drawings import beside_ceiling, interval
from synth_engine.report.results import QaFigures, Report


class _Bar(NamedTuple):
    title: str
    drawing: Markup
    synthetic: float
    ceiling: float


class Column(NamedTuple):
    """A line of the table of columns."""

    name: str
    kind: str
    drawing: Markup
    synthetic: float
    ceiling: float
    nulls: str
    nulls_training: str


class _Card(NamedTuple):
    title: str
    value: str
    beside: str


def render(report: Report, verdict: Verdict | None = None, limits: Limits | None = None) -> str:
    """The page, complete in itself.

    Args:
        report: What was measured.
        verdict: What the gate says of it; None leaves that out.
        limits: What is drawn as not tolerated; None is the defaults.
    """
    limits = limits or Limits()
    fidelity = None if isinstance(report.fidelity, NotMeasured) else report.fidelity
    privacy = None if isinstance(report.privacy, NotMeasured) else report.privacy
    utility = report.utility
    return _template().render(
        report=report,
        verdict=verdict,
        style=Markup((files(__package__) / "style.css").read_text("utf-8")),
        cards=list(_cards(report)),
        fidelity=fidelity,
        scores=list(_scores(fidelity)) if fidelity else [],
        columns=_columns(fidelity) if fidelity else [],
        pairs=_pairs(fidelity) if fidelity else [],
        differences=_differences(fidelity) if fidelity else [],
        judges=list(_judges(report, limits)),
        why_no_judge=_why_no_judge(report),
        targets=[] if isinstance(utility, NotMeasured) else list(utility.targets.items()),
        why_no_target=utility.not_measured if isinstance(utility, NotMeasured) else "no column can be predicted.",
        privacy=privacy,
        attacks=attacks_of(privacy, limits) if privacy else [],
        qa=list(_qa(report.qa)) if isinstance(report.qa, QaFigures) else [],
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["words"] = words
    return environment.from_string((files(__package__) / "page.html.jinja").read_text("utf-8"))


def words(check: Check) -> str:
    """A check's name for people.

    >>> words(Check.ATTRIBUTE_INFERENCE)
    'Attribute inference'
    """
    return check.value.replace("_", " ").capitalize()


def _cards(report: Report) -> Iterator[_Card]:
    fidelity, privacy = report.fidelity, report.privacy
    if not isinstance(fidelity, NotMeasured) and fidelity.accuracy is not None:
        yield _Card(
            "Accuracy", f"{fidelity.accuracy.synthetic:.3f}", f"real rows reach {fidelity.accuracy.ceiling:.3f}"
        )
    if not isinstance(report.discriminator, NotMeasured) and report.discriminator.synthetic is not None:
        yield _Card(
            "A judge's AUC", f"{report.discriminator.synthetic.auc:.3f}", "0.5: cannot tell them from real rows"
        )
    if not isinstance(privacy, NotMeasured):
        if not isinstance(privacy.membership, NotMeasured):
            auc = privacy.membership.worst.auc.value
            yield _Card("Membership attack's AUC", f"{auc:.3f}", "0.5: cannot tell who was in the data")
        if (exact := getattr(privacy.matches, "exact", None)) is not None:
            yield _Card(
                "Copied rows", f"{exact.training.hits:,}", f"of held-out rows, by chance: {exact.holdout.hits:,}"
            )
    epsilon = report.protection.epsilon
    yield _Card("Guarantee", "none" if epsilon is None else f"ε {epsilon:.3g}", "differential privacy, all in all")


def _scores(fidelity: Fidelity) -> Iterator[_Bar]:
    named: dict[str, Score | None] = {
        "all together": fidelity.accuracy,
        "single columns": fidelity.univariate,
        "pairs of columns": fidelity.bivariate,
        "triples of columns": fidelity.trivariate,
    }
    if fidelity.missing is not None:
        named |= {"missing values": fidelity.missing.columns, "what is missing together": fidelity.missing.patterns}
    if fidelity.sequences is not None:
        sequences = fidelity.sequences
        named |= {
            "numbers of events": sequences.lengths,
            "successive events": sequences.coherence,
            "values that stay": sequences.stays,
            "values that never change": sequences.constancy,
        }
    for title, score in named.items():
        if score is not None:
            yield _bar(title, score)


def _bar(title: str, score: Score, low: float = 0.5) -> _Bar:
    return _Bar(title, beside_ceiling(score.synthetic, score.ceiling, low=low), score.synthetic, score.ceiling)


def _columns(fidelity: Fidelity) -> list[Column]:
    order = sorted(fidelity.columns.items(), key=lambda pair: -pair[1].accuracy.shortfall)
    return [
        Column(
            name,
            each.kind,
            beside_ceiling(each.accuracy.synthetic, each.accuracy.ceiling, low=0.5),
            each.accuracy.synthetic,
            each.accuracy.ceiling,
            f"{each.nulls.synthetic:.1%}",
            f"{each.nulls.training:.1%}",
        )
        for name, each in order
    ]


def _pairs(fidelity: Fidelity) -> list[_Bar]:
    return [_bar(" and ".join(pair.columns), pair.accuracy) for pair in fidelity.worst_pairs]


def _differences(fidelity: Fidelity) -> list[tuple[str, Any]]:
    found = {
        "rank correlation of numbers and dates": fidelity.correlations.rank,
        "association of classes (Cramér's V)": fidelity.correlations.association,
    }
    return [(title, each) for title, each in found.items() if each is not None]


def _judges(report: Report, limits: Limits) -> Iterator[dict[str, Any]]:
    if isinstance(report.discriminator, NotMeasured):
        return
    named = {
        "synthetic against held-out rows": (report.discriminator.synthetic, limits.discriminator_auc),
        "for comparison: training against held-out rows": (report.discriminator.real, None),
    }
    for title, (found, limit) in named.items():
        if found is not None:
            lower, upper = found.interval
            drawing = interval(found.auc, lower, upper, low=0.4, high=1.0, reference=0.5, limit=limit)
            yield {"title": title, "drawing": drawing, "text": f"{found.auc:.3f} [{lower:.3f}, {upper:.3f}]"}


def _why_no_judge(report: Report) -> str:
    found = report.discriminator
    return found.not_measured if isinstance(found, NotMeasured) else found.not_measured or ""


def _qa(figures: QaFigures) -> Iterator[tuple[str, str]]:
    for name, value in figures.model_dump().items():
        if value is not None:
            yield name.replace("_", " "), f"{value:.3f}"
