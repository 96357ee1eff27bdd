"""The attacks as the page shows them: each with its intervals, drawn, and with its own words on what it means.

Belongs here: which figure of an attack is drawn on which scale. Does not belong here: figures, limits, the template.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from markupsafe import Markup

from synth_engine.evaluation.privacy import (
    AttributeInference,
    Closeness,
    Detection,
    LeastEpsilon,
    Linkability,
    Matches,
    MatchLevel,
    Membership,
    NotMeasured,
    PrivacyAttacks,
    Risk,
    Share,
    SinglingOut,
)
from synth_engine.report.limits import Limits
from synth_engine.report.page.drawings import interval

_MOST_COLUMNS = 8


class Row(NamedTuple):
    """A figure: its name, a picture, and in words."""

    title: str
    drawing: Markup
    text: str


class Attack(NamedTuple):
    """What is told of one attack."""

    title: str
    rows: list[Row]
    why_not: str
    means: str
    does_not_mean: str


def attacks_of(found: PrivacyAttacks, limits: Limits) -> list[Attack]:
    """All attacks, in the order in which they convince."""
    return [_attack(shown, getattr(found, shown.field), limits) for shown in _SHOWN]


def _attack(shown: "_Shown", part: Any, limits: Limits) -> Attack:
    if isinstance(part, NotMeasured):
        return Attack(shown.title, [], part.not_measured, "", "")
    return Attack(shown.title, list(shown.rows(part, limits)), "", part.means, part.does_not_mean)


def _matches(found: Matches, limits: Limits) -> Iterator[Row]:
    kinds = {
        "all values equal": found.exact,
        "all but one equal": found.all_but_one,
        "equal but for fine steps": found.coarse,
        "people who stand out": found.isolated,
    }
    for title, level in kinds.items():
        if isinstance(level, NotMeasured):
            yield Row(title, Markup(), level.not_measured)
            continue
        seen = (f"{share.hits:,} {name} ({share.value:.2%})" for name, share in _shares(level))
        text = f"{', '.join(seen)}, p {level.p_value:.2g}"
        excess = level.excess
        span = max(abs(excess.lower), abs(excess.upper), 0.01)
        yield Row(title, interval(excess.value, excess.lower, excess.upper, low=-span, high=span, reference=0.0), text)


def _shares(level: MatchLevel) -> tuple[tuple[str, Share], ...]:
    return ("training", level.training), ("held-out", level.holdout)


def _membership(found: Membership, limits: Limits) -> Iterator[Row]:
    named = {"distance": found.distance, "density": found.density_ratio, "classifier": found.classifier}
    for title, attack in named.items():
        auc = attack.auc
        drawing = interval(
            auc.value, auc.lower, auc.upper, low=0.4, high=1.0, reference=0.5, limit=limits.membership_auc
        )
        yield Row(f"AUC by {title}", drawing, _text(auc))
    rates = (
        ("1 %", "at_1_percent", 0.01, limits.membership_at_1_percent),
        ("0.1 %", "at_01_percent", 0.001, limits.membership_at_01_percent),
    )
    for rate, field, chance, limit in rates:
        for title, attack in named.items():
            detection = getattr(attack, field)
            name = f"found at {rate} false, by {title}"
            if not isinstance(detection, Detection):
                yield Row(name, Markup(), detection.not_measured)
                continue
            share = detection.members
            drawing = interval(
                share.value, share.lower, share.upper, low=0.0, high=10 * limit, reference=chance, limit=limit
            )
            yield Row(name, drawing, f"{share.value:.2%} [{share.lower:.2%}, {share.upper:.2%}]")


def _inference(found: AttributeInference, limits: Limits) -> Iterator[Row]:
    worst = sorted(found.columns, key=lambda column: -column.risk.lower)[:_MOST_COLUMNS]
    for column in worst:
        yield _risk(column.column, column, limits.attribute_inference)


def _singling_out(found: SinglingOut, limits: Limits) -> Iterator[Row]:
    for title, risk in (("by one column", found.univariate), ("by several columns", found.multivariate)):
        yield _risk(title, risk, limits.singling_out)


def _linkability(found: Linkability, limits: Limits) -> Iterator[Row]:
    first, second = found.n_columns
    yield _risk(f"{first} and {second} columns", found.link, limits.linkability)


def _risk(title: str, found: Risk | NotMeasured, limit: float) -> Row:
    if isinstance(found, NotMeasured):
        return Row(title, Markup(), found.not_measured)
    risk = found.risk
    drawing = interval(risk.value, risk.lower, risk.upper, low=-0.2, high=1.0, reference=0.0, limit=limit)
    rates = f"{found.attack.value:.1%} of training, {found.control.value:.1%} of held-out ones"
    return Row(title, drawing, f"{_text(risk)}: {rates}" + ("; weak attack" if found.is_weak else ""))


def _closeness(found: Closeness, limits: Limits) -> Iterator[Row]:
    named = {"synthetic rows closer to training": (found.share_closer_to_training, limits.closeness)}
    if not isinstance(found.control, NotMeasured):
        named["control: held-out rows in their place"] = (found.control, 1.0)
    for title, (share, limit) in named.items():
        drawing = interval(share.value, share.lower, share.upper, low=0.3, high=1.0, reference=0.5, limit=limit)
        yield Row(title, drawing, _text(share))


def _least_epsilon(found: LeastEpsilon, limits: Limits) -> Iterator[Row]:
    text = f"{found.n_right:,} of {found.n_guesses:,} guesses were right ({found.attack})"
    yield Row(f"ε is at least {found.at_least:.3g}", Markup(), text)


def _text(found: Any) -> str:
    return f"{found.value:.3f} [{found.lower:.3f}, {found.upper:.3f}]"


class _Shown(NamedTuple):
    field: str
    title: str
    rows: Callable[[Any, Limits], Iterator[Row]]


_SHOWN = (
    _Shown("matches", "Copied rows", _matches),
    _Shown("membership", "Who was in the training data? (membership inference)", _membership),
    _Shown("attribute_inference", "Which value has a person? (attribute inference)", _inference),
    _Shown("singling_out", "Whom does a description fit? (singling out)", _singling_out),
    _Shown("linkability", "Which rows belong together? (linkability)", _linkability),
    _Shown("closeness", "Distance to the closest record", _closeness),
    _Shown("least_epsilon", "Is the claimed ε true?", _least_epsilon),
)
